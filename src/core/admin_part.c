/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitioned topics: a record says how many partitions there are; each is a
 * topic of its own (admin_grow.c writes them together).
 */
#include "base/strbuf.h"
#include "core/admin_priv.h"
#include "core/authz_priv.h"

#define PARTITIONS_MAX 65536u
#define TRIES 3u

static void
end_meta(struct admin *ad, uint32_t partitions)
{
	struct core *co = ad->co;
	struct fx *fx = core_answer_new(co, ad->op, FX_TOPIC_META);

	fx->u32 = partitions;
	core_emit(co, &fx);
	admin_drop(ad);
}

static bool
is_failure(struct admin *ad, enum err e)
{
	if (e == ERR_OK || e == ERR_NO_KEY)
		return false;
	admin_end(ad, ERR_METADATA, NULL);
	return true;
}

/* {"key": "text", ...} of the record's properties, with that text as fx's. */
static void
add_props(struct fx *fx, const struct prop *v, uint32_t n)
{
	struct strbuf sb;
	uint32_t i;

	if (n == 0)
		return;
	strbuf_init(&sb, UINT32_MAX);
	for (i = 0; i < n; i++) {
		strbuf_adds(&sb, i == 0 ? "{\"" : ",\"");
		strbuf_add_json(&sb, v[i].key.p, v[i].key.len);
		strbuf_adds(&sb, "\":\"");
		strbuf_add_json(&sb, v[i].value.p, v[i].value.len);
		strbuf_addc(&sb, '"');
	}
	strbuf_addc(&sb, '}');
	if (strbuf_err(&sb) == ERR_OK)
		fx->text = fx_str(
		    fx, (struct str){ .p = strbuf_str(&sb), .len = sb.len });
	strbuf_fini(&sb);
}

static void
end_record(
    struct admin *ad, uint32_t partitions, const struct prop *v, uint32_t n)
{
	struct core *co = ad->co;
	struct fx *fx = core_answer_new(co, ad->op, FX_TOPIC_META);

	fx->u32 = partitions;
	add_props(fx, v, n);
	core_emit(co, &fx);
	admin_drop(ad);
}

static void
get_partitioned(struct admin *ad, meta_get_f *f)
{
	struct meta *meta = ad->co->meta;
	uint8_t key[META_KEY_MAX];

	meta->ops->get(meta, key, key_partitioned(key, &ad->tn), f, ad);
}

/* --- OP_TOPIC_META ------------------------------------------------------------------ */

static void meta_partitioned_got(void *, enum err, const void *, size_t);

/* Somebody was quicker: what is there now? */
static bool
again(struct admin *ad, enum err e)
{
	if (e == ERR_CONFLICT && ++ad->tries < TRIES)
		return true;
	if (e != ERR_OK)
		admin_end(ad, e,
		    e == ERR_CONFLICT ? "Concurrent modification" : NULL);
	return false;
}

static void
auto_made(struct admin *ad, enum err e)
{
	if (again(ad, e))
		get_partitioned(ad, meta_partitioned_got);
	else if (e == ERR_OK)
		end_meta(ad, ad->n);
}

static void
auto_create(struct admin *ad)
{
	struct partitioned_record pr = { .created_ms = ad->co->now_ms };
	uint32_t max = ad->co->conf.max_partitions;

	ad->n = ad->policy.default_partitions;
	if (ad->n == 0)
		ad->n = 1;
	if (ad->n > PARTITIONS_MAX)
		ad->n = PARTITIONS_MAX;
	if (max > 0 && ad->n > max)
		ad->n = max;
	pr.partitions = ad->n;
	admin_grow(ad, &pr, true, auto_made);
}

/* Neither partitioned nor there. */
static void
meta_absent(struct admin *ad)
{
	if (!ad->op->flag || !ad->policy.auto_topic)
		admin_end(ad, ERR_NO_TOPIC, "Topic %.*s not found",
		    (int)ad->tn.full.len, ad->tn.full.p);
	else if (ad->policy.auto_partitioned && ad->tn.partition < 0)
		auto_create(ad);
	else
		end_meta(ad, 0); /* it is made when it is used */
}

static void
meta_topic_got(void *priv, enum err e, const void *val, size_t len)
{
	struct topic_record r;
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (is_failure(ad, e))
		return;
	if (e == ERR_NO_KEY) {
		meta_absent(ad);
	} else if (topic_record_read(&r, val, len) != ERR_OK) {
		admin_end(ad, ERR_METADATA, "Record can't be read");
	} else {
		end_record(ad, 0, r.props, r.props_n);
		topic_record_fini(&r);
	}
}

static void
meta_partitioned_got(void *priv, enum err e, const void *val, size_t len)
{
	struct partitioned_record pr = { 0 };
	struct topic *t;
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (is_failure(ad, e))
		return;
	if (e == ERR_OK) {
		if (partitioned_record_read(&pr, val, len) != ERR_OK)
			admin_end(ad, ERR_METADATA, "Record can't be read");
		else if (ad->tn.partition < 0)
			end_record(ad, pr.partitions, pr.props, pr.props_n);
		else if ((uint32_t)ad->tn.partition < pr.partitions)
			end_meta(ad, 0); /* one of them */
		else
			admin_end(ad, ERR_NO_TOPIC, "Topic %.*s not found",
			    (int)ad->tn.full.len, ad->tn.full.p);
		partitioned_record_fini(&pr);
		return;
	}
	t = topic_find(ad->co, ad->tn.full);
	if (t != NULL)
		end_record(ad, 0, t->props, t->props_n);
	else if (!ad->tn.persistent)
		meta_absent(ad);
	else
		admin_get(ad, META_TOPIC, ad->tn.key, meta_topic_got);
}

/* --- all of them begin with the namespace ------------------------------------------------ */

static void create(struct admin *);
static void update(struct admin *);
static void delete (struct admin *);

static void
namespace_got(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (is_failure(ad, e))
		return;
	if (e == ERR_NO_KEY) {
		admin_end(ad, ERR_NO_NAMESPACE,
		    ad->op->type == OP_TOPIC_META ? "Namespace not found" :
						    "Namespace does not exist");
		return;
	}
	policy_init(&ad->policy, &ad->co->conf);
	if (!policy_apply(&ad->policy, &ad->co->conf, val, len)) {
		admin_end(ad, ERR_METADATA, "Policies can't be read");
		return;
	}
	switch (ad->op->type) {
	case OP_TOPIC_META:
		get_partitioned(ad, meta_partitioned_got);
		break;
	case OP_PARTITIONED_CREATE:
		create(ad);
		break;
	case OP_PARTITIONED_UPDATE:
		update(ad);
		break;
	case OP_PARTITIONED_DELETE:
		delete (ad);
		break;
	default:
		WRONG("not an op of partitioned topics");
	}
}

void
admin_partitioned(struct core *co, struct op **opp)
{
	struct admin *ad = admin_new(co, opp);

	if (topic_name_parse(&ad->tn, ad->op->topic) != ERR_OK) {
		admin_end(ad, ERR_INVALID_NAME, "Topic name is not valid");
		return;
	}
	admin_get(ad, META_NAMESPACE, ad->tn.ns, namespace_got);
}

/* --- create ---------------------------------------------------------------------------- */

static const char exists[] = "This topic already exists";

static uint32_t
max_partitions(const struct admin *ad)
{
	uint32_t max = ad->co->conf.max_partitions;

	return max > 0 && max < PARTITIONS_MAX ? max : PARTITIONS_MAX;
}

static void
created(struct admin *ad, enum err e)
{
	if (again(ad, e))
		create(ad);
	else if (e == ERR_OK)
		admin_end(ad, ERR_OK, NULL);
}

static void
create_write(struct admin *ad)
{
	struct partitioned_record pr = {
		.partitions = ad->op->u32,
		.created_ms = ad->co->now_ms,
		.props_n = ad->op->props_n,
		.props = (struct prop *)(uintptr_t)ad->op->props,
	};

	admin_grow(ad, &pr, true, created);
}

static void
create_counted(struct admin *ad)
{
	if (ad->n + ad->op->u32 > ad->left)
		admin_end(ad, ERR_TOO_MANY_TOPICS, NULL);
	else
		create_write(ad);
}

static void
create_limited(struct admin *ad)
{
	int64_t max = limit_count(
	    ad->policy.limits, &ad->co->conf.limits, LIM_MAX_TOPICS);

	if (max <= 0 || !ad->tn.persistent) {
		create_write(ad);
		return;
	}
	ad->left = (uint32_t)max;
	admin_count_below(ad, META_TOPIC, ad->tn.ns, ad->left, create_counted);
}

static void
create_topic_got(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (is_failure(ad, e))
		return;
	if (e == ERR_OK)
		admin_end(ad, ERR_EXISTS, exists);
	else
		create_limited(ad);
}

static void
create_got(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (is_failure(ad, e))
		return;
	if (e == ERR_OK || topic_find(ad->co, ad->tn.full) != NULL)
		admin_end(ad, ERR_EXISTS, exists);
	else if (ad->tn.persistent)
		admin_get(ad, META_TOPIC, ad->tn.key, create_topic_got);
	else
		create_write(ad);
}

static void
create(struct admin *ad)
{
	uint32_t max = max_partitions(ad);

	if (ad->tn.partition >= 0)
		admin_end(ad, ERR_PRECONDITION,
		    "Partitioned Topic Name should not contain '-partition-'");
	else if (ad->op->u32 == 0)
		admin_end(ad, ERR_NOT_ACCEPTABLE,
		    "Number of partitions should be more than 0");
	else if (ad->op->u32 > max)
		admin_end(ad, ERR_NOT_ACCEPTABLE,
		    "Number of partitions should be less than or equal to %u",
		    max);
	else
		get_partitioned(ad, create_got);
}

/* --- update ------------------------------------------------------------------------------ */

static void
updated(struct admin *ad, enum err e)
{
	if (again(ad, e))
		update(ad);
	else if (e == ERR_OK)
		admin_end(ad, ERR_OK, NULL);
}

static void
update_got(void *priv, enum err e, const void *val, size_t len)
{
	struct partitioned_record pr = { 0 };
	struct admin *ad;
	uint32_t max, n;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (is_failure(ad, e))
		return;
	n = ad->op->u32;
	max = max_partitions(ad);
	if (e == ERR_OK && partitioned_record_read(&pr, val, len) != ERR_OK)
		admin_end(ad, ERR_METADATA, "Record can't be read");
	else if (e == ERR_NO_KEY)
		admin_end(ad, ERR_UNPROCESSABLE,
		    "Topic %.*s is not the partitioned topic.",
		    (int)ad->tn.full.len, ad->tn.full.p);
	else if (n < pr.partitions)
		admin_end(ad, ERR_UNPROCESSABLE,
		    "Desired partitions %u can't be less than the current partitions %u.",
		    n, pr.partitions);
	else if (n > max)
		admin_end(ad, ERR_UNPROCESSABLE,
		    "Desired partitions %u can't be greater than the maximum partitions per topic %u.",
		    n, max);
	else {
		pr.partitions = n;
		admin_grow(ad, &pr, false, updated);
	}
	partitioned_record_fini(&pr);
}

static void
update(struct admin *ad)
{
	if (ad->tn.partition >= 0)
		admin_end(ad, ERR_PRECONDITION,
		    "Partitioned Topic Name should not contain '-partition-'");
	else if (ad->op->u32 == 0)
		admin_end(ad, ERR_UNPROCESSABLE,
		    "Number of partitions should be more than 0");
	else
		get_partitioned(ad, update_got);
}

/* --- delete ------------------------------------------------------------------------------ */

static void
grants_gone(void *priv)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	admin_done(ad, ERR_OK);
}

static void
deleted(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_CONFLICT)
		admin_end(ad, ERR_NO_TOPIC,
		    "Partitioned Topic not found: %.*s has zero partitions",
		    (int)ad->tn.full.len, ad->tn.full.p);
	else if (e != ERR_OK)
		admin_done(ad, e);
	else
		authz_topic_gone(ad->co, &ad->tn, grants_gone, ad);
}

static void delete (struct admin *ad)
{
	uint8_t key[META_KEY_MAX];
	struct meta_txn *tx = meta_txn_new();
	size_t len = key_partitioned(key, &ad->tn);

	if (ad->tn.partition >= 0) {
		meta_txn_free(&tx);
		deleted(ad, ERR_CONFLICT);
		return;
	}
	meta_txn_expect(tx, key, len, true);
	meta_txn_del(tx, key, len);
	admin_commit(ad, &tx, deleted);
}
