/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers of POP_MESSAGE and its kin. A record goes out as it lies in the log,
 * unless it was delivered before (its head is copied, with the count) or comes of
 * the retry topic (it is made again, with the topic that it came from and its
 * handle, POP_CK).
 */
#include <stdio.h>

#include "format/rmq_props.h"
#include "rocketmq/fit.h"
#include "rocketmq/pop.h"
#include "rocketmq/send.h"
#include "rocketmq/stat.h"

/* --- header fields ------------------------------------------------------------ */

static char
retry_of(const struct pop_got *g)
{
	return g->queue == POP_RETRY_QUEUE ? RMQ_POP_RETRY : RMQ_POP_NORMAL;
}

static int32_t
queue_id(const struct pop_got *g)
{
	return g->queue == POP_RETRY_QUEUE ? 0 : (int32_t)g->queue;
}

/* Those of a queue stand one after the other; the end of them. */
static uint32_t
run_end(const struct rmq_pop *p, uint32_t i)
{
	uint32_t k = i;

	while (k < p->got_n && p->got[k].queue == p->got[i].queue)
		k++;
	return k;
}

static void
put_offsets(struct rmq_pop *p, uint32_t i, uint32_t k, struct strbuf *sb)
{
	int64_t *v = mem_calloc(k - i, sizeof *v);
	uint32_t n;

	for (n = i; n < k; n++)
		v[n - i] = (int64_t)p->got[n].index;
	rmq_pop_put_offsets(
	    sb, retry_of(&p->got[i]), queue_id(&p->got[i]), v, k - i);
	mem_free(v);
}

static void
put_infos(struct rmq_pop *p, struct rout *o)
{
	struct strbuf start, offsets, counts;
	const struct pop_got *g;
	uint32_t i, k, n;

	strbuf_init(&start, RMQ_HEAD_MAX / 4);
	strbuf_init(&offsets, RMQ_HEAD_MAX / 4);
	strbuf_init(&counts, RMQ_HEAD_MAX / 4);
	for (i = 0; i < p->got_n; i = k) {
		k = run_end(p, i);
		g = &p->got[i];
		rmq_pop_put_start(
		    &start, retry_of(g), queue_id(g), (int64_t)g->index);
		put_offsets(p, i, k, &offsets);
		if (!p->order)
			continue;
		rmq_pop_put_count(
		    &counts, retry_of(g), queue_id(g), g->reconsumed);
		for (n = i; n < k; n++)
			rmq_pop_put_count_at(&counts, retry_of(g), queue_id(g),
			    (int64_t)p->got[n].index, p->got[n].reconsumed);
	}
	rout_str(o, "startOffsetInfo",
	    (struct str){ strbuf_str(&start), start.len });
	rout_str(o, "msgOffsetInfo",
	    (struct str){ strbuf_str(&offsets), offsets.len });
	if (p->order)
		rout_str(o, "orderCountInfo",
		    (struct str){ strbuf_str(&counts), counts.len });
	strbuf_fini(&start);
	strbuf_fini(&offsets);
	strbuf_fini(&counts);
}

/* --- records -------------------------------------------------------------------- */

/* The client makes one handle of the header for all of an answer: who has
 * another time carries its own. */
static bool
needs_handle(const struct rmq_pop *p, const struct pop_got *g)
{
	return p->kind == POP_LEASE &&
	    (g->queue == POP_RETRY_QUEUE || g->time_ms != p->got[0].time_ms);
}

static bool
remake(struct rmq_pop *p, struct pop_got *g)
{
	struct rmq *rm = p->s->rm;
	struct rmq_handle h = { .first_offset = (int64_t)g->index,
		.pop_ms = g->time_ms,
		.invisible_ms = p->invisible_ms,
		.revive_queue = p->order ? RMQ_POP_ORDER_QUEUE : 0,
		.retry = retry_of(g),
		.broker = str_of(rm->conf.broker),
		.queue_id = queue_id(g),
		.queue_offset = (int64_t)g->index };
	struct rmq_props_out po;
	struct rmq_record r;
	struct strbuf ck;
	struct slice out;
	struct str from;
	bool ok;

	if (rmq_record_read(g->rec.p, g->rec.len, &r) != ERR_OK)
		return false;
	strbuf_init(&ck, 1024);
	rmq_handle_put(&ck, &h);
	from = rmq_props_get(r.props, RMQ_PROP_RETRY_TOPIC);
	rmq_props_begin(&po, rm->props, sizeof rm->props);
	rmq_props_copy(&po, r.props);
	rmq_props_set(
	    &po, RMQ_PROP_POP_CK, (struct str){ strbuf_str(&ck), ck.len });
	ok = rmq_props_end(&po, &r.props) == ERR_OK;
	if (g->queue == POP_RETRY_QUEUE)
		r.topic = from.len > 0 ? from : str_of(p->topic);
	r.reconsume_times = g->reconsumed;
	ok = ok && rmq_record_again(rm, &r, &out);
	strbuf_fini(&ck);
	if (!ok)
		return false;
	slice_unref(&g->rec);
	g->rec = out;
	g->reconsumed = -1; /* it is in it */
	return true;
}

/* Those that can't be made stay leased: they come again. */
static void
remake_all(struct rmq_pop *p)
{
	uint32_t i, n = 0;

	for (i = 0; i < p->got_n; i++) {
		if (needs_handle(p, &p->got[i]) && !remake(p, &p->got[i])) {
			slice_unref(&p->got[i].rec);
			continue;
		}
		p->got[n++] = p->got[i];
	}
	p->got_n = n;
}

/* Those that there is no more time for come again at once, uncounted; a queue's next
 * ones with them, for the sake of their order. */
static void
fit_all(struct rmq_pop *p)
{
	struct rmq_fit f = { 0 };
	uint32_t i;

	if (rmq_fit_bits(p->s) == 0)
		return;
	for (i = 0; i < p->got_n && rmq_fit_goes_on(&f); i++)
		rmq_fit_record(p->s, &f, &p->got[i].rec);
	rmq_pop_give_back(p, i);
}

static void
write_record(struct rmq_pop *p, const struct pop_got *g)
{
	uint32_t at = (uint32_t)rmq_at_reconsume(g->rec.p) + 4;
	uint8_t head[128];

	if (g->reconsumed < 0 || rmq_get_reconsume(g->rec.p) == g->reconsumed) {
		conn_write_slice(p->s->cn, g->rec);
		return;
	}
	assert(at <= sizeof head && at <= g->rec.len);
	memcpy(head, g->rec.p, at);
	rmq_put_reconsume(head, g->reconsumed);
	conn_write(p->s->cn, head, at);
	conn_write_slice(p->s->cn, slice_sub(g->rec, at, g->rec.len - at));
}

/* --- answers ---------------------------------------------------------------------- */

static void
count(const struct rmq_pop *p, size_t bytes)
{
	struct rmq *rm = p->s->rm;
	char who[520]; /* as in do_pull.c */

	rmq_gauge(rm, M_DISP_ENTRIES, (int)p->got_n);
	rmq_gauge(rm, M_DISP_MSGS, (int)p->got_n);
	rmq_gauge(rm, M_DISP_BYTES, (int)bytes);
	if (p->kind != POP_LEASE || p->got_n == 0)
		return;
	(void)snprintf(who, sizeof who, "%s@%s", p->topic, p->group);
	rmq_stat_get(rm, who,
	    &(struct rmq_counted){
		.messages = p->got_n, .bytes = (int64_t)bytes, .times = 1 });
}

static void
say_notified(struct rmq_pop *p)
{
	struct rout *o = rmq_answer(p->s, &p->ref, RC_SUCCESS, NULL);

	rout_bool(o, "hasMsg", p->got_n > 0);
	rout_bool(o, "pollingFull", p->full_up);
	rmq_answer_end(p->s, &p->ref, NULL, 0);
}

void
rmq_pop_say(struct rmq_pop *p)
{
	size_t bytes = 0;
	bool found;
	struct rout *o;
	uint32_t i;

	if (p->kind == POP_NOTIFY) {
		say_notified(p);
		return;
	}
	fit_all(p);
	found = p->got_n > 0;
	/* of what is said of all, the first one's is the time */
	o = rmq_answer(p->s, &p->ref,
	    found		    ? RC_SUCCESS :
		p->kind == POP_PEEK ? RC_PULL_NOT_FOUND :
				      RC_POLLING_TIMEOUT,
	    found ? "FOUND" : "NO_MESSAGE_IN_QUEUE");
	rout_i64(o, "popTime",
	    found && p->kind == POP_LEASE ? p->got[0].time_ms :
					    loop_wall_ms(p->s->rm->lp));
	rout_i64(o, "invisibleTime", p->invisible_ms);
	rout_i64(o, "reviveQid", p->order ? RMQ_POP_ORDER_QUEUE : 0);
	rout_i64(o, "restNum", (int64_t)p->rest);
	put_infos(p, o);
	remake_all(p);
	for (i = 0; i < p->got_n; i++)
		bytes += p->got[i].rec.len;
	if (!rmq_answer_head(p->s, &p->ref, bytes))
		return;
	for (i = 0; i < p->got_n; i++)
		write_record(p, &p->got[i]);
	count(p, bytes);
}
