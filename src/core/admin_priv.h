/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the admin files share: admin.c (which op goes where, waiting for
 * metadata), admin_tenant.c, admin_ns.c, admin_topic.c (lists), admin_part.c
 * (partitioned topics, OP_TOPIC_META), admin_doc.c (documents of the front-ends,
 * who subscribes to what).
 *
 * A request to metadata carries a struct admin, which owns the op until it is
 * answered.
 */
#ifndef CORE_ADMIN_PRIV_H
#define CORE_ADMIN_PRIV_H

#include <jansson.h>

#include "core/admin.h"
#include "core/topic_priv.h"

struct admin {
	unsigned magic;
#define ADMIN_MAGIC 0xad312001
	struct core *co;
	struct op *op;
	struct topic_name tn; /* of ops that name a topic */
	struct policy policy;
	enum err err;
	uint32_t n; /* partitions, or what is counted */
	char **names; /* a list being made */
	uint32_t names_n, names_cap;
	uint32_t left; /* requests under way */
	uint32_t prefix_len;
	char *text; /* document to be written instead of the op's */
	bool found; /* deletions: something is there */
	unsigned step;
	void (*next)(struct admin *); /* admin_need_ns, admin_spread */
	const char *no_ns;
	struct admin_grow *grow; /* admin_grow.c */
	unsigned tries;
	uint64_t spread; /* by which answers of other shards find it */
	LIST_ENTRY(admin) link; /* core->admins */
};

struct admin *admin_new(struct core *, struct op **);
/* Answers the op with FX_DONE and frees. */
void admin_end(struct admin *, enum err, const char *fmt, ...) PRINTF(3, 4);
void admin_end_text(struct admin *, const void *text, size_t len); /* FX_TEXT */
void admin_end_strings(struct admin *); /* FX_STRINGS of names */
void admin_drop(struct admin *); /* frees: it was answered */
void admin_name(
    struct admin *, const char *p, size_t len); /* one more of them */

/* requests; priv of the answer is the admin */
void admin_get(struct admin *, const char *prefix, struct str, meta_get_f *);
void admin_list(struct admin *, const char *prefix, struct str, size_t limit,
    meta_list_f *);
/* the same of prefix, name and a slash: what is below it */
void admin_list_below(struct admin *, const char *prefix, struct str,
    size_t limit, meta_list_f *);
void admin_commit(struct admin *, struct meta_txn **, meta_commit_f *);

/* done: err is answered as it is */
void admin_done(void *priv, enum err);

/* Counts what is below prefix and name, up to max, in ad->n, and calls next, or
 * answers. */
void admin_count_below(struct admin *, const char *prefix, struct str name,
    uint32_t max, void (*next)(struct admin *));

/* What a meta_list_f does whose keys, less their first bytes, are the answer. */
void admin_listed(
    struct admin *, enum err, const void *key, size_t keylen, size_t skip);
/* What a meta_get_f does whose value is the answer. */
void admin_got(struct admin *, enum err, const void *val, size_t len,
    enum err missing, const char *diag);
/* Is it a JSON object, not too big? NULL: no. json_decref() it. */
json_t *admin_parse(struct str text);
void admin_set_text(struct admin *, const json_t *);
/* next, if the namespace exists; else the op is answered ERR_NO_NAMESPACE, diag */
void admin_need_ns(
    struct admin *, const char *diag, void (*next)(struct admin *));

/* authz_ops.c: every shard carries out refresh for the name of the op, then next */
void admin_spread(
    struct admin *, enum op_type refresh, void (*next)(struct admin *));

/* --- admin_grow.c */
struct admin_grow;
/* Writes the record of ad->tn and its partitions; fresh: there is no record yet.
 * done says ERR_OK, ERR_CONFLICT (look again) or ERR_METADATA; ops that can't be
 * carried out are answered here instead. */
void admin_grow(struct admin *, const struct partitioned_record *, bool fresh,
    void (*done)(struct admin *, enum err));
void admin_grow_free(struct admin_grow **);

core_op_f admin_clusters, admin_tenants, admin_namespaces, admin_topics,
    admin_partitioned, admin_docs, admin_subs_find;

#endif
