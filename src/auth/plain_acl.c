/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/plain_acl.h"

#include "auth/yaml_doc.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/num.h"
#include "base/vas.h"

#define KEY_MIN 7u /* bytes, of both keys */
#define GRANTS_MAX 65536u

struct plain_acl {
	unsigned magic;
#define PLAIN_ACL_MAGIC 0x9a1ac101
	json_t *doc;
	struct white white;
	unsigned n;
	struct plain_account *v;
	struct map by_key;
};

/* --- permissions ------------------------------------------------------------------ */

static bool
perm_of(struct str s, unsigned *perm)
{
	static const struct {
		const char *name;
		unsigned perm;
	} words[] = { { "DENY", 0 }, { "PUB", PLAIN_PUB }, { "SUB", PLAIN_SUB },
		{ "PUB|SUB", PLAIN_PUB | PLAIN_SUB },
		{ "SUB|PUB", PLAIN_PUB | PLAIN_SUB },
		{ "ANY", PLAIN_PUB | PLAIN_SUB } };
	size_t i;

	*perm = 0;
	s = str_trim(s);
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (str_eq(s, str_of(words[i].name))) {
			*perm = words[i].perm;
			return true;
		}
	return false;
}

/* "T=PUB": empty words don't count */
static bool
split(struct str s, struct str *name, struct str *perm)
{
	struct str w[3] = { { NULL, 0 } }, next;
	unsigned n = 0;

	while (s.len > 0 && n < 3) {
		next = str_word(&s, '=');
		if (next.len > 0)
			w[n++] = next;
	}
	*name = str_trim(w[0]);
	*perm = w[1];
	return n == 2;
}

static enum err
grants(struct plain_grant **v, unsigned *n, const json_t *list,
    const char *kind, struct diag *diag)
{
	size_t i, max = json_array_size(list);
	struct str s, perm;

	if (list != NULL && !json_is_null(list) && !json_is_array(list))
		return diag_set(
		    diag, ERR_INVALID_ARG, "%sPerms is no list", kind);
	if (max > GRANTS_MAX)
		return diag_set(diag, ERR_INVALID_ARG, "more than %u %sPerms",
		    GRANTS_MAX, kind);
	*v = mem_calloc(max + 1, sizeof **v);
	for (i = 0; i < max; i++) {
		s = json_text(json_array_get(list, i));
		if (!split(s, &(*v)[i].name, &perm))
			return diag_set(diag, ERR_INVALID_ARG,
			    "Parse resource permission failed for %s:%.*s",
			    kind, s.len < 100 ? (int)s.len : 100,
			    s.len > 0 ? s.p : "");
		(void)perm_of(perm, &(*v)[i].perm);
		(*n)++;
	}
	return ERR_OK;
}

/* What comes by a request is looked at closer than what stands in a file. */
static enum err
check_perms(const json_t *list, struct diag *diag)
{
	struct str s, name, perm;
	unsigned bits;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		s = json_text(json_array_get(list, i));
		if (!split(s, &name, &perm))
			return diag_set(diag, ERR_INVALID_ARG,
			    "Parse Resource format error for %.*s.\n"
			    "The expected resource format is 'Res=Perm'. "
			    "For example: topicA=SUB",
			    s.len < 64 ? (int)s.len : 64, s.len > 0 ? s.p : "");
		if (!perm_of(perm, &bits))
			return diag_set(diag, ERR_INVALID_ARG,
			    "Parse resource permission error for %.*s.\n"
			    "The expected permissions are 'SUB' or 'PUB' or "
			    "'SUB|PUB' or 'PUB|SUB'.",
			    s.len < 64 ? (int)s.len : 64, s.p);
	}
	return ERR_OK;
}

/* --- accounts ----------------------------------------------------------------------- */

static enum err
check_keys(struct str key, struct str secret, struct diag *diag)
{
	if (key.len >= KEY_MIN && secret.len >= KEY_MIN)
		return ERR_OK;
	return diag_set(diag, ERR_INVALID_ARG,
	    "The accessKey=%.*s and secretKey=*** cannot be null and length "
	    "should longer than 6",
	    key.len < 100 ? (int)key.len : 100, key.len > 0 ? key.p : "");
}

static void
account_fini(struct plain_account *a)
{
	white_fini(&a->white);
	mem_free(a->topics);
	mem_free(a->groups);
}

static enum err
account_read(struct plain_account *a, const json_t *js, struct diag *diag)
{
	enum err e;

	a->key = json_text_at(js, "accessKey");
	a->secret = json_text_at(js, "secretKey");
	a->admin = json_is_true(json_object_get(js, "admin")) ||
	    str_eq(json_text_at(js, "admin"), STR_LIT("true"));
	(void)perm_of(json_text_at(js, "defaultTopicPerm"), &a->topic_perm);
	(void)perm_of(json_text_at(js, "defaultGroupPerm"), &a->group_perm);
	e = check_keys(a->key, a->secret, diag);
	if (e == ERR_OK)
		e = white_add(
		    &a->white, json_text_at(js, "whiteRemoteAddress"), diag);
	if (e == ERR_OK)
		e = grants(&a->topics, &a->topics_n,
		    json_object_get(js, "topicPerms"), "topic", diag);
	if (e == ERR_OK)
		e = grants(&a->groups, &a->groups_n,
		    json_object_get(js, "groupPerms"), "group", diag);
	return e;
}

static enum err
accounts_read(struct plain_acl *pa, struct diag *diag)
{
	const json_t *list = json_object_get(pa->doc, "accounts");
	size_t i, n = json_array_size(list);
	struct plain_account *a;
	enum err e;

	if (list != NULL && !json_is_null(list) && !json_is_array(list))
		return diag_set(diag, ERR_INVALID_ARG, "accounts is no list");
	if (n > PLAIN_ACCOUNTS_MAX)
		return diag_set(diag, ERR_INVALID_ARG, "more than %u accounts",
		    PLAIN_ACCOUNTS_MAX);
	pa->v = mem_calloc(n + 1, sizeof *pa->v);
	for (i = 0; i < n; i++) {
		a = &pa->v[pa->n++];
		e = account_read(a, json_array_get(list, i), diag);
		if (e == ERR_OK &&
		    map_add(&pa->by_key, a->key.p, a->key.len, a) != ERR_OK)
			e = diag_set(diag, ERR_INVALID_ARG,
			    "accessKey=%.*s is there twice",
			    a->key.len < 100 ? (int)a->key.len : 100, a->key.p);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
white_read(struct white *w, const json_t *list, struct diag *diag)
{
	enum err e = ERR_OK;
	size_t i;

	if (list != NULL && !json_is_null(list) && !json_is_array(list))
		return diag_set(diag, ERR_INVALID_ARG,
		    "globalWhiteRemoteAddresses is no list");
	for (i = 0; e == ERR_OK && i < json_array_size(list); i++)
		e = white_add(w, json_text(json_array_get(list, i)), diag);
	return e;
}

/* Takes doc. */
static enum err
build(struct plain_acl **pap, json_t *doc, struct diag *diag)
{
	struct plain_acl *pa;
	enum err e;

	ALLOC_OBJ(pa, PLAIN_ACL_MAGIC);
	/* its keys are an administrator's: no seed */
	map_init(&pa->by_key, 0, PLAIN_ACCOUNTS_MAX);
	pa->doc = doc;
	e = white_read(&pa->white,
	    json_object_get(doc, "globalWhiteRemoteAddresses"), diag);
	if (e == ERR_OK)
		e = accounts_read(pa, diag);
	if (e != ERR_OK)
		plain_acl_free(&pa);
	*pap = pa;
	return e;
}

/* --- the file ----------------------------------------------------------------------- */

enum err
plain_acl_read(struct plain_acl **pap, struct str yaml, struct diag *diag)
{
	json_t *doc;
	enum err e;

	*pap = NULL;
	if (yaml.len > PLAIN_ACL_BYTES_MAX)
		return diag_set(diag, ERR_INVALID_ARG, "more than %u bytes",
		    PLAIN_ACL_BYTES_MAX);
	e = yaml_doc_read(&doc, yaml, diag);
	if (e != ERR_OK)
		return e;
	if (json_is_null(doc)) {
		json_decref(doc);
		doc = json_object();
	}
	if (!json_is_object(doc)) {
		json_decref(doc);
		return diag_set(diag, ERR_INVALID_ARG, "it is no mapping");
	}
	return build(pap, doc, diag);
}

void
plain_acl_free(struct plain_acl **pap)
{
	struct plain_acl *pa;
	unsigned i;

	TAKE_OBJ_NOTNULL(pa, pap, PLAIN_ACL_MAGIC);
	for (i = 0; i < pa->n; i++)
		account_fini(&pa->v[i]);
	mem_free(pa->v);
	white_fini(&pa->white);
	while (map_pop(&pa->by_key) != NULL)
		;
	map_fini(&pa->by_key);
	json_decref(pa->doc);
	FREE_OBJ(pa);
}

enum err
plain_acl_write(const struct plain_acl *pa, char **yaml, size_t *len)
{
	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	return yaml_doc_write(yaml, len, pa->doc, PLAIN_ACL_BYTES_MAX);
}

const struct white *
plain_acl_white(const struct plain_acl *pa)
{
	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	return &pa->white;
}

const struct plain_account *
plain_acl_account(const struct plain_acl *pa, struct str key)
{
	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	return map_get(&pa->by_key, key.p, key.len);
}

unsigned
plain_acl_n(const struct plain_acl *pa)
{
	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	return pa->n;
}

const struct plain_account *
plain_acl_at(const struct plain_acl *pa, unsigned i)
{
	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	assert(i < pa->n);
	return &pa->v[i];
}

const json_t *
plain_acl_doc(const struct plain_acl *pa)
{
	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	return pa->doc;
}

/* As text it comes from a file, as number from a change. */
static int64_t
number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	int64_t n = 0;

	if (json_is_integer(v))
		return json_integer_value(v);
	if (!json_is_string(v) || num_i64(json_text(v), &n) != ERR_OK)
		return 0;
	return n;
}

void
plain_acl_version(
    const struct plain_acl *pa, int64_t *counter, int64_t *timestamp_ms)
{
	const json_t *v;

	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	v = json_array_get(json_object_get(pa->doc, "dataVersion"), 0);
	*counter = number(v, "counter");
	*timestamp_ms = number(v, "timestamp");
}

/* --- changes ------------------------------------------------------------------------ */

/* Takes doc. */
static enum err
changed(const struct plain_acl *pa, json_t *doc, int64_t now_ms,
    struct plain_acl **next, struct diag *diag)
{
	int64_t counter, was;

	plain_acl_version(pa, &counter, &was);
	AZ(json_object_set_new(doc, "dataVersion",
	    json_pack("[{s:I,s:I}]", "counter",
		(json_int_t)(counter == INT64_MAX ? 0 : counter + 1),
		"timestamp", (json_int_t)now_ms)));
	return build(next, doc, diag);
}

static bool
find(const json_t *accounts, struct str key, size_t *i)
{
	for (*i = 0; *i < json_array_size(accounts); (*i)++)
		if (str_eq(
			json_text_at(json_array_get(accounts, *i), "accessKey"),
			key))
			return true;
	return false;
}

/* The document's own list, made if it isn't there. */
static json_t *
accounts_of(json_t *doc)
{
	json_t *a = json_object_get(doc, "accounts");

	if (!json_is_array(a)) {
		a = json_array();
		AZ(json_object_set_new(doc, "accounts", a));
	}
	return a;
}

enum err
plain_acl_put(const struct plain_acl *pa, const json_t *account, int64_t now_ms,
    struct plain_acl **next, struct diag *diag)
{
	json_t *doc, *all, *a;
	size_t i;
	enum err e;

	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	*next = NULL;
	e = check_keys(json_text_at(account, "accessKey"),
	    json_text_at(account, "secretKey"), diag);
	if (e == ERR_OK)
		e = check_perms(json_object_get(account, "topicPerms"), diag);
	if (e == ERR_OK)
		e = check_perms(json_object_get(account, "groupPerms"), diag);
	if (e != ERR_OK)
		return e;
	doc = json_deep_copy(pa->doc);
	all = accounts_of(doc);
	/* the one that was changed goes to the end, as the reference has it */
	if (find(all, json_text_at(account, "accessKey"), &i)) {
		a = json_deep_copy(json_array_get(all, i));
		AZ(json_array_remove(all, i));
	} else
		a = json_object();
	AZ(json_object_update(a, (json_t *)(uintptr_t)account));
	AZ(json_array_append_new(all, a));
	return changed(pa, doc, now_ms, next, diag);
}

enum err
plain_acl_delete(const struct plain_acl *pa, struct str key, int64_t now_ms,
    struct plain_acl **next)
{
	json_t *doc, *all;
	size_t i;

	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	*next = NULL;
	if (plain_acl_account(pa, key) == NULL)
		return ERR_NO_KEY;
	doc = json_deep_copy(pa->doc);
	all = accounts_of(doc);
	AN(find(all, key, &i));
	AZ(json_array_remove(all, i));
	return changed(pa, doc, now_ms, next, NULL);
}

enum err
plain_acl_put_white(const struct plain_acl *pa, const json_t *addresses,
    int64_t now_ms, struct plain_acl **next, struct diag *diag)
{
	json_t *doc;

	CHECK_OBJ_NOTNULL(pa, PLAIN_ACL_MAGIC);
	*next = NULL;
	doc = json_deep_copy(pa->doc);
	AZ(json_object_set_new(
	    doc, "globalWhiteRemoteAddresses", json_deep_copy(addresses)));
	return changed(pa, doc, now_ms, next, diag);
}
