/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain_acl.yml. What can be read is written again, and has to say the same; changed by a
 * request, it can be read too. Several files are a set, which is a text, from which the
 * same set comes again.
 *
 * Input: the file; files with a NUL between them; the text of a set.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/plain_set.h"
#include "auth/yaml_doc.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/vas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same(const struct plain_account *a, const struct plain_account *b)
{
	unsigned i;

	if (!str_eq(a->key, b->key) || !str_eq(a->secret, b->secret) ||
	    a->admin != b->admin || a->topic_perm != b->topic_perm ||
	    a->group_perm != b->group_perm || a->white.n != b->white.n ||
	    a->topics_n != b->topics_n || a->groups_n != b->groups_n)
		return false;
	for (i = 0; i < a->topics_n; i++)
		if (!str_eq(a->topics[i].name, b->topics[i].name) ||
		    a->topics[i].perm != b->topics[i].perm)
			return false;
	return true;
}

/* Also all that is no account, but for numbers, which come back as text. */
static void
again(const struct plain_acl *pa, bool all)
{
	struct plain_acl *back;
	unsigned i;
	char *yaml;
	size_t n;
	enum err e;

	e = plain_acl_write(pa, &yaml, &n);
	if (e == ERR_TOO_BIG)
		return;
	assert(e == ERR_OK);
	e = plain_acl_read(&back, (struct str){ yaml, n }, NULL);
	assert(e == ERR_OK);
	mem_free(yaml);
	assert(plain_acl_n(pa) == plain_acl_n(back));
	for (i = 0; i < plain_acl_n(pa); i++)
		assert(same(plain_acl_at(pa, i), plain_acl_at(back, i)));
	assert(plain_acl_white(pa)->n == plain_acl_white(back)->n);
	assert(!all || json_equal(plain_acl_doc(pa), plain_acl_doc(back)));
	plain_acl_free(&back);
}

static void
change(const struct plain_acl *pa)
{
	json_t *js = json_pack("{s:s,s:s,s:[s]}", "accessKey", "fuzz-key",
	    "secretKey", "fuzz-secret", "topicPerms", "t=PUB");
	struct plain_acl *next;

	if (plain_acl_put(pa, js, 1, &next, NULL) == ERR_OK) {
		AN(plain_acl_account(next, STR_LIT("fuzz-key")));
		again(next, false);
		plain_acl_free(&next);
	}
	json_decref(js);
	if (plain_acl_n(pa) > 0 &&
	    plain_acl_delete(pa, plain_acl_at(pa, 0)->key, 1, &next) ==
		ERR_OK) {
		assert(plain_acl_n(next) == plain_acl_n(pa) - 1);
		again(next, false);
		plain_acl_free(&next);
	}
}

/* Each account is found where it stands. */
static void
found(const struct plain_set *ps)
{
	const struct plain_account *a;
	const struct plain_acl *pa;
	unsigned i, k, file;

	for (i = 0; i < plain_set_n(ps); i++) {
		pa = plain_set_file(ps, i);
		for (k = 0; k < plain_acl_n(pa); k++) {
			a = plain_acl_at(pa, k);
			assert(plain_set_account(ps, a->key) == a);
			AN(plain_set_find(ps, a->key, &file));
			assert(file == i);
		}
	}
}

/* Its text, of which file i is another one, gives a set with the same other files. */
static void
set_again(const struct plain_set *ps, unsigned i, struct str yaml)
{
	struct plain_set *back;
	unsigned k;
	char *text;
	size_t n;

	text = plain_set_text(ps, i, yaml, &n);
	AZ(plain_set_parse(&back, (struct str){ text, n }, NULL));
	mem_free(text);
	assert(plain_set_n(back) == plain_set_n(ps));
	for (k = 0; k < plain_set_n(ps); k++) {
		AZ(strcmp(plain_set_path(ps, k), plain_set_path(back, k)));
		assert(plain_acl_n(plain_set_file(back, k)) ==
		    (k == i ? 0 : plain_acl_n(plain_set_file(ps, k))));
	}
	found(back);
	plain_set_free(&back);
}

static void
set(struct str text)
{
	struct plain_set *ps;
	struct diag diag;
	unsigned i;

	if (plain_set_parse(&ps, text, &diag) != ERR_OK)
		return;
	found(ps);
	(void)plain_set_is_white(ps, STR_LIT("10.1.2.3"));
	for (i = 0; i <= plain_set_n(ps) && i < 4; i++)
		set_again(ps, i, STR_NONE);
	plain_set_free(&ps);
}

static void
set_of(struct str files)
{
	struct strbuf sb;
	struct str one;
	unsigned i;

	strbuf_init(&sb, PLAIN_SET_BYTES_MAX);
	for (i = 0; files.len > 0; i++) {
		one = str_word(&files, '\0');
		strbuf_addf(&sb, "%zu acl/%u.yml\n", one.len, i);
		strbuf_add(&sb, one.p, one.len);
	}
	if (strbuf_err(&sb) == ERR_OK)
		set((struct str){ strbuf_str(&sb), sb.len });
	strbuf_fini(&sb);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	struct plain_acl *pa;
	struct diag diag;

	set_of(s);
	set(s);
	if (plain_acl_read(&pa, s, &diag) != ERR_OK)
		return 0;
	(void)white_has(plain_acl_white(pa), STR_LIT("10.1.2.3"));
	(void)white_has(plain_acl_white(pa), STR_LIT("1::2"));
	again(pa, true);
	change(pa);
	plain_acl_free(&pa);
	return 0;
}
