/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/vas.h"
#include "bench/pulsar.h"
#include "pulsar/cmd.h"

#define ANSWER_S 30
#define SMALL 4096 /* of a command that sets something up */
/* more than any broker's maxMessageSize is set to */
#define FRAME_MAX (256u << 20)

/* Waits for the answer to the request in flight. */
static const struct answer *
await(struct bench *b, struct link *l, const char *what)
{
	struct pulsar *ps = b->priv;
	int64_t end = mono_ns() + ANSWER_S * INT64_C(1000000000);

	link_flush(l);
	while (!ps->answer.come) {
		turn(b, end);
		if (mono_ns() >= end)
			die("%s: no answer in %d s", what, ANSWER_S);
	}
	return &ps->answer;
}

static const struct answer *
must(struct bench *b, struct link *l, uint32_t type, const char *what,
    const char *topic)
{
	const struct answer *a = await(b, l, what);

	if (a->type != type)
		die("%s %s: %s %" PRIu32 " %s", what, topic, cmd_name(a->type),
		    a->error, a->text);
	return a;
}

static uint64_t
next_request(struct bench *b)
{
	struct pulsar *ps = b->priv;

	ps->answer = (struct answer){ 0 };
	return ++ps->request_id;
}

static void
connect_link(struct bench *b, struct link *l)
{
	pp_CommandConnect m = { 0 };

	m.client_version = span_str("magnetar-bench");
	m.has_protocol_version = true;
	m.protocol_version = 21;
	if (b->o->token != NULL) {
		m.auth_method_name = span_str("token");
		m.auth_data = span_str(b->o->token);
	}
	link_open(l, b->ep, b->o->host, b->o->port, b->o->tls);
	(void)next_request(b);
	link_wrote(l, cmd_encode_CONNECT(link_room(l, SMALL), SMALL, &m));
	(void)must(b, l, CMD_CONNECTED, "CONNECT", b->o->host);
}

/* As clients do: creates the topic if need be. Returns its partitions. */
static unsigned
partitions(struct bench *b, struct link *l, const char *topic)
{
	pp_CommandPartitionedTopicMetadata m = { 0 };
	const struct answer *a;

	m.topic = span_str(topic);
	m.request_id = next_request(b);
	link_wrote(
	    l, cmd_encode_PARTITIONED_METADATA(link_room(l, SMALL), SMALL, &m));
	a = must(b, l, CMD_PARTITIONED_METADATA_RESPONSE,
	    "PARTITIONED_METADATA", topic);
	if (a->lookup !=
	    pp_CommandPartitionedTopicMetadataResponse_LookupType_Success)
		die("PARTITIONED_METADATA %s: %" PRIu32 " %s", topic, a->error,
		    a->text);
	return a->partitions;
}

static void
lookup(struct bench *b, struct link *l, const char *topic)
{
	pp_CommandLookupTopic m = { 0 };
	const struct answer *a;

	m.topic = span_str(topic);
	m.request_id = next_request(b);
	link_wrote(l, cmd_encode_LOOKUP(link_room(l, SMALL), SMALL, &m));
	a = must(b, l, CMD_LOOKUP_RESPONSE, "LOOKUP", topic);
	if (a->lookup != pp_CommandLookupTopicResponse_LookupType_Connect)
		die("LOOKUP %s: %s", topic,
		    a->text[0] != '\0' ? a->text : "another broker has it");
}

static void
topic_name(const struct bench *b, unsigned i, char *name, size_t room)
{
	if (b->o->topics == 1)
		(void)snprintf(name, room, "%s", b->o->topic);
	else
		(void)snprintf(name, room, "%s-%u", b->o->topic, i);
}

static void
open_producer(struct bench *b, struct producer *pr, const char *topic)
{
	struct pulsar *ps = b->priv;
	pp_CommandProducer m = { 0 };
	const struct answer *a;

	lookup(b, pr->link, topic);
	m.topic = span_str(topic);
	m.producer_id = pr->id;
	m.request_id = next_request(b);
	link_wrote(pr->link,
	    cmd_encode_PRODUCER(link_room(pr->link, SMALL), SMALL, &m));
	a = must(b, pr->link, CMD_PRODUCER_SUCCESS, "PRODUCER", topic);
	(void)snprintf(ps->names[pr->id], sizeof ps->names[0], "%s", a->text);
	/* as many entries as may be outstanding, rounded up */
	count_ring_init(pr, b->o->outstanding);
}

static void
open_consumer(struct bench *b, struct link *l, uint64_t id, const char *topic,
    const char *sub, bool earliest)
{
	pp_CommandSubscribe m = { 0 };
	struct hot_flow flow = { id, b->o->permits };

	lookup(b, l, topic);
	m.topic = span_str(topic);
	m.subscription = span_str(sub);
	m.subType = (pp_CommandSubscribe_SubType)b->o->sub_type;
	m.consumer_id = id;
	m.request_id = next_request(b);
	m.has_initialPosition = true;
	m.initialPosition = earliest ?
	    pp_CommandSubscribe_InitialPosition_Earliest :
	    pp_CommandSubscribe_InitialPosition_Latest;
	if (m.subType == pp_CommandSubscribe_SubType_Key_Shared) {
		m.has_keySharedMeta = true;
		m.keySharedMeta.keySharedMode = pp_KeySharedMode_AUTO_SPLIT;
	}
	link_wrote(l, cmd_encode_SUBSCRIBE(link_room(l, SMALL), SMALL, &m));
	(void)must(b, l, CMD_SUCCESS, "SUBSCRIBE", topic);
	link_wrote(l, peer_flow_encode(link_room(l, PEER_FLOW_MAX), &flow));
	link_flush(l);
}

void
pulsar_producers_init(struct bench *b, unsigned n)
{
	struct pulsar *ps = b->priv;
	unsigned i;

	b->producers_n = n;
	b->producers = mem_calloc(n, sizeof *b->producers);
	ps->names = mem_calloc(n, sizeof *ps->names);
	for (i = 0; i < n; i++)
		b->producers[i].id = i;
}

/* One connection for everything that is consumed, one that is never read. */
void
pulsar_connect_all(struct bench *b)
{
	struct pulsar *ps = b->priv;
	const struct opts *o = b->o;
	unsigned i;

	b->links_n = o->conns + o->idle + 2;
	b->links = mem_calloc(b->links_n, sizeof *b->links);
	for (i = 0; i < b->links_n; i++)
		b->links[i].fd = -1;
	for (i = 0; i < o->conns; i++)
		connect_link(b, &b->links[i]);
	for (; i < o->conns + o->idle; i++)
		connect_link(b, &b->links[i]);
	ps->consumer_link = &b->links[i++];
	ps->stalled_link = &b->links[i];
}

static void
consumers(struct bench *b, bool earliest)
{
	struct pulsar *ps = b->priv;
	const struct opts *o = b->o;
	struct consumer *co;
	char topic[600];
	unsigned i, t;

	ps->consumers_n = o->topics * o->consumers;
	if (ps->consumers_n == 0)
		return;
	if (ps->consumers == NULL) {
		ps->consumers =
		    mem_calloc(ps->consumers_n, sizeof *ps->consumers);
		connect_link(b, ps->consumer_link);
	}
	for (i = 0; i < ps->consumers_n; i++) {
		co = &ps->consumers[i];
		if (co->acks == NULL)
			co->acks = mem_calloc(o->ack_every, sizeof *co->acks);
		co->link = ps->consumer_link;
		co->id = i;
		co->used = 0;
		t = i / o->consumers;
		topic_name(b, t, topic, sizeof topic);
		if (i % o->consumers == 0 &&
		    partitions(b, co->link, topic) != 0)
			die("%s is partitioned; name its partitions", topic);
		open_consumer(
		    b, co->link, co->id, topic, o->subscription, earliest);
	}
}

static void
stalled(struct bench *b)
{
	struct pulsar *ps = b->priv;
	const struct opts *o = b->o;
	char topic[600];
	unsigned i;

	if (o->stalled == 0)
		return;
	connect_link(b, ps->stalled_link);
	for (i = 0; i < o->topics * o->stalled; i++) {
		topic_name(b, i / o->stalled, topic, sizeof topic);
		open_consumer(b, ps->stalled_link, ps->consumers_n + i, topic,
		    "bench-stalled", false);
	}
	link_stall(ps->stalled_link);
}

static void
producers(struct bench *b)
{
	const struct opts *o = b->o;
	struct producer *pr;
	char topic[600];
	unsigned i, t;

	pulsar_producers_init(b, o->topics * o->producers);
	for (i = 0; i < b->producers_n; i++) {
		pr = &b->producers[i];
		/* neighbours, which send one after the other, differ in topic */
		t = i % o->topics;
		topic_name(b, t, topic, sizeof topic);
		pr->link = &b->links[i % o->conns];
		if (i < o->topics && partitions(b, pr->link, topic) != 0)
			die("%s is partitioned; name its partitions", topic);
		open_producer(b, pr, topic);
	}
}

static void
setup(struct bench *b)
{
	pulsar_connect_all(b);
	if (b->o->make_topics != 0)
		return;
	consumers(b, b->o->count != 0);
	stalled(b);
	producers(b);
}

static void
pause_consumers(struct bench *b)
{
	struct pulsar *ps = b->priv;
	pp_CommandCloseConsumer m = { 0 };
	struct link *l = ps->consumer_link;
	unsigned i;

	for (i = 0; i < ps->consumers_n; i++) {
		m.consumer_id = i;
		m.request_id = next_request(b);
		link_wrote(l,
		    cmd_encode_CLOSE_CONSUMER(link_room(l, SMALL), SMALL, &m));
		(void)must(b, l, CMD_SUCCESS, "CLOSE_CONSUMER", "");
	}
}

static void
resume_consumers(struct bench *b)
{
	consumers(b, true);
}

static void
sync_acks(struct bench *b)
{
	struct pulsar *ps = b->priv;
	struct consumer *co;
	uint8_t *out;
	unsigned i;

	for (i = 0; i < ps->consumers_n && b->o->ack != ACK_NONE; i++) {
		co = &ps->consumers[i];
		if (co->acks_n == 0)
			continue;
		out = link_room(co->link, PEER_ACK_MAX(co->acks_n));
		link_wrote(co->link,
		    peer_ack_encode(out, co->id,
			b->o->ack == ACK_CUMULATIVE ? HOT_ACK_CUMULATIVE :
						      HOT_ACK_INDIVIDUAL,
			co->acks, co->acks_n, true, next_request(b)));
		co->acks_n = co->acks_messages = 0;
		if (must(b, co->link, CMD_ACK_RESPONSE, "ACK", "")->error != 0)
			die("ACK was refused");
	}
}

static void
fini(struct bench *b)
{
	struct pulsar *ps = b->priv;
	unsigned i;

	for (i = 0; i < ps->consumers_n; i++)
		mem_free(ps->consumers[i].acks);
	mem_free(ps->consumers);
	mem_free(ps->payload);
	mem_free(ps->names);
	mem_free(ps);
}

/* ---- the table */

static void
init(struct bench *b)
{
	struct pulsar *ps = mem_zalloc(sizeof *ps);

	b->priv = ps;
	ps->frame = pulsar_frame;
	ps->frame_priv = b;
	pulsar_traffic_init(b);
}

static size_t
size(const uint8_t *p, size_t n)
{
	size_t all;
	enum err e = frame_size(span_of(p, n), FRAME_MAX, &all);

	if (e != ERR_OK)
		die("broker sent a frame of no length: %s", err_name(e));
	return all;
}

static void
frame(struct link *l, const uint8_t *p, size_t n, void *priv)
{
	struct bench *b = priv;
	struct pulsar *ps = b->priv;
	struct frame fr;
	enum err e = frame_parse(span_of(p, n), &fr);

	if (e != ERR_OK)
		die("broker sent a bad frame: %s", err_name(e));
	ps->frame(l, &fr, ps->frame_priv);
}

const struct proto pulsar_proto = {
	.framing = { size, frame },
	.init = init,
	.setup = setup,
	.send = pulsar_send,
	.tick = pulsar_flush_acks,
	.pause = pause_consumers,
	.resume = resume_consumers,
	.sync = sync_acks,
	.topics = pulsar_topics,
	.fini = fini,
};
