/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to what authorization goes by. Patches are carried out by shard 0, one
 * after another: read, merge, commit, and then every shard reads the record again
 * before the change is answered.
 */
#include "base/json.h"
#include "core/admin_priv.h"
#include "core/authz_priv.h"

#define LINE_MAX_OPS 10000u
#define SPREAD_TAG 0x5a10ad
#define GONE_TAG 0x90e

/* --- a record was read again ------------------------------------------------------ */

static void
changed(struct core *co)
{
	struct fx *fx;

	fx = fx_new(FX_AUTHZ_CHANGED,
	    (struct dest){
		.kind = DEST_INTERNAL, .shard = (uint16_t)co->conf.shard });
	core_emit(co, &fx);
}

void
authz_reread(struct core *co, const char *prefix, struct str name, enum err e,
    struct str val)
{
	uint8_t key[META_KEY_MAX];
	size_t n = key_text(key, prefix, name);

	if (e != ERR_OK && e != ERR_NO_KEY)
		return;
	if (authz_apply(co->authz, (struct str){ (const char *)key, n },
		e == ERR_OK ? val : STR_NONE))
		changed(co);
}

void
authz_set_conf(struct core *co, const struct authz_conf *conf)
{
	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	authz_configure(co->authz, conf);
	changed(co);
}

void
authz_set_roles(struct core *co, const json_t *roles)
{
	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	authz_give(co->authz, roles);
	changed(co);
}

static const char *
prefix_of(const struct admin *ad)
{
	switch (ad->op->type) {
	case OP_TENANT_REFRESH:
	case OP_TENANT_PUT:
	case OP_TENANT_DELETE:
		return META_TENANT;
	case OP_NS_PATCH:
	case OP_NS_PUT:
	case OP_NS_DELETE:
		return META_NAMESPACE;
	default:
		return META_ROLE;
	}
}

static void
refreshed(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	authz_reread(
	    ad->co, prefix_of(ad), ad->op->topic, e, (struct str){ val, len });
	admin_end(
	    ad, e == ERR_OK || e == ERR_NO_KEY ? ERR_OK : ERR_METADATA, NULL);
}

/* --- every shard ------------------------------------------------------------------ */

void
admin_spread(
    struct admin *ad, enum op_type refresh, void (*next)(struct admin *))
{
	struct core *co = ad->co;
	struct op *op;
	unsigned i, n;

	CHECK_OBJ_NOTNULL(ad, ADMIN_MAGIC);
	ad->next = next;
	ad->spread = ++co->spread_seq;
	n = co->out->post != NULL ? co->conf.shards_n : 1;
	ad->left = n;
	/* the last answer may end ad */
	for (i = 0; i < n; i++) {
		op = op_new(refresh,
		    (struct dest){ .kind = DEST_INTERNAL,
			.shard = (uint16_t)co->conf.shard,
			.conn = co->spread_seq,
			.tag = SPREAD_TAG });
		op->topic = op_str(op, ad->op->topic);
		if (i == n - 1)
			core_op(co, &op);
		else
			co->out->post(
			    co->out_priv, i < co->conf.shard ? i : i + 1, &op);
	}
}

static void gone_answered(struct core *, uint64_t seq);

void
authz_answered(struct core *co, const struct fx *fx)
{
	struct admin *ad;

	if (fx->dest.tag == GONE_TAG)
		gone_answered(co, fx->dest.conn);
	if (fx->dest.tag != SPREAD_TAG)
		return;
	LIST_FOREACH(ad, &co->admins, link)
		if (ad->spread == fx->dest.conn)
			break;
	if (ad == NULL)
		return;
	if (fx->err != ERR_OK)
		ad->err = fx->err;
	if (--ad->left == 0)
		ad->next(ad);
}

/* --- patches ---------------------------------------------------------------------- */

static void line_next(struct core *);

static void
patch_end(struct admin *ad, enum err e, const char *diag)
{
	struct core *co = ad->co;

	if (diag != NULL)
		admin_end(ad, e, "%s", diag);
	else
		admin_end(ad, e, NULL);
	co->authz->busy = false;
	line_next(co);
}

static void
patch_spread(struct admin *ad)
{
	patch_end(ad, ad->err != ERR_OK ? ERR_METADATA : ERR_OK, NULL);
}

static void
patch_written(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e == ERR_OK)
		admin_spread(ad,
		    ad->op->type == OP_NS_PATCH ? OP_NS_REFRESH :
						  OP_ROLE_REFRESH,
		    patch_spread);
	else if (e == ERR_CONFLICT)
		patch_end(ad, e, "Concurrent modification");
	else
		patch_end(ad, ERR_METADATA, NULL);
}

/* RFC 7386, into an object. */
static void
merge(json_t *into, json_t *patch, unsigned depth)
{
	const char *key;
	json_t *v, *old;

	json_object_foreach(patch, key, v)
	{
		if (json_is_null(v)) {
			(void)json_object_del(into, key);
			continue;
		}
		if (!json_is_object(v) || depth == 0) {
			AZ(json_object_set(into, key, v));
			continue;
		}
		old = json_object_get(into, key);
		if (!json_is_object(old)) {
			old = json_object();
			AZ(json_object_set_new(into, key, old));
		}
		merge(old, v, depth - 1);
	}
}

#define MERGE_DEPTH 16u

static void
patch_write(struct admin *ad, bool there)
{
	struct meta_txn *tx = meta_txn_new();
	const char *prefix = prefix_of(ad);
	uint8_t key[META_KEY_MAX];
	size_t n = key_text(key, prefix, ad->op->topic);

	meta_txn_expect(tx, key, n, there);
	if (ad->op->type == OP_ROLE_DELETE)
		meta_txn_del(tx, key, n);
	else
		meta_txn_put(tx, key, n, ad->text, strlen(ad->text));
	admin_commit(ad, &tx, patch_written);
}

/* An access key's patch (NULL: it goes) as the role's; NULL: answered. */
static json_t *
key_patch(struct admin *ad, json_t *doc, json_t *patch)
{
	const struct authz *az = ad->co->authz;
	struct str id = ad->op->sub, role;
	json_t *keys = json_object_get(doc, "keys"), *all;
	bool there = json_object_getn(keys, id.p, id.len) != NULL;

	if (id.len == 0)
		patch_end(ad, ERR_INVALID_ARG, "An access key needs a name");
	else if (!ad->op->flag && !there)
		patch_end(ad, ERR_NO_KEY, "The role has no such access key");
	else if (ad->op->flag &&
	    (there || authz_role(az, id) != NULL ||
		authz_key(az, id, &role) != NULL))
		patch_end(ad, ERR_EXISTS, "The access key exists already");
	else if (ad->op->flag && json_object_size(keys) >= AUTHZ_KEYS_MAX)
		patch_end(
		    ad, ERR_PRECONDITION, "The role has too many access keys");
	else {
		all = json_object();
		keys = json_object();
		AZ(json_object_setn_new(keys, id.p, id.len,
		    patch != NULL ? json_incref(patch) : json_null()));
		AZ(json_object_set_new(all, "keys", keys));
		return all;
	}
	return NULL;
}

static void
patch_merge(struct admin *ad, const void *val, size_t len)
{
	json_t *doc = NULL, *patch = NULL, *of_key;
	bool is_key = ad->op->type == OP_ROLE_KEY;

	if (val != NULL)
		doc = json_loadb(val, len, 0, NULL);
	if (!json_is_object(doc)) {
		json_decref(doc);
		doc = json_object();
	}
	if (!is_key || ad->op->text.len > 0) {
		patch = admin_parse(ad->op->text);
		if (patch == NULL) {
			json_decref(doc);
			patch_end(ad, ERR_INVALID_ARG, "Not a JSON object");
			return;
		}
	}
	if (is_key) {
		of_key = key_patch(ad, doc, patch);
		json_decref(patch);
		patch = of_key;
	}
	if (patch != NULL) {
		merge(doc, patch, MERGE_DEPTH);
		admin_set_text(ad, doc);
		json_decref(patch);
	}
	json_decref(doc);
	if (patch == NULL)
		return;
	if (strlen(ad->text) > ADMIN_TEXT_MAX)
		patch_end(ad, ERR_TOO_BIG, "The document is too large");
	else
		patch_write(ad, val != NULL);
}

/* Is it still of use to somebody? */
static bool
is_granted(const struct authz *az, struct str role)
{
	return authz_has_grants(az, role) ||
	    json_object_size(json_object_get(authz_role(az, role), "rules")) >
	    0;
}

static void
patch_read(void *priv, enum err e, const void *val, size_t len)
{
	struct admin *ad;
	const struct op *op;
	struct str role;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	op = ad->op;
	if (e != ERR_OK && e != ERR_NO_KEY)
		patch_end(ad, ERR_METADATA, NULL);
	else if (e == ERR_OK && op->flag && op->type == OP_ROLE_PATCH)
		patch_end(ad, ERR_EXISTS, "The role exists already");
	else if (e == ERR_NO_KEY && op->type == OP_NS_PATCH)
		patch_end(ad, ERR_NO_NAMESPACE, "Namespace does not exist");
	else if (e == ERR_NO_KEY && (op->flag2 || op->type != OP_ROLE_PATCH))
		patch_end(ad, ERR_NO_KEY, "The role does not exist");
	else if (e == ERR_NO_KEY &&
	    authz_key(ad->co->authz, op->topic, &role) != NULL)
		patch_end(ad, ERR_EXISTS, "An access key has this name");
	else if (op->type == OP_ROLE_DELETE && op->flag &&
	    is_granted(ad->co->authz, op->topic))
		patch_end(ad, ERR_CONFLICT, "The role has permissions still");
	else if (op->type == OP_ROLE_DELETE)
		patch_write(ad, true);
	else
		patch_merge(ad, e == ERR_OK ? val : NULL, len);
}

static void
patch_start(struct core *co, struct op *op)
{
	struct admin *ad = admin_new(co, &op);

	co->authz->busy = true;
	if (ad->op->topic.len == 0 ||
	    memchr(ad->op->topic.p, 0, ad->op->topic.len) != NULL)
		patch_end(ad, ERR_INVALID_NAME, "A role needs a name");
	else if (ad->op->type == OP_NS_PATCH &&
	    !name_is_valid_namespace(ad->op->topic))
		patch_end(ad, ERR_PRECONDITION, "Namespace name is not valid");
	else
		admin_get(ad, prefix_of(ad), ad->op->topic, patch_read);
}

static void
line_next(struct core *co)
{
	struct authz *az = co->authz;
	struct op *op = az->line.head;

	if (az->busy || op == NULL)
		return;
	az->line.head = (struct op *)op->link.next;
	if (az->line.head == NULL)
		az->line.tail = NULL;
	az->line_n--;
	op->link.next = NULL;
	patch_start(co, op);
}

void
authz_op(struct core *co, struct op **opp)
{
	struct authz *az = co->authz;
	struct op *op = *opp;

	if (op->type == OP_ROLE_REFRESH || op->type == OP_TENANT_REFRESH) {
		struct admin *ad = admin_new(co, opp);

		admin_get(ad, prefix_of(ad), ad->op->topic, refreshed);
		return;
	}
	assert(co->conf.shard == 0);
	if (az->line_n >= LINE_MAX_OPS) {
		core_answer(co, opp, ERR_BUSY, NULL);
		return;
	}
	*opp = NULL;
	op->link.next = NULL;
	if (az->line.tail != NULL)
		az->line.tail->link.next = &op->link;
	else
		az->line.head = op;
	az->line.tail = op;
	az->line_n++;
	line_next(co);
}

/* --- start ------------------------------------------------------------------------ */

struct load {
	struct authz *az;
	enum err err;
};

static void
loaded(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct load *l = priv;

	if (key != NULL)
		(void)authz_apply(l->az, (struct str){ key, keylen },
		    (struct str){ val, len });
	else
		l->err = e;
}

enum err
authz_load(struct core *co)
{
	static const char *const prefixes[] = { META_ROLE, META_NAMESPACE,
		META_TENANT };
	struct load l;
	enum err e = ERR_OK;
	size_t i;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	l = (struct load){ .az = co->authz };
	for (i = 0; e == ERR_OK && i < sizeof prefixes / sizeof *prefixes;
	     i++) {
		l.err = ERR_OK;
		e = co->meta->ops->list_now(
		    co->meta, prefixes[i], strlen(prefixes[i]), loaded, &l);
		if (e == ERR_OK)
			e = l.err;
	}
	return e;
}

/* --- topics that go ---------------------------------------------------------------- */

static void
gone_answered(struct core *co, uint64_t seq)
{
	struct authz_gone *g;

	LIST_FOREACH(g, &co->authz->gone, link)
		if (g->seq == seq)
			break;
	if (g == NULL)
		return;
	LIST_REMOVE(g, link);
	g->done(g->priv);
	mem_free(g);
}

/* {name: null} of each name of the topic, or of a partition, that has grants */
static json_t *
gone_names(const struct authz *az, const struct topic_name *tn)
{
	const struct authz_space *sp =
	    map_get(&az->spaces, tn->ns.p, tn->ns.len);
	json_t *names = json_object();
	struct str t;
	uint32_t i;

	for (i = 0; sp != NULL && i < sp->grants_n; i++) {
		t = sp->grants[i].topic;
		if (str_eq(topic_name_base(t), tn->full))
			AZ(json_object_setn_new(
			    names, t.p, t.len, json_null()));
	}
	return names;
}

static struct op *
gone_op(struct core *co, const struct topic_name *tn, uint64_t seq)
{
	json_t *topics = gone_names(co->authz, tn), *patch;
	struct op *op;
	char *text;

	patch =
	    json_pack("{s:{s:o}}", "auth_policies", "destination_auth", topics);
	AN(patch);
	text = json_write(patch, NULL);
	json_decref(patch);
	op = op_new(OP_NS_PATCH,
	    (struct dest){ .kind = DEST_INTERNAL,
		.shard = (uint16_t)co->conf.shard,
		.conn = seq,
		.tag = GONE_TAG });
	op->topic = op_str(op, tn->ns);
	op->text = op_str(op, str_of(text));
	mem_free(text);
	return op;
}

void
authz_topic_gone(struct core *co, const struct topic_name *tn,
    authz_gone_f *done, void *priv)
{
	struct authz *az = co->authz;
	struct authz_gone *g;
	struct op *op;

	if (tn->partition >= 0 ||
	    !authz_has_topic_grants(az, tn->ns, tn->full)) {
		done(priv);
		return;
	}
	g = mem_zalloc(sizeof *g);
	g->seq = ++az->gone_seq;
	g->done = done;
	g->priv = priv;
	LIST_INSERT_HEAD(&az->gone, g, link);
	op = gone_op(co, tn, g->seq);
	if (co->conf.shard == 0)
		core_op(co, &op);
	else
		co->out->post(co->out_priv, 0, &op);
}
