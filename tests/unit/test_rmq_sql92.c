/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "rocketmq/sql92.h"

/* props: name=value;name=value */
static struct str
get(void *priv, struct str name)
{
	struct str rest = str_of(priv), kv;

	while (rest.len != 0) {
		kv = str_word(&rest, ';');
		if (kv.len > name.len && kv.p[name.len] == '=' &&
		    memcmp(kv.p, name.p, name.len) == 0)
			return (struct str){ kv.p + name.len + 1,
				kv.len - name.len - 1 };
	}
	return STR_NONE;
}

static char
outcome(struct str text, char *props)
{
	struct sql92 *s;
	struct diag d;
	char *copy;
	char r = 'P';

	/* its own memory, so that a sanitizer sees a read past its end */
	copy = mem_alloc(text.len + (text.len == 0));
	memcpy(copy, text.p, text.len);
	diag_clear(&d);
	if (sql92_new((struct str){ copy, text.len }, &s, &d) == ERR_OK) {
		MEM_FREE(copy);
		r = "FTNE"[sql92_eval(s, get, props)];
		sql92_free(&s);
	} else {
		assert_null(s);
		assert_ptr_equal(
		    strstr(d.msg, "Invalid MessageSelector. "), d.msg);
	}
	mem_free(copy);
	return r;
}

static size_t
unescape(char *p)
{
	char *from, *to = p;

	for (from = p; *from != '\0'; from++) {
		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		from++;
		*to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
	}
	*to = '\0';
	return (size_t)(to - p);
}

/* All that the reference's own filter was asked (tests/vectors/sql92.txt). */
static void
test_reference(void **state)
{
	const char *dir = getenv("srcdir"), *file = getenv("SQL92_VECTORS");
	char path[512], shown[512], *line = NULL, *props, *text;
	size_t room = 0, n = 0, wrong = 0;
	struct str s;
	ssize_t len;
	FILE *f;
	char got;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/tests/vectors/sql92.txt",
	    dir == NULL ? "." : dir);
	f = fopen(file != NULL ? file : path, "r");
	assert_non_null(f);
	while ((len = getline(&line, &room, f)) > 0) {
		if (line[0] == '#')
			continue;
		line[len - 1] = '\0';
		(void)snprintf(shown, sizeof shown, "%s", line);
		props = line + 2;
		text = strchr(props, '\t');
		assert_non_null(text);
		*text++ = '\0';
		s.len = unescape(text);
		s.p = text;
		got = outcome(s, props);
		n++;
		if (got != line[0]) {
			print_error("%c, and not: %s\n", got, shown);
			wrong++;
		}
	}
	assert_int_equal(fclose(f), 0);
	mem_free(line);
	assert_true(n > 500);
	assert_int_equal(wrong, 0);
}

static bool
compiles(struct strbuf *sb, enum err want)
{
	struct sql92 *s;
	enum err e;

	e = sql92_new((struct str){ strbuf_str(sb), sb->len }, &s, NULL);
	assert_int_equal(e, want);
	if (e == ERR_OK)
		sql92_free(&s);
	strbuf_reset(sb);
	return e == ERR_OK;
}

static void
nested(struct strbuf *sb, unsigned depth, const char *open)
{
	unsigned i;

	for (i = 0; i < depth; i++)
		strbuf_adds(sb, open);
	strbuf_adds(sb, "a = 1");
	for (i = 0; i < depth && open[0] == '('; i++)
		strbuf_addc(sb, ')');
}

static void
test_limits(void **state)
{
	struct strbuf sb;
	unsigned i;

	(void)state;
	strbuf_init(&sb, 1 << 20);
	/* parentheses alone make no depth, NOT does */
	nested(&sb, 200, "(");
	assert_true(compiles(&sb, ERR_OK));
	nested(&sb, 10000, "(");
	assert_false(compiles(&sb, ERR_TOO_BIG));
	nested(&sb, SQL92_DEPTH - 4, "NOT ");
	assert_true(compiles(&sb, ERR_OK));
	nested(&sb, SQL92_DEPTH, "NOT ");
	assert_false(compiles(&sb, ERR_TOO_BIG));
	nested(&sb, SQL92_DEPTH - 4, "(b = 2 OR (c = 3 AND ");
	assert_false(compiles(&sb, ERR_INVALID_ARG));
	/* a long list is not deep */
	for (i = 0; i < 1500; i++)
		strbuf_addf(&sb, "%sa = %u", i == 0 ? "" : " OR ", i);
	assert_true(compiles(&sb, ERR_OK));
	strbuf_adds(&sb, "a IN (");
	for (i = 0; i < 4000; i++)
		strbuf_addf(&sb, "%s'%u'", i == 0 ? "" : ",", i);
	strbuf_addc(&sb, ')');
	assert_true(compiles(&sb, ERR_OK));
	for (i = 0; i < 4000; i++)
		strbuf_adds(&sb, i == 0 ? "a=1" : " OR a=1");
	assert_false(compiles(&sb, ERR_TOO_BIG));
	for (i = 0; i <= SQL92_TEXT_MAX; i++)
		strbuf_addc(&sb, ' ');
	assert_false(compiles(&sb, ERR_TOO_BIG));
	strbuf_fini(&sb);
}

/* AND and OR in turn: each level is deeper on the right. */
static void
test_alternating(void **state)
{
	struct strbuf sb;
	unsigned n, i;

	(void)state;
	strbuf_init(&sb, 1 << 20);
	for (n = 10; n <= 1000; n *= 10) {
		for (i = 0; i < n; i++)
			strbuf_addf(&sb, "a = 1 %s (", i % 2 ? "AND" : "OR");
		strbuf_adds(&sb, "a = 2");
		for (i = 0; i < n; i++)
			strbuf_addc(&sb, ')');
		(void)compiles(&sb, n <= 10 ? ERR_OK : ERR_TOO_BIG);
	}
	strbuf_fini(&sb);
}

static void
test_match(void **state)
{
	struct sql92 *s;

	(void)state;
	assert_ok(sql92_new(
	    STR_LIT("TAGS = 'TagA' AND n BETWEEN 1 AND 3"), &s, NULL));
	assert_true(sql92_match(s,
	    STR_LIT("TAGS\1TagA\2n\1"
		    "2\2")));
	assert_false(sql92_match(s,
	    STR_LIT("TAGS\1TagA\2n\1"
		    "4\2")));
	assert_false(sql92_match(s, STR_LIT("TAGS\1TagA\2")));
	assert_false(sql92_match(s, STR_LIT("TAGS\1TagA\2n\1x\2")));
	assert_false(sql92_match(s, STR_NONE));
	sql92_free(&s);
	assert_null(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_alternating),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
