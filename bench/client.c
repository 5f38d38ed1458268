/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/vas.h"
#include "bench/bench.h"
#include "pulsar/cmd.h"

#define ANSWER_S 30
#define SMALL 4096 /* of a command that sets something up */

/* Waits for the answer to the request in flight. */
static const struct answer *
await(struct bench *b, struct link *l, const char *what)
{
	int64_t end = mono_ns() + ANSWER_S * INT64_C(1000000000);

	link_flush(l);
	while (!b->answer.come) {
		turn(b, end);
		if (mono_ns() >= end)
			die("%s: no answer in %d s", what, ANSWER_S);
	}
	return &b->answer;
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
	b->answer = (struct answer){ 0 };
	return ++b->request_id;
}

void
client_connect(struct bench *b, struct link *l)
{
	pp_CommandConnect m = { 0 };

	m.client_version = span_str("magnetar-bench");
	m.has_protocol_version = true;
	m.protocol_version = 21;
	if (b->o->token != NULL) {
		m.auth_method_name = span_str("token");
		m.auth_data = span_str(b->o->token);
	}
	link_open(l, b->ep, b->o->host, b->o->port);
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
	pp_CommandProducer m = { 0 };
	const struct answer *a;

	lookup(b, pr->link, topic);
	m.topic = span_str(topic);
	m.producer_id = pr->id;
	m.request_id = next_request(b);
	link_wrote(pr->link,
	    cmd_encode_PRODUCER(link_room(pr->link, SMALL), SMALL, &m));
	a = must(b, pr->link, CMD_PRODUCER_SUCCESS, "PRODUCER", topic);
	(void)snprintf(pr->name, sizeof pr->name, "%s", a->text);
	/* as many entries as may be outstanding, rounded up */
	pr->ring_n = 1;
	while (pr->ring_n < b->o->outstanding)
		pr->ring_n *= 2;
	pr->ring = mem_calloc(pr->ring_n, sizeof *pr->ring);
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

/* One connection for everything that is consumed, one that is never read. */
void
client_connect_all(struct bench *b)
{
	const struct opts *o = b->o;
	unsigned i;

	b->links_n = o->conns + o->idle + 2;
	b->links = mem_calloc(b->links_n, sizeof *b->links);
	for (i = 0; i < b->links_n; i++)
		b->links[i].fd = -1;
	for (i = 0; i < o->conns; i++)
		client_connect(b, &b->links[i]);
	for (; i < o->conns + o->idle; i++)
		client_connect(b, &b->links[i]);
	b->consumer_link = &b->links[i++];
	b->stalled_link = &b->links[i];
}

void
client_consumers(struct bench *b, bool earliest)
{
	const struct opts *o = b->o;
	struct consumer *co;
	char topic[600];
	unsigned i, t;

	b->consumers_n = o->topics * o->consumers;
	if (b->consumers_n == 0)
		return;
	if (b->consumers == NULL) {
		b->consumers = mem_calloc(b->consumers_n, sizeof *b->consumers);
		client_connect(b, b->consumer_link);
	}
	for (i = 0; i < b->consumers_n; i++) {
		co = &b->consumers[i];
		if (co->acks == NULL)
			co->acks = mem_calloc(o->ack_every, sizeof *co->acks);
		co->link = b->consumer_link;
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
	const struct opts *o = b->o;
	char topic[600];
	unsigned i;

	if (o->stalled == 0)
		return;
	client_connect(b, b->stalled_link);
	for (i = 0; i < o->topics * o->stalled; i++) {
		topic_name(b, i / o->stalled, topic, sizeof topic);
		open_consumer(b, b->stalled_link, b->consumers_n + i, topic,
		    "bench-stalled", false);
	}
	link_stall(b->stalled_link);
}

void
client_producers(struct bench *b)
{
	const struct opts *o = b->o;
	struct producer *pr;
	char topic[600];
	unsigned i, t;

	b->producers_n = o->topics * o->producers;
	b->producers = mem_calloc(b->producers_n, sizeof *b->producers);
	for (i = 0; i < b->producers_n; i++) {
		pr = &b->producers[i];
		/* neighbours, which send one after the other, differ in topic */
		t = i % o->topics;
		topic_name(b, t, topic, sizeof topic);
		pr->link = &b->links[i % o->conns];
		pr->id = i;
		if (i < o->topics && partitions(b, pr->link, topic) != 0)
			die("%s is partitioned; name its partitions", topic);
		open_producer(b, pr, topic);
	}
}

void
client_setup(struct bench *b)
{
	client_connect_all(b);
	client_consumers(b, b->o->count != 0);
	stalled(b);
	client_producers(b);
}

void
client_close_consumers(struct bench *b)
{
	pp_CommandCloseConsumer m = { 0 };
	struct link *l = b->consumer_link;
	unsigned i;

	for (i = 0; i < b->consumers_n; i++) {
		m.consumer_id = i;
		m.request_id = next_request(b);
		link_wrote(l,
		    cmd_encode_CLOSE_CONSUMER(link_room(l, SMALL), SMALL, &m));
		(void)must(b, l, CMD_SUCCESS, "CLOSE_CONSUMER", "");
	}
}

void
client_sync_acks(struct bench *b)
{
	struct consumer *co;
	uint8_t *out;
	unsigned i;

	for (i = 0; i < b->consumers_n && b->o->ack != ACK_NONE; i++) {
		co = &b->consumers[i];
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

void
client_fini(struct bench *b)
{
	unsigned i;

	for (i = 0; i < b->links_n; i++) {
		if (b->links[i].fd >= 0)
			link_close(&b->links[i]);
	}
	for (i = 0; i < b->producers_n; i++)
		mem_free(b->producers[i].ring);
	for (i = 0; i < b->consumers_n; i++)
		mem_free(b->consumers[i].acks);
	mem_free(b->links);
	mem_free(b->producers);
	mem_free(b->consumers);
	mem_free(b->payload);
}
