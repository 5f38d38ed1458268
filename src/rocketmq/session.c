/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "rocketmq/audit.h"
#include "rocketmq/frame.h"
#include "rocketmq/gate.h"
#include "rocketmq/measure.h"
#include "rocketmq/pop.h"
#include "rocketmq/send.h"

#define REMARK_MAX 1024
#define SCRATCH_MIN (64u << 10)
#define SCRATCH_KEEP (1u << 20)

/* --- the end ---------------------------------------------------------------- */

void
rmq_session_close(struct rmq_session *s, enum close_reason why)
{
	CHECK_OBJ_NOTNULL(s, RMQ_SESSION_MAGIC);
	if (s->state == RMQ_ENDING)
		return;
	s->state = RMQ_ENDING;
	conn_close(s->cn, why);
}

void
rmq_session_close_flushed(struct rmq_session *s, enum close_reason why)
{
	CHECK_OBJ_NOTNULL(s, RMQ_SESSION_MAGIC);
	if (s->state == RMQ_ENDING)
		return;
	s->state = RMQ_ENDING;
	conn_close_flushed(s->cn, why, 1000);
}

void
rmq_session_free(struct rmq_session *s)
{
	struct rmq *rm = s->rm;

	s->state = RMQ_ENDING;
	if (umap_del(&rm->sessions, s->id) != s)
		WRONG("a session that nobody knew");
	loop_timer_fini(&s->idle);
	loop_timer_fini(&s->login);
	rmq_audit_forget(s);
	rmq_pulls_drop(s);
	rmq_pops_drop(s);
	rmq_asks_drop(s);
	rmq_members_drop(s);
	if (s->paused & RMQ_PAUSE_SHARD)
		LIST_REMOVE(s, starved_link);
	/* what it has under way comes back to the shard with its receipts */
	rmq_client_forget(s);
	FREE_OBJ(s);
}

static void
on_closed(struct conn *cn, void *priv, enum close_reason why)
{
	struct rmq_session *s;

	CAST_OBJ_NOTNULL(s, priv, RMQ_SESSION_MAGIC);
	assert(s->cn == cn);
	LOG(close_is_error(why) ? LOG_INFO : LOG_DEBUG,
	    (int)s->rm->router->shard, "conn_close", LOG_U("conn", s->id),
	    LOG_S("protocol", "rocketmq"), LOG_S("peer", conn_peer_text(cn)),
	    LOG_S("why", close_text(why)));
	rmq_session_free(s);
}

static void
on_idle(void *priv)
{
	struct rmq_session *s;
	int64_t left;

	CAST_OBJ_NOTNULL(s, priv, RMQ_SESSION_MAGIC);
	if (s->state != RMQ_OPEN)
		return;
	if (conn_rx_bytes(s->cn) == s->hello_n) {
		rmq_session_close(s, CLOSE_HANDSHAKE_TIMEOUT);
		return;
	}
	left = conn_last_rx_ns(s->cn) + s->rm->conf.idle_ns -
	    loop_mono_ns(s->rm->lp);
	if (left <= 0 && s->paused == 0)
		rmq_session_close(s, CLOSE_IDLE);
	else
		loop_timer_start(
		    &s->idle, left > 0 ? left : s->rm->conf.idle_ns);
}

static void
on_waited(void *priv)
{
	struct rmq_session *s;

	CAST_OBJ_NOTNULL(s, priv, RMQ_SESSION_MAGIC);
	rmq_session_resume(s, RMQ_PAUSE_LOGIN);
}

/* --- pauses ----------------------------------------------------------------- */

void
rmq_session_pause(struct rmq_session *s, unsigned why)
{
	if (s->paused == 0)
		conn_pause(s->cn);
	s->paused |= why;
}

void
rmq_session_resume(struct rmq_session *s, unsigned why)
{
	if ((s->paused & why) == 0)
		return;
	s->paused &= ~why;
	if (s->paused == 0)
		conn_resume(s->cn);
}

/* --- answers ---------------------------------------------------------------- */

struct rout *
rmq_answer(struct rmq_session *s, const struct rmq_ref *r, int code,
    const char *remark)
{
	struct rmq *rm = s->rm;

	if (unlikely(!LIST_EMPTY(&s->notes)))
		rmq_audit_answered(s, r, code, remark);
	rmq_measure_answer(rm, r, code);
	rout_begin(&rm->out, r->type, code, r->opaque, RHEADER_RESPONSE,
	    remark != NULL ? str_of(remark) : STR_NONE);
	return &rm->out;
}

bool
rmq_answer_head(struct rmq_session *s, const struct rmq_ref *r, size_t body_len)
{
	struct rmq *rm = s->rm;

	AN(s->requests_n);
	s->requests_n--;
	if (s->requests_n <= rm->conf.requests_max / 2)
		rmq_session_resume(s, RMQ_PAUSE_REQUESTS);
	if (r->oneway)
		return false;
	if (rout_end(&rm->out, body_len) != ERR_OK)
		WRONG("an answer's header over its limit");
	conn_write(s->cn, rm->out.sb.p, rm->out.sb.len);
	return true;
}

void
rmq_answer_end(struct rmq_session *s, const struct rmq_ref *r, const void *body,
    size_t body_len)
{
	if (rmq_answer_head(s, r, body_len) && body_len > 0)
		conn_write(s->cn, body, body_len);
}

void
rmq_answer_text(struct rmq_session *s, const struct rmq_ref *r)
{
	struct rmq *rm = s->rm;

	if (strbuf_err(&rm->text) != ERR_OK) {
		rmq_answer_code(
		    s, r, RC_SYSTEM_ERROR, "the answer is too large");
		return;
	}
	(void)rmq_answer(s, r, RC_SUCCESS, NULL);
	rmq_answer_end(s, r, strbuf_str(&rm->text), rm->text.len);
}

void
rmq_answer_code(struct rmq_session *s, const struct rmq_ref *r, int code,
    const char *remark)
{
	(void)rmq_answer(s, r, code, remark);
	rmq_answer_end(s, r, NULL, 0);
	if (code != RC_SUCCESS)
		s->rm->st.refused++;
}

void
rmq_answer_codef(struct rmq_session *s, const struct rmq_ref *r, int code,
    const char *fmt, ...)
{
	char text[REMARK_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rmq_answer_code(s, r, code, text);
}

void
rmq_answer_err(struct rmq_session *s, const struct rmq_ref *r, enum err e,
    const char *diag)
{
	rmq_answer_code(s, r, e == ERR_OK ? RC_SUCCESS : err_rocketmq(e),
	    e == ERR_OK				? NULL :
		diag != NULL && diag[0] != '\0' ? diag :
						  err_text(e));
}

void
rmq_answer_field(
    struct rmq_session *s, const struct rmq_ref *r, const char *field)
{
	rmq_answer_codef(s, r, RC_SYSTEM_ERROR,
	    "the custom field <%s> is null or can't be read", field);
}

/* --- parked requests -------------------------------------------------------- */

void
rmq_park(struct rmq_session *s, const struct rmq_req *q, struct held_list *l)
{
	struct held *h = mem_zalloc(sizeof *h);

	h->session = s->id;
	h->began_ns = q->ref.began_ns;
	h->frame = slice_ref(q->frame);
	STAILQ_INSERT_TAIL(l, h, link);
	/* it holds what came in, as a publish does */
	rmq_publish_began(s, h->frame.len);
}

void
rmq_unpark(struct rmq *rm, struct held_list *l)
{
	if (STAILQ_EMPTY(l))
		return;
	STAILQ_CONCAT(&rm->due, l);
	rmq_later_kick(rm);
}

static void
held_free(struct rmq *rm, struct held *h)
{
	(void)rmq_publish_ended(rm, h->session, h->frame.len);
	slice_unref(&h->frame);
	mem_free(h);
}

void
rmq_held_free(struct rmq *rm, struct held_list *l)
{
	struct held *h;

	while ((h = STAILQ_FIRST(l)) != NULL) {
		STAILQ_REMOVE_HEAD(l, link);
		held_free(rm, h);
	}
}

/* --- frames ----------------------------------------------------------------- */

static void
malformed(struct rmq_session *s, enum close_reason why)
{
	rmq_gauge(s->rm, M_PROTO_ERRORS, 1);
	rmq_session_close(s, why);
}

/* Room for every escape of a header of n bytes */
static void
scratch_for(struct rmq *rm, size_t n)
{
	struct rscratch *sc = &rm->scratch;

	sc->used = 0;
	if (sc->cap >= n && sc->cap <= SCRATCH_KEEP)
		return;
	mem_free(sc->p);
	sc->cap = n > SCRATCH_MIN ? n : SCRATCH_MIN;
	sc->p = mem_alloc(sc->cap);
}

static void
carry_out(struct rmq_session *s, struct rmq_req *q)
{
	rmq_do_f *f = rmq_handler(q->ref.code);

	if (f == NULL)
		rmq_answer_codef(s, &q->ref, RC_REQUEST_CODE_NOT_SUPPORTED,
		    " request type %d not supported", q->ref.code);
	else if (s->rm->draining && !q->ref.oneway)
		rmq_answer_code(s, &q->ref, RC_SERVICE_NOT_AVAILABLE,
		    "Broker is shutting down");
	else
		f(s, q);
}

/* held: it was parked; NULL: it comes for the first time. False: the session leaves
 * or has to wait, and the command is read again. */
static bool
command(struct rmq_session *s, const uint8_t *p, size_t n, struct buf *b,
    const struct held *held)
{
	struct rmq *rm = s->rm;
	struct rframe fr;
	struct rmq_req q;
	enum rframe_verdict v;

	v = rframe_parse(p, n, &fr);
	if (v != RFRAME_OK) {
		malformed(s, rframe_close(v));
		return true;
	}
	scratch_for(rm, fr.header_n);
	if (rheader_scan(&rm->hdr, fr.type, fr.header, fr.header_n,
		&rm->scratch) != ERR_OK) {
		malformed(s, CLOSE_MALFORMED);
		return true;
	}
	if (rheader_is_response(&rm->hdr)) {
		rmq_asked_answered(
		    s, &rm->hdr, slice_mem(fr.body, (uint32_t)fr.body_n));
		return true;
	}
	q = (struct rmq_req){
		.ref = { .session = s->id,
		    .code = rm->hdr.code,
		    .opaque = rm->hdr.opaque,
		    .type = fr.type,
		    .oneway = rheader_is_oneway(&rm->hdr),
		    .began_ns =
			held != NULL ? held->began_ns : loop_mono_ns(rm->lp) },
		.h = &rm->hdr,
		.frame = { .buf = b, .p = p, .len = (uint32_t)n },
		.body = { .buf = b, .p = fr.body, .len = (uint32_t)fr.body_n },
	};
	if (unlikely(!s->settled)) {
		conn_set_stranger(s->cn, false);
		if (rmq_session_moves(s, &q))
			return false;
	}
	if (held == NULL && unlikely(!s->proven) && rmq_gate_waits(s, &q))
		return false;
	s->type = fr.type;
	s->language = rm->hdr.language;
	s->version = rm->hdr.version;
	if (held == NULL) {
		rm->st.requests++;
		if (++s->requests_n >= rm->conf.requests_max)
			rmq_session_pause(s, RMQ_PAUSE_REQUESTS);
	}
	/* what was parked has passed before */
	if (held != NULL || rmq_gate_pass(s, &q))
		carry_out(s, &q);
	return true;
}

void
rmq_held_run(struct rmq *rm)
{
	struct held_list l = STAILQ_HEAD_INITIALIZER(l);
	struct rmq_session *s;
	struct held *h;

	STAILQ_CONCAT(&l, &rm->due);
	while ((h = STAILQ_FIRST(&l)) != NULL) {
		STAILQ_REMOVE_HEAD(&l, link);
		s = rmq_session_get(rm, h->session);
		if (s != NULL && s->state == RMQ_OPEN)
			(void)command(
			    s, h->frame.p, h->frame.len, h->frame.buf, h);
		held_free(rm, h);
	}
}

static size_t
on_data(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *b, size_t *need)
{
	struct rmq_session *s;
	enum rframe_verdict v;
	size_t done = 0, n;

	(void)cn;
	CAST_OBJ_NOTNULL(s, priv, RMQ_SESSION_MAGIC);
	if (!STAILQ_EMPTY(&s->rm->due))
		rmq_held_run(s->rm);
	while (s->state == RMQ_OPEN && s->paused == 0 && done < len) {
		v = rframe_size(
		    p + done, len - done, s->rm->conf.frame_max, &n);
		if (v == RFRAME_MORE) {
			*need = 0;
			break;
		}
		if (v != RFRAME_OK) {
			malformed(s, rframe_close(v));
			break;
		}
		if (n > len - done) {
			*need = n;
			break;
		}
		if (!command(s, p + done, n, b, NULL))
			break;
		done += n;
	}
	return done;
}

static const struct conn_ops session_ops = {
	.name = "rocketmq",
	.on_data = on_data,
	.on_closed = on_closed,
	.on_detached = rmq_session_detached,
};

/* The first bytes: who has the connection from here on? */
static size_t
on_first(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *b, size_t *need)
{
	struct rmq_session *s;
	bool tls;

	(void)b;
	(void)need;
	CAST_OBJ_NOTNULL(s, priv, RMQ_SESSION_MAGIC);
	tls = rframe_is_tls(p, len);
	if (tls && s->rm->tls_mode == RMQ_TLS_DISABLED)
		malformed(s, CLOSE_NOT_OURS);
	else if (!tls && s->rm->tls_mode == RMQ_TLS_ENFORCING)
		malformed(s, CLOSE_NOT_TLS);
	else
		conn_set_owner(cn, &s->rm->cc, &session_ops, s);
	if (!tls || s->state != RMQ_OPEN)
		return 0;
	s->hello_n = len;
	conn_start_tls(cn, s->rm->tls, p, len);
	return len;
}

static const struct conn_ops first_ops = {
	.name = "rocketmq",
	.on_data = on_first,
	.on_closed = on_closed,
};

/* --- the beginning ---------------------------------------------------------- */

struct rmq_session *
rmq_session_get(struct rmq *rm, uint64_t id)
{
	return umap_get(&rm->sessions, id);
}

static struct rmq_session *
session_alloc(struct rmq *rm)
{
	struct rmq_session *s;

	LOOP_ASSERT(rm->lp);
	ALLOC_OBJ(s, RMQ_SESSION_MAGIC);
	s->rm = rm;
	LIST_INIT(&s->pulls);
	LIST_INIT(&s->pops);
	LIST_INIT(&s->members);
	LIST_INIT(&s->asks);
	LIST_INIT(&s->notes);
	loop_timer_init(&s->idle, rm->lp, on_idle, s);
	loop_timer_init(&s->login, rm->lp, on_waited, s);
	return s;
}

static void
attach(struct rmq_session *s, struct conn *cn)
{
	s->cn = cn;
	s->id = conn_id(cn);
	if (umap_add(&s->rm->sessions, s->id, s) != ERR_OK)
		WRONG("a number of a connection twice, or 16 million");
	loop_timer_start(&s->idle, s->rm->conf.idle_ns);
}

void
rmq_session_new(struct rmq *rm, int fd, struct quota_pass pass)
{
	struct rmq_session *s = session_alloc(rm);

	attach(s, conn_new(rm->net, fd, &rm->cc, &first_ops, s));
	conn_set_pass(s->cn, pass);
	conn_set_stranger(s->cn, true);
	if (rm->conf.hello_ns < rm->conf.idle_ns)
		loop_timer_start(&s->idle, rm->conf.hello_ns);
}

struct rmq_session *
rmq_session_adopt(struct rmq *rm, struct conn_parcel **parcel)
{
	struct rmq_session *s = session_alloc(rm);

	attach(s, conn_adopt(rm->net, parcel, &rm->cc, &session_ops, s));
	return s;
}

void
rmq_session_name(struct rmq_session *s)
{
	const struct rmq_conf *conf = &s->rm->conf;
	struct sock_addr sa;
	char text[SOCK_TEXT_MAX];

	if (s->named)
		return;
	conn_local(s->cn, &sa);
	(void)sock_addr_host(&sa, s->ip, sizeof s->ip);
	if (conf->advertised_ip != NULL && conf->advertised_ip[0] != '\0')
		(void)snprintf(s->ip, sizeof s->ip, "%s", conf->advertised_ip);
	s->born_host.port = sock_addr_port(conn_peer(s->cn));
	if (!rmq_host_parse(&s->born_host,
		sock_addr_host(conn_peer(s->cn), text, sizeof text)))
		WRONG("a peer without an address");
	s->port = s->rm->port;
	s->store_host.port = s->port;
	if (!rmq_host_parse(&s->store_host, s->ip))
		WRONG("an address that is none"); /* checked at the start */
	s->named = true;
}

bool
rmq_host_parse(struct rmq_host *h, const char *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(h->ip, 0, sizeof h->ip);
	h->v6 = false;
	if (inet_pton(AF_INET, ip, h->ip) == 1)
		return true;
	if (inet_pton(AF_INET6, ip, h->ip) != 1)
		return false;
	h->v6 = memcmp(h->ip, mapped, sizeof mapped) != 0;
	if (!h->v6)
		memmove(h->ip, h->ip + 12, 4);
	return true;
}
