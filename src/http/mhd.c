/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd on our loop: the only file that knows it. */
#include "http/secure.h"

#include <microhttpd.h>

#define MS_NS INT64_C(1000000)
#define RUNS_MAX 16 /* in one go, before others have their turn */
#define MEMORY_MAX ((size_t)64 << 10) /* heads of a request and its answer */

struct mhd {
	unsigned magic;
#define MHD_MAGIC 0x477b0003
	struct http *h;
	struct MHD_Daemon *d;
	struct loop_io io;
	struct loop_timer timer;
	const char *adding; /* name of what is being added; NULL: nothing is */
};

/* MHD's timeouts: of connections, and "at once" if it has more to do. */
static void
run(struct mhd *m)
{
	MHD_UNSIGNED_LONG_LONG ms;
	unsigned i;

	for (i = 0; i < RUNS_MAX; i++) {
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
	}
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
	(void)c;
	(void)code;
	if (*con_cls == NULL)
		return;
	CAST_OBJ_NOTNULL(rq, *con_cls, REQ_MAGIC);
	*con_cls = NULL;
	req_free(&rq);
}

/* A connection keeps the name that it was added with. */
static void
on_connection(void *cls, struct MHD_Connection *c, void **name,
    enum MHD_ConnectionNotificationCode code)
{
	struct http *h;

	(void)c;
	CAST_OBJ_NOTNULL(h, cls, HTTP_MAGIC);
	if (code == MHD_CONNECTION_NOTIFY_CLOSED)
		MEM_FREE(*name);
	else if (h->mhd != NULL && h->mhd->adding != NULL)
		*name = mem_strdup(h->mhd->adding);
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
mhd_start(struct http *h, int fd, struct diag *diag)
{
	const union MHD_DaemonInfo *info;
	struct mhd *m;

	ALLOC_OBJ(m, MHD_MAGIC);
	m->h = h;
	m->d = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0,
	    NULL, NULL, on_access, h, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
	    MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX,
	    MHD_OPTION_CONNECTION_LIMIT, h->conf.connections_max,
	    MHD_OPTION_CONNECTION_TIMEOUT, h->conf.idle_s, MHD_OPTION_END);
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
mhd_add(struct http *h, int fd, const struct sock_addr *peer, const char *name)
{
	bool there;

	h->mhd->adding = name;
	there = MHD_add_connection(h->mhd->d, fd,
		    (const struct sockaddr *)(const void *)&peer->ss,
		    peer->len) == MHD_YES;
	h->mhd->adding = NULL;
	if (there)
		run(h->mhd);
	return there;
}

void
mhd_quiesce(struct http *h)
{
	MHD_socket fd = MHD_quiesce_daemon(h->mhd->d);

	if (fd != MHD_INVALID_SOCKET)
		sock_close(fd);
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
	const union MHD_ConnectionInfo *info;

	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	info = MHD_get_connection_info(
	    rq->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	AN(info);
	sock_local(info->connect_fd, sa);
	/* HTTPS comes through a pair of sockets */
	if (sa->ss.ss_family == AF_UNIX && rq->h->secure != NULL)
		*sa = *secure_addr(rq->h->secure);
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
	const union MHD_ConnectionInfo *info;

	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	info = MHD_get_connection_info(
	    rq->conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info != NULL && info->socket_context != NULL ?
	    info->socket_context :
	    "";
}
