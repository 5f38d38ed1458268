/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces. The texts are those of Pulsar's admin. */
#include "core/admin_priv.h"
#include "core/authz_priv.h"

static struct str
tenant_of(struct str ns)
{
	const char *slash = memchr(ns.p, '/', ns.len);

	AN(slash);
	return (struct str){ ns.p, (size_t)(slash - ns.p) };
}

/* --- list, get ---------------------------------------------------------------------- */

static void
listed(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	(void)val;
	(void)len;
	admin_listed(priv, e, key, keylen, sizeof META_NAMESPACE - 1);
}

static void
tenant_to_list(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_NO_KEY)
		admin_end(ad, ERR_NO_TENANT, "Tenant not found");
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else
		admin_list_below(ad, META_NAMESPACE, ad->op->topic, 0, listed);
}

static void
got(void *priv, enum err e, const void *val, size_t len)
{
	admin_got(
	    priv, e, val, len, ERR_NO_NAMESPACE, "Namespace does not exist");
}

static void
needed(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_NO_KEY)
		admin_end(ad, ERR_NO_NAMESPACE, "%s", ad->no_ns);
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else
		ad->next(ad);
}

void
admin_need_ns(struct admin *ad, const char *diag, void (*next)(struct admin *))
{
	ad->next = next;
	ad->no_ns = diag;
	admin_get(ad, META_NAMESPACE, ad->op->topic, needed);
}

/* --- put ---------------------------------------------------------------------------- */

/* Topics in memory take their policies anew. */
static void
refresh(struct core *co, struct str ns, const void *doc, size_t len)
{
	struct topic *t;
	size_t it;

	MAP_FOREACH(t, co->topics, it) {
		if (!str_eq(t->name.ns, ns))
			continue;
		policy_init(&t->policy, &co->conf);
		/* what can't be read leaves the broker's own */
		(void)policy_apply(&t->policy, &co->conf, doc, len);
		if (t->state == TOPIC_READY)
			topic_limits_changed(t);
	}
}

static void
refresh_got(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_OK)
		refresh(ad->co, ad->op->topic, val, len);
	authz_reread(
	    ad->co, META_NAMESPACE, ad->op->topic, e, (struct str){ val, len });
	admin_end(
	    ad, e == ERR_OK || e == ERR_NO_KEY ? ERR_OK : ERR_METADATA, NULL);
}

static void
spread(struct admin *ad)
{
	admin_end(ad, ad->err != ERR_OK ? ERR_METADATA : ERR_OK, NULL);
}

static void
written(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_OK)
		admin_spread(ad, OP_NS_REFRESH, spread);
	else
		admin_done(ad, e);
}

static void
write_ns(struct admin *ad)
{
	struct meta_txn *tx = meta_txn_new();
	struct str doc = ad->text != NULL ? str_of(ad->text) : ad->op->text;
	struct str ns = ad->op->topic;
	uint8_t key[META_KEY_MAX];
	size_t n;

	n = key_text(key, META_TENANT, tenant_of(ns));
	meta_txn_expect(tx, key, n, true);
	n = key_text(key, META_NAMESPACE, ns);
	meta_txn_expect(tx, key, n, !ad->op->flag);
	meta_txn_put(tx, key, n, doc.p, doc.len);
	admin_commit(ad, &tx, written);
}

/* One more than that, as in the reference */
static void
ns_counted(struct admin *ad)
{
	struct str tenant = tenant_of(ad->op->topic);

	if (ad->n > ad->co->conf.max_ns_tenant)
		admin_end(ad, ERR_PRECONDITION,
		    "Exceed the maximum number of namespace in tenant :%.*s",
		    (int)tenant.len, tenant.p);
	else
		write_ns(ad);
}

static void
ns_to_put(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e != ERR_OK && e != ERR_NO_KEY)
		admin_end(ad, ERR_METADATA, NULL);
	else if (ad->op->flag && e == ERR_OK)
		admin_end(ad, ERR_EXISTS, "Namespace already exists");
	else if (!ad->op->flag && e == ERR_NO_KEY)
		admin_end(ad, ERR_NO_NAMESPACE, "Namespace does not exist");
	else if (ad->op->flag && ad->co->conf.max_ns_tenant > 0)
		admin_count_below(ad, META_NAMESPACE, tenant_of(ad->op->topic),
		    ad->co->conf.max_ns_tenant + 1, ns_counted);
	else
		write_ns(ad);
}

static void
tenant_to_put(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_NO_KEY)
		admin_end(ad, ERR_NO_TENANT, "Tenant does not exist");
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else
		admin_get(ad, META_NAMESPACE, ad->op->topic, ns_to_put);
}

/* A new namespace lives in this cluster unless its policies say otherwise. */
static void
default_cluster(struct admin *ad, json_t *js)
{
	json_t *v = json_object_get(js, "replication_clusters");

	if (!ad->op->flag || json_array_size(v) > 0)
		return;
	v = json_array();
	AZ(json_array_append_new(v, json_string(ad->co->conf.cluster)));
	AZ(json_object_set_new(js, "replication_clusters", v));
	admin_set_text(ad, js);
}

static void
put(struct admin *ad)
{
	struct str text = ad->op->text;
	json_t *js;

	if (text.len > ADMIN_TEXT_MAX) {
		admin_end(ad, ERR_TOO_BIG, NULL);
		return;
	}
	js = text.len == 0 && ad->op->flag ? json_object() : admin_parse(text);
	if (js == NULL) {
		admin_end(ad, ERR_INVALID_ARG, "Not a JSON object");
		return;
	}
	default_cluster(ad, js);
	json_decref(js);
	admin_get(ad, META_TENANT, tenant_of(ad->op->topic), tenant_to_put);
}

/* --- delete ------------------------------------------------------------------------- */

/* Everything that could keep the namespace: its topics and partitioned topics. */
static const char *const below[] = { META_TOPIC, META_PARTITIONED "persistent/",
	META_PARTITIONED "non-persistent/" };
#define BELOW_N (sizeof below / sizeof below[0])

static bool
has_volatile(struct core *co, struct str ns)
{
	struct topic *t;
	size_t it;

	MAP_FOREACH(t, co->topics, it) {
		if (!t->name.persistent && str_eq(t->name.ns, ns))
			return true;
	}
	return false;
}

static void
delete_now(struct admin *ad)
{
	struct meta_txn *tx = meta_txn_new();
	uint8_t key[META_KEY_MAX];
	size_t n, i;

	n = key_text(key, META_NAMESPACE, ad->op->topic);
	meta_txn_expect(tx, key, n, true);
	meta_txn_del(tx, key, n);
	/* one may have been made since they were listed */
	for (i = 0; i < BELOW_N; i++) {
		n = key_text(key, below[i], ad->op->topic);
		key[n++] = '/';
		if (ad->op->flag && i > 0)
			meta_txn_del_prefix(tx, key, n);
		else
			meta_txn_expect_none(tx, key, n);
	}
	admin_commit(ad, &tx, written);
}

static void
emptied(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct admin *ad;
	size_t n;

	(void)keylen;
	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (key != NULL) {
		ad->found = true;
		return;
	}
	/* forced: records of partitioned topics go with it, topics don't */
	n = ad->op->flag ? 1 : BELOW_N;
	if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else if (ad->found || has_volatile(ad->co, ad->op->topic))
		admin_end(
		    ad, ERR_CONFLICT, "Cannot delete non empty namespace");
	else if (++ad->step < n)
		admin_list_below(
		    ad, below[ad->step], ad->op->topic, 1, emptied);
	else
		delete_now(ad);
}

static void
ns_to_delete(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_NO_KEY)
		admin_end(ad, ERR_NO_NAMESPACE,
		    "Namespace %.*s does not exist.", (int)ad->op->topic.len,
		    ad->op->topic.p);
	else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else
		admin_list_below(ad, below[0], ad->op->topic, 1, emptied);
}

/* --- all ------------------------------------------------------------------------------- */

void
admin_namespaces(struct core *co, struct op **opp)
{
	struct admin *ad = admin_new(co, opp);
	struct str name = ad->op->topic;

	if (ad->op->type == OP_NS_LIST) {
		if (!name_is_valid_entity(name))
			admin_end(
			    ad, ERR_PRECONDITION, "Tenant name is not valid");
		else
			admin_get(ad, META_TENANT, name, tenant_to_list);
		return;
	}
	if (!name_is_valid_namespace(name)) {
		admin_end(ad, ERR_PRECONDITION, "Namespace name is not valid");
		return;
	}
	switch (ad->op->type) {
	case OP_NS_GET:
		admin_get(ad, META_NAMESPACE, name, got);
		break;
	case OP_NS_PUT:
		put(ad);
		break;
	case OP_NS_REFRESH:
		admin_get(ad, META_NAMESPACE, name, refresh_got);
		break;
	case OP_NS_DELETE:
		admin_get(ad, META_NAMESPACE, name, ns_to_delete);
		break;
	default:
		WRONG("not an op of namespaces");
	}
}
