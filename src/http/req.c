/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "os/clock.h"

#define KEYS_LOOK_MS 20

/* --- life ------------------------------------------------------------------- */

/*
 * Node's client sends "{}" after a DELETE, which neither has a length nor is
 * announced, so that it stands in front of the next request's method.
 */
static enum method
method_of(const char *m)
{
	static const char *const names[HTTP_METHODS_N] = { "GET", "PUT", "POST",
		"DELETE" };
	int i;

	if (m[0] == '{' && m[1] == '}')
		m += 2;
	if (strcmp(m, "HEAD") == 0)
		return HTTP_GET;
	for (i = 0; i < HTTP_METHODS_N; i++)
		if (strcmp(m, names[i]) == 0)
			break;
	return (enum method)i;
}

/* Nothing to wait for any more: goes on with the next http_turn(). */
static void
ready(struct req *rq)
{
	struct http *h = rq->h;

	assert(!rq->is_ready);
	rq->is_ready = true;
	TAILQ_INSERT_TAIL(&h->ready, rq, ready_link);
	if (h->turned == loop_iterations(h->lp))
		loop_async_send(&h->wake);
}

/* Its turn at the gate has come. */
static void
waited(void *priv)
{
	struct req *rq;

	CAST_OBJ_NOTNULL(rq, priv, REQ_MAGIC);
	assert(rq->waiting == 1);
	rq->waiting = 0;
	ready(rq);
}

struct req *
req_new(struct http *h, struct MHD_Connection *c, const char *method,
    const char *path)
{
	struct req *rq;

	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	ALLOC_OBJ(rq, REQ_MAGIC);
	rq->h = h;
	rq->n = ++h->last_n;
	rq->conn = c;
	rq->method = method_of(method);
	rq->path = mem_strdup(path); /* its length is bounded: mhd.c */
	strbuf_init(&rq->body, h->conf.body_max);
	strbuf_init(&rq->out, HTTP_REPLY_MAX);
	loop_timer_init(&rq->login, h->lp, waited, rq);
	return rq;
}

void
req_clear(struct req *rq)
{
	unsigned i;

	assert(rq->waiting == 0);
	for (i = 0; i < rq->ans_n; i++)
		if (rq->ans[i] != NULL)
			fx_free(&rq->ans[i]);
	rq->ans_n = 0;
}

void
req_free(struct req **rqp)
{
	struct req *rq;
	unsigned i;

	TAKE_OBJ_NOTNULL(rq, rqp, REQ_MAGIC);
	assert(!rq->suspended && !rq->is_ready);
	loop_timer_fini(&rq->login);
	req_clear(rq);
	mem_free(rq->ans);
	req_keep(rq, NULL, NULL);
	if (rq->tn.text != NULL)
		topic_name_fini(&rq->tn);
	if (rq->json != NULL)
		json_decref(rq->json);
	for (i = 0; i < VAR_N; i++)
		mem_free(rq->var[i]);
	for (i = 0; i < rq->headers_n; i++) {
		mem_free(rq->headers[i].name);
		mem_free(rq->headers[i].value);
	}
	mem_free(rq->headers);
	mem_free(rq->path);
	mem_free(rq->role);
	mem_free(rq->ns);
	mem_free(rq->words);
	rq->h->bodies_bytes -= rq->body_bytes;
	strbuf_fini(&rq->body);
	strbuf_fini(&rq->out);
	FREE_OBJ(rq);
}

void
req_keep(struct req *rq, void *p, void (*free_f)(void *))
{
	if (rq->keep != NULL)
		rq->keep_free(rq->keep);
	rq->keep = p;
	rq->keep_free = free_f;
}

bool
req_body_add(struct req *rq, const void *p, size_t n)
{
	struct http *h = rq->h;

	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	/* before anybody has said who he is */
	if (n > HTTP_BODIES_MAX - h->bodies_bytes)
		return false;
	h->bodies_bytes += n;
	rq->body_bytes += n;
	strbuf_add(&rq->body, p, n);
	return strbuf_err(&rq->body) == ERR_OK;
}

/* --- steps ------------------------------------------------------------------ */

/* Runs steps until there is an answer or something to wait for. */
static bool
run_steps(struct req *rq)
{
	req_step_f *f;

	rq->running = true;
	while (rq->status == 0 && rq->waiting == 0) {
		f = rq->next;
		AN(f);
		rq->next = NULL;
		f(rq);
	}
	rq->running = false;
	if (rq->status == 0)
		return false;
	if (strbuf_err(&rq->out) != ERR_OK)
		req_error(rq, 503, "The answer is too large");
	return true;
}

static void
wait_ms(struct req *rq, int64_t ms)
{
	rq->waiting = 1;
	loop_timer_start(&rq->login, ms * CLOCK_NS_PER_MS);
}

/* After its wait */
static void
through_gate(struct req *rq)
{
	if (gate_pass(rq, rq->route)) {
		req_then(rq, rq->route->handler);
	} else if (rq->keyless) {
		req_then(rq, through_gate);
		wait_ms(rq, KEYS_LOOK_MS);
	}
}

bool
req_run(struct req *rq)
{
	struct http *h = rq->h;
	const struct route *r;
	int64_t ms;

	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	if (h->conf.metrics_n > h->router->shard)
		metrics_inc(h->conf.metrics[h->router->shard], M_HTTP_REQUESTS);
	if (h->draining) {
		req_error(rq, 503, "Broker is shutting down");
		return true;
	}
	r = routes_find(rq);
	if (r == NULL)
		return true;
	ms = gate_wait_ms(rq, r);
	if (ms == 0 && !gate_pass(rq, r)) {
		if (!rq->keyless)
			return true;
		ms = KEYS_LOOK_MS;
	}
	rq->route = r;
	rq->next = ms > 0 ? through_gate : r->handler;
	if (umap_add(&h->reqs, rq->n, rq) != ERR_OK) {
		req_error(rq, 503, "Too many requests");
		return true;
	}
	if (ms > 0)
		wait_ms(rq, ms);
	if (!run_steps(rq)) {
		rq->suspended = true;
		return false;
	}
	AN(umap_del(&h->reqs, rq->n));
	return true;
}

void
req_answered(struct req *rq, struct fx **fxp)
{
	struct fx *fx = *fxp;

	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	if (fx->req >= rq->ans_n || rq->ans[fx->req] != NULL) {
		fx_free(fxp);
		return;
	}
	*fxp = NULL;
	rq->ans[fx->req] = fx;
	assert(rq->waiting > 0);
	if (--rq->waiting > 0 || rq->running)
		return;
	ready(rq);
}

/* Its connection goes on, now or when the daemon runs. */
static void
finish(struct req *rq)
{
	assert(rq->status != 0 && rq->suspended);
	AN(umap_del(&rq->h->reqs, rq->n));
	rq->suspended = false;
	mhd_resume(rq);
}

void
req_go_on(struct req *rq)
{
	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	assert(rq->suspended);
	if (run_steps(rq))
		finish(rq);
}

void
req_abort(struct req *rq)
{
	CHECK_OBJ_NOTNULL(rq, REQ_MAGIC);
	rq->waiting = 0;
	loop_timer_stop(&rq->login);
	req_error(rq, 503, "Broker is shutting down");
	finish(rq);
}

void
req_then(struct req *rq, req_step_f *next)
{
	assert(rq->running && rq->next == NULL);
	rq->next = next;
}

struct op *
req_op(struct req *rq, enum op_type type, struct str name)
{
	struct op *op;

	op = op_new(type,
	    (struct dest){ .conn = rq->n,
		.shard = (uint16_t)rq->h->router->shard,
		.kind = DEST_HTTP });
	op->topic = op_str(op, name);
	return op;
}

static void
expect(struct req *rq, struct op *op)
{
	assert(rq->running);
	if (rq->ans_n == rq->ans_cap) {
		rq->ans_cap = rq->ans_cap == 0 ? 4 : rq->ans_cap * 2;
		rq->ans =
		    mem_reallocarray(rq->ans, rq->ans_cap, sizeof(*rq->ans));
	}
	op->req = rq->ans_n;
	rq->ans[rq->ans_n++] = NULL;
	rq->waiting++;
}

void
req_send(struct req *rq, struct op **opp)
{
	expect(rq, *opp);
	route_op(rq->h->router, opp);
}

void
req_send_to(struct req *rq, unsigned shard, struct op **opp)
{
	expect(rq, *opp);
	route_op_to(rq->h->router, shard, opp);
}

unsigned
req_failed(const struct req *rq)
{
	unsigned i;

	for (i = 0; i < rq->ans_n; i++)
		if (rq->ans[i]->err != ERR_OK)
			break;
	return i;
}

bool
req_all(const struct req *rq, enum err e)
{
	unsigned i;

	for (i = 0; i < rq->ans_n; i++)
		if (rq->ans[i]->err != e)
			return false;
	return rq->ans_n > 0;
}

/* --- answers ---------------------------------------------------------------- */

void
req_empty(struct req *rq)
{
	strbuf_reset(&rq->out);
	rq->status = 204;
	rq->type = NULL;
}

void
req_text(struct req *rq, const char *type)
{
	rq->status = 200;
	rq->type = type;
}

void
req_json(struct req *rq)
{
	req_text(rq, "application/json");
}

void
req_header(struct req *rq, const char *name, const char *value)
{
	struct req_header *hd;

	rq->headers = mem_reallocarray(
	    rq->headers, rq->headers_n + 1, sizeof(*rq->headers));
	hd = &rq->headers[rq->headers_n++];
	hd->name = mem_strdup(name);
	hd->value = mem_strdup(value);
}

void
req_error(struct req *rq, unsigned status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strbuf_reset(&rq->out);
	strbuf_adds(&rq->out, "{\"reason\":");
	json_add_str(&rq->out, text);
	strbuf_adds(&rq->out, "}");
	rq->status = status;
	rq->type = "application/json";
}

/* The core's diagnostics are Pulsar's texts, but cut at their size, which names
 * of topics exceed. */
void
req_fail(struct req *rq, enum err e, const char *diag)
{
	struct str d = str_of(diag);

	assert(e != ERR_OK);
	if (e == ERR_NO_TOPIC && rq->tn.text != NULL &&
	    (d.len == 0 || str_starts(d, STR_LIT("Topic "))))
		req_error(rq, 404, "Topic %s not found", rq->tn.text);
	else if (e == ERR_NO_SUBSCRIPTION && rq->tn.text != NULL &&
	    rq->var[VAR_SUB] != NULL &&
	    (d.len == 0 || str_starts(d, STR_LIT("Subscription "))))
		req_error(rq, 404, "Subscription %s not found for topic %s",
		    rq->var[VAR_SUB], rq->tn.text);
	else if (e == ERR_NO_NAMESPACE && str_starts(d, STR_LIT("Policies ")))
		req_error(rq, 404, "Namespace not found"); /* as admin says */
	else if (d.len > 0)
		req_error(rq, (unsigned)err_http(e), "%s", diag);
	else
		req_error(rq, (unsigned)err_http(e), "%s", err_text(e));
}

void
req_fail_ans(struct req *rq, unsigned i)
{
	req_fail(rq, rq->ans[i]->err, rq->ans[i]->diag);
}

bool
req_any_failed(struct req *rq)
{
	unsigned i = req_failed(rq);

	if (i == rq->ans_n)
		return false;
	req_fail_ans(rq, i);
	return true;
}

json_t *
req_doc(struct req *rq)
{
	json_t *doc;

	if (req_any_failed(rq))
		return NULL;
	doc = json_loadb(rq->ans[0]->text.p, rq->ans[0]->text.len, 0, NULL);
	if (json_is_object(doc))
		return doc;
	json_decref(doc);
	req_fail(rq, ERR_CORRUPT, "What is stored is no JSON");
	return NULL;
}

void
req_done_empty(struct req *rq)
{
	if (!req_any_failed(rq))
		req_empty(rq);
}
