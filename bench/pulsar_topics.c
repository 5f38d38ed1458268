/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics mode: many topics, each with a durable subscription and one message
 * that nobody acknowledges, made by `parallel` slots side by side. A slot goes
 * through the steps for one topic, then takes the next. Its number is its
 * producer's and consumer's id, and the rest of its request ids by `parallel`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bench/pulsar.h"
#include "pulsar/cmd.h"

#define SMALL 4096
#define SECOND INT64_C(1000000000)
#define STUCK_S 60

enum step {
	STEP_LOOKUP,
	STEP_SUBSCRIBE,
	STEP_PRODUCER,
	STEP_SEND,
	STEP_CLOSE_PRODUCER,
	STEP_CLOSE_CONSUMER,
	STEP_IDLE
};

/* what has to come before the slot goes on */
static const uint32_t expected[] = {
	[STEP_LOOKUP] = CMD_LOOKUP_RESPONSE,
	[STEP_SUBSCRIBE] = CMD_SUCCESS,
	[STEP_PRODUCER] = CMD_PRODUCER_SUCCESS,
	[STEP_SEND] = CMD_SEND_RECEIPT,
	[STEP_CLOSE_PRODUCER] = CMD_SUCCESS,
	[STEP_CLOSE_CONSUMER] = CMD_SUCCESS,
};

struct slot {
	enum step step;
	uint64_t request_id;
	uint64_t topic;
};

struct topics {
	struct bench *b;
	struct slot *slots;
	uint64_t next; /* topic */
	uint64_t done;
};

static void
ask(struct topics *ts, struct slot *s)
{
	struct bench *b = ts->b;
	unsigned i = (unsigned)(s - ts->slots);
	pp_CommandCloseProducer cp = { 0 };
	pp_CommandCloseConsumer cc = { 0 };
	pp_CommandLookupTopic lk = { 0 };
	pp_CommandSubscribe su = { 0 };
	pp_CommandProducer pr = { 0 };
	struct link *l = &b->links[0];
	uint8_t *out = link_room(l, SMALL);
	struct span topic;
	char name[600];

	(void)snprintf(name, sizeof name, "%s-%" PRIu64, b->o->topic, s->topic);
	topic = span_str(name);
	s->request_id += b->o->parallel;
	lk.request_id = su.request_id = pr.request_id = cp.request_id =
	    cc.request_id = s->request_id;
	lk.topic = su.topic = pr.topic = topic;
	switch (s->step) {
	case STEP_LOOKUP:
		link_wrote(l, cmd_encode_LOOKUP(out, SMALL, &lk));
		break;
	case STEP_SUBSCRIBE:
		su.subscription = span_str(b->o->subscription);
		su.consumer_id = i;
		link_wrote(l, cmd_encode_SUBSCRIBE(out, SMALL, &su));
		break;
	case STEP_PRODUCER:
		pr.producer_id = i;
		link_wrote(l, cmd_encode_PRODUCER(out, SMALL, &pr));
		break;
	case STEP_SEND:
		(void)pulsar_send(b, &b->producers[i], 1, 0);
		break;
	case STEP_CLOSE_PRODUCER:
		cp.producer_id = i;
		link_wrote(l, cmd_encode_CLOSE_PRODUCER(out, SMALL, &cp));
		break;
	case STEP_CLOSE_CONSUMER:
		cc.consumer_id = i;
		link_wrote(l, cmd_encode_CLOSE_CONSUMER(out, SMALL, &cc));
		break;
	case STEP_IDLE:
		break;
	}
}

static void
go_on(struct topics *ts, struct slot *s)
{
	if (s->step == STEP_CLOSE_CONSUMER) {
		ts->done++;
		s->step = STEP_IDLE;
	} else if (s->step != STEP_IDLE)
		s->step++;
	if (s->step == STEP_IDLE && ts->next < ts->b->o->make_topics) {
		s->topic = ts->next++;
		s->step = STEP_LOOKUP;
	}
	ask(ts, s);
}

/* The request that a frame answers; the slot's own for a receipt. */
static bool
request_of(const struct topics *ts, const struct frame *fr, uint64_t *id)
{
	struct bench *b = ts->b;
	struct pulsar *ps = b->priv;
	pp_CommandLookupTopicResponse lk;
	pp_CommandProducerSuccess su_pr;
	struct peer_receipt r;
	pp_CommandSuccess su;
	uint64_t i;

	switch (fr->type) {
	case CMD_LOOKUP_RESPONSE:
		if (cmd_decode_LOOKUP_RESPONSE(fr->cmd, &lk) != ERR_OK ||
		    lk.response !=
			pp_CommandLookupTopicResponse_LookupType_Connect)
			return false;
		*id = lk.request_id;
		return true;
	case CMD_SUCCESS:
		if (cmd_decode_SUCCESS(fr->cmd, &su) != ERR_OK)
			return false;
		*id = su.request_id;
		return true;
	case CMD_PRODUCER_SUCCESS:
		if (cmd_decode_PRODUCER_SUCCESS(fr->cmd, &su_pr) != ERR_OK)
			return false;
		*id = su_pr.request_id;
		i = su_pr.request_id % b->o->parallel;
		(void)snprintf(ps->names[i], sizeof ps->names[0], "%.*s",
		    (int)su_pr.producer_name.n,
		    (const char *)su_pr.producer_name.p);
		return true;
	case CMD_SEND_RECEIPT:
		if (peer_receipt_decode(fr->cmd, &r) != ERR_OK ||
		    r.producer_id >= b->o->parallel)
			return false;
		*id = ts->slots[r.producer_id].request_id;
		return true;
	default:
		return false;
	}
}

static void
frame(struct link *l, const struct frame *fr, void *priv)
{
	struct topics *ts = priv;
	struct bench *b = ts->b;
	pp_CommandError er;
	struct slot *s;
	uint64_t id;

	switch (fr->type) {
	case CMD_PING:
		link_wrote(l, hot_pong_encode(link_room(l, HOT_PING_MAX)));
		return;
	case CMD_PONG:
	case CMD_ACTIVE_CONSUMER_CHANGE:
		return;
	case CMD_ERROR:
		if (cmd_decode_ERROR(fr->cmd, &er) == ERR_OK)
			die("topic: %d %.*s", (int)er.error, (int)er.message.n,
			    (const char *)er.message.p);
		break;
	default:
		break;
	}
	if (!request_of(ts, fr, &id))
		die("broker sent %s while topics were made",
		    cmd_name(fr->type) == NULL ? "?" : cmd_name(fr->type));
	s = &ts->slots[id % b->o->parallel];
	if (s->request_id != id || s->step == STEP_IDLE ||
	    expected[s->step] != fr->type)
		die("%s, which wasn't due", cmd_name(fr->type));
	if (fr->type == CMD_SEND_RECEIPT)
		pulsar_frame(l, fr, b);
	go_on(ts, s);
}

void
pulsar_topics(struct bench *b, struct snap edge[2])
{
	int64_t now, line, moved;
	struct topics ts = { .b = b };
	struct pulsar *ps = b->priv;
	uint64_t last = 0, stuck = 0;
	unsigned i, n = b->o->parallel;

	ts.slots = mem_calloc(n, sizeof *ts.slots);
	pulsar_producers_init(b, n);
	ps->frame = frame;
	ps->frame_priv = &ts;
	snap_take(b, &edge[0]);
	for (i = 0; i < n; i++) {
		b->producers[i].link = &b->links[0];
		count_ring_init(&b->producers[i], 1);
		/* ids never collide with those of the handshake: own handler */
		ts.slots[i].request_id = i;
		ts.slots[i].step = STEP_IDLE;
		go_on(&ts, &ts.slots[i]);
	}
	line = moved = mono_ns();
	while (ts.done < b->o->make_topics) {
		turn(b, mono_ns() + SECOND / 10);
		now = mono_ns();
		if (ts.done != stuck) {
			stuck = ts.done;
			moved = now;
		} else if (now - moved > STUCK_S * SECOND)
			die("stands still after %" PRIu64 " topics", ts.done);
		if (now - line >= SECOND && !b->o->quiet) {
			fprintf(stderr, "topics   %" PRIu64 ", %.0f/s\n",
			    ts.done,
			    (double)(ts.done - last) * 1e9 /
				(double)(now - line));
			last = ts.done;
			line = now;
		}
	}
	snap_take(b, &edge[1]);
	ps->frame = pulsar_frame;
	ps->frame_priv = b;
	mem_free(ts.slots);
}
