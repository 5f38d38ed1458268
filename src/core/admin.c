/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "base/json.h"
#include "core/admin_priv.h"
#include "core/authz_priv.h"

#define NAMES_MAX (16u << 20)

/* --- a request -------------------------------------------------------------------- */

struct admin *
admin_new(struct core *co, struct op **opp)
{
	struct admin *ad;

	ALLOC_OBJ(ad, ADMIN_MAGIC);
	ad->co = co;
	ad->op = *opp;
	*opp = NULL;
	LIST_INSERT_HEAD(&co->admins, ad, link);
	return ad;
}

static void
discard(struct admin *ad)
{
	uint32_t i;

	CHECK_OBJ_NOTNULL(ad, ADMIN_MAGIC);
	LIST_REMOVE(ad, link);

	if (ad->op != NULL)
		op_free(&ad->op);
	for (i = 0; i < ad->names_n; i++)
		mem_free(ad->names[i]);
	mem_free(ad->names);
	mem_free(ad->text);
	if (ad->grow != NULL)
		admin_grow_free(&ad->grow);
	policy_fini(&ad->policy);
	topic_name_fini(&ad->tn);
	FREE_OBJ(ad);
}

void
admin_drop(struct admin *ad)
{
	struct core *co = ad->co;

	discard(ad);
	core_check_drained(co);
}

void
admins_free(struct core *co)
{
	struct admin *ad;

	while ((ad = LIST_FIRST(&co->admins)) != NULL)
		discard(ad);
}

void
admin_end(struct admin *ad, enum err e, const char *fmt, ...)
{
	char diag[128];
	va_list ap;

	CHECK_OBJ_NOTNULL(ad, ADMIN_MAGIC);
	if (fmt != NULL) {
		va_start(ap, fmt);
		(void)vsnprintf(diag, sizeof diag, fmt, ap);
		va_end(ap);
	}
	core_answer(ad->co, &ad->op, e, fmt != NULL ? diag : NULL);
	admin_drop(ad);
}

void
admin_end_text(struct admin *ad, const void *text, size_t len)
{
	struct fx *fx;

	CHECK_OBJ_NOTNULL(ad, ADMIN_MAGIC);
	fx = core_answer_new(ad->co, ad->op, FX_TEXT);
	fx->text = fx_str(fx, (struct str){ text, len });
	core_emit(ad->co, &fx);
	admin_drop(ad);
}

void
admin_end_strings(struct admin *ad)
{
	struct fx *fx;
	uint32_t i;

	CHECK_OBJ_NOTNULL(ad, ADMIN_MAGIC);
	fx = core_answer_new(ad->co, ad->op, FX_STRINGS);
	fx->strings_n = ad->names_n;
	fx->strings = fx_mem(fx, (ad->names_n + 1) * sizeof *fx->strings);
	for (i = 0; i < ad->names_n; i++)
		fx->strings[i] = fx_str(fx, str_of(ad->names[i]));
	core_emit(ad->co, &fx);
	admin_drop(ad);
}

void
admin_name(struct admin *ad, const char *p, size_t len)
{
	if (ad->names_n == ad->names_cap) {
		ad->names_cap = ad->names_cap == 0 ? 16 : ad->names_cap * 2;
		ad->names =
		    mem_reallocarray(ad->names, ad->names_cap, sizeof(char *));
	}
	assert(ad->names_n < NAMES_MAX);
	ad->names[ad->names_n++] = mem_strndup(p, len);
}

void
admin_get(struct admin *ad, const char *prefix, struct str name, meta_get_f *f)
{
	struct meta *meta = ad->co->meta;
	uint8_t key[META_KEY_MAX];
	size_t len = key_text(key, prefix, name);

	meta->ops->get(meta, key, len, f, ad);
}

void
admin_list(struct admin *ad, const char *prefix, struct str name, size_t limit,
    meta_list_f *f)
{
	struct meta *meta = ad->co->meta;
	uint8_t key[META_KEY_MAX];
	size_t len = key_text(key, prefix, name);

	ad->prefix_len = (uint32_t)len;
	meta->ops->list(meta, key, len, limit, false, f, ad);
}

void
admin_list_below(struct admin *ad, const char *prefix, struct str name,
    size_t limit, meta_list_f *f)
{
	struct meta *meta = ad->co->meta;
	uint8_t key[META_KEY_MAX];
	size_t len = key_text(key, prefix, name);

	assert(len < sizeof key);
	key[len++] = '/';
	ad->prefix_len = (uint32_t)len;
	meta->ops->list(meta, key, len, limit, false, f, ad);
}

static void
counted(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct admin *ad;

	(void)keylen;
	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (key != NULL)
		ad->n++;
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else
		ad->next(ad);
}

void
admin_count_below(struct admin *ad, const char *prefix, struct str name,
    uint32_t max, void (*next)(struct admin *))
{
	ad->n = 0;
	ad->next = next;
	if (name.len == 0)
		admin_list(ad, prefix, name, max, counted);
	else
		admin_list_below(ad, prefix, name, max, counted);
}

void
admin_listed(
    struct admin *ad, enum err e, const void *key, size_t keylen, size_t skip)
{
	if (key != NULL)
		admin_name(ad, (const char *)key + skip, keylen - skip);
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else
		admin_end_strings(ad);
}

void
admin_got(struct admin *ad, enum err e, const void *val, size_t len,
    enum err missing, const char *diag)
{
	if (e == ERR_NO_KEY)
		admin_end(ad, missing, "%s", diag);
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else
		admin_end_text(ad, val, len);
}

void
admin_commit(struct admin *ad, struct meta_txn **tx, meta_commit_f *f)
{
	struct meta *meta = ad->co->meta;

	meta->ops->commit(meta, tx, f, ad);
}

void
admin_done(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	admin_end(ad, e == ERR_OK || e == ERR_CONFLICT ? e : ERR_METADATA,
	    e == ERR_CONFLICT ? "Concurrent modification" : NULL);
}

/* --- documents ---------------------------------------------------------------------- */

json_t *
admin_parse(struct str text)
{
	json_error_t why;
	json_t *js;

	if (text.len == 0 || text.len > ADMIN_TEXT_MAX)
		return NULL;
	js = json_loadb(text.p, text.len, 0, &why);
	if (js != NULL && !json_is_object(js)) {
		json_decref(js);
		return NULL;
	}
	return js;
}

void
admin_set_text(struct admin *ad, const json_t *js)
{
	AZ(ad->text);
	ad->text = json_write(js, NULL);
}

/* --- metrics ------------------------------------------------------------------------ */

#define STATS_WALK_MAX 1000u

static void
stats_walk(struct core *co, struct op **opp)
{
	unsigned n = (*opp)->u32;
	struct fx *fx;

	if (n > STATS_WALK_MAX)
		n = STATS_WALK_MAX;
	fx = core_answer_new(co, *opp, FX_STATS_LIST);
	fx->stats_list = fx_mem(fx, (n + 1) * sizeof(struct topic_stats *));
	fx->stats_n = core_stats_walk(co, (*opp)->topic, n, fx->stats_list);
	op_free(opp);
	core_emit(co, &fx);
}

/* --- which -------------------------------------------------------------------------- */

static core_op_f *const table[OP_TYPES_N] = {
	[OP_TOPIC_META] = admin_partitioned,
	[OP_CLUSTER_LIST] = admin_clusters,
	[OP_CLUSTER_GET] = admin_clusters,
	[OP_TENANT_LIST] = admin_tenants,
	[OP_TENANT_GET] = admin_tenants,
	[OP_TENANT_PUT] = admin_tenants,
	[OP_TENANT_DELETE] = admin_tenants,
	[OP_NS_LIST] = admin_namespaces,
	[OP_NS_GET] = admin_namespaces,
	[OP_NS_PUT] = admin_namespaces,
	[OP_NS_DELETE] = admin_namespaces,
	[OP_NS_REFRESH] = admin_namespaces,
	[OP_NS_PATCH] = authz_op,
	[OP_TENANT_REFRESH] = authz_op,
	[OP_ROLE_PATCH] = authz_op,
	[OP_ROLE_DELETE] = authz_op,
	[OP_ROLE_KEY] = authz_op,
	[OP_ROLE_REFRESH] = authz_op,
	[OP_TOPIC_LIST] = admin_topics,
	[OP_PARTITIONED_LIST] = admin_topics,
	[OP_PARTITIONED_CREATE] = admin_partitioned,
	[OP_PARTITIONED_UPDATE] = admin_partitioned,
	[OP_PARTITIONED_DELETE] = admin_partitioned,
	[OP_STATS_WALK] = stats_walk,
	[OP_DOC_GET] = admin_docs,
	[OP_DOC_PUT] = admin_docs,
	[OP_DOC_DELETE] = admin_docs,
	[OP_DOC_LIST] = admin_docs,
	[OP_SUB_FIND] = admin_subs_find,
};

void
admin_op(struct core *co, struct op **opp)
{
	core_op_f *f = table[(*opp)->type];

	AN(f);
	if (co->draining) {
		core_answer(co, opp, ERR_NOT_READY, "Broker is shutting down");
		return;
	}
	/* names come from peers: a key is made of this */
	if ((*opp)->topic.len > NAME_MAX_BYTES) {
		core_answer(co, opp, ERR_INVALID_NAME, "Name is too long");
		return;
	}
	f(co, opp);
}
