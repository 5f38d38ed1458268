/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitioned topics: a record says how many partitions there are; each is a
 * topic of its own, made when it is first used, so that the record is all that
 * a change has to touch.
 */
#include "core/admin_priv.h"

#define PARTITIONS_MAX 65536u

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

static uint32_t
partitions_of(const void *val, size_t len)
{
	struct partitioned_record pr;
	uint32_t n;

	if (partitioned_record_read(&pr, val, len) != ERR_OK)
		return 0;
	n = pr.partitions;
	partitioned_record_fini(&pr);
	return n;
}

static void
put_record(struct admin *ad, struct meta_txn *tx, const struct op *op,
    uint32_t partitions)
{
	struct partitioned_record pr = {
		.partitions = partitions,
		.created_ms = ad->co->now_ms,
		.props_n = op->props_n,
		.props = (struct prop *)(uintptr_t)op->props,
	};
	uint8_t key[META_KEY_MAX], *val;
	size_t klen = key_partitioned(key, &ad->tn), len;

	val = partitioned_record_write(&pr, &len);
	meta_txn_put(tx, key, klen, val, len);
	mem_free(val);
}

static void
get_partitioned(struct admin *ad, meta_get_f *f)
{
	struct meta *meta = ad->co->meta;
	uint8_t key[META_KEY_MAX];

	meta->ops->get(meta, key, key_partitioned(key, &ad->tn), f, ad);
}

/* --- OP_TOPIC_META ------------------------------------------------------------------ */

static void
auto_made(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e != ERR_OK) /* another one was quicker: the client asks again */
		admin_end(ad, e == ERR_CONFLICT ? ERR_NOT_READY : ERR_METADATA,
		    "Topic was made meanwhile");
	else
		end_meta(ad, ad->n);
}

static void
auto_create(struct admin *ad)
{
	uint8_t key[META_KEY_MAX];
	struct meta_txn *tx;

	ad->n = ad->policy.default_partitions;
	tx = meta_txn_new();
	meta_txn_expect(tx, key, key_partitioned(key, &ad->tn), false);
	put_record(ad, tx, ad->op, ad->n);
	admin_commit(ad, &tx, auto_made);
}

/* Neither partitioned nor there. */
static void
meta_absent(struct admin *ad)
{
	if (!ad->op->flag || !ad->policy.auto_topic)
		admin_end(ad, ERR_NO_TOPIC, "Topic %.*s does not exist",
		    (int)ad->tn.full.len, ad->tn.full.p);
	else if (ad->policy.auto_partitioned && ad->tn.partition < 0)
		auto_create(ad);
	else
		end_meta(ad, 0); /* it is made when it is used */
}

static void
meta_topic_got(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (is_failure(ad, e))
		return;
	if (e == ERR_OK)
		end_meta(ad, 0);
	else
		meta_absent(ad);
}

static void
meta_partitioned_got(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;
	uint32_t n;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (is_failure(ad, e))
		return;
	if (e == ERR_OK) {
		n = partitions_of(val, len);
		if (n == 0)
			admin_end(ad, ERR_METADATA, "Record can't be read");
		else if (ad->tn.partition < 0)
			end_meta(ad, n);
		else if ((uint32_t)ad->tn.partition < n)
			end_meta(ad, 0); /* one of them */
		else
			admin_end(ad, ERR_NO_TOPIC, "Topic %.*s does not exist",
			    (int)ad->tn.full.len, ad->tn.full.p);
		return;
	}
	if (map_get(ad->co->topics, ad->tn.full.p, ad->tn.full.len) != NULL &&
	    topic_find(ad->co, ad->tn.full) != NULL)
		end_meta(ad, 0);
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
		if (ad->op->type == OP_TOPIC_META)
			admin_end(ad, ERR_NO_TOPIC, "Namespace not found");
		else
			admin_end(
			    ad, ERR_NO_NAMESPACE, "Namespace does not exist");
		return;
	}
	policy_init(&ad->policy, &ad->co->conf);
	if (!policy_apply(&ad->policy, val, len)) {
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

static bool
bad_count(struct admin *ad)
{
	uint32_t max = ad->co->conf.max_partitions, n = ad->op->u32;

	if (n == 0 || n > PARTITIONS_MAX)
		admin_end(ad, ERR_PRECONDITION,
		    "Number of partitions should be more than 0");
	else if (max > 0 && n > max)
		admin_end(ad, ERR_PRECONDITION,
		    "Number of partitions should be less than or equal to %u",
		    max);
	else
		return false;
	return true;
}

static void
created(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_CONFLICT)
		admin_end(ad, ERR_EXISTS, "This topic already exists");
	else
		admin_done(ad, e);
}

static void
create(struct admin *ad)
{
	uint8_t key[META_KEY_MAX];
	struct meta_txn *tx;

	if (ad->tn.partition >= 0) {
		admin_end(ad, ERR_PRECONDITION,
		    "Partitioned Topic Name should not contain '-partition-'");
		return;
	}
	if (bad_count(ad))
		return;
	tx = meta_txn_new();
	meta_txn_expect(tx, key, key_partitioned(key, &ad->tn), false);
	/* neither is it a topic without partitions */
	meta_txn_expect(tx, key, key_topic(key, &ad->tn), false);
	put_record(ad, tx, ad->op, ad->op->u32);
	admin_commit(ad, &tx, created);
}

/* --- update ------------------------------------------------------------------------------ */

static void
update_got(void *priv, enum err e, const void *val, size_t len)
{
	struct partitioned_record pr;
	uint8_t key[META_KEY_MAX], *v;
	struct meta_txn *tx;
	struct admin *ad;
	size_t klen, vlen;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (is_failure(ad, e))
		return;
	if (e == ERR_NO_KEY) {
		admin_end(ad, ERR_NO_TOPIC,
		    "Topic %.*s is not the partitioned topic.",
		    (int)ad->tn.full.len, ad->tn.full.p);
		return;
	}
	if (partitioned_record_read(&pr, val, len) != ERR_OK) {
		admin_end(ad, ERR_METADATA, "Record can't be read");
		return;
	}
	if (ad->op->u32 < pr.partitions) {
		admin_end(ad, ERR_CONFLICT,
		    "Number of partitions must be more than existing %u",
		    pr.partitions);
		partitioned_record_fini(&pr);
		return;
	}
	pr.partitions = ad->op->u32;
	v = partitioned_record_write(&pr, &vlen);
	partitioned_record_fini(&pr);
	tx = meta_txn_new();
	klen = key_partitioned(key, &ad->tn);
	meta_txn_expect(tx, key, klen, true);
	meta_txn_put(tx, key, klen, v, vlen);
	mem_free(v);
	admin_commit(ad, &tx, admin_done);
}

static void
update(struct admin *ad)
{
	if (!bad_count(ad))
		get_partitioned(ad, update_got);
}

/* --- delete ------------------------------------------------------------------------------ */

static void
deleted(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_CONFLICT)
		admin_end(ad, ERR_NO_TOPIC,
		    "Partitioned Topic not found: %.*s has zero partitions",
		    (int)ad->tn.full.len, ad->tn.full.p);
	else
		admin_done(ad, e);
}

static void delete (struct admin *ad)
{
	uint8_t key[META_KEY_MAX];
	struct meta_txn *tx = meta_txn_new();
	size_t len = key_partitioned(key, &ad->tn);

	meta_txn_expect(tx, key, len, true);
	meta_txn_del(tx, key, len);
	admin_commit(ad, &tx, deleted);
}
