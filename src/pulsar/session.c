/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/log.h"
#include "pulsar/login.h"
#include "pulsar/session_priv.h"

/* --- saying things ---------------------------------------------------------- */

void
session_send(struct session *s, enum cmd_type type, const pb_msgdesc_t *desc,
    const void *msg)
{
	size_t n = cmd_size_frame(type, desc, msg);
	struct buf *b;

	assert(n <= UINT32_MAX);
	if (n <= CONN_RESERVE_MAX) {
		n = cmd_encode_frame(
		    conn_reserve(s->cn, n), n, type, desc, msg);
		AN(n);
		conn_commit(s->cn, n);
		return;
	}
	b = buf_new((uint32_t)n);
	n = cmd_encode_frame(b->data, n, type, desc, msg);
	AN(n);
	b->len = (uint32_t)n;
	conn_write_slice(s->cn, slice_of(b, 0, b->len));
	buf_unref(&b);
}

void
session_error(struct session *s, uint64_t req, int error, const char *text)
{
	uint8_t *o = conn_reserve(s->cn, HOT_ERROR_MAX);

	conn_commit(s->cn, hot_error_encode(o, req, error, text));
}

const char *
fx_message(const struct fx *fx)
{
	return fx->diag[0] != '\0' ? fx->diag : err_text(fx->err);
}

enum err
session_topic(struct topic_name *tn, struct span name)
{
	enum err e;

	if (!text_is_utf8(name))
		return ERR_INVALID_NAME;
	e = topic_name_parse(tn, str_of_span(name));
	if (e == ERR_OK && topic_name_is_light(tn)) {
		/* it holds references, no messages */
		topic_name_fini(tn);
		e = ERR_INVALID_NAME;
	}
	return e;
}

void
session_bad_name(char *out, size_t size, struct span topic)
{
	(void)snprintf(out, size, "Invalid topic name: %.*s",
	    topic.n < 256 ? (int)topic.n : 256,
	    topic.n > 0 ? (const char *)topic.p : "");
	text_clean(out);
}

void
session_error_fx(struct session *s, const struct fx *fx)
{
	session_error(s, fx->req, err_pulsar(fx->err), fx_message(fx));
}

void
session_success(struct session *s, uint64_t req)
{
	uint8_t *o = conn_reserve(s->cn, HOT_SUCCESS_MAX);

	conn_commit(s->cn, hot_success_encode(o, req));
}

static void
ping(struct session *s)
{
	uint8_t *o = conn_reserve(s->cn, HOT_PING_MAX);

	conn_commit(s->cn, hot_ping_encode(o));
	s->p->st.pings++;
}

/* --- the end ---------------------------------------------------------------- */

void
session_close(struct session *s, enum close_reason why)
{
	CHECK_OBJ_NOTNULL(s, SESSION_MAGIC);
	if (s->state == SESSION_ENDING)
		return;
	s->state = SESSION_ENDING;
	conn_close(s->cn, why);
}

void
session_close_flushed(struct session *s, enum close_reason why)
{
	CHECK_OBJ_NOTNULL(s, SESSION_MAGIC);
	if (s->state == SESSION_ENDING)
		return;
	s->state = SESSION_ENDING;
	conn_close_flushed(s->cn, why, 1000);
}

void
session_malformed(struct session *s)
{
	pulsar_gauge(s->p, M_PROTO_ERRORS, 1);
	session_close(s, CLOSE_MALFORMED);
}

void
session_place_gone(struct session *s)
{
	AN(s->places_n);
	if (--s->places_n == 0 && s->p->draining)
		session_close_flushed(s, CLOSE_SHUTDOWN);
}

/* Not inside of an effect. */
static void
probes_answer(struct session *s, bool alive)
{
	struct op *op;

	while (s->probes_n > 0) {
		s->probes_n--;
		op = pulsar_op_new(s->p, OP_PROBED);
		op->u64 = s->probes[s->probes_n].id;
		op->u32 = s->probes[s->probes_n].shard;
		op->flag = alive;
		route_op(s->p->router, &op);
	}
	MEM_FREE(s->probes);
	s->probes_cap = 0;
	loop_timer_stop(&s->probe_timer);
}

void
session_free(struct session *s)
{
	struct pulsar *p = s->p;

	s->state = SESSION_ENDING;
	if (umap_del(&p->sessions, s->id) != s)
		WRONG("a session that nobody knew");
	loop_timer_fini(&s->keepalive);
	probes_answer(s, false);
	loop_timer_fini(&s->probe_timer);
	topics_drop(s);
	consumers_drop(s);
	producers_drop(s);
	AZ(s->pending_bytes);
	if (s->paused & PAUSE_SHARD)
		LIST_REMOVE(s, starved_link);
	umap_fini(&s->producers);
	umap_fini(&s->consumers);
	mem_free(s->client_version);
	login_fini(s);
	FREE_OBJ(s);
}

static void
on_closed(struct conn *cn, void *priv, enum close_reason why)
{
	struct session *s;

	CAST_OBJ_NOTNULL(s, priv, SESSION_MAGIC);
	assert(s->cn == cn);
	LOG(close_is_error(why) ? LOG_INFO : LOG_DEBUG,
	    (int)s->p->router->shard, "conn_close", LOG_U("conn", s->id),
	    LOG_S("peer", conn_peer_text(cn)), LOG_S("why", close_text(why)));
	session_free(s);
}

/* --- keep-alive ------------------------------------------------------------- */

/*
 * As the reference does it: every interval, whatever came in between, a PING;
 * what answers it is any command. Where we don't read, an answer may well be
 * there unread.
 */
static void
on_keepalive(void *priv)
{
	struct session *s;

	CAST_OBJ_NOTNULL(s, priv, SESSION_MAGIC);
	if (s->state == SESSION_START) {
		session_close(s, CLOSE_HANDSHAKE_TIMEOUT);
		return;
	}
	if (s->state != SESSION_CONNECTED)
		return;
	if (s->ping_out && s->paused == 0) {
		session_close(s, CLOSE_KEEPALIVE);
		return;
	}
	if (s->version >= 1) {
		s->ping_out = true;
		ping(s);
	}
	producers_expire(s, loop_mono_ns(s->p->lp));
	loop_timer_start(&s->keepalive, s->p->conf.keepalive_ns);
}

static void
on_probe_timeout(void *priv)
{
	struct session *s;

	CAST_OBJ_NOTNULL(s, priv, SESSION_MAGIC);
	probes_answer(s, false);
	session_close(s, CLOSE_KEEPALIVE);
}

void
session_probe(struct session *s, const struct fx *fx)
{
	struct op *op;

	if (s->p->conf.probe_ns == 0 || s->probes_n == PROBES_MAX) {
		/* not asked: believed to be there */
		op = pulsar_op_new(s->p, OP_PROBED);
		op->u64 = fx->u64;
		op->u32 = fx->u32;
		op->flag = true;
		pulsar_later(s->p, &op);
		return;
	}
	if (s->probes_n == s->probes_cap) {
		s->probes_cap = s->probes_cap > 0 ? 2 * s->probes_cap : 8;
		s->probes = mem_reallocarray(
		    s->probes, s->probes_cap, sizeof *s->probes);
	}
	s->probes[s->probes_n].id = fx->u64;
	s->probes[s->probes_n].shard = fx->u32;
	if (s->probes_n++ > 0)
		return;
	ping(s);
	loop_timer_start(&s->probe_timer, s->p->conf.probe_ns);
}

void
session_connected(struct session *s)
{
	s->state = SESSION_CONNECTED;
	conn_set_stranger(s->cn, false);
	s->ping_out = false;
	loop_timer_start(&s->keepalive, s->p->conf.keepalive_ns);
	login_watch(s);
}

/* --- pauses ----------------------------------------------------------------- */

void
session_pause(struct session *s, unsigned why)
{
	if (s->paused == 0)
		conn_pause(s->cn);
	s->paused |= why;
}

void
session_resume(struct session *s, unsigned why)
{
	if ((s->paused & why) == 0)
		return;
	s->paused &= ~why;
	if (s->paused == 0)
		conn_resume(s->cn);
}

void
session_request_done(struct session *s)
{
	AN(s->requests_n);
	s->requests_n--;
	if (s->requests_n <= s->p->conf.requests_max / 2)
		session_resume(s, PAUSE_REQUESTS);
}

static void
on_drained(struct conn *cn, void *priv)
{
	struct session *s;

	(void)cn;
	CAST_OBJ_NOTNULL(s, priv, SESSION_MAGIC);
	consumers_unblock(s);
}

/* --- frames ----------------------------------------------------------------- */

static const struct {
	do_f *f;
	bool always; /* even before CONNECT, as in the reference */
} commands[CMD__MAX] = {
	[CMD_CONNECT] = { do_connect, true },
	[CMD_AUTH_RESPONSE] = { do_auth_response, true },
	[CMD_PING] = { do_ping, true },
	[CMD_PONG] = { do_pong, true },
	[CMD_PARTITIONED_METADATA] = { do_partitioned_metadata, false },
	[CMD_LOOKUP] = { do_lookup, false },
	[CMD_PRODUCER] = { do_producer, false },
	[CMD_CLOSE_PRODUCER] = { do_close_producer, false },
	[CMD_SEND] = { do_send, false },
	[CMD_SUBSCRIBE] = { do_subscribe, false },
	[CMD_FLOW] = { do_flow, false },
	[CMD_ACK] = { do_ack, false },
	[CMD_UNSUBSCRIBE] = { do_unsubscribe, false },
	[CMD_CLOSE_CONSUMER] = { do_close_consumer, false },
	[CMD_REDELIVER_UNACKNOWLEDGED_MESSAGES] = { do_redeliver, false },
	[CMD_SEEK] = { do_seek, false },
	[CMD_GET_LAST_MESSAGE_ID] = { do_get_last_message_id, false },
	[CMD_CONSUMER_STATS] = { do_consumer_stats, false },
	[CMD_GET_TOPICS_OF_NAMESPACE] = { do_get_topics_of_namespace, false },
	[CMD_WATCH_TOPIC_LIST] = { do_watch_topic_list, false },
	[CMD_WATCH_TOPIC_LIST_CLOSE] = { do_watch_topic_list_close, false },
	[CMD_GET_SCHEMA] = { do_get_schema, false },
	[CMD_GET_OR_CREATE_SCHEMA] = { do_get_or_create_schema, false },
	[CMD_NEW_TXN] = { do_new_txn, false },
	[CMD_ADD_PARTITION_TO_TXN] = { do_add_partition_to_txn, false },
	[CMD_ADD_SUBSCRIPTION_TO_TXN] = { do_add_subscription_to_txn, false },
	[CMD_END_TXN] = { do_end_txn, false },
	[CMD_END_TXN_ON_PARTITION] = { do_end_txn_on_partition, false },
	[CMD_END_TXN_ON_SUBSCRIPTION] = { do_end_txn_on_subscription, false },
	[CMD_TC_CLIENT_CONNECT_REQUEST] = { do_tc_client_connect, false },
};

/* False: not taken, the session moves to another shard or has to wait. */
static bool
command(struct session *s, const uint8_t *p, size_t n, struct buf *b)
{
	struct frame fr;

	if (frame_parse(span_of(p, n), &fr) != ERR_OK) {
		session_malformed(s);
		return true;
	}
	s->ping_out = false;
	if (unlikely(s->state == SESSION_START) && fr.type == CMD_CONNECT &&
	    login_waits(s))
		return false;
	s->p->st.commands++;
	if (unlikely(s->probes_n > 0))
		probes_answer(s, true);
	/* Commands that no client may send, and unknown ones, close the
	 * connection, as in the reference. */
	if (fr.type >= CMD__MAX || commands[fr.type].f == NULL ||
	    (s->state != SESSION_CONNECTED && !commands[fr.type].always)) {
		pulsar_gauge(s->p, M_PROTO_ERRORS, 1);
		session_close(s, CLOSE_PROTOCOL);
		return true;
	}
	if (unlikely(!s->settled) && session_moves(s, &fr))
		return false;
	commands[fr.type].f(s, &fr, b);
	return !s->who.keyless; /* or it comes again */
}

static size_t
frame_max(const struct session *s)
{
	size_t n = s->p->cc.frame_max;

	return s->state == SESSION_START && n > HELLO_MAX ? HELLO_MAX : n;
}

static size_t
on_data(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *b, size_t *need)
{
	struct session *s;
	size_t done = 0, n;
	enum err e;

	(void)cn;
	CAST_OBJ_NOTNULL(s, priv, SESSION_MAGIC);
	while (s->state != SESSION_ENDING && s->paused == 0) {
		e = frame_size(span_of(p + done, len - done), frame_max(s), &n);
		if (e != ERR_OK) {
			pulsar_gauge(s->p, M_PROTO_ERRORS, 1);
			session_close(s,
			    e == ERR_TOO_BIG ? CLOSE_FRAME_TOO_BIG :
					       CLOSE_MALFORMED);
			break;
		}
		if (n == 0 || n > len - done) {
			*need = n;
			break;
		}
		if (!command(s, p + done, n, b))
			break;
		done += n;
	}
	return done;
}

const struct conn_ops session_ops = {
	.name = "pulsar",
	.on_data = on_data,
	.on_drained = on_drained,
	.on_closed = on_closed,
	.on_detached = session_detached,
};

/* --- the beginning ---------------------------------------------------------- */

struct session *
session_get(struct pulsar *p, uint64_t id)
{
	return umap_get(&p->sessions, id);
}

struct session *
session_alloc(struct pulsar *p)
{
	struct session *s;

	LOOP_ASSERT(p->lp);
	ALLOC_OBJ(s, SESSION_MAGIC);
	s->p = p;
	umap_init(&s->producers, p->seed, 2 * (size_t)p->conf.producers_max);
	umap_init(&s->consumers, p->seed, p->conf.consumers_max);
	TAILQ_INIT(&s->blocked);
	LIST_INIT(&s->watchers);
	loop_timer_init(&s->keepalive, p->lp, on_keepalive, s);
	login_init(s);
	loop_timer_init(&s->probe_timer, p->lp, on_probe_timeout, s);
	return s;
}

void
session_attach(struct session *s, struct conn *cn)
{
	s->cn = cn;
	s->id = conn_id(cn);
	(void)sock_addr_host(conn_peer(cn), s->from, sizeof s->from);
	if (umap_add(&s->p->sessions, s->id, s) != ERR_OK)
		WRONG("a number of a connection twice, or 16 million");
}

struct session *
session_new(struct pulsar *p, int fd, struct tls_ctx *tls)
{
	struct session *s = session_alloc(p);

	session_attach(s, conn_new(p->net, fd, &p->cc, &session_ops, s));
	conn_set_stranger(s->cn, true);
	if (tls != NULL)
		conn_start_tls(s->cn, tls, NULL, 0);
	loop_timer_start(&s->keepalive, p->conf.handshake_ns);
	return s;
}

void
session_refuse(struct session *s, enum quota_said said)
{
	char text[160] = "Reached the maximum number of connections";

	if (said == QUOTA_FULL_ADDRESS)
		(void)snprintf(text, sizeof text,
		    "Reached the maximum number of connections on address/%s",
		    conn_peer_text(s->cn));
	session_error(s, HOT_NO_REQUEST, pp_ServerError_NotAllowedError, text);
	session_close_flushed(s, CLOSE_LIMIT);
}

enum err
session_props(struct op *op, const struct span_rep *rep, size_t max_bytes,
    uint32_t *n, const struct prop **props)
{
	struct span_iter it;
	struct span el, k, v;
	struct prop *pr;
	size_t bytes = 0;
	uint32_t i = 0;

	*n = 0;
	*props = NULL;
	if (rep->n == 0)
		return ERR_OK;
	span_iter_init(&it, rep);
	while (span_iter_next(&it, &el)) {
		if (pulsar_kv_decode(el, &k, &v) != ERR_OK)
			return ERR_MALFORMED;
		bytes += k.n + v.n;
		if (bytes > max_bytes || ++i > max_bytes)
			return ERR_TOO_BIG;
		if (!text_is_utf8(k) || !text_is_utf8(v))
			return ERR_INVALID_ARG;
	}
	pr = op_mem(op, i * sizeof *pr);
	*props = pr;
	span_iter_init(&it, rep);
	while (*n < i && span_iter_next(&it, &el)) {
		if (pulsar_kv_decode(el, &k, &v) != ERR_OK)
			return ERR_MALFORMED;
		pr[*n].key = op_str(op, str_of_span(k));
		pr[*n].value = op_str(op, str_of_span(v));
		++*n;
	}
	return ERR_OK;
}
