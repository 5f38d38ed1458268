/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/rmq.h"
#include "rocketmq/jscan.h"

#define SECOND INT64_C(1000000000)
#define ANSWER_S 30
#define BEAT_S 30
#define COMMIT_S 5
#define DEPTH 16 /* of JSON that we look into */
#define HEADER_MAX 65536
#define BODY_MAX (1 << 20) /* of an answer that is waited for */

void
rmq_scratch(struct rmq *rq, size_t n)
{
	if (rq->scratch.cap >= n)
		return;
	rq->scratch.cap = n;
	rq->scratch.p = mem_realloc(rq->scratch.p, n);
}

/* ---- requests that are waited for */

static void
put(struct bench *b, struct link *l, const void *body, size_t n, bool sign)
{
	struct rmq *rq = b->priv;
	struct rout *out = &rq->out;
	uint8_t *p;

	if (sign)
		rmq_sign_room(b);
	if (rout_end(out, n) != ERR_OK)
		die("a request's header is too long");
	p = link_room(l, out->sb.len + n);
	memcpy(p, out->sb.p, out->sb.len);
	if (n != 0)
		memcpy(p + out->sb.len, body, n);
	if (sign)
		rmq_sign_frame(b, p, out->sb.len + n);
	link_wrote(l, out->sb.len + n);
}

void
rmq_put(struct bench *b, struct link *l, const void *body, size_t n)
{
	put(b, l, body, n, true);
}

void
rmq_call_begin(struct bench *b, int32_t code)
{
	struct rmq *rq = b->priv;

	rq->answer.come = false;
	rout_begin(&rq->out, rq->type, code,
	    RMQ_FOR_CALL * RMQ_OPAQUE_STEP + ++rq->calls, 0, STR_NONE);
}

const struct rmq_answer *
rmq_call(struct bench *b, struct link *l, const void *body, size_t n,
    const char *what, const char *of, int32_t also)
{
	int64_t end = mono_ns() + ANSWER_S * SECOND;
	struct rmq *rq = b->priv;
	const struct rmq_answer *a = &rq->answer;

	rmq_put(b, l, body, n);
	link_flush(l);
	while (!a->come) {
		turn(b, end);
		if (mono_ns() >= end)
			die("%s %s: no answer in %d s", what, of, ANSWER_S);
	}
	if (a->code != RMQ_OK && a->code != also)
		die("%s %s: %d %s", what, of, a->code, a->remark);
	return a;
}

static void
on_answer(struct bench *b, const struct rheader *h, const struct rframe *fr)
{
	struct rmq *rq = b->priv;
	struct rmq_answer *a = &rq->answer;

	if (h->opaque != RMQ_FOR_CALL * RMQ_OPAQUE_STEP + rq->calls || a->come)
		die("an answer that nobody awaits: %d", h->opaque);
	a->come = true;
	a->code = h->code;
	a->offset = -1;
	if (rheader_i64(h, "offset", &a->offset) == ERR_INVALID_ARG)
		die("an offset that is no number");
	(void)snprintf(a->remark, sizeof a->remark, "%.*s", RMQ_REMARK(h));
	strbuf_reset(&a->body);
	strbuf_add(&a->body, fr->body, fr->body_n);
}

/* ---- routes */

/* The value of a member of a JSON object, as text; a string without its
 * quotes. */
static struct str
member(struct str json, const char *name)
{
	struct jscan js = { .p = json.p, .end = json.p + json.len };
	struct str key, raw;
	char mem[256];

	if (json.p == NULL || !jscan_take(&js, '{'))
		return STR_NONE;
	while (jscan_peek(&js) != '}') {
		js.out = mem;
		js.out_n = sizeof mem;
		if (jscan_peek(&js) == '"') {
			if (jscan_string(&js, &key) != ERR_OK)
				return STR_NONE;
		} else if (jscan_scalar(&js, &key) != ERR_OK)
			return STR_NONE;
		if (!jscan_take(&js, ':') ||
		    jscan_skip(&js, DEPTH, &raw) != ERR_OK)
			return STR_NONE;
		if (str_eq(key, str_of(name))) {
			if (raw.len >= 2 && raw.p[0] == '"')
				raw = (struct str){ raw.p + 1, raw.len - 2 };
			return raw;
		}
		(void)jscan_take(&js, ',');
	}
	return STR_NONE;
}

/* The first of the objects in a JSON array whose brokerName this is; any, if
 * name is none. */
static struct str
element(struct str json, struct str name)
{
	struct jscan js = { .p = json.p, .end = json.p + json.len };
	struct str raw;

	if (json.p == NULL || !jscan_take(&js, '['))
		return STR_NONE;
	while (jscan_peek(&js) == '{') {
		if (jscan_skip(&js, DEPTH, &raw) != ERR_OK)
			break;
		if (name.p == NULL || str_eq(member(raw, "brokerName"), name))
			return raw;
		(void)jscan_take(&js, ',');
	}
	return STR_NONE;
}

static void
copy(char *out, size_t room, struct str s, const char *what)
{
	if (s.p == NULL || s.len == 0 || s.len >= room)
		die("route: no %s", what);
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
}

/* Whose topic is it? The first broker that has it, and queues there. */
static unsigned
read_route(struct bench *b, const struct rmq_answer *a)
{
	struct rmq *rq = b->priv;
	struct str json = { a->body.p, a->body.len }, data, addr, s;
	int32_t reads, writes;
	const char *colon;

	data = element(member(json, "brokerDatas"),
	    rq->broker[0] != '\0' ? str_of(rq->broker) : STR_NONE);
	if (data.p == NULL)
		die("route: no broker in it");
	if (rq->broker[0] == '\0')
		copy(rq->broker, sizeof rq->broker, member(data, "brokerName"),
		    "broker's name");
	addr = member(member(data, "brokerAddrs"), "0");
	colon = addr.p == NULL ? NULL : memrchr(addr.p, ':', addr.len);
	if (colon == NULL)
		die("route: no master's address");
	s = (struct str){ addr.p, (size_t)(colon - addr.p) };
	copy(rq->host, sizeof rq->host, s, "host");
	s = (struct str){ colon + 1, addr.len - s.len - 1 };
	copy(rq->port, sizeof rq->port, s, "port");
	data = element(member(json, "queueDatas"), str_of(rq->broker));
	if (rtext_i32(member(data, "readQueueNums"), &reads) != ERR_OK ||
	    rtext_i32(member(data, "writeQueueNums"), &writes) != ERR_OK ||
	    reads < 1 || writes < 1)
		die("route: no number of queues");
	return (unsigned)(reads < writes ? reads : writes);
}

/* How many queues has it? 0: there is none. */
static unsigned
route(struct bench *b, const char *topic)
{
	struct rmq *rq = b->priv;
	const struct rmq_answer *a;

	rmq_call_begin(b, RMQ_ROUTE);
	rout_str(&rq->out, "topic", str_of(topic));
	rout_bool(&rq->out, "acceptStandardJsonOnly", true);
	a = rmq_call(
	    b, rq->ns, NULL, 0, "route of", topic, RMQ_TOPIC_NOT_EXIST);
	return a->code == RMQ_OK ? read_route(b, a) : 0;
}

/* ---- topics */

static void
create(struct bench *b, const struct rmq_topic *t)
{
	struct rmq *rq = b->priv;
	struct rout *out = &rq->out;

	rmq_call_begin(b, RMQ_CREATE_TOPIC);
	rout_str(out, "topic", str_of(t->name));
	rout_str(out, "defaultTopic", STR_LIT("TBW102"));
	rout_i64(out, "readQueueNums", b->o->queues);
	rout_i64(out, "writeQueueNums", b->o->queues);
	rout_i64(out, "perm", 6);
	rout_str(out, "topicFilterType", STR_LIT("SINGLE_TAG"));
	rout_i64(out, "topicSysFlag", 0);
	rout_bool(out, "order", false);
	(void)rmq_call(b, rq->admin, NULL, 0, "create topic", t->name, RMQ_OK);
}

/* As a client does that found no such topic: it sends, and says of which
 * topic the new one is to have its properties. Returns its queues, once the name
 * server knows them. */
static unsigned
create_by_send(struct bench *b, const struct rmq_topic *t)
{
	int64_t end = mono_ns() + ANSWER_S * SECOND;
	struct rmq *rq = b->priv;
	unsigned n;
	struct rout *out = &rq->out;

	rmq_call_begin(b, RMQ_SEND_V2);
	rout_str(out, "a", STR_LIT("bench_producer"));
	rout_str(out, "b", str_of(t->name));
	rout_str(out, "c", STR_LIT("TBW102"));
	rout_i64(out, "d", b->o->queues);
	rout_i64(out, "e", 0);
	rout_i64(out, "f", 0);
	rout_i64(out, "g", wall_ms());
	rout_i64(out, "h", 0);
	rout_str(out, "i", STR_LIT("WAIT\x01true\x02"));
	rout_i64(out, "j", 0);
	rout_bool(out, "k", false);
	(void)rmq_call(b, rq->admin, "made", 4, "SEND to", t->name, RMQ_OK);
	while ((n = route(b, t->name)) == 0) {
		if (mono_ns() >= end)
			die("%s: no route in %d s", t->name, ANSWER_S);
		turn(b, mono_ns() + SECOND / 20);
	}
	return n;
}

static int64_t
max_offset(struct bench *b, const struct rmq_topic *t, unsigned queue)
{
	struct rmq *rq = b->priv;

	rmq_call_begin(b, RMQ_MAX_OFFSET);
	rout_str(&rq->out, "topic", str_of(t->name));
	rout_i64(&rq->out, "queueId", queue);
	return rmq_call(
	    b, rq->admin, NULL, 0, "GET_MAX_OFFSET of", t->name, RMQ_OK)
	    ->offset;
}

static void
topic_open(struct bench *b, struct rmq_topic *t, unsigned i)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	unsigned q;

	if (o->topics == 1)
		(void)snprintf(t->name, sizeof t->name, "%s", o->topic);
	else
		(void)snprintf(
		    t->name, sizeof t->name, "%.200s-%u", o->topic, i);
	t->queues_n = route(b, t->name);
	if (t->queues_n == 0 && rq->broker[0] == '\0' &&
	    route(b, "TBW102") == 0)
		die("no route to a broker");
	if (rq->admin->fd < 0)
		link_open(rq->admin, b->ep, rq->host, rq->port, o->tls);
	if (t->queues_n == 0) {
		t->queues_n = o->queues;
		if (o->auto_create)
			t->queues_n = create_by_send(b, t);
		else
			create(b, t);
	}
	t->queues = mem_calloc(t->queues_n, sizeof *t->queues);
	for (q = 0; q < t->queues_n; q++)
		t->queues[q].start = max_offset(b, t, q);
	rmq_heads_make(b, t);
}

/* ---- heartbeats */

static void
subscription(struct bench *b, struct strbuf *sb, const char *prefix,
    const char *topic, bool first)
{
	struct rmq *rq = b->priv;

	strbuf_addf(sb,
	    "%s{\"classFilterMode\":false,\"codeSet\":[],\"expressionType\":"
	    "\"TAG\",\"subString\":\"*\",\"subVersion\":%" PRId64
	    ",\"tagsSet\":[],\"topic\":\"%s%s\"}",
	    first ? "" : ",", rq->sub_version, prefix, topic);
}

/* who says that it is here: producer, or member of the group */
static void
heartbeat(struct bench *b, struct link *l, bool consumer, bool wait)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	struct strbuf sb;
	unsigned i;

	strbuf_init(&sb, BODY_MAX);
	strbuf_addf(&sb, "{\"clientID\":\"127.0.0.1@bench-%d-%u\",", getpid(),
	    (unsigned)(l - b->links));
	if (consumer) {
		strbuf_addf(&sb,
		    "\"consumerDataSet\":[{\"consumeFromWhere\":"
		    "\"CONSUME_FROM_LAST_OFFSET\",\"consumeType\":"
		    "\"CONSUME_PASSIVELY\",\"groupName\":\"%s\","
		    "\"messageModel\":\"CLUSTERING\","
		    "\"subscriptionDataSet\":[",
		    o->subscription);
		for (i = 0; i < o->topics; i++)
			subscription(b, &sb, "", rq->topics[i].name, i == 0);
		subscription(b, &sb, "%RETRY%", o->subscription, false);
		strbuf_adds(
		    &sb, "],\"unitMode\":false}],\"producerDataSet\":[]}");
	} else
		strbuf_adds(&sb,
		    "\"consumerDataSet\":[],\"producerDataSet\":"
		    "[{\"groupName\":\"bench_producer\"}]}");
	if (strbuf_err(&sb) != ERR_OK)
		die("too many topics for a heartbeat");
	if (wait)
		rmq_call_begin(b, RMQ_HEARTBEAT);
	else
		rout_begin(&rq->out, rq->type, RMQ_HEARTBEAT,
		    RMQ_FOR_BEAT * RMQ_OPAQUE_STEP, 0, STR_NONE);
	if (wait)
		(void)rmq_call(
		    b, l, strbuf_str(&sb), sb.len, "HEART_BEAT", "", RMQ_OK);
	else
		rmq_put(b, l, strbuf_str(&sb), sb.len);
	strbuf_fini(&sb);
}

static bool
is_consumer(const struct bench *b, unsigned i)
{
	const struct rmq *rq = b->priv;

	return &b->links[i] >= rq->consumer_links &&
	    &b->links[i] < rq->consumer_links + b->o->consumers;
}

static void
heartbeats(struct bench *b, bool wait)
{
	const struct rmq *rq = b->priv;
	unsigned i;

	for (i = 0; i < b->links_n; i++) {
		/* a pull consumer that nobody heard of may pull, too */
		if (&b->links[i] == rq->ns || b->links[i].fd < 0 ||
		    (is_consumer(b, i) && b->o->consume == CONSUME_PULL))
			continue;
		/* a producer's connection is made by its first send, which comes
		 * before the clock's heartbeat */
		if (wait && !is_consumer(b, i))
			continue;
		heartbeat(b, &b->links[i], is_consumer(b, i), wait);
	}
}

/* ---- what comes in */

static void
on_response(struct bench *b, const struct rheader *h, const struct rframe *fr)
{
	switch (h->opaque / RMQ_OPAQUE_STEP) {
	case RMQ_FOR_CALL:
		on_answer(b, h, fr);
		return;
	case RMQ_FOR_PULL:
		rmq_on_pulled(b, h, fr);
		return;
	case RMQ_FOR_ACK:
		rmq_on_acked(b, h);
		return;
	case RMQ_FOR_BEAT:
		if (h->code != RMQ_OK)
			die("HEART_BEAT: %d %.*s", h->code, RMQ_REMARK(h));
		return;
	default:
		if (h->opaque < RMQ_FOR_SEND * RMQ_OPAQUE_STEP)
			die("an answer that nobody awaits: %d", h->opaque);
		rmq_on_sent(b, h);
		return;
	}
}

/* NOTIFY_CONSUMER_IDS_CHANGED and the like; we have our queues. */
static void
on_request(struct bench *b, struct link *l, const struct rheader *h)
{
	struct rmq *rq = b->priv;

	if (rheader_is_oneway(h))
		return;
	rout_answer(&rq->out, h, 3, STR_LIT("magnetar-bench does not serve"));
	/* clients don't sign their answers */
	put(b, l, NULL, 0, false);
}

static void
frame(struct link *l, const uint8_t *p, size_t n, void *priv)
{
	struct bench *b = priv;
	struct rmq *rq = b->priv;
	enum rframe_verdict v;
	struct rframe fr;
	enum err e;

	v = rframe_parse(p, n, &fr);
	if (v != RFRAME_OK)
		die("broker sent a bad frame: %s", rframe_text(v));
	rmq_scratch(rq, fr.header_n);
	e = rheader_scan(
	    &rq->header, fr.type, fr.header, fr.header_n, &rq->scratch);
	if (e != ERR_OK)
		die("broker sent a bad header: %s", err_name(e));
	if (rheader_is_response(&rq->header))
		on_response(b, &rq->header, &fr);
	else
		on_request(b, l, &rq->header);
}

static size_t
size(const uint8_t *p, size_t n)
{
	size_t all;
	enum rframe_verdict v;

	v = rframe_size(p, n, RFRAME_MAX_DEFAULT, &all);
	if (v != RFRAME_OK && v != RFRAME_MORE)
		die("broker sent no frame: %s", rframe_text(v));
	return v == RFRAME_MORE ? 0 : all;
}

/* ---- the table */

static void
init(struct bench *b)
{
	struct rmq *rq = mem_zalloc(sizeof *rq);

	b->priv = rq;
	rq->type = b->o->binary ? RHEADER_BINARY : RHEADER_JSON;
	rout_init(&rq->out, HEADER_MAX);
	strbuf_init(&rq->answer.body, BODY_MAX);
	strbuf_init(&rq->pop_text, BODY_MAX);
	rq->sub_version = wall_ms();
	rmq_sign_init(b);
	rmq_send_init(b);
}

static void
connect_all(struct bench *b)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	unsigned i;

	b->links_n = o->conns + o->idle + o->consumers + 2;
	b->links = mem_calloc(b->links_n, sizeof *b->links);
	for (i = 0; i < b->links_n; i++)
		b->links[i].fd = -1;
	rq->consumer_links = &b->links[o->conns + o->idle];
	rq->ns = &b->links[b->links_n - 2];
	rq->admin = rq->ns + 1;
	link_open(rq->ns, b->ep, o->host, o->port, o->tls);
	rq->topics = mem_calloc(o->topics, sizeof *rq->topics);
	for (i = 0; i < o->topics; i++)
		topic_open(b, &rq->topics[i], i);
	for (i = 0; i < o->conns + o->idle + o->consumers; i++)
		link_open(&b->links[i], b->ep, rq->host, rq->port, o->tls);
}

static void
resume(struct bench *b)
{
	struct rmq *rq = b->priv;
	unsigned i;

	rq->reading = true;
	for (i = 0; i < rq->pullers_n; i++)
		rmq_ask(b, &rq->pullers[i]);
}

static void
setup(struct bench *b)
{
	const struct opts *o = b->o;
	struct rmq *rq = b->priv;
	struct producer *pr;
	unsigned i;

	connect_all(b);
	heartbeats(b, true);
	rq->beat_ns = mono_ns() + BEAT_S * SECOND;
	rq->commit_ns = mono_ns() + COMMIT_S * SECOND;
	rmq_pullers_make(b);
	if (o->count == 0)
		resume(b);
	b->producers_n = o->topics * o->producers;
	b->producers = mem_calloc(b->producers_n, sizeof *b->producers);
	for (i = 0; i < b->producers_n; i++) {
		pr = &b->producers[i];
		pr->id = i;
		pr->queue = i / o->topics;
		pr->link = &b->links[i % o->conns];
		/* answers come in any order: one may hold up others */
		count_ring_init(pr, 2 * o->outstanding);
	}
	if (b->producers_n != 0 &&
	    (uint64_t)b->producers_n * b->producers[0].ring_n > 1000000000)
		die("too many outstanding requests");
}

static void
tick(struct bench *b)
{
	struct rmq *rq = b->priv;
	int64_t now = mono_ns();

	if (now >= rq->beat_ns) {
		heartbeats(b, false);
		rq->beat_ns = now + BEAT_S * SECOND;
	}
	if (now >= rq->commit_ns) {
		rmq_commit(b, false);
		rq->commit_ns = now + COMMIT_S * SECOND;
	}
}

/* In backlog mode consumers didn't start yet. */
static void
pause_consumers(struct bench *b)
{
	(void)b;
}

static void
sync_acks(struct bench *b)
{
	int64_t end = mono_ns() + ANSWER_S * SECOND;
	struct rmq *rq = b->priv;

	rmq_commit(b, true);
	while (rq->acks_open != 0) {
		turn(b, end);
		if (mono_ns() >= end)
			die("%" PRIu64 " acks were not answered in %d s",
			    rq->acks_open, ANSWER_S);
	}
}

static void
fini(struct bench *b)
{
	struct rmq *rq = b->priv;
	unsigned i, q;

	for (i = 0; i < b->o->topics; i++) {
		for (q = 0; q < rq->topics[i].queues_n; q++)
			mem_free(rq->topics[i].queues[q].head);
		mem_free(rq->topics[i].queues);
	}
	mem_free(rq->topics);
	mem_free(rq->pullers);
	mem_free(rq->payload);
	mem_free(rq->scratch.p);
	strbuf_fini(&rq->answer.body);
	strbuf_fini(&rq->pop_text);
	rout_fini(&rq->out);
	rmq_sign_fini(b);
	mem_free(rq);
}

const struct proto rmq_proto = {
	.framing = { size, frame },
	.init = init,
	.setup = setup,
	.send = rmq_send,
	.tick = tick,
	.due = rmq_ask_due,
	.pause = pause_consumers,
	.resume = resume,
	.sync = sync_acks,
	.compare = rmq_compare,
	.fini = fini,
};
