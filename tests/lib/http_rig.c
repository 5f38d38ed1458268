/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/http_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/miniobj.h"
#include "os/clock.h"
#include "os/loop.h"

#define WAIT_NS INT64_C(10000000000)

/* HTTP's shard is none of those that have topics: everything is posted. */
#define OWN_SHARD 7
#define SHARDS 2

/* --- the router's other side --------------------------------------------------- */

static void
fault(struct rig *r, const char *what, const struct op *op)
{
	if (r->fault[0] == '\0')
		(void)snprintf(r->fault, sizeof(r->fault), "%s: %s %.*s", what,
		    op_type_name(op->type), (int)op->topic.len, op->topic.p);
}

static void
fill(struct fx *fx, const struct rig_script *s)
{
	uint32_t n = 0;

	fx->u32 = s->u32;
	fx->flag = s->flag;
	fx->pos = s->pos;
	fx->stats = s->stats;
	if (s->text != NULL)
		fx->text = fx_str(fx, str_of(s->text));
	while (s->strings != NULL && s->strings[n] != NULL)
		n++;
	fx->strings = fx_mem(fx, (n + 1) * sizeof(*fx->strings));
	for (fx->strings_n = 0; fx->strings_n < n; fx->strings_n++)
		fx->strings[fx->strings_n] =
		    fx_str(fx, str_of(s->strings[fx->strings_n]));
	for (n = 0; s->list != NULL && s->list[n] != NULL;)
		n++;
	fx->stats_list = fx_mem(fx, (n + 1) * sizeof(*fx->stats_list));
	for (; fx->stats_n < n; fx->stats_n++)
		fx->stats_list[fx->stats_n] = s->list[fx->stats_n];
	if (s->ent != NULL) {
		fx->ent = *s->ent;
		fx->ent.body = slice_dup(s->ent->body);
	}
}

static void
reply(struct rig *r, struct op **opp, unsigned shard)
{
	const struct rig_script *s = NULL;
	struct op *op = *opp;
	struct fx *fx;

	if (r->done_n < r->script_n)
		s = &r->script[r->done_n];
	if (s == NULL)
		fault(r, "not expected", op);
	else if (s->op != op->type)
		fault(r, "another one was expected", op);
	else if (s->topic != NULL && !str_eq(op->topic, str_of(s->topic)))
		fault(r, "another name was expected", op);
	else if (s->on > 0 && s->on - 1 != shard)
		fault(r, "another shard was expected", op);
	else if (s->check != NULL)
		s->check(op);
	fx = fx_new(s != NULL && s->err == ERR_OK ? s->fx : FX_DONE, op->dest);
	fx->op = op->type;
	fx->req = op->req;
	fx->err = s != NULL ? s->err : ERR_INTERNAL;
	if (s != NULL && s->diag != NULL)
		(void)snprintf(fx->diag, sizeof(fx->diag), "%s", s->diag);
	if (s != NULL)
		fill(fx, s);
	r->done_n++;
	op_free(opp);
	r->sink->fx(r->sink_priv, fx);
}

static void
post(struct router *router, unsigned shard, struct op **opp)
{
	struct rig *r = (struct rig *)router;
	struct op *op = *opp;

	CHECK_OBJ_NOTNULL(r, RIG_MAGIC);
	assert(op->dest.kind == DEST_HTTP && op->dest.shard == OWN_SHARD);
	if (!r->later) {
		reply(r, opp, shard);
		return;
	}
	assert(r->held_n < NELEM(r->held));
	op->handle = shard; /* HTTP's have none */
	r->held[r->held_n++] = op;
	*opp = NULL;
}

void
rig_release(struct rig *r)
{
	struct op *held[NELEM(r->held)];
	unsigned i, n = r->held_n;

	memcpy(held, r->held, n * sizeof(held[0]));
	r->held_n = 0;
	for (i = 0; i < n; i++)
		reply(r, &held[i], (unsigned)held[i]->handle);
}

static void
attach(
    struct router *router, uint8_t kind, const struct route_sink *s, void *priv)
{
	struct rig *r = (struct rig *)router;

	assert(kind == DEST_HTTP);
	r->sink = s;
	r->sink_priv = priv;
}

static const struct route_ops ops = { .post = post, .attach = attach };

/* The own core, which nothing reaches. A test links without the core's own. */
__attribute__((weak)) void
core_op(struct core *co, struct op **opp)
{
	(void)co;
	(void)opp;
	WRONG("the rig has no core");
}

/* --- life ------------------------------------------------------------------------ */

static int64_t
tail(void *priv)
{
	struct rig *r = priv;

	if (r->http != NULL)
		http_turn(r->http);
	return net_flush(r->net) ? 0 : -1;
}

void
rig_init(struct rig *r)
{
	static const struct net_conf nc = NET_CONF_DEFAULT;

	memset(r, 0, sizeof(*r));
	r->magic = RIG_MAGIC;
	r->router = (struct router){ .magic = ROUTER_MAGIC,
		.shard = OWN_SHARD,
		.shards_n = SHARDS,
		.ops = &ops };
	r->conf = (struct http_conf)HTTP_CONF_DEFAULT;
	r->conf.version = "1.2.3";
	r->metrics[0] = metrics_new(1);
	r->conf.metrics = r->metrics;
	r->conf.metrics_n = 1;
	r->fd = -1;
	strbuf_init(&r->in, 4u << 20);
	r->lp = loop_new();
	r->net = net_new(r->lp, &nc);
	loop_set_tail(r->lp, tail, r);
}

void
rig_start(struct rig *r)
{
	struct sock_addr sa;

	AZ(sock_addr_parse(&sa, "127.0.0.1", 0, NULL));
	AZ(http_new(&r->http, r->net, &r->router, &r->conf, &sa, NULL));
}

void
rig_fini(struct rig *r)
{
	unsigned i;

	rig_hang_up(r);
	if (r->http != NULL)
		http_free(&r->http);
	for (i = 0; i < r->held_n; i++)
		op_free(&r->held[i]);
	op_thread_fini();
	net_free(&r->net);
	loop_free(&r->lp);
	metrics_free(&r->metrics[0]);
	strbuf_fini(&r->in);
}

void
rig_expect(struct rig *r, const struct rig_script *s)
{
	assert(r->script_n < NELEM(r->script));
	r->script[r->script_n++] = *s;
}

/* --- the client -------------------------------------------------------------------- */

void
rig_hang_up(struct rig *r)
{
	if (r->fd >= 0)
		sock_close(r->fd);
	r->fd = -1;
	strbuf_reset(&r->in);
}

/* True: an answer is there, and taken off. */
static bool
take_answer(struct rig *r)
{
	const char *p = strbuf_str(&r->in), *end, *len;
	size_t head, body;

	end = strstr(p, "\r\n\r\n");
	if (end == NULL)
		return false;
	head = (size_t)(end - p) + 4;
	assert(head < sizeof(r->head));
	memcpy(r->head, p, head);
	r->head[head] = '\0';
	r->status = (int)strtol(p + 9, NULL, 10);
	len = rig_header(r, "Content-Length");
	body = len != NULL ? strtoul(len, NULL, 10) : 0;
	assert(body < sizeof(r->body));
	if (r->in.len < head + body)
		return false;
	memcpy(r->body, p + head, body);
	r->body[body] = '\0';
	r->body_len = body;
	memmove(r->in.p, r->in.p + head + body, r->in.len - head - body);
	strbuf_trim(&r->in, r->in.len - head - body);
	return true;
}

void
rig_send(struct rig *r, const char *bytes, size_t len)
{
	ssize_t n;
	int i;

	if (r->fd < 0)
		AZ(sock_connect(http_addr(r->http), &r->fd));
	for (i = 0; i < 1000 && len > 0; i++) {
		n = write(r->fd, bytes, len);
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
		loop_run_once(r->lp, false);
	}
	for (i = 0; i < 20; i++)
		loop_run_once(r->lp, false);
}

static void
tick(void *priv)
{
	(void)priv;
}

int
rig_wait(struct rig *r)
{
	int64_t until = clock_mono_ns() + WAIT_NS;
	struct loop_timer t;
	char buf[4096];
	int status = -1;
	ssize_t n;

	loop_timer_init(&t, r->lp, tick, NULL);
	while (clock_mono_ns() < until) {
		if (take_answer(r)) {
			status = r->status;
			break;
		}
		n = read(r->fd, buf, sizeof(buf));
		if (n == 0)
			break;
		if (n > 0) {
			strbuf_add(&r->in, buf, (size_t)n);
			continue;
		}
		if (r->held_n > 0)
			rig_release(r);
		loop_timer_start(&t, INT64_C(1000000));
		loop_run_once(r->lp, true);
	}
	loop_timer_fini(&t);
	if (status < 0)
		rig_hang_up(r);
	return status;
}

int
rig_raw(struct rig *r, const char *bytes, size_t len)
{
	rig_send(r, bytes, len);
	return rig_wait(r);
}

int
rig_do(struct rig *r, const char *method, const char *path, const char *body,
    const char *type)
{
	struct strbuf sb;
	int status;

	strbuf_init(&sb, 4u << 20);
	strbuf_addf(&sb, "%s %s HTTP/1.1\r\nHost: broker.test:%u\r\n", method,
	    path, sock_addr_port(http_addr(r->http)));
	if (type != NULL)
		strbuf_addf(&sb, "Content-Type: %s\r\n", type);
	if (body != NULL)
		strbuf_addf(&sb, "Content-Length: %zu\r\n", strlen(body));
	strbuf_addf(&sb, "\r\n%s", body != NULL ? body : "");
	status = rig_raw(r, strbuf_str(&sb), sb.len);
	strbuf_fini(&sb);
	return status;
}

const char *
rig_header(struct rig *r, const char *name)
{
	static char val[4096];
	const char *p = r->head, *end;
	size_t n = strlen(name), len;

	while ((p = strstr(p, "\r\n")) != NULL) {
		p += 2;
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		p += n + 1;
		p += strspn(p, " ");
		end = strstr(p, "\r\n");
		assert(end != NULL);
		len = (size_t)(end - p);
		assert(len < sizeof(val));
		memcpy(val, p, len);
		val[len] = '\0';
		return val;
	}
	return NULL;
}
