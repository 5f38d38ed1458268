/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the Pulsar sessions share: a router without a core, which
 * keeps what sessions ask for and gives back what a test makes up, and clients
 * on the other end of socket pairs that speak in whole frames.
 */
#ifndef TESTS_UNIT_SESSION_FIXTURE_H
#define TESTS_UNIT_SESSION_FIXTURE_H

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "core/stats.h"
#include "os/clock.h"
#include "pulsar/frame.h"
#include "pulsar/peer.h"
#include "pulsar/session_priv.h"
#include "pulsar/wire.h"

#define KEPT_MAX 4096

/* Statistics that a test makes up are the test's. */
void __attribute__((weak)) topic_stats_free(struct topic_stats **ts)
{
	*ts = NULL;
}

/* --- the router that is none ------------------------------------------------ */

struct kept_publish {
	uint64_t producer;
	struct attr attr;
	struct slice body; /* referenced */
	uint64_t sequence, highest_sequence;
	uint64_t dropped_n;
};

struct kept_ack {
	uint64_t consumer;
	bool cumulative, want_reply;
	uint64_t req;
	uint32_t n;
	struct pos first, last;
	uint32_t first_words_n;
	uint64_t first_word;
	uint32_t first_batch_size;
};

struct kept_flow {
	uint64_t consumer;
	uint32_t permits;
	bool is_block, blocked;
};

static struct {
	const struct route_sink *sink;
	void *priv;
	struct op *ops[KEPT_MAX];
	unsigned op_shard[KEPT_MAX];
	unsigned ops_n, ops_at;
	struct kept_publish pubs[KEPT_MAX];
	unsigned pubs_n, pubs_at;
	struct kept_ack acks[KEPT_MAX];
	unsigned acks_n, acks_at;
	struct kept_flow flows[KEPT_MAX];
	unsigned flows_n, flows_at;
	bool inside; /* of an effect: nothing may be routed */
} fake;

static struct router router;

static void
fake_attach(
    struct router *r, uint8_t kind, const struct route_sink *s, void *priv)
{
	assert_ptr_equal(r, &router);
	assert_int_equal(kind, DEST_PULSAR);
	fake.sink = s;
	fake.priv = priv;
}

static const struct route_ops fake_ops = { .attach = fake_attach };

unsigned
route_shard_of(const struct router *r, struct str topic)
{
	return topic_shard(topic, r->shards_n);
}

void
route_op_to(struct router *r, unsigned shard, struct op **opp)
{
	assert_ptr_equal(r, &router);
	assert_false(fake.inside);
	assert_true(fake.ops_n < KEPT_MAX);
	fake.op_shard[fake.ops_n] = shard;
	fake.ops[fake.ops_n++] = *opp;
	*opp = NULL;
}

void
route_op(struct router *r, struct op **opp)
{
	route_op_to(r, 0, opp);
}

void
route_publish(struct router *r, const struct core_publish *p)
{
	struct kept_publish *k = &fake.pubs[fake.pubs_n++];

	assert_ptr_equal(r, &router);
	assert_false(fake.inside);
	assert_true(fake.pubs_n < KEPT_MAX);
	*k = (struct kept_publish){ .producer = p->producer,
		.attr = p->attr,
		.body = slice_ref(p->body),
		.sequence = p->sequence,
		.highest_sequence = p->highest_sequence,
		.dropped_n = p->dropped_n };
}

static void
keep_flow(struct kept_flow f)
{
	assert_false(fake.inside);
	assert_true(fake.flows_n < KEPT_MAX);
	fake.flows[fake.flows_n++] = f;
}

void
route_flow(struct router *r, uint64_t consumer, uint32_t permits)
{
	(void)r;
	keep_flow(
	    (struct kept_flow){ .consumer = consumer, .permits = permits });
}

void
route_block(struct router *r, uint64_t consumer, bool blocked)
{
	(void)r;
	keep_flow((struct kept_flow){
	    .consumer = consumer, .is_block = true, .blocked = blocked });
}

void
route_ack(struct router *r, const struct core_ack *a)
{
	struct kept_ack *k = &fake.acks[fake.acks_n++];

	(void)r;
	assert_false(fake.inside);
	assert_true(fake.acks_n < KEPT_MAX);
	*k = (struct kept_ack){ .consumer = a->consumer,
		.cumulative = a->cumulative,
		.want_reply = a->want_reply,
		.req = a->req,
		.n = a->n };
	if (a->n > 0) {
		k->first = a->ids[0].pos;
		k->last = a->ids[a->n - 1].pos;
		k->first_words_n = a->ids[0].words_n;
		k->first_batch_size = a->ids[0].batch_size;
		if (a->ids[0].words_n > 0)
			k->first_word = a->ids[0].words[0];
	}
}

/* --- loop ------------------------------------------------------------------- */

static struct loop *lp;
static struct net *net;
static struct pulsar *pulsar;
static struct pulsar_conf conf;

static int64_t
tail(void *priv)
{
	(void)priv;
	return net_flush(net) ? 0 : -1;
}

static void
spin(int n)
{
	while (n-- > 0)
		loop_run_once(lp, false);
}

/* The next operation; fails if it is of another type. */
static UNUSED struct op *
take_op(enum op_type type)
{
	struct op *op;

	if (fake.ops_at >= fake.ops_n)
		spin(4);
	assert_true(fake.ops_at < fake.ops_n);
	op = fake.ops[fake.ops_at++];
	if (op->type != type)
		fail_msg("operation is %s", op_type_name(op->type));
	return op;
}

static UNUSED bool
no_op(void)
{
	spin(4);
	return fake.ops_at == fake.ops_n;
}

static UNUSED struct kept_publish *
take_pub(void)
{
	assert_true(fake.pubs_at < fake.pubs_n);
	return &fake.pubs[fake.pubs_at++];
}

static UNUSED struct kept_ack *
take_ack(void)
{
	assert_true(fake.acks_at < fake.acks_n);
	return &fake.acks[fake.acks_at++];
}

static UNUSED struct kept_flow *
take_flow(void)
{
	if (fake.flows_at >= fake.flows_n)
		spin(4);
	assert_true(fake.flows_at < fake.flows_n);
	return &fake.flows[fake.flows_at++];
}

static UNUSED void
emit(struct fx *fx)
{
	fake.inside = true;
	fake.sink->fx(fake.priv, fx);
	fake.inside = false;
}

/* An effect that answers op, which stays the fixture's. */
static UNUSED struct fx *
answer_to(const struct op *op, enum fx_type type)
{
	struct fx *fx = fx_new(type, op->dest);

	fx->op = op->type;
	fx->req = op->req;
	return fx;
}

static UNUSED void
done(const struct op *op, enum err e)
{
	struct fx *fx = answer_to(op, FX_DONE);

	fx->err = e;
	emit(fx);
}

static UNUSED void
receipt(
    struct dest dest, const struct kept_publish *k, uint64_t entry, enum err e)
{
	struct fx_receipt r = { .dest = dest,
		.sequence = k->sequence,
		.highest_sequence = k->highest_sequence,
		.pos = { .ledger = 7, .entry = (int64_t)entry },
		.err = e };

	fake.inside = true;
	fake.sink->receipt(fake.priv, &r);
	fake.inside = false;
}

static void
pulsar_make(void)
{
	struct diag diag;

	assert_ok(pulsar_conf_check(&conf, &diag));
	pulsar = pulsar_new(net, &router, &conf);
}

static void
pulsar_unmake(void)
{
	net_close_all(net, CLOSE_SHUTDOWN);
	spin(3);
	pulsar_free(&pulsar);
}

/* With another configuration. */
static UNUSED void
pulsar_again(void)
{
	pulsar_unmake();
	pulsar_make();
}

static int
setup(void **state)
{
	static const struct net_conf nc = NET_CONF_DEFAULT;

	(void)state;
	memset(&fake, 0, sizeof fake);
	router = (struct router){
		.magic = ROUTER_MAGIC, .shards_n = 2, .ops = &fake_ops
	};
	lp = loop_new();
	net = net_new(lp, &nc);
	loop_set_tail(lp, tail, NULL);
	conf = (struct pulsar_conf)PULSAR_CONF_DEFAULT;
	conf.version = "Magnetar test";
	conf.port = 6650;
	pulsar_make();
	return 0;
}

static int
teardown(void **state)
{
	unsigned i;

	(void)state;
	pulsar_unmake();
	for (i = 0; i < fake.ops_n; i++)
		op_free(&fake.ops[i]);
	for (i = 0; i < fake.pubs_n; i++)
		slice_unref(&fake.pubs[i].body);
	op_thread_fini();
	net_free(&net);
	loop_free(&lp);
	return 0;
}

/* --- clients ---------------------------------------------------------------- */

struct client {
	int fd;
	bool eof;
	uint8_t *in; /* not yet looked at */
	size_t in_n;
	uint8_t *cur; /* the frame that rx() returned lies here */
};

static UNUSED void
client_open(struct client *cl)
{
	struct sock_addr sa = { .len = 0 };
	int fd[2];

	memset(cl, 0, sizeof *cl);
	assert_ok(sock_pair(fd));
	cl->fd = fd[1];
	pulsar_accept(pulsar, fd[0], &sa);
}

static UNUSED void
client_close(struct client *cl)
{
	if (cl->fd >= 0)
		sock_close(cl->fd);
	cl->fd = -1;
	mem_free(cl->in);
	mem_free(cl->cur);
	spin(4);
}

static UNUSED void
client_pull(struct client *cl)
{
	static uint8_t tmp[65536];
	ssize_t n;

	while ((n = recv(cl->fd, tmp, sizeof tmp, MSG_DONTWAIT)) > 0) {
		cl->in = mem_realloc(cl->in, cl->in_n + (size_t)n);
		memcpy(cl->in + cl->in_n, tmp, (size_t)n);
		cl->in_n += (size_t)n;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
		cl->eof = true;
}

static UNUSED void
tx(struct client *cl, const void *p, size_t len)
{
	const uint8_t *q = p;
	ssize_t n;
	int i;

	for (i = 0; i < 100000 && len > 0; i++) {
		n = send(cl->fd, q, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			q += n;
			len -= (size_t)n;
		} else if (errno == EPIPE || errno == ECONNRESET)
			return;
		loop_run_once(lp, false);
		client_pull(cl);
	}
	spin(2);
}

#define TX(cl, name, m)                                                \
	do {                                                           \
		static uint8_t out_[65536];                            \
		size_t n_ = cmd_encode_##name(out_, sizeof out_, (m)); \
		assert_int_not_equal(n_, 0);                           \
		tx(cl, out_, n_);                                      \
	} while (0)

/* The next frame, or false after a while. */
static UNUSED bool
rx_any(struct client *cl, struct frame *fr)
{
	size_t n;
	int i;

	for (i = 0; i < 50; i++) {
		client_pull(cl);
		assert_ok(frame_size(span_of(cl->in, cl->in_n), 64u << 20, &n));
		if (n != 0 && n <= cl->in_n) {
			mem_free(cl->cur);
			cl->cur = mem_dup(cl->in, n);
			memmove(cl->in, cl->in + n, cl->in_n - n);
			cl->in_n -= n;
			assert_ok(frame_parse(span_of(cl->cur, n), fr));
			return true;
		}
		spin(1);
	}
	return false;
}

static UNUSED struct frame
rx(struct client *cl, enum cmd_type type)
{
	struct frame fr;

	if (!rx_any(cl, &fr))
		fail_msg("nothing came, %s was expected", cmd_name(type));
	if (fr.type != (uint32_t)type)
		fail_msg("%s came, not %s", cmd_name(fr.type), cmd_name(type));
	return fr;
}

static UNUSED void
assert_silent(struct client *cl)
{
	struct frame fr;

	spin(4);
	client_pull(cl);
	if (cl->in_n > 0) {
		assert_true(rx_any(cl, &fr));
		fail_msg("%s came", cmd_name(fr.type));
	}
	assert_false(cl->eof);
}

static UNUSED void
assert_gone(struct client *cl)
{
	struct frame fr;
	int i;

	for (i = 0; i < 20 && !cl->eof; i++) {
		spin(1);
		client_pull(cl);
	}
	assert_true(cl->eof);
	if (cl->in_n > 0 && rx_any(cl, &fr))
		fail_msg("%s came first", cmd_name(fr.type));
}

#define RX(cl, name, m)                                     \
	do {                                                \
		struct frame fr_ = rx(cl, CMD_##name);      \
		assert_ok(cmd_decode_##name(fr_.cmd, (m))); \
	} while (0)

static UNUSED void
expect_error(struct client *cl, uint64_t req, int error)
{
	pp_CommandError m;

	RX(cl, ERROR, &m);
	assert_int_equal(m.request_id, req);
	assert_int_equal(m.error, error);
	assert_true(m.message.n > 0);
}

static UNUSED void
expect_success(struct client *cl, uint64_t req)
{
	pp_CommandSuccess m;

	RX(cl, SUCCESS, &m);
	assert_int_equal(m.request_id, req);
}

static UNUSED void
say_connect_as(struct client *cl, int version, const char *client_version)
{
	pp_CommandConnect m = { .client_version = span_str(client_version),
		.has_protocol_version = true,
		.protocol_version = version,
		.has_feature_flags = true };

	m.feature_flags.has_supports_broker_entry_metadata = true;
	m.feature_flags.supports_broker_entry_metadata = true;
	TX(cl, CONNECT, &m);
}

static UNUSED void
say_connect(struct client *cl, int version)
{
	say_connect_as(cl, version, "test 1");
}

static UNUSED void
client_connect(struct client *cl, int version)
{
	client_open(cl);
	say_connect(cl, version);
	(void)rx(cl, CMD_CONNECTED);
}

/* Opens a producer; returns its dest for receipts. */
static UNUSED struct dest
open_producer(
    struct client *cl, uint64_t id, const char *topic, uint64_t handle)
{
	pp_CommandProducer m = { .topic = span_str(topic),
		.producer_id = id,
		.request_id = 1000 + id,
		.producer_name = span_str("p"),
		.has_user_provided_producer_name = true,
		.user_provided_producer_name = true };
	pp_CommandProducerSuccess ok;
	struct op *op;
	struct fx *fx;

	TX(cl, PRODUCER, &m);
	op = take_op(OP_PRODUCER_OPEN);
	fx = answer_to(op, FX_PRODUCER_OPENED);
	fx->handle = handle;
	fx->text = fx_str(fx, STR_LIT("p-name"));
	fx->i64 = -1;
	fx->flag = true;
	emit(fx);
	RX(cl, PRODUCER_SUCCESS, &ok);
	assert_int_equal(ok.request_id, 1000 + id);
	return op->dest;
}

static UNUSED struct dest
open_consumer(struct client *cl, uint64_t id, const char *topic,
    pp_CommandSubscribe_SubType type, uint64_t handle)
{
	pp_CommandSubscribe m = { .topic = span_str(topic),
		.subscription = span_str("s"),
		.subType = type,
		.consumer_id = id,
		.request_id = 2000 + id,
		.consumer_name = span_str("c"),
		.has_durable = true,
		.durable = true,
		.has_consumer_epoch = true };
	struct op *op;
	struct fx *fx;

	TX(cl, SUBSCRIBE, &m);
	op = take_op(OP_SUBSCRIBE);
	fx = answer_to(op, FX_SUBSCRIBED);
	fx->handle = handle;
	emit(fx);
	expect_success(cl, 2000 + id);
	return op->dest;
}

/* A SEND frame with metadata of one message; returns its length. */
static UNUSED size_t
send_frame(uint8_t *out, uint64_t producer, uint64_t sequence, size_t payload,
    bool good_crc)
{
	struct hot_send hs = { .producer_id = producer,
		.sequence_id = sequence,
		.num_messages = 1 };
	uint8_t *head, *body, *o;
	uint8_t meta[64], *mo = meta;
	size_t body_n, meta_n;

	mo = wire_put_bytes(mo, 1, span_str("p"));
	mo = wire_put_u64(mo, 2, sequence);
	mo = wire_put_u64(mo, 3, 123456);
	meta_n = (size_t)(mo - meta);
	body_n = 2 + 4 + 4 + meta_n + payload;
	head = out;
	body = head + peer_send_encode(head, &hs, body_n);
	o = wire_put_be16(body, PULSAR_MAGIC_CRC) + 4;
	o = wire_put_be32(o, (uint32_t)meta_n);
	memcpy(o, meta, meta_n);
	memset(o + meta_n, 'x', payload);
	(void)wire_put_be32(
	    body + 2, crc32c(0, body + 6, body_n - 6) ^ (good_crc ? 0 : 1));
	return (size_t)(body - out) + body_n;
}

static UNUSED void
send_one(struct client *cl, uint64_t producer, uint64_t sequence)
{
	uint8_t out[512];

	tx(cl, out, send_frame(out, producer, sequence, 10, true));
}

#endif
