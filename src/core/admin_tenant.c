/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters and tenants. The texts are those of Pulsar's admin. */
#include "core/admin_priv.h"

static void
tenant_spread(struct admin *ad)
{
	admin_end(ad, ad->err != ERR_OK ? ERR_METADATA : ERR_OK, NULL);
}

/* Who administers it may have changed. */
static void
tenant_written(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_OK)
		admin_spread(ad, OP_TENANT_REFRESH, tenant_spread);
	else
		admin_done(ad, e);
}

/* --- clusters ------------------------------------------------------------------- */

static void
cluster_listed(void *priv, enum err e, const void *key, size_t keylen,
    const void *val, size_t len)
{
	(void)val;
	(void)len;
	admin_listed(priv, e, key, keylen, sizeof META_CLUSTER - 1);
}

static void
cluster_got(void *priv, enum err e, const void *val, size_t len)
{
	admin_got(priv, e, val, len, ERR_NO_CLUSTER, "Cluster does not exist");
}

void
admin_clusters(struct core *co, struct op **opp)
{
	struct admin *ad = admin_new(co, opp);

	if (ad->op->type == OP_CLUSTER_LIST)
		admin_list(ad, META_CLUSTER, STR_NONE, 0, cluster_listed);
	else if (!name_is_valid_entity(ad->op->topic))
		admin_end(ad, ERR_NO_CLUSTER, "Cluster does not exist");
	else
		admin_get(ad, META_CLUSTER, ad->op->topic, cluster_got);
}

/* --- tenants -------------------------------------------------------------------- */

static void
tenant_listed(void *priv, enum err e, const void *key, size_t keylen,
    const void *val, size_t len)
{
	(void)val;
	(void)len;
	admin_listed(priv, e, key, keylen, sizeof META_TENANT - 1);
}

static void
tenant_got(void *priv, enum err e, const void *val, size_t len)
{
	admin_got(priv, e, val, len, ERR_NO_TENANT, "Tenant does not exist");
}

static void
tenant_write(struct admin *ad)
{
	struct meta_txn *tx = meta_txn_new();
	struct str doc = ad->op->text;
	uint8_t key[META_KEY_MAX];
	size_t n = key_text(key, META_TENANT, ad->op->topic);

	meta_txn_expect(tx, key, n, !ad->op->flag);
	meta_txn_put(tx, key, n, doc.p, doc.len);
	admin_commit(ad, &tx, tenant_written);
}

static void
tenant_counted(struct admin *ad)
{
	if (ad->n >= ad->co->conf.max_tenants)
		admin_end(ad, ERR_PRECONDITION,
		    "Exceed the maximum number of tenants");
	else
		tenant_write(ad);
}

static void
tenant_checked(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e != ERR_OK && e != ERR_NO_KEY)
		admin_end(ad, ERR_METADATA, NULL);
	else if (ad->op->flag && e == ERR_OK)
		admin_end(ad, ERR_EXISTS, "Tenant already exist");
	else if (!ad->op->flag && e == ERR_NO_KEY)
		admin_end(ad, ERR_NO_TENANT, "Tenant %.*s not found",
		    (int)ad->op->topic.len, ad->op->topic.p);
	else if (ad->op->flag && ad->co->conf.max_tenants > 0)
		admin_count_below(ad, META_TENANT, STR_NONE,
		    ad->co->conf.max_tenants, tenant_counted);
	else
		tenant_write(ad);
}

/* The clusters are there: does the tenant name others? */
static bool
clusters_known(const struct admin *ad, json_t *allowed)
{
	size_t i;
	uint32_t k;

	for (i = 0; i < json_array_size(allowed); i++) {
		const char *c = json_string_value(json_array_get(allowed, i));

		for (k = 0; k < ad->names_n; k++)
			if (c != NULL && strcmp(c, ad->names[k]) == 0)
				break;
		if (k == ad->names_n)
			return false;
	}
	return true;
}

static void
tenant_clusters(void *priv, enum err e, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct admin *ad;
	json_t *js;
	bool known;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (key != NULL) {
		admin_listed(ad, e, key, keylen, sizeof META_CLUSTER - 1);
		return;
	}
	if (e != ERR_OK) {
		admin_end(ad, ERR_METADATA, NULL);
		return;
	}
	js = admin_parse(ad->op->text);
	AN(js); /* it was parsed before */
	known = clusters_known(ad, json_object_get(js, "allowedClusters"));
	json_decref(js);
	if (!known)
		admin_end(ad, ERR_PRECONDITION, "Clusters do not exist");
	else
		admin_get(ad, META_TENANT, ad->op->topic, tenant_checked);
}

static void
tenant_put(struct admin *ad)
{
	json_t *js, *allowed;
	bool some;

	if (ad->op->text.len > ADMIN_TEXT_MAX) {
		admin_end(ad, ERR_TOO_BIG, NULL);
		return;
	}
	js = admin_parse(ad->op->text);
	if (js == NULL && ad->op->text.len > 0) {
		admin_end(ad, ERR_INVALID_ARG, "Not a JSON object");
		return;
	}
	allowed = js != NULL ? json_object_get(js, "allowedClusters") : NULL;
	some = json_is_array(allowed) && json_array_size(allowed) > 0;
	json_decref(js);
	if (!some)
		admin_end(ad, ERR_PRECONDITION, "Clusters can not be empty");
	else
		admin_list(ad, META_CLUSTER, STR_NONE, 0, tenant_clusters);
}

static void
tenant_emptied(void *priv, enum err e, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct admin *ad;
	uint8_t k[META_KEY_MAX];
	struct meta_txn *tx;
	size_t n;

	(void)keylen;
	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (key != NULL) {
		ad->found = true;
		return;
	}
	if (e != ERR_OK) {
		admin_end(ad, ERR_METADATA, NULL);
		return;
	}
	if (ad->found) {
		admin_end(
		    ad, ERR_CONFLICT, "The tenant still has active namespaces");
		return;
	}
	tx = meta_txn_new();
	n = key_text(k, META_TENANT, ad->op->topic);
	meta_txn_expect(tx, k, n, true);
	meta_txn_del(tx, k, n);
	/* one may have been made since they were listed */
	n = key_text(k, META_NAMESPACE, ad->op->topic);
	k[n++] = '/';
	meta_txn_expect_none(tx, k, n);
	admin_commit(ad, &tx, tenant_written);
}

static void
tenant_to_delete(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_NO_KEY)
		admin_end(ad, ERR_NO_TENANT, "Tenant doesn't exist");
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else
		admin_list_below(
		    ad, META_NAMESPACE, ad->op->topic, 1, tenant_emptied);
}

void
admin_tenants(struct core *co, struct op **opp)
{
	struct admin *ad = admin_new(co, opp);

	if (ad->op->type == OP_TENANT_LIST) {
		admin_list(ad, META_TENANT, STR_NONE, 0, tenant_listed);
		return;
	}
	if (!name_is_valid_entity(ad->op->topic)) {
		admin_end(ad, ERR_PRECONDITION, "Tenant name is not valid");
		return;
	}
	switch (ad->op->type) {
	case OP_TENANT_GET:
		admin_get(ad, META_TENANT, ad->op->topic, tenant_got);
		break;
	case OP_TENANT_PUT:
		tenant_put(ad);
		break;
	case OP_TENANT_DELETE:
		admin_get(ad, META_TENANT, ad->op->topic, tenant_to_delete);
		break;
	default:
		WRONG("not an op of tenants");
	}
}
