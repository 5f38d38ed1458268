/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/ask.h"

#define ASKS_MAX 10000u /* of a session, not yet answered */

struct rmq_ask {
	LIST_ENTRY(rmq_ask) link;
	int32_t opaque;
	int64_t until_ns;
	rmq_ask_f *f;
	void *priv;
};

struct rout *
rmq_ask_begin(struct rmq_session *s, int32_t code, bool oneway)
{
	rout_begin(&s->rm->out, s->type, code, s->opaque_seq++,
	    oneway ? RHEADER_ONEWAY : 0, STR_NONE);
	return &s->rm->out;
}

static bool
send_it(struct rmq_session *s, struct slice body)
{
	struct rmq *rm = s->rm;

	if (s->state != RMQ_OPEN || rout_end(&rm->out, body.len) != ERR_OK)
		return false;
	conn_write(s->cn, rm->out.sb.p, rm->out.sb.len);
	if (body.len > 0 && body.buf != NULL)
		conn_write_slice(s->cn, body);
	else if (body.len > 0)
		conn_write(s->cn, body.p, body.len);
	return true;
}

void
rmq_ask_oneway(struct rmq_session *s, struct slice body)
{
	(void)send_it(s, body);
}

void
rmq_ask_end(struct rmq_session *s, struct slice body, int64_t timeout_ns,
    rmq_ask_f *f, void *priv)
{
	struct rmq_ask *a;

	if (s->asks_n >= ASKS_MAX) {
		f(s->rm, priv, ERR_BUSY, NULL, (struct slice){ 0 });
		return;
	}
	if (!send_it(s, body)) {
		f(s->rm, priv, ERR_CLOSED, NULL, (struct slice){ 0 });
		return;
	}
	a = mem_zalloc(sizeof *a);
	a->opaque = s->opaque_seq - 1;
	a->until_ns = loop_mono_ns(s->rm->lp) + timeout_ns;
	a->f = f;
	a->priv = priv;
	LIST_INSERT_HEAD(&s->asks, a, link);
	s->asks_n++;
}

static void
end(struct rmq_session *s, struct rmq_ask *a, enum err e,
    const struct rheader *h, struct slice body)
{
	LIST_REMOVE(a, link);
	s->asks_n--;
	a->f(s->rm, a->priv, e, h, body);
	mem_free(a);
}

/* One that nobody waits for any more is dropped. */
void
rmq_asked_answered(
    struct rmq_session *s, const struct rheader *h, struct slice body)
{
	struct rmq_ask *a;

	LIST_FOREACH(a, &s->asks, link)
		if (a->opaque == h->opaque) {
			end(s, a, ERR_OK, h, body);
			return;
		}
}

void
rmq_asks_expire(struct rmq_session *s, int64_t now_ns)
{
	struct rmq_ask *a, *next;

	for (a = LIST_FIRST(&s->asks); a != NULL; a = next) {
		next = LIST_NEXT(a, link);
		if (a->until_ns <= now_ns)
			end(s, a, ERR_TIMEOUT, NULL, (struct slice){ 0 });
	}
}

void
rmq_asks_drop(struct rmq_session *s)
{
	struct rmq_ask *a;

	while ((a = LIST_FIRST(&s->asks)) != NULL)
		end(s, a, ERR_CLOSED, NULL, (struct slice){ 0 });
}
