/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/attrs.h"

#include <stdio.h>

#include "rocketmq/header.h"

/* The order of values is that of the reference's message. */
static const char *const message_types[] = { "UNSPECIFIED", "MIXED",
	"TRANSACTION", "PRIORITY", "FIFO", "DELAY", "LITE", "NORMAL", NULL };
static const char *const queue_types[] = { "SimpleCQ", "BatchCQ", NULL };
/* COMPACTION isn't served */
static const char *const flushes[] = { "SYNC_FLUSH", "ASYNC_FLUSH", NULL };
static const char *const policies[] = { "DELETE", NULL };

const struct attr_kind rmq_topic_attrs[] = {
	{ "queue.type", true, queue_types, 0, 0 },
	{ "cleanup.policy", true, policies, 0, 0 },
	{ "message.type", false, message_types, 0, 0 },
	{ "reserve.time", false, NULL, -1, INT64_MAX },
	/* ours: the reference has it for a whole broker only */
	{ "flushDiskType", false, flushes, 0, 0 },
	{ NULL, false, NULL, 0, 0 },
};

const struct attr_kind rmq_group_attrs[] = {
	{ "priority.factor", false, NULL, 0, 100 },
	{ NULL, false, NULL, 0, 0 },
};

struct change {
	char op; /* + or - */
	struct str key, value;
};

static struct str
cut(struct str *rest, char at)
{
	struct str s = *rest;
	const char *end = s.len > 0 ? memchr(s.p, at, s.len) : NULL;

	if (end == NULL) {
		*rest = STR_NONE;
		return s;
	}
	s.len = (size_t)(end - s.p);
	rest->p += s.len + 1;
	rest->len -= s.len + 1;
	return s;
}

bool
rmq_attrs_next(struct str *rest, struct str *key, struct str *value)
{
	struct str pair;

	while (rest->len > 0) {
		pair = cut(rest, ',');
		*key = cut(&pair, '=');
		*value = pair.p != NULL ? pair : STR_LIT("");
		if (key->len > 0)
			return true;
	}
	return false;
}

struct str
rmq_attrs_get(struct str attrs, struct str key)
{
	struct str k, v;

	while (rmq_attrs_next(&attrs, &k, &v))
		if (str_eq(k, key))
			return v;
	return STR_NONE;
}

static enum err
bad(char *diag, const char *what, struct str s)
{
	(void)snprintf(diag, ATTRS_DIAG, "%s%.*s", what, (int)s.len, s.p);
	return ERR_INVALID_ARG;
}

/* "+k=v", "-k" */
static enum err
parse(struct str text, struct change *ch, unsigned *n, char *diag)
{
	struct str item, whole;
	unsigned i;

	*n = 0;
	while (text.len > 0) {
		struct change *c = &ch[*n];
		bool has_value;

		item = cut(&text, ',');
		has_value =
		    item.len > 0 && memchr(item.p, '=', item.len) != NULL;
		whole = cut(&item, '=');
		if (whole.len == 0 && !has_value)
			continue;
		if (*n == ATTRS_MAX)
			return bad(diag, "too many attributes", STR_LIT(""));
		if (has_value && (whole.len < 2 || whole.p[0] != '+'))
			return bad(diag,
			    "add/alter attribute format is wrong: ", whole);
		if (!has_value && (whole.len < 2 || whole.p[0] != '-'))
			return bad(
			    diag, "delete attribute format is wrong: ", whole);
		c->op = whole.p[0];
		c->key = (struct str){ whole.p + 1, whole.len - 1 };
		c->value = item.p != NULL ? item : STR_LIT("");
		for (i = 0; i < *n; i++)
			if (str_eq(ch[i].key, c->key))
				return bad(diag,
				    ch[i].op == c->op ?
					"key duplication: " :
					"alter duplication key. key: ",
				    ch[i].op == c->op ? whole : c->key);
		(*n)++;
	}
	return ERR_OK;
}

static const struct attr_kind *
kind_of(const struct attr_kind *k, struct str key)
{
	for (; k->key != NULL; k++)
		if (str_eq(key, str_of(k->key)))
			return k;
	return NULL;
}

static enum err
check_value(const struct attr_kind *k, struct str v, char *diag)
{
	size_t n = 0, i;
	int64_t num;

	if (k->values == NULL) {
		if (rtext_i64(v, &num) != ERR_OK)
			return bad(diag, "not a number: ", v);
		if (num >= k->min && num <= k->max)
			return ERR_OK;
		(void)snprintf(diag, ATTRS_DIAG,
		    "value is not in range(%lld, %lld)", (long long)k->min,
		    (long long)k->max);
		return ERR_INVALID_ARG;
	}
	for (i = 0; k->values[i] != NULL; i++)
		if (str_eq(v, str_of(k->values[i])))
			return ERR_OK;
	n = (size_t)snprintf(diag, ATTRS_DIAG, "value is not in set: [");
	for (i = 0; k->values[i] != NULL && n < ATTRS_DIAG; i++)
		n += (size_t)snprintf(diag + n, ATTRS_DIAG - n, "%s%s",
		    i > 0 ? ", " : "", k->values[i]);
	if (n < ATTRS_DIAG)
		(void)snprintf(diag + n, ATTRS_DIAG - n, "]");
	return ERR_INVALID_ARG;
}

static enum err
check_change(const struct attr_kind *kinds, bool fresh, struct str current,
    const struct change *c, char *diag)
{
	const struct attr_kind *k = kind_of(kinds, c->key);
	bool has = rmq_attrs_get(current, c->key).p != NULL;

	if (fresh && c->op != '+')
		return bad(diag,
		    "only add attribute is supported while creating topic. "
		    "key: ",
		    c->key);
	if (!fresh && c->op == '-' && !has)
		return bad(
		    diag, "attempt to delete a nonexistent key: ", c->key);
	if (k == NULL)
		return bad(diag, "unsupported key: ", c->key);
	if (!fresh && k->fixed && (has || c->op == '-'))
		return bad(diag,
		    "attempt to update an unchangeable attribute. key: ",
		    c->key);
	return c->op == '+' ? check_value(k, c->value, diag) : ERR_OK;
}

static void
put(struct strbuf *out, struct str key, struct str value)
{
	if (out->len > 0)
		strbuf_addc(out, ',');
	strbuf_add(out, key.p, key.len);
	strbuf_addc(out, '=');
	strbuf_add(out, value.p, value.len);
}

enum err
rmq_attrs_alter(const struct attr_kind *kinds, bool fresh, struct str current,
    struct str changes, struct strbuf *out, char diag[static ATTRS_DIAG])
{
	struct change ch[ATTRS_MAX];
	struct str rest = current, key, value;
	unsigned i, n;
	enum err e;

	diag[0] = '\0';
	e = parse(changes, ch, &n, diag);
	for (i = 0; e == ERR_OK && i < n; i++)
		e = check_change(kinds, fresh, current, &ch[i], diag);
	if (e != ERR_OK)
		return e;
	strbuf_reset(out);
	while (rmq_attrs_next(&rest, &key, &value)) {
		for (i = 0; i < n; i++)
			if (str_eq(ch[i].key, key))
				break;
		if (i == n)
			put(out, key, value);
	}
	for (i = 0; i < n; i++)
		if (ch[i].op == '+')
			put(out, ch[i].key, ch[i].value);
	return strbuf_err(out);
}
