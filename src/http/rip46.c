/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histo.h"
#include "base/map.h"
#include "base/miniobj.h"
#include "format/rmq_name.h"
#include "http/rip46.h"

#define NAMES_MAX (1u << 24)

struct rip_topic {
	char *name;
	uint64_t in_messages, in_bytes, out_messages, out_bytes;
};

struct rip_group {
	char *key; /* topic, NUL, group */
	const char *topic, *group; /* in it */
	uint64_t lag, inflight;
};

struct rip46 {
	unsigned magic;
#define RIP46_MAGIC 0x417e9046
	const struct http_conf *conf;
	struct map topics, groups;
};

struct rip46 *
rip46_new(const struct http_conf *conf)
{
	struct rip46 *rp;

	ALLOC_OBJ(rp, RIP46_MAGIC);
	rp->conf = conf;
	map_init(&rp->topics, 0, NAMES_MAX);
	map_init(&rp->groups, 0, NAMES_MAX);
	return rp;
}

void
rip46_free(struct rip46 **rpp)
{
	struct rip_topic *t;
	struct rip_group *g;
	struct rip46 *rp;

	TAKE_OBJ_NOTNULL(rp, rpp, RIP46_MAGIC);
	while ((t = map_pop(&rp->topics)) != NULL) {
		mem_free(t->name);
		mem_free(t);
	}
	while ((g = map_pop(&rp->groups)) != NULL) {
		mem_free(g->key);
		mem_free(g);
	}
	map_fini(&rp->topics);
	map_fini(&rp->groups);
	FREE_OBJ(rp);
}

/* --- one queue ---------------------------------------------------------------- */

static struct rip_topic *
topic_of(struct rip46 *rp, const char *name)
{
	struct rip_topic *t = map_get(&rp->topics, name, strlen(name));

	if (t != NULL)
		return t;
	t = mem_zalloc(sizeof *t);
	t->name = mem_strdup(name);
	if (map_add(&rp->topics, t->name, strlen(name), t) != ERR_OK)
		WRONG("topics without end");
	return t;
}

static struct rip_group *
group_of(struct rip46 *rp, const char *topic, const char *group)
{
	size_t n = strlen(topic) + 1, len = n + strlen(group);
	char *key = mem_alloc(len + 1);
	struct rip_group *g;

	memcpy(key, topic, n);
	memcpy(key + n, group, len + 1 - n);
	g = map_get(&rp->groups, key, len);
	if (g != NULL) {
		mem_free(key);
		return g;
	}
	g = mem_zalloc(sizeof *g);
	g->key = key;
	g->topic = key;
	g->group = key + n;
	if (map_add(&rp->groups, key, len, g) != ERR_OK)
		WRONG("groups without end");
	return g;
}

static void
add(struct rip46 *rp, const char *name, const struct topic_stats *s)
{
	const struct sub_stats *sub;
	struct rip_topic *t;
	struct rip_group *g;
	uint32_t i;

	/* what comes back is no message that comes in, as in the reference */
	if (!rmq_name_is_retry(str_of(name)) &&
	    !rmq_name_is_dlq(str_of(name))) {
		t = topic_of(rp, name);
		t->in_messages += s->in_messages;
		t->in_bytes += s->in_bytes;
		t->out_messages += s->out_messages;
		t->out_bytes += s->out_bytes;
	}
	for (i = 0; i < s->subs_n; i++) {
		sub = &s->subs[i];
		if (!sub->durable)
			continue;
		g = group_of(rp, name, sub->name);
		g->lag += sub->backlog;
		/* what expires meanwhile is in neither */
		g->inflight +=
		    sub->unacked < sub->backlog ? sub->unacked : sub->backlog;
	}
}

void
rip46_add(
    struct rip46 *rp, const struct topic_name *tn, const struct topic_stats *s)
{
	const struct http_conf *conf = rp->conf;
	struct str local = tn->local;
	char *name;

	CHECK_OBJ_NOTNULL(rp, RIP46_MAGIC);
	if (conf->rocketmq.cluster == NULL || !tn->persistent ||
	    !str_eq(tn->tenant, str_of(conf->rocketmq.tenant)) ||
	    topic_name_is_system(tn))
		return;
	local.len -= tn->full.len - tn->base.len;
	name = rmq_name_make(tn->ns_local, local, str_of(conf->rocketmq.ns));
	add(rp, name, s);
	mem_free(name);
}

/* --- the page ----------------------------------------------------------------- */

static void
begin(const struct rip46 *rp, struct strbuf *out, const char *name)
{
	prom_begin(out, name);
	prom_label(out, "cluster", rp->conf->rocketmq.cluster);
	prom_label(out, "node_type", "broker");
	prom_label(out, "node_id", rp->conf->rocketmq.broker);
}

static void
topic_text(const struct rip46 *rp, struct strbuf *out, const char *name,
    const struct rip_topic *t, uint64_t v)
{
	begin(rp, out, name);
	prom_label(out, "topic", t->name);
	prom_end_i64(out, (int64_t)v);
}

static void
group_text(const struct rip46 *rp, struct strbuf *out, const char *name,
    const struct rip_group *g, uint64_t v)
{
	begin(rp, out, name);
	prom_label(out, "topic", g->topic);
	prom_label(out, "consumer_group", g->group);
	prom_label(out, "is_retry",
	    rmq_name_is_retry(str_of(g->topic)) ? "true" : "false");
	prom_end_i64(out, (int64_t)v);
}

static void
topics_text(const struct rip46 *rp, struct strbuf *out)
{
	const struct rip_topic *t;
	size_t it;

#define RIP_TOPIC(name, type, help, value)         \
	prom_head(out, name, METRIC_##type, help); \
	MAP_FOREACH(t, &rp->topics, it)            \
		topic_text(rp, out, name, t, (value));
#include "http/tbl/rip46.h"
}

static void
groups_text(const struct rip46 *rp, struct strbuf *out)
{
	const struct rip_group *g;
	size_t it;

#define RIP_GROUP(name, type, help, value)         \
	prom_head(out, name, METRIC_##type, help); \
	MAP_FOREACH(g, &rp->groups, it)            \
		group_text(rp, out, name, g, (value));
#include "http/tbl/rip46.h"
}

static void
broker_text(const struct rip46 *rp, struct strbuf *out)
{
	static const struct {
		const char *name, *help;
		enum metric_type type;
		enum metric id;
	} m[] = {
#define RIP_BROKER(name, type, help, id) { name, help, METRIC_##type, M_##id },
#include "http/tbl/rip46.h"
	};
	const struct http_conf *conf = rp->conf;
	size_t i;

	for (i = 0; i < NELEM(m); i++) {
		prom_head(out, m[i].name, m[i].type, m[i].help);
		begin(rp, out, m[i].name);
		prom_end_i64(
		    out, metrics_sum(conf->metrics, conf->metrics_n, m[i].id));
	}
}

static void
histos_text(const struct rip46 *rp, struct strbuf *out)
{
	const struct http_conf *conf = rp->conf;
	const char *const common[] = { "cluster", conf->rocketmq.cluster,
		"node_type", "broker", "node_id", conf->rocketmq.broker, NULL };
	int k;

	for (k = 0; k < H__MAX; k++)
		histo_text(out, conf->metrics, conf->metrics_n,
		    (enum histo_kind)k, common);
}

void
rip46_text(const struct rip46 *rp, struct strbuf *out)
{
	CHECK_OBJ_NOTNULL(rp, RIP46_MAGIC);
	if (rp->conf->rocketmq.cluster == NULL)
		return;
	broker_text(rp, out);
	topics_text(rp, out);
	groups_text(rp, out);
	histos_text(rp, out);
}
