/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a partitioned topic is written together with those of the
 * partitions that are not there yet, as Pulsar does: they are in the lists, and
 * consumers by pattern find them, before anybody has used them. A partition's
 * record names no ledger; the first one who loads the topic makes it.
 *
 * Two that grow a topic at the same time: the records of partitions are made on
 * the condition that they are not there, and the first one beyond the end stays
 * absent; so the one with fewer partitions can't undo the other.
 */
#include <stdio.h>

#include "core/admin_priv.h"

#define PARTITION "-partition-"

struct admin_grow {
	unsigned magic;
#define ADMIN_GROW_MAGIC 0xad319402
	uint32_t n;
	bool fresh;
	uint8_t *val; /* of the record */
	size_t len;
	bool *have; /* of n + 1: records that are there */
	int64_t max_index; /* -1: none are */
	void (*done)(struct admin *, enum err);
};

void
admin_grow_free(struct admin_grow **gp)
{
	struct admin_grow *g;

	TAKE_OBJ_NOTNULL(g, gp, ADMIN_GROW_MAGIC);
	mem_free(g->val);
	mem_free(g->have);
	FREE_OBJ(g);
}

static void
finish(struct admin *ad, enum err e)
{
	void (*done)(struct admin *, enum err) = ad->grow->done;

	admin_grow_free(&ad->grow);
	done(ad, e);
}

/* persistent://t/n/local-partition-k; false: too long for a name */
static bool
partition_name(const struct admin *ad, uint32_t k, char *p, size_t size)
{
	int n;

	n = snprintf(p, size, "%.*s" PARTITION "%u", (int)ad->tn.full.len,
	    ad->tn.full.p, k);
	return n > 0 && n <= NAME_MAX_BYTES && (size_t)n < size;
}

static void
written(void *priv, enum err e)
{
	char name[NAME_MAX_BYTES + 32];
	struct admin_grow *g;
	struct admin *ad;
	uint32_t k;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	CHECK_OBJ_NOTNULL(ad->grow, ADMIN_GROW_MAGIC);
	g = ad->grow;
	for (k = 0; e == ERR_OK && ad->tn.persistent && k < g->n; k++)
		if (!g->have[k]) {
			assert(partition_name(ad, k, name, sizeof name));
			topic_changed(ad->co, str_of(name), true);
		}
	finish(ad, e == ERR_OK || e == ERR_CONFLICT ? e : ERR_METADATA);
}

static size_t
partition_key(const struct admin *ad, uint32_t k, uint8_t *key)
{
	char name[NAME_MAX_BYTES + 32];
	size_t skip = (size_t)(ad->tn.key.p - ad->tn.full.p);

	assert(partition_name(ad, k, name, sizeof name));
	return key_text(key, META_TOPIC, str_of(name + skip));
}

static void
put_partitions(struct admin *ad, struct meta_txn *tx)
{
	const struct topic_record r = { .created_ms = ad->co->now_ms };
	struct admin_grow *g = ad->grow;
	uint8_t key[META_KEY_MAX], *val;
	size_t klen, len;
	uint32_t k;

	val = topic_record_write(&r, &len);
	for (k = 0; k < g->n; k++) {
		if (g->have[k])
			continue;
		klen = partition_key(ad, k, key);
		meta_txn_expect(tx, key, klen, false);
		meta_txn_put(tx, key, klen, val, len);
	}
	mem_free(val);
	if (!g->have[g->n]) {
		klen = partition_key(ad, g->n, key);
		meta_txn_expect(tx, key, klen, false);
	}
}

static void
write_all(struct admin *ad)
{
	struct meta_txn *tx = meta_txn_new();
	struct admin_grow *g = ad->grow;
	uint8_t key[META_KEY_MAX];
	size_t klen;

	klen = key_text(key, META_NAMESPACE, ad->tn.ns);
	meta_txn_expect(tx, key, klen, true);
	if (g->fresh && ad->tn.persistent) {
		/* neither is it a topic without partitions */
		klen = key_topic(key, &ad->tn);
		meta_txn_expect(tx, key, klen, false);
	}
	klen = key_partitioned(key, &ad->tn);
	meta_txn_expect(tx, key, klen, !g->fresh);
	meta_txn_put(tx, key, klen, g->val, g->len);
	if (ad->tn.persistent)
		put_partitions(ad, tx);
	admin_commit(ad, &tx, written);
}

/* Index that a key's rest says, -1: none that a name would have. */
static int64_t
index_of(const char *p, size_t len)
{
	int64_t v = 0;
	size_t i;

	if (len == 0 || len > 9 || (len > 1 && p[0] == '0'))
		return -1;
	for (i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

static void
there(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct admin_grow *g;
	struct admin *ad;
	int64_t k;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	CHECK_OBJ_NOTNULL(ad->grow, ADMIN_GROW_MAGIC);
	g = ad->grow;
	if (key != NULL) {
		k = index_of((const char *)key + ad->prefix_len,
		    keylen - ad->prefix_len);
		if (k > g->max_index)
			g->max_index = k;
		if (k >= 0 && k <= g->n)
			g->have[k] = true;
		return;
	}
	if (e != ERR_OK)
		finish(ad, ERR_METADATA);
	else if (ad->op->type == OP_PARTITIONED_CREATE && g->max_index >= g->n)
		admin_end(ad, ERR_CONFLICT,
		    "The topic has a max partition index of %lld, "
		    "the number of partitions must be at least %lld",
		    (long long)g->max_index, (long long)g->max_index + 1);
	else
		write_all(ad);
}

void
admin_grow(struct admin *ad, const struct partitioned_record *pr, bool fresh,
    void (*done)(struct admin *, enum err))
{
	char name[NAME_MAX_BYTES + 32];
	struct admin_grow *g;

	CHECK_OBJ_NOTNULL(ad, ADMIN_MAGIC);
	AN(pr->partitions);
	assert(ad->tn.partition < 0);
	if (!partition_name(ad, pr->partitions, name, sizeof name)) {
		admin_end(ad, ERR_INVALID_NAME, "Topic name is too long");
		return;
	}
	ALLOC_OBJ(g, ADMIN_GROW_MAGIC);
	g->n = pr->partitions;
	g->fresh = fresh;
	g->val = partitioned_record_write(pr, &g->len);
	g->have = mem_calloc((size_t)g->n + 1, sizeof *g->have);
	g->max_index = -1;
	g->done = done;
	AZ(ad->grow);
	ad->grow = g;
	if (!ad->tn.persistent) {
		write_all(ad);
		return;
	}
	(void)snprintf(name, sizeof name, "%.*s" PARTITION, (int)ad->tn.key.len,
	    ad->tn.key.p);
	admin_list(ad, META_TOPIC, str_of(name), 0, there);
}
