/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of topics, and what some of them mean: retention_ms and
 * retention_bytes (-1: unlimited) stand above the namespace's retention,
 * flush_policy (sync, async) above the configuration's flushPolicy, and policy.* are
 * limits (limits.h). A partition has those of its partitioned topic, with its own
 * above them.
 */
#include "core/admin_priv.h"
#include "core/sub_priv.h"

static bool
number(struct str s, int64_t *v)
{
	bool minus = s.len > 0 && s.p[0] == '-';
	size_t i = minus ? 1 : 0;
	int64_t n = 0;

	if (i == s.len || s.len - i > 18)
		return false;
	for (; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = n * 10 + (s.p[i] - '0');
	}
	*v = minus ? -1 : n;
	return true;
}

static bool
flush(struct str s, enum flush *v)
{
	if (str_eq(s, STR_LIT("sync")))
		*v = FLUSH_SYNC;
	else if (str_eq(s, STR_LIT("async")))
		*v = FLUSH_ASYNC;
	else
		return false;
	return true;
}

/* false: it means something, and can't be understood */
static bool
own_read(struct topic_own *o, const struct prop *p)
{
	bool ok = true;

	if (str_eq(p->key, STR_LIT("retention_ms"))) {
		ok = number(p->value, &o->ms);
		o->has_ms |= ok;
	} else if (str_eq(p->key, STR_LIT("retention_bytes"))) {
		ok = number(p->value, &o->bytes);
		o->has_bytes |= ok;
	} else if (str_eq(p->key, STR_LIT("flush_policy")))
		ok = flush(p->value, &o->flush);
	else
		ok = limits_take_prop(&o->limits, p->key, p->value);
	return ok;
}

void
topic_own_fini(struct topic_own *o)
{
	mem_free(o->limits);
	*o = (struct topic_own){ 0 };
}

void
topic_own_read(struct topic_own *o, const struct prop *v, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		(void)own_read(o, &v[i]);
}

bool
props_are_right(const struct prop *v, uint32_t n)
{
	struct topic_own o = { 0 };
	bool ok = true;
	uint32_t i;

	for (i = 0; ok && i < n; i++)
		ok = v[i].value.len == 0 || own_read(&o, &v[i]);
	topic_own_fini(&o);
	return ok;
}

static const struct prop *
find(const struct prop *v, uint32_t n, struct str key)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (str_eq(v[i].key, key))
			return &v[i];
	return NULL;
}

struct prop *
props_merge(const struct prop *old, uint32_t old_n, const struct prop *add,
    uint32_t add_n, uint32_t *np)
{
	struct prop *v = mem_calloc(old_n + add_n, sizeof *v), *r;
	uint32_t i, n = 0;

	for (i = 0; i < old_n; i++)
		if (find(add, add_n, old[i].key) == NULL)
			v[n++] = old[i];
	for (i = 0; i < add_n; i++)
		/* of one that is given twice the first counts */
		if (add[i].value.len > 0 &&
		    find(add, add_n, add[i].key) == &add[i])
			v[n++] = add[i];
	r = props_dup(v, n);
	mem_free(v);
	*np = n;
	return r;
}

/* --- of a topic ----------------------------------------------------------------------- */

void
topic_props_apply(struct topic *t, const struct prop *base, uint32_t n)
{
	topic_own_fini(&t->own);
	topic_own_read(&t->own, base, n);
	topic_own_read(&t->own, t->props, t->props_n);
	topic_limits_changed(t);
}

struct set {
	unsigned magic;
#define SET_MAGIC 0x70b59e70
	struct op *op;
	struct prop *old; /* until it is durable */
	uint32_t old_n;
};

static void
recorded(struct topic *t, enum err e)
{
	struct set *set;

	CAST_OBJ_NOTNULL(set, t->setting, SET_MAGIC);
	t->setting = NULL;
	if (e != ERR_OK) {
		props_free(&t->props, t->props_n);
		t->props = set->old;
		t->props_n = set->old_n;
		topic_props_apply(t, NULL, 0);
	} else {
		props_free(&set->old, set->old_n);
	}
	core_answer(t->co, &set->op, e == ERR_OK ? ERR_OK : ERR_METADATA, NULL);
	FREE_OBJ(set);
	topic_trim(t);
}

static void
set_props(struct topic *t, struct op **opp)
{
	struct op *op = *opp;
	struct set *set;

	if (!t->name.persistent || t->setting != NULL) {
		core_answer(t->co, opp,
		    t->setting != NULL ? ERR_CONFLICT : ERR_NOT_ALLOWED,
		    t->setting != NULL ?
			"Concurrent modification" :
			"Non-persistent topics have no properties");
		return;
	}
	ALLOC_OBJ(set, SET_MAGIC);
	set->op = op;
	*opp = NULL;
	set->old = t->props;
	set->old_n = t->props_n;
	t->setting = set;
	t->props = props_merge(
	    set->old, set->old_n, op->props, op->props_n, &t->props_n);
	topic_props_apply(t, NULL, 0);
	tlog_commit(t, false, recorded);
}

void
topic_props_fini(struct topic *t)
{
	struct set *set;

	props_free(&t->props, t->props_n);
	if (t->setting == NULL)
		return;
	CAST_OBJ_NOTNULL(set, t->setting, SET_MAGIC);
	t->setting = NULL;
	props_free(&set->old, set->old_n);
	op_free(&set->op);
	FREE_OBJ(set);
}

/* --- of a partitioned topic, and its partitions in memory -------------------------------- */

static void
take_up(struct admin *ad, const struct partitioned_record *pr)
{
	struct topic *t;
	size_t it;

	MAP_FOREACH(t, ad->co->topics, it)
		if (t->name.partition >= 0 && str_eq(t->name.base, ad->tn.full))
			topic_props_apply(t, pr->props, pr->props_n);
}

static void partitioned_got(void *, enum err, const void *, size_t);

static void
again(struct admin *ad)
{
	struct meta *meta = ad->co->meta;
	uint8_t key[META_KEY_MAX];

	meta->ops->get(
	    meta, key, key_partitioned(key, &ad->tn), partitioned_got, ad);
}

static void
written(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_CONFLICT && ++ad->tries < 5) {
		again(ad);
	} else if (e != ERR_OK) {
		admin_end(ad, e == ERR_CONFLICT ? e : ERR_METADATA, NULL);
	} else {
		ad->op->flag = true; /* and now in memory */
		again(ad);
	}
}

/* On the condition that the topic was not grown since the record was read. */
static void
write_merged(struct admin *ad, struct partitioned_record *pr)
{
	struct partitioned_record out = *pr;
	struct meta_txn *tx = meta_txn_new();
	char next[NAME_MAX_BYTES + 32];
	uint8_t key[META_KEY_MAX], *val;
	size_t klen, len;

	out.props = props_merge(pr->props, pr->props_n, ad->op->props,
	    ad->op->props_n, &out.props_n);
	val = partitioned_record_write(&out, &len);
	klen = key_partitioned(key, &ad->tn);
	meta_txn_expect(tx, key, klen, true);
	meta_txn_put(tx, key, klen, val, len);
	(void)snprintf(next, sizeof next, "%.*s-partition-%u",
	    (int)ad->tn.key.len, ad->tn.key.p, pr->partitions);
	if (ad->tn.persistent && strlen(next) <= NAME_MAX_BYTES) {
		klen = key_text(key, META_TOPIC, str_of(next));
		meta_txn_expect(tx, key, klen, false);
	}
	mem_free(val);
	props_free(&out.props, out.props_n);
	admin_commit(ad, &tx, written);
}

static void
partitioned_got(void *priv, enum err e, const void *val, size_t len)
{
	struct partitioned_record pr = { 0 };
	struct admin *ad;
	struct core *co;
	struct op *op;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	co = ad->co;
	if (e == ERR_NO_KEY && !ad->op->flag) {
		/* one without partitions: its record is the topic's to write */
		op = ad->op;
		ad->op = NULL;
		admin_drop(ad);
		topic_with(co, &op, TOPIC_FIND, set_props);
		return;
	}
	if (e == ERR_OK)
		e = partitioned_record_read(&pr, val, len);
	if (e == ERR_OK && !ad->op->flag) {
		write_merged(ad, &pr);
	} else if (e == ERR_OK || e == ERR_NO_KEY) {
		take_up(ad, &pr);
		admin_end(ad, ERR_OK, NULL);
	} else {
		admin_end(ad, ERR_METADATA, NULL);
	}
	partitioned_record_fini(&pr);
}

void
topic_props_op(struct core *co, struct op **opp)
{
	struct admin *ad = admin_new(co, opp);

	if (topic_name_parse(&ad->tn, ad->op->topic) != ERR_OK ||
	    ad->tn.partition >= 0)
		admin_end(ad, ERR_INVALID_NAME, "Topic name is not valid");
	else if (!props_are_right(ad->op->props, ad->op->props_n) ||
	    ad->op->props_n > RECORD_PROPS_MAX / 2)
		admin_end(ad, ERR_INVALID_ARG, "Properties are not valid");
	else
		again(ad);
}

/* --- which topic has a ledger -------------------------------------------------------------- */

static void
located(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	admin_got(ad, e, val, len, ERR_NO_MESSAGE, "Message not found");
}

void
locate_op(struct core *co, struct op **opp)
{
	struct admin *ad = admin_new(co, opp);
	uint8_t key[META_KEY_MAX];
	size_t len;

	len = meta_key_id(key, META_OWNER, locator_ledger(ad->op->u64));
	co->meta->ops->get(co->meta, key, len, located, ad);
}
