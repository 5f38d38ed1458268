/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /metrics: the process's counters and every loaded topic's figures, the
 * latter gathered from all shards in slices, so that no shard is held up. All
 * samples of a name stand together, which is why each name has its own text
 * until the end.
 */
#include "http/handlers.h"
#include "http/rip46.h"

#define SLICE 256 /* topics of a shard at a time */

static const char *const topic_names[] = {
#define TOPIC_METRIC(name, value) name,
#include "http/tbl/topic_metric.h"
};

static const char *const sub_names[] = {
#define SUB_METRIC(name, value) name,
#include "http/tbl/topic_metric.h"
};

#define FAMILIES (NELEM(topic_names) + NELEM(sub_names))

struct totals {
	uint64_t topics, subs, producers, consumers;
	uint64_t in_bytes, out_bytes, backlog, storage;
	struct rate in, out;
};

struct ns_count {
	char *name;
	uint64_t topics;
};

struct scrape {
	struct strbuf text[FAMILIES];
	struct totals totals;
	struct map by_ns; /* struct ns_count */
	struct rip46 *rip46; /* the same under RocketMQ's names */
	unsigned shards_n;
	char **after; /* of each shard; NULL: done */
	unsigned *asked; /* shard of each answer */
};

static void
scrape_free(void *priv)
{
	struct scrape *sc = priv;
	struct ns_count *nc;
	unsigned i;

	for (i = 0; i < FAMILIES; i++)
		strbuf_fini(&sc->text[i]);
	while ((nc = map_pop(&sc->by_ns)) != NULL) {
		mem_free(nc->name);
		mem_free(nc);
	}
	map_fini(&sc->by_ns);
	rip46_free(&sc->rip46);
	for (i = 0; i < sc->shards_n; i++)
		mem_free(sc->after[i]);
	mem_free(sc->after);
	mem_free(sc->asked);
	mem_free(sc);
}

/* --- one topic -------------------------------------------------------------------- */

static uint64_t
consumers_of(const struct topic_stats *t)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < t->subs_n; i++)
		n += t->subs[i].consumers_n;
	return n;
}

static uint64_t
backlog_of(const struct topic_stats *t)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < t->subs_n; i++)
		n += t->subs[i].backlog_entries;
	return n;
}

struct labels {
	const char *cluster, *ns, *topic, *sub;
};

static void
sample(struct strbuf *sb, const char *name, const struct labels *l, double v)
{
	prom_begin(sb, name);
	prom_label(sb, "cluster", l->cluster);
	if (l->ns != NULL)
		prom_label(sb, "namespace", l->ns);
	if (l->topic != NULL)
		prom_label(sb, "topic", l->topic);
	if (l->sub != NULL)
		prom_label(sb, "subscription", l->sub);
	prom_end_double(sb, v);
}

static void
count_ns(struct scrape *sc, const char *ns)
{
	struct ns_count *nc = map_get(&sc->by_ns, ns, strlen(ns));

	if (nc == NULL) {
		nc = mem_zalloc(sizeof(*nc));
		nc->name = mem_strdup(ns);
		if (map_add(&sc->by_ns, nc->name, strlen(ns), nc) != ERR_OK)
			WRONG("namespaces without end");
	}
	nc->topics++;
}

static void
add_totals(struct totals *b, const struct topic_stats *t)
{
	b->topics++;
	b->subs += t->subs_n;
	b->producers += t->producers_n;
	b->consumers += consumers_of(t);
	b->in_bytes += t->in_bytes;
	b->out_bytes += t->out_bytes;
	b->backlog += backlog_of(t);
	b->storage += t->storage_bytes;
	b->in.msg += t->in.msg;
	b->in.bytes += t->in.bytes;
	b->out.msg += t->out.msg;
	b->out.bytes += t->out.bytes;
}

static void
add_topic(struct req *rq, const struct topic_stats *t)
{
	const double tv[] = {
#define TOPIC_METRIC(name, value) (double)(value),
#include "http/tbl/topic_metric.h"
	};
	struct scrape *sc = rq->keep;
	struct labels l = { .cluster = rq->h->conf.cluster };
	const struct sub_stats *s;
	struct topic_name tn;
	unsigned i;
	uint32_t k;
	char *ns;

	if (topic_name_parse(&tn, str_of(t->name)) != ERR_OK)
		return;
	ns = mem_strndup(tn.ns.p, tn.ns.len);
	rip46_add(sc->rip46, &tn, t);
	topic_name_fini(&tn);
	l.ns = ns;
	l.topic = t->name;
	count_ns(sc, ns);
	add_totals(&sc->totals, t);
	for (i = 0; i < NELEM(topic_names); i++)
		sample(&sc->text[i], topic_names[i], &l, tv[i]);
	for (k = 0; k < t->subs_n; k++) {
		s = &t->subs[k];
		const double sv[] = {
#define SUB_METRIC(name, value) (double)(value),
#include "http/tbl/topic_metric.h"
		};

		l.sub = s->name;
		for (i = 0; i < NELEM(sub_names); i++)
			sample(&sc->text[i + NELEM(topic_names)], sub_names[i],
			    &l, sv[i]);
	}
	mem_free(ns);
}

/* --- the page --------------------------------------------------------------------- */

static void
add_one(struct req *rq, const char *name, double v)
{
	struct labels l = { .cluster = rq->h->conf.cluster };

	prom_head(&rq->out, name, METRIC_GAUGE, NULL);
	sample(&rq->out, name, &l, v);
}

static int64_t
sum(const struct req *rq, enum metric id)
{
	return metrics_sum(rq->h->conf.metrics, rq->h->conf.metrics_n, id);
}

static void
add_connection(struct req *rq, const char *name, int64_t n)
{
	prom_head(&rq->out, name, METRIC_GAUGE, NULL);
	prom_begin(&rq->out, name);
	prom_label(&rq->out, "cluster", rq->h->conf.cluster);
	prom_label(&rq->out, "metric", "broker_connection");
	prom_end_i64(&rq->out, n);
}

static void
add_connections(struct req *rq)
{
	int64_t closed = 0;

#define CLOSE(name, counter, is_error, text) closed += sum(rq, M_CLOSED_##name);
#include "base/tbl/close.h"
	add_connection(rq, "pulsar_active_connections", sum(rq, M_CONN_ACTIVE));
	add_connection(rq, "pulsar_connection_created_total_count",
	    sum(rq, M_CONN_OPENED));
	add_connection(rq, "pulsar_connection_closed_total_count", closed);
	add_one(rq, "pulsar_broker_lookup_answers_total",
	    (double)sum(rq, M_LOOKUPS));
}

static void
add_broker(struct req *rq, const struct totals *b)
{
	static const char *const names[] = {
#define BROKER_METRIC(name, value) name,
#include "http/tbl/topic_metric.h"
	};
	const double v[] = {
#define BROKER_METRIC(name, value) (double)(value),
#include "http/tbl/topic_metric.h"
	};
	size_t i;

	for (i = 0; i < NELEM(names); i++)
		add_one(rq, names[i], v[i]);
}

static void
answer(struct req *rq)
{
	struct scrape *sc = rq->keep;
	struct labels l = { .cluster = rq->h->conf.cluster };
	struct strbuf *out = &rq->out;
	const struct ns_count *nc;
	size_t it;
	unsigned i;

	metrics_text(out, rq->h->conf.metrics, rq->h->conf.metrics_n);
	prom_head(out, "pulsar_version_info", METRIC_GAUGE, NULL);
	prom_begin(out, "pulsar_version_info");
	prom_label(out, "cluster", l.cluster);
	prom_label(out, "version", rq->h->conf.version);
	prom_end_i64(out, 1);
	add_connections(rq);
	add_broker(rq, &sc->totals);
	prom_head(out, "pulsar_topics_count", METRIC_GAUGE, NULL);
	MAP_FOREACH(nc, &sc->by_ns, it) {
		l.ns = nc->name;
		sample(out, "pulsar_topics_count", &l, (double)nc->topics);
	}
	for (i = 0; i < FAMILIES; i++) {
		if (strbuf_err(&sc->text[i]) != ERR_OK) {
			req_error(rq, 503, "The answer is too large");
			return;
		}
		if (sc->text[i].len == 0)
			continue;
		prom_head(out,
		    i < NELEM(topic_names) ? topic_names[i] :
					     sub_names[i - NELEM(topic_names)],
		    METRIC_GAUGE, NULL);
		strbuf_add(out, sc->text[i].p, sc->text[i].len);
	}
	rip46_text(sc->rip46, out);
	req_text(rq, "text/plain; version=0.0.4; charset=utf-8");
}

static void
ask(struct req *rq)
{
	struct scrape *sc = rq->keep;
	struct op *op;
	unsigned i;

	req_clear(rq);
	for (i = 0; i < sc->shards_n; i++) {
		if (sc->after[i] == NULL)
			continue;
		sc->asked[rq->ans_n] = i;
		op = req_op(rq, OP_STATS_WALK, str_of(sc->after[i]));
		op->u32 = SLICE;
		req_send_to(rq, i, &op);
	}
}

static void
slice(struct req *rq)
{
	struct scrape *sc = rq->keep;
	struct fx *fx;
	unsigned i;
	uint32_t k;
	char **after;

	if (req_any_failed(rq))
		return;
	for (i = 0; i < rq->ans_n; i++) {
		fx = rq->ans[i];
		for (k = 0; k < fx->stats_n; k++)
			add_topic(rq, fx->stats_list[k]);
		after = &sc->after[sc->asked[i]];
		mem_free(*after);
		*after = fx->stats_n < SLICE ?
		    NULL :
		    mem_strdup(fx->stats_list[fx->stats_n - 1]->name);
	}
	ask(rq);
	if (rq->ans_n == 0)
		answer(rq);
	else
		req_then(rq, slice);
}

void
h_get_metrics(struct req *rq)
{
	struct scrape *sc = mem_zalloc(sizeof(*sc));
	unsigned i;

	sc->shards_n = rq->h->router->shards_n;
	sc->after = mem_calloc(sc->shards_n, sizeof(*sc->after));
	sc->asked = mem_calloc(sc->shards_n, sizeof(*sc->asked));
	for (i = 0; i < sc->shards_n; i++)
		sc->after[i] = mem_strdup("");
	for (i = 0; i < FAMILIES; i++)
		strbuf_init(&sc->text[i], HTTP_REPLY_MAX);
	map_init(&sc->by_ns, 0, 1u << 24);
	sc->rip46 = rip46_new(&rq->h->conf);
	req_keep(rq, sc, scrape_free);
	ask(rq);
	req_then(rq, slice);
}
