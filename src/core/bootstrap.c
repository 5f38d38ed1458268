/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a directory must have before anybody can use it, as Pulsar's standalone
 * makes it: the cluster, tenants public and pulsar, and a namespace of each.
 * What is there already stays as it is.
 */
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/core.h"
#include "core/name.h"

#define DOC_MAX 4096u

struct boot {
	struct meta *meta;
	struct meta_txn *tx;
	unsigned n; /* keys that are missing */
};

static enum err
add_missing(
    struct boot *b, const char *prefix, const char *name, const char *doc)
{
	struct strbuf key;
	void *val = NULL;
	size_t len;
	enum err e;

	strbuf_init(&key, META_KEY_MAX);
	strbuf_adds(&key, prefix);
	strbuf_adds(&key, name);
	e = strbuf_err(&key);
	if (e == ERR_OK)
		e = b->meta->ops->get_now(
		    b->meta, strbuf_str(&key), key.len, &val, &len);
	if (e == ERR_NO_KEY) {
		meta_txn_put(
		    b->tx, strbuf_str(&key), key.len, doc, strlen(doc));
		b->n++;
		e = ERR_OK;
	}
	mem_free(val);
	strbuf_fini(&key);
	return e;
}

/* {<head>"<member>":["<cluster>"]} */
static void
doc_of(struct strbuf *sb, const char *head, const char *member,
    const char *cluster)
{
	strbuf_reset(sb);
	strbuf_addf(sb, "{%s\"%s\":[\"", head, member);
	strbuf_add_json(sb, cluster, strlen(cluster));
	strbuf_adds(sb, "\"]}");
}

static enum err
fill(struct boot *b, const char *cluster, struct strbuf *doc)
{
	static const char *const tenants[] = { "public", "pulsar" };
	static const char *const namespaces[] = { "public/default",
		"pulsar/system" };
	enum err e;
	size_t i;

	e = add_missing(b, META_CLUSTER, cluster, "{}");
	doc_of(doc, "\"adminRoles\":[],", "allowedClusters", cluster);
	if (e == ERR_OK)
		e = strbuf_err(doc);
	for (i = 0; e == ERR_OK && i < sizeof tenants / sizeof tenants[0]; i++)
		e = add_missing(b, META_TENANT, tenants[i], strbuf_str(doc));
	doc_of(doc, "", "replication_clusters", cluster);
	for (i = 0; e == ERR_OK && i < sizeof namespaces / sizeof namespaces[0];
	     i++)
		e = add_missing(
		    b, META_NAMESPACE, namespaces[i], strbuf_str(doc));
	return e;
}

enum err
core_bootstrap(struct meta *meta, const struct core_conf *conf)
{
	struct boot b = { .meta = meta };
	struct strbuf doc;
	enum err e;

	CHECK_OBJ_NOTNULL(meta, META_MAGIC);
	if (!name_is_valid_entity(str_of(conf->cluster)))
		return ERR_INVALID_NAME;
	b.tx = meta_txn_new();
	strbuf_init(&doc, DOC_MAX);
	e = fill(&b, conf->cluster, &doc);
	strbuf_fini(&doc);
	if (e == ERR_OK && b.n > 0)
		return meta->ops->commit_now(meta, &b.tx);
	meta_txn_free(&b.tx);
	return e;
}
