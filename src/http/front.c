/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd has one time-out, which every byte starts anew, and no say in who
 * has to go where there are too many; and it would bring a TLS library of its own,
 * with other keys and other rules, and no way to change a certificate. So it gets
 * plaintext, through a pair of sockets, of connections that are ours.
 */
#include "http/front.h"

#include "net/conn.h"
#include "net/listener.h"
#include "net/room.h"
#include "os/clock.h"

#define BACKLOG 1024
#define FLUSH_MS 30000
#define HEAD_MAX \
	((size_t)64 << 10) /* a longer one is libmicrohttpd's to refuse */
/* Beyond a request: an empty line, as old clients send, or Node's "{}" (req.c) */
#define AHEAD_MAX 2
#define PAIR_N 2 /* descriptors */
#define FOREVER INT64_MAX

enum phase {
	PHASE_WAIT, /* nothing of a request is there */
	PHASE_HEAD, /* a part of its head is */
	PHASE_BODY, /* its head is */
	PHASE_WORK, /* all of it is: nothing is owed but to take the answer */
	PHASE_END /* what is left to say is being sent, or it is closed */
};

struct bridge {
	unsigned magic;
#define BRIDGE_MAGIC 0x477b0004
	struct front *f;
	struct conn *front; /* the client's; NULL: closed */
	struct conn
	    *back; /* to libmicrohttpd; NULL: not there yet, or closed */
	struct guest *guest; /* NULL: as back, but for a moment */
	bool front_waits, back_waits; /* paused: the other is full */
	bool shaken; /* its handshake was over when the time was */
	enum phase phase;
	size_t looked; /* at, of the first head */
	size_t ahead; /* bytes behind the request that is worked on */
	uint64_t told; /* bytes that had been said as its body began */
	struct net_wait room; /* for the pair: its front is paused */
	struct loop_timer timer; /* of the phase */
	/* what had been received, or taken, as the timer was started */
	uint64_t had;
	bool owes; /* at that time there was something to take */
	LIST_ENTRY(bridge) link;
	TAILQ_ENTRY(bridge) phase_link;
	bool busy; /* in guests.busy */
	bool passed; /* in it: libmicrohttpd has not seen it yet */
	bool said; /* in it: libmicrohttpd has an answer for us */
	TAILQ_ENTRY(bridge) busy_link;
};

struct guest {
	unsigned magic;
#define GUEST_MAGIC 0x477b0006
	struct bridge *b; /* NULL: has gone */
	char *name;
};

struct front {
	unsigned magic;
#define FRONT_MAGIC 0x477b0005
	struct http *h;
	struct tls_ctx *tls; /* NULL: not spoken here */
	struct listener *listener; /* NULL: no new ones */
	struct sock_addr addr;
	LIST_HEAD(, bridge) bridges;
	unsigned bridges_n;
};

/* many bodies at once are read in small pieces */
static const struct conn_conf front_conf = {
	.frame_max = 1u << 20,
	.read_max = 16u << 10,
	.tx_high = 256u << 10,
	.tx_low = 64u << 10,
	.tx_hard = 8u << 20,
};
/* little is read ahead of libmicrohttpd, which may not want it */
static const struct conn_conf back_conf = {
	.frame_max = 1u << 20,
	.tx_high = 64u << 10,
	.tx_low = 16u << 10,
	.tx_hard = 8u << 20,
	.internal = true,
};

static const struct conn_ops back_ops;

/* ---- phases ------------------------------------------------------------------- */

/* NULL: it has a place that nobody takes from it */
static struct bridge_list *
list_of(struct bridge *b)
{
	struct guests *g = &b->f->h->guests;

	switch (b->phase) {
	case PHASE_WAIT:
	case PHASE_HEAD:
		return &g->waiting;
	case PHASE_BODY:
		return &g->sending;
	case PHASE_END:
		return &g->ending;
	case PHASE_WORK:
		break;
	}
	return NULL;
}

static void
start_timer(struct bridge *b, int64_t ms)
{
	if (ms == FOREVER)
		loop_timer_stop(&b->timer);
	else
		loop_timer_start(&b->timer, ms * CLOCK_NS_PER_MS);
}

static void
enter(struct bridge *b, enum phase phase, int64_t ms)
{
	struct bridge_list *from = list_of(b), *to;

	b->phase = phase;
	to = list_of(b);
	if (from != to) {
		if (from != NULL)
			TAILQ_REMOVE(from, b, phase_link);
		if (to != NULL)
			TAILQ_INSERT_TAIL(to, b, phase_link);
	}
	b->owes = false;
	if (b->front != NULL)
		conn_set_stranger(
		    b->front, phase == PHASE_WAIT || phase == PHASE_HEAD);
	if (b->front != NULL)
		b->had = phase == PHASE_BODY ? conn_rx_bytes(b->front) :
					       conn_tx_total_bytes(b->front);
	start_timer(b, ms);
}

static bool
is_slow(const struct bridge *b, uint64_t bytes)
{
	const struct http_conf *conf = &b->f->h->conf;

	return bytes * 1000 <
	    (uint64_t)conf->receive_ms * conf->receive_min_rate;
}

/* Bytes of the body since the timer was started */
static bool
body_stands(struct bridge *b)
{
	uint64_t n = conn_rx_bytes(b->front);
	bool slow = is_slow(b, n - b->had);

	b->had = n;
	return slow && !b->front_waits;
}

/* There was something to take all that time, and little was taken. */
static bool
answer_stands(struct bridge *b)
{
	uint64_t n = conn_tx_total_bytes(b->front);
	bool owed = b->owes, slow = is_slow(b, n - b->had);

	b->had = n;
	b->owes = conn_tx_bytes(b->front) > 0;
	return owed && b->owes && slow;
}

/* Its handshake has a time of its own, from whose end this one counts. */
static enum close_reason
not_begun(struct bridge *b)
{
	bool late = b->f->tls == NULL || b->shaken;

	b->shaken = !conn_is_shaking(b->front);
	return late ? CLOSE_HANDSHAKE_TIMEOUT : CLOSE_NONE;
}

/* CLOSE_NONE: it may go on. */
static enum close_reason
overdue(struct bridge *b)
{
	switch (b->phase) {
	case PHASE_WAIT:
		if (b->back == NULL)
			return not_begun(b);
		if (answer_stands(b))
			return CLOSE_FLUSH_TIMEOUT;
		/* who is still being told the last answer is not idle */
		return b->owes ? CLOSE_NONE : CLOSE_IDLE;
	case PHASE_HEAD:
		return CLOSE_SLOW;
	case PHASE_BODY:
		return body_stands(b) ? CLOSE_SLOW : CLOSE_NONE;
	case PHASE_WORK:
		return answer_stands(b) ? CLOSE_FLUSH_TIMEOUT : CLOSE_NONE;
	case PHASE_END:
		break;
	}
	return CLOSE_NONE;
}

static void
on_timer(void *priv)
{
	enum close_reason why;
	struct bridge *b;

	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	if (b->front == NULL || b->phase == PHASE_END)
		return;
	why = overdue(b);
	if (why == CLOSE_NONE)
		start_timer(b, b->f->h->conf.receive_ms);
	else
		conn_close(b->front, why);
}

/* Room for one more, at the cost of another. */
static bool
evict(struct guests *g)
{
	struct bridge *b = TAILQ_FIRST(&g->waiting);

	if (b == NULL)
		b = TAILQ_FIRST(&g->ending);
	if (b == NULL)
		b = TAILQ_FIRST(&g->sending);
	if (b == NULL)
		return false;
	CHECK_OBJ_NOTNULL(b, BRIDGE_MAGIC);
	TAILQ_REMOVE(list_of(b), b, phase_link);
	/* it has no place to give any more */
	b->phase = PHASE_WORK;
	loop_timer_stop(&b->timer);
	if (b->front != NULL)
		conn_close(b->front, CLOSE_EVICTED);
	return true;
}

static void
set_busy(struct bridge *b)
{
	if (b->busy)
		return;
	b->busy = true;
	TAILQ_INSERT_TAIL(&b->f->h->guests.busy, b, busy_link);
}

static void
clear_busy(struct bridge *b)
{
	b->busy = false;
	TAILQ_REMOVE(&b->f->h->guests.busy, b, busy_link);
}

static void
part(struct bridge *b)
{
	if (b->front != NULL || b->back != NULL)
		return;
	if (b->busy)
		clear_busy(b);
	LIST_REMOVE(b, link);
	if (list_of(b) != NULL)
		TAILQ_REMOVE(list_of(b), b, phase_link);
	loop_timer_fini(&b->timer);
	if (b->guest != NULL)
		b->guest->b = NULL;
	b->f->bridges_n--;
	b->f->h->guests.n--;
	FREE_OBJ(b);
}

/* ---- the guest ---------------------------------------------------------------- */

struct guest *
guest_new(struct bridge *b)
{
	struct guest *g;

	CHECK_OBJ_NOTNULL(b, BRIDGE_MAGIC);
	ALLOC_OBJ(g, GUEST_MAGIC);
	g->b = b;
	g->name = mem_strdup(conn_peer_name(b->front));
	b->guest = g;
	return g;
}

void
guest_free(struct guest **gp)
{
	struct guest *g;

	TAKE_OBJ_NOTNULL(g, gp, GUEST_MAGIC);
	if (g->b != NULL)
		g->b->guest = NULL;
	mem_free(g->name);
	FREE_OBJ(g);
}

/* NULL: there is nobody any more whose time could be measured. */
static struct bridge *
bridge_of(struct guest *g)
{
	CHECK_OBJ_NOTNULL(g, GUEST_MAGIC);
	if (g->b == NULL || g->b->front == NULL || conn_is_closing(g->b->front))
		return NULL;
	return g->b;
}

/* Bytes that the client was ever told, or is being told. */
static uint64_t
told(const struct bridge *b)
{
	return conn_tx_total_bytes(b->front) + conn_tx_bytes(b->front);
}

void
guest_began(struct guest *g)
{
	struct bridge *b = bridge_of(g);

	if (b == NULL)
		return;
	b->told = told(b);
	enter(b, PHASE_BODY, b->f->h->conf.receive_ms);
}

void
guest_heard(struct guest *g)
{
	struct bridge *b = bridge_of(g);

	if (b == NULL)
		return;
	b->ahead = 0;
	enter(b, PHASE_WORK, b->f->h->conf.receive_ms);
}

void
guest_done(struct guest *g)
{
	struct bridge *b = bridge_of(g);
	int64_t idle_ms;

	if (b == NULL)
		return;
	b->said = true;
	set_busy(b);
	idle_ms = b->f->h->conf.idle_ms;
	if (b->ahead > AHEAD_MAX)
		enter(b, PHASE_HEAD, b->f->h->conf.receive_ms);
	else
		enter(b, PHASE_WAIT, idle_ms > 0 ? idle_ms : FOREVER);
}

const char *
guest_name(const struct guest *g)
{
	CHECK_OBJ_NOTNULL(g, GUEST_MAGIC);
	return g->name;
}

bool
guest_local(const struct guest *g, struct sock_addr *sa)
{
	CHECK_OBJ_NOTNULL(g, GUEST_MAGIC);
	if (g->b == NULL || g->b->front == NULL)
		return false;
	conn_local(g->b->front, sa);
	return true;
}

/* ---- bytes -------------------------------------------------------------------- */

/* Passes on; *waits: the other has enough, so this one isn't read from. */
static void
pass(struct conn *from, struct conn *to, bool *waits, const uint8_t *p,
    size_t len, struct buf *b)
{
	conn_write_slice(
	    to, slice_of(b, (uint32_t)(p - b->data), (uint32_t)len));
	if (conn_tx_full(to) && !*waits) {
		*waits = true;
		conn_pause(from);
	}
}

static void
go_on(struct conn *cn, bool *waits)
{
	if (!*waits)
		return;
	*waits = false;
	if (cn != NULL)
		conn_resume(cn);
}

static net_room_f on_room;

/*
 * The pair of sockets, of which libmicrohttpd has one. Where there are no
 * descriptors for it, strangers have to go, of which this one is none any more.
 * ERR_AGAIN: it waits for that.
 */
static enum err
connect_back(struct bridge *b)
{
	struct http *h = b->f->h;
	int fd[2];

	if (!net_has_room(h->net, PAIR_N)) {
		conn_set_stranger(b->front, false);
		return net_give_room(h->net, &b->room, on_room, b) ? ERR_AGAIN :
								     ERR_BUSY;
	}
	if (sock_pair(fd) != ERR_OK) {
		conn_set_stranger(b->front, false);
		return net_make_room(h->net, &b->room, on_room, b) ? ERR_AGAIN :
								     ERR_BUSY;
	}
	if (!mhd_add(h, fd[1], conn_peer(b->front), b)) {
		sock_close(fd[0]);
		return ERR_BUSY;
	}
	b->back = conn_new(h->net, fd[0], &back_conf, &back_ops, b);
	return ERR_OK;
}

static void
on_room(void *priv)
{
	struct bridge *b;
	enum err e;

	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	if (conn_is_closing(b->front))
		return;
	e = connect_back(b);
	if (e == ERR_OK)
		conn_resume(b->front);
	else if (e != ERR_AGAIN)
		conn_close(b->front, CLOSE_LIMIT);
}

/* Is the first request's head there, to an empty line? */
static bool
head_is_there(struct bridge *b, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = b->looked; i < len; i++) {
		if (p[i] != '\n')
			continue;
		if (i + 1 < len && p[i + 1] == '\n')
			return true;
		if (i + 2 < len && p[i + 1] == '\r' && p[i + 2] == '\n')
			return true;
	}
	b->looked = len > 2 ? len - 2 : 0;
	return len >= HEAD_MAX;
}

/* What begins so is a frame of another protocol of ours, or TLS. */
static bool
is_binary(uint8_t first)
{
	return first < ' ' && first != '\r' && first != '\n';
}

static void
came(struct bridge *b, size_t len)
{
	if (b->phase == PHASE_HEAD || b->phase == PHASE_BODY)
		return;
	b->ahead += len;
	if (b->phase == PHASE_WAIT && b->ahead > AHEAD_MAX)
		enter(b, PHASE_HEAD, b->f->h->conf.receive_ms);
}

static size_t
front_data(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *buf, size_t *need)
{
	struct bridge *b;
	enum err e;

	(void)need;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	if (b->back == NULL && is_binary(p[0])) {
		conn_close(cn, CLOSE_NOT_OURS);
		return len;
	}
	if (b->back == NULL && !head_is_there(b, p, len)) {
		if (b->phase == PHASE_WAIT && b->f->tls != NULL)
			enter(b, PHASE_HEAD, b->f->h->conf.receive_ms);
		b->phase = PHASE_HEAD; /* else the time goes on */
		return 0;
	}
	e = b->back == NULL ? connect_back(b) : ERR_OK;
	if (e == ERR_AGAIN) {
		conn_pause(cn);
		return 0;
	}
	if (e != ERR_OK) {
		conn_close(cn, CLOSE_LIMIT);
		return len;
	}
	came(b, len);
	pass(cn, b->back, &b->front_waits, p, len, buf);
	b->passed = true;
	set_busy(b);
	return len;
}

static void
front_eof(struct conn *cn, void *priv)
{
	struct bridge *b;

	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	if (b->back != NULL)
		conn_shutdown_tx(b->back);
	else
		conn_close(cn, CLOSE_PEER);
}

static void
front_drained(struct conn *cn, void *priv)
{
	struct bridge *b;

	(void)cn;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	go_on(b->back, &b->back_waits);
}

static void
front_closed(struct conn *cn, void *priv, enum close_reason why)
{
	struct bridge *b;

	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	assert(b->front == cn);
	b->front = NULL;
	net_forget(b->f->h->net, &b->room);
	if (b->back != NULL)
		conn_close(b->back, why);
	part(b);
}

static const struct conn_ops front_ops = {
	.name = "http",
	.on_data = front_data,
	.on_eof = front_eof,
	.on_drained = front_drained,
	.on_closed = front_closed,
};

static size_t
back_data(struct conn *cn, void *priv, const uint8_t *p, size_t len,
    struct buf *buf, size_t *need)
{
	struct bridge *b;

	(void)need;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	if (b->front != NULL)
		pass(cn, b->front, &b->back_waits, p, len, buf);
	return len;
}

static void
back_drained(struct conn *cn, void *priv)
{
	struct bridge *b;

	(void)cn;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	go_on(b->front, &b->front_waits);
}

/*
 * The answer is said, and the client is told the end. Or a body was refused without
 * a word, as it grew too large or made no sense: what is still on its way isn't
 * waited for.
 */
static void
back_closed(struct conn *cn, void *priv, enum close_reason why)
{
	struct bridge *b;

	(void)why;
	CAST_OBJ_NOTNULL(b, priv, BRIDGE_MAGIC);
	assert(b->back == cn);
	b->back = NULL;
	if (b->front != NULL && !conn_is_closing(b->front) &&
	    b->phase == PHASE_BODY && told(b) == b->told)
		conn_close(b->front, CLOSE_PROTOCOL);
	else if (b->front != NULL && !conn_is_closing(b->front)) {
		enter(b, PHASE_END, FOREVER);
		conn_close_flushed(b->front, CLOSE_OURS, FLUSH_MS);
	}
	part(b);
}

/* True: there is something to be worked on. */
static bool
send_busy(struct bridge_list *busy)
{
	struct bridge *b;
	bool any = false;

	TAILQ_FOREACH(b, busy, busy_link) {
		if (!b->passed)
			continue;
		b->passed = false;
		if (b->back != NULL)
			conn_send(b->back);
		any = true;
	}
	return any;
}

static bool
look_busy(struct bridge_list *busy)
{
	struct bridge *b;
	bool any = false;

	while ((b = TAILQ_FIRST(busy)) != NULL) {
		clear_busy(b);
		if (b->said && b->back != NULL) {
			conn_look(b->back);
			any = true;
		}
		b->said = false;
	}
	return any;
}

/*
 * By the loop alone a request would go round it three times: from the client, from
 * the pair of sockets, and back out of it; and once more, as libmicrohttpd hears
 * that there is room again.
 */
void
front_turn(struct http *h)
{
	struct bridge_list *busy = &h->guests.busy;

	if (send_busy(busy))
		mhd_kick(h);
	if (look_busy(busy))
		mhd_kick(h);
}

static const struct conn_ops back_ops = {
	.name = "http-back",
	.on_data = back_data,
	.on_drained = back_drained,
	.on_closed = back_closed,
};

/* ---- the port ------------------------------------------------------------------ */

static void
welcome(struct front *f, int fd, struct quota_pass guest_pass)
{
	struct http *h = f->h;
	struct bridge *b;

	ALLOC_OBJ(b, BRIDGE_MAGIC);
	b->f = f;
	LIST_INSERT_HEAD(&f->bridges, b, link);
	f->bridges_n++;
	h->guests.n++;
	TAILQ_INSERT_TAIL(&h->guests.waiting, b, phase_link);
	loop_timer_init(&b->timer, h->lp, on_timer, b);
	b->front = conn_new(h->net, fd, &front_conf, &front_ops, b);
	conn_set_pass(b->front, guest_pass);
	if (f->tls != NULL)
		conn_start_tls(b->front, f->tls, NULL, 0);
	enter(b, PHASE_WAIT, h->conf.receive_ms);
}

static void
on_accept(void *priv, int fd, const struct sock_addr *peer)
{
	struct quota_pass pass_in;
	struct front *f;
	struct http *h;

	CAST_OBJ_NOTNULL(f, priv, FRONT_MAGIC);
	h = f->h;
	if (quota_enter(h->conf.quota, peer, &pass_in) != QUOTA_FREE) {
		net_refuse(h->net, fd, CLOSE_LIMIT);
		return;
	}
	if (h->conf.connections_max > 0 &&
	    h->guests.n >= h->conf.connections_max && !evict(&h->guests)) {
		quota_leave(&pass_in);
		net_refuse(h->net, fd, CLOSE_LIMIT);
		return;
	}
	welcome(f, fd, pass_in);
}

enum err
front_new(struct front **fp, struct http *h, struct tls_ctx *tls,
    const struct sock_addr *sa, struct diag *diag)
{
	struct front *f;
	enum err e;

	ALLOC_OBJ(f, FRONT_MAGIC);
	f->h = h;
	if (tls != NULL)
		f->tls = tls_ctx_ref(tls);
	LIST_INIT(&f->bridges);
	e = listener_new(
	    &f->listener, h->net, sa, true, BACKLOG, on_accept, f, diag);
	if (e != ERR_OK) {
		if (f->tls != NULL)
			tls_ctx_unref(&f->tls);
		FREE_OBJ(f);
		return e;
	}
	f->addr = *listener_addr(f->listener);
	*fp = f;
	return ERR_OK;
}

void
front_set_tls(struct front *f, struct tls_ctx *tls)
{
	CHECK_OBJ_NOTNULL(f, FRONT_MAGIC);
	tls_ctx_unref(&f->tls);
	f->tls = tls_ctx_ref(tls);
}

const struct sock_addr *
front_addr(const struct front *f)
{
	CHECK_OBJ_NOTNULL(f, FRONT_MAGIC);
	return &f->addr;
}

void
front_deafen(struct front *f)
{
	CHECK_OBJ_NOTNULL(f, FRONT_MAGIC);
	if (f->listener != NULL)
		listener_free(&f->listener);
}

void
front_hang_up(struct front *f)
{
	struct bridge *b;

	CHECK_OBJ_NOTNULL(f, FRONT_MAGIC);
	front_deafen(f);
	LIST_FOREACH(b, &f->bridges, link) {
		if (b->front != NULL)
			conn_close(b->front, CLOSE_SHUTDOWN);
		if (b->back != NULL)
			conn_close(b->back, CLOSE_SHUTDOWN);
	}
}

void
front_free(struct front **fp)
{
	struct front *f;

	TAKE_OBJ_NOTNULL(f, fp, FRONT_MAGIC);
	front_hang_up(f);
	while (f->bridges_n > 0)
		(void)net_flush(f->h->net);
	if (f->tls != NULL)
		tls_ctx_unref(&f->tls);
	FREE_OBJ(f);
}
