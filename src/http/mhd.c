/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd on our loop: the only file that knows it. */
#include "http/front.h"

#include <microhttpd.h>

#include "os/clock.h"

#define MS_NS INT64_C(1000000)
#define RUNS_NS MS_NS /* in one go, before others have their turn */
#define MEMORY_MAX ((size_t)64 << 10) /* heads of a request and its answer */
#define CONNECTIONS_MAX 1000000u /* where there is no limit */

struct mhd {
	unsigned magic;
#define MHD_MAGIC 0x477b0003
	struct http *h;
	struct MHD_Daemon *d;
	struct loop_io io;
	struct loop_timer timer;
	struct bridge *adding; /* whose other end is; NULL: nobody's */
};

/* MHD's timeouts: of connections, and "at once" if it has more to do. */
static void
run(struct mhd *m)
{
	int64_t until = clock_mono_ns() + RUNS_NS;
	MHD_UNSIGNED_LONG_LONG ms;

	do {
		if (MHD_run(m->d) != MHD_YES)
			break;
		if (MHD_get_timeout(m->d, &ms) != MHD_YES) {
			loop_timer_stop(&m->timer);
			return;
		}
		if (ms > 0) {
			loop_timer_start(&m->timer,
			    (int64_t)(ms > 60000 ? 60000 : ms) * MS_NS);
			return;
		}
	} while (clock_mono_ns() < until);
	loop_timer_start(&m->timer, 0);
}

static void
readable(void *priv, int events)
{
	struct mhd *m;

	(void)events;
	CAST_OBJ_NOTNULL(m, priv, MHD_MAGIC);
	run(m);
}

static void
timed(void *priv)
{
	struct mhd *m;

	CAST_OBJ_NOTNULL(m, priv, MHD_MAGIC);
	run(m);
}

void
mhd_kick(struct http *h)
{
	run(h->mhd);
}

void
mhd_resume(struct req *rq)
{
	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	MHD_resume_connection(rq->conn);
}

static struct guest *
guest_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info;

	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	AN(info);
	return info->socket_context;
}

static enum MHD_Result
answer(struct req *rq)
{
	struct MHD_Response *r;
	enum MHD_Result res;
	unsigned i;

	assert(rq->status != 0);
	gate_audit(rq);
	/* the text is the request's, which outlives the response's use */
	r = MHD_create_response_from_buffer(rq->out.len,
	    (void *)(uintptr_t)strbuf_str(&rq->out), MHD_RESPMEM_PERSISTENT);
	AN(r);
	if (rq->type != NULL)
		(void)MHD_add_response_header(
		    r, MHD_HTTP_HEADER_CONTENT_TYPE, rq->type);
	for (i = 0; i < rq->headers_n; i++)
		(void)MHD_add_response_header(
		    r, rq->headers[i].name, rq->headers[i].value);
	res = MHD_queue_response(rq->conn, rq->status, r);
	MHD_destroy_response(r);
	return res;
}

/* An upload that is announced as too large is refused before it comes; one that
 * turns out to be has its connection closed. */
static enum MHD_Result
begin(struct http *h, struct MHD_Connection *c, const char *method,
    const char *path, void **con_cls)
{
	unsigned long long n;
	struct req *rq;
	const char *len;

	guest_began(guest_of(c));
	rq = req_new(h, c, method, path);
	*con_cls = rq;
	len = mhd_header(rq, MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (len == NULL)
		return MHD_YES;
	n = strtoull(len, NULL, 10);
	if (n <= h->conf.body_max)
		return MHD_YES;
	req_error(
	    rq, 413, "Request body is larger than %zu bytes", h->conf.body_max);
	return answer(rq);
}

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *data, size_t *size,
    void **con_cls)
{
	struct http *h;
	struct req *rq;

	(void)version;
	CAST_OBJ_NOTNULL(h, cls, HTTP_MAGIC);
	if (*con_cls == NULL)
		return begin(h, c, method, path, con_cls);
	CAST_OBJ_NOTNULL(rq, *con_cls, REQ_MAGIC);
	if (*size > 0) {
		if (!req_body_add(rq, data, *size))
			return MHD_NO;
		*size = 0;
		return MHD_YES;
	}
	guest_heard(guest_of(c));
	if (rq->status == 0 && !req_run(rq)) {
		MHD_suspend_connection(c);
		return MHD_YES;
	}
	return answer(rq);
}

static void
on_completed(void *cls, struct MHD_Connection *c, void **con_cls,
    enum MHD_RequestTerminationCode code)
{
	struct req *rq;

	(void)cls;
	(void)code;
	if (*con_cls == NULL)
		return;
	guest_done(guest_of(c));
	CAST_OBJ_NOTNULL(rq, *con_cls, REQ_MAGIC);
	*con_cls = NULL;
	req_free(&rq);
}

/* Its socket context is what stands for the client. */
static void
on_connection(void *cls, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	struct guest *g = *context;
	struct http *h;

	(void)c;
	CAST_OBJ_NOTNULL(h, cls, HTTP_MAGIC);
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*context = guest_new(h->mhd->adding);
	else {
		*context = NULL;
		guest_free(&g);
	}
}

/* Escapes stay: %2F in a topic's name is not a slash of the path. */
static size_t
unescape(void *cls, struct MHD_Connection *c, char *s)
{
	(void)cls;
	(void)c;
	return strlen(s);
}

enum err
mhd_start(struct http *h, struct diag *diag)
{
	const union MHD_DaemonInfo *info;
	unsigned most = h->conf.connections_max;
	struct mhd *m;

	/* those that were closed here are still there for a moment */
	most = most > 0 ? 2 * most + 64 : CONNECTIONS_MAX;

	ALLOC_OBJ(m, MHD_MAGIC);
	m->h = h;
	m->d = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET,
	    0, NULL, NULL, on_access, h, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
	    MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX,
	    MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_END);
	if (m->d == NULL) {
		FREE_OBJ(m);
		return diag_set(diag, ERR_INTERNAL, "libmicrohttpd");
	}
	h->mhd = m;
	info = MHD_get_daemon_info(m->d, MHD_DAEMON_INFO_EPOLL_FD);
	AN(info);
	loop_timer_init(&m->timer, h->lp, timed, m);
	loop_io_init(&m->io, h->lp, info->epoll_fd, readable, m);
	loop_io_set(&m->io, LOOP_READ);
	return ERR_OK;
}

bool
mhd_add(struct http *h, int fd, const struct sock_addr *peer, struct bridge *b)
{
	bool there;

	h->mhd->adding = b;
	there = MHD_add_connection(h->mhd->d, fd,
		    (const struct sockaddr *)(const void *)&peer->ss,
		    peer->len) == MHD_YES;
	h->mhd->adding = NULL;
	return there;
}

/* Nothing is suspended any more. */
void
mhd_stop(struct http *h)
{
	struct mhd *m;

	TAKE_OBJ_NOTNULL(m, &h->mhd, MHD_MAGIC);
	loop_io_fini(&m->io);
	loop_timer_fini(&m->timer);
	MHD_stop_daemon(m->d);
	FREE_OBJ(m);
}

enum err
mhd_query(struct req *rq, const char *key, char **val)
{
	const char *v;

	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	*val = NULL;
	/* MHD has made spaces of '+' */
	v = MHD_lookup_connection_value(rq->conn, MHD_GET_ARGUMENT_KIND, key);
	if (v == NULL)
		return ERR_OK;
	return uri_decode(val, str_of(v), URI_PATH);
}

const char *
mhd_header(struct req *rq, const char *name)
{
	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	return MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, name);
}

void
mhd_local(struct req *rq, struct sock_addr *sa)
{
	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	if (!guest_local(guest_of(rq->conn), sa))
		*sa = *front_addr(rq->h->plain);
}

void
mhd_peer(struct req *rq, struct sock_addr *sa)
{
	const union MHD_ConnectionInfo *info;

	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	info = MHD_get_connection_info(
	    rq->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	AN(info);
	sock_addr_set(sa, info->client_addr);
}

const char *
mhd_peer_name(struct req *rq)
{
	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	return guest_name(guest_of(rq->conn));
}
