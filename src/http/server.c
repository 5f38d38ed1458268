/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"
#include "http/server.h"

#include "base/conf.h"
#include "http/front.h"

#define REQS_MAX (1u << 20) /* far more than there are connections */

/* --- the core's effects ------------------------------------------------------- */

static void
on_receipt(void *priv, const struct fx_receipt *r)
{
	(void)priv;
	(void)r;
	WRONG("a receipt for HTTP, which publishes nothing");
}

static void
on_deliver(void *priv, const struct fx_deliver *d)
{
	(void)priv;
	(void)d;
	WRONG("a message for HTTP, which consumes nothing");
}

/* Requests end before their operations when http_free() ends them. */
static void
on_fx(void *priv, struct fx *fx)
{
	struct http *h;
	struct req *rq = NULL;

	CAST_OBJ_NOTNULL(h, priv, HTTP_MAGIC);
	CHECK_OBJ_NOTNULL(fx, FX_MAGIC);
	if (fx->type != FX_TOPIC_CHANGED)
		rq = umap_get(&h->reqs, fx->dest.conn);
	if (rq != NULL)
		req_answered(rq, &fx);
	else
		fx_free(&fx);
}

static const struct route_sink sink = {
	.receipt = on_receipt,
	.deliver = on_deliver,
	.fx = on_fx,
};

/* For the sake of the turn at the end of the iteration */
static void
on_wake(void *priv)
{
	(void)priv;
}

static void
go_on(struct http *h)
{
	struct req *rq;

	if (TAILQ_EMPTY(&h->ready))
		return;
	while ((rq = TAILQ_FIRST(&h->ready)) != NULL) {
		TAILQ_REMOVE(&h->ready, rq, ready_link);
		rq->is_ready = false;
		req_go_on(rq);
	}
	mhd_kick(h);
}

/* --- life ---------------------------------------------------------------------- */

static enum err
check_conf(const struct http_conf *conf, struct diag *diag)
{
	const char *p = conf->advertised_listeners;
	struct conf_listener l;
	enum err e = ERR_OK;

	if (p == NULL)
		return ERR_OK;
	while (e == ERR_OK)
		e = conf_listener_next(&p, &l, diag);
	return e == ERR_EOF ? ERR_OK : e;
}

enum err
http_new(struct http **hp, struct net *net, struct router *router,
    const struct http_conf *conf, const struct sock_addr *sa, struct diag *diag)
{
	struct http *h;
	enum err e;

	CHECK_OBJ_NOTNULL(router, ROUTER_MAGIC);
	*hp = NULL;
	e = check_conf(conf, diag);
	if (e != ERR_OK)
		return e;
	ALLOC_OBJ(h, HTTP_MAGIC);
	h->conf = *conf;
	h->net = net;
	h->lp = net_loop(net);
	h->router = router;
	umap_init(&h->reqs, 0, REQS_MAX);
	TAILQ_INIT(&h->ready);
	TAILQ_INIT(&h->guests.waiting);
	TAILQ_INIT(&h->guests.sending);
	TAILQ_INIT(&h->guests.ending);
	TAILQ_INIT(&h->guests.busy);
	loop_async_init(&h->wake, h->lp, on_wake, h);
	e = mhd_start(h, diag);
	if (e == ERR_OK)
		e = front_new(&h->plain, h, NULL, sa, diag);
	if (e != ERR_OK) {
		if (h->mhd != NULL)
			mhd_stop(h);
		loop_async_fini(&h->wake);
		umap_fini(&h->reqs);
		FREE_OBJ(h);
		return e;
	}
	router->ops->attach(router, DEST_HTTP, &sink, h);
	*hp = h;
	return ERR_OK;
}

const struct sock_addr *
http_addr(const struct http *h)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	return front_addr(h->plain);
}

enum err
http_listen_tls(struct http *h, struct tls_ctx *tls, const struct sock_addr *sa,
    struct diag *diag)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	AN(tls);
	return front_new(&h->secure, h, tls, sa, diag);
}

void
http_set_tls(struct http *h, struct tls_ctx *tls)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	if (h->secure != NULL)
		front_set_tls(h->secure, tls);
}

void
http_set_auth(struct http *h, struct auth *au)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	au = auth_ref(au);
	if (h->auth != NULL)
		auth_unref(&h->auth);
	h->auth = au;
}

void
http_set_secrets(struct http *h, struct secret_box *box)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	h->secrets = box;
}

const struct sock_addr *
http_tls_addr(const struct http *h)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	return h->secure != NULL ? front_addr(h->secure) : NULL;
}

void
http_turn(struct http *h)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	LOOP_ASSERT(h->lp);
	h->turned = loop_iterations(h->lp);
	go_on(h);
	front_turn(h);
}

void
http_drain(struct http *h)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	LOOP_ASSERT(h->lp);
	if (h->draining)
		return;
	h->draining = true;
	front_deafen(h->plain);
	if (h->secure != NULL)
		front_deafen(h->secure);
}

bool
http_drain_done(const struct http *h)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	return h->reqs.n == 0;
}

void
http_free(struct http **hp)
{
	struct http *h;
	struct req *rq;
	size_t it;

	TAKE_OBJ_NOTNULL(h, hp, HTTP_MAGIC);
	LOOP_ASSERT(h->lp);
	while (h->reqs.n > 0) {
		it = 0;
		rq = umap_next(&h->reqs, &it);
		CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
		if (rq->is_ready)
			TAILQ_REMOVE(&h->ready, rq, ready_link);
		rq->is_ready = false;
		req_abort(rq);
	}
	mhd_stop(h);
	front_hang_up(h->plain);
	if (h->secure != NULL)
		front_hang_up(h->secure);
	front_free(&h->plain);
	if (h->secure != NULL)
		front_free(&h->secure);
	loop_async_fini(&h->wake);
	umap_fini(&h->reqs);
	if (h->auth != NULL)
		auth_unref(&h->auth);
	FREE_OBJ(h);
}
