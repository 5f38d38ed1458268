/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a lease brought, record by record: what the pop gets, what its selector
 * leaves out (that is acknowledged), and what was delivered too often (that goes to
 * the dead letters).
 */
#include <stdio.h>

#include "base/log.h"
#include "format/rmq_props.h"
#include "rocketmq/job.h"
#include "rocketmq/pop.h"
#include "rocketmq/send.h"
#include "rocketmq/sql92.h"
#include "rocketmq/take.h"

/* --- dead letters ----------------------------------------------------------- */

struct dead {
	char *topic, *group; /* core's, of the queue that it is in */
	struct lease_name name;
	struct attr attr;
	struct slice rec;
};

static void
dead_free(struct rmq_job *j)
{
	struct dead *d = j->priv;

	mem_free(d->topic);
	mem_free(d->group);
	if (d->rec.buf != NULL)
		slice_unref(&d->rec);
	mem_free(d);
}

/* Its topic is there; it is stored; it is acknowledged where it was. Whatever
 * fails: its lease ends, and it is tried again. */
static void
dead_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct dead *d = j->priv;
	struct op *op;

	(void)s;
	if (fx->err != ERR_OK && fx->err != ERR_EXISTS) {
		LOG(LOG_WARN, (int)j->rm->router->shard, "dead_letter_failed",
		    LOG_S("group", d->group), LOG_S("why", err_text(fx->err)));
		return;
	}
	if (fx->op == OP_STAGE) {
		rmq_gauge(j->rm, M_RMQ_DEAD, 1);
		rmq_lease_end(j->rm, str_of(d->topic), str_of(d->group),
		    &d->name, 1, LEASE_ACK);
		return;
	}
	op = rmq_job_op(j, OP_STAGE, 0);
	op->topic = op_str(op, str_of(j->text));
	op->due_ms = loop_wall_ms(j->rm->lp);
	op->u32 = STAGE_APPEND;
	op->publish.attr = d->attr;
	op->publish.body = d->rec;
	d->rec = (struct slice){ 0 };
	rmq_job_route(j, &op);
}

/* The record as the dead letter topic has it; false: it can't be made. */
static bool
dead_record(struct rmq_pop *p, const struct pop_got *g, struct str topic,
    struct slice *out)
{
	struct rmq *rm = p->s->rm;
	struct rmq_props_out po;
	struct rmq_record r;
	struct str from;

	if (rmq_record_read(g->rec.p, g->rec.len, &r) != ERR_OK)
		return false;
	from = rmq_props_get(r.props, RMQ_PROP_RETRY_TOPIC);
	rmq_props_begin(&po, rm->props, sizeof rm->props);
	rmq_props_copy(&po, r.props);
	if (from.len == 0)
		rmq_props_set(&po, RMQ_PROP_RETRY_TOPIC, r.topic);
	if (rmq_props_end(&po, &r.props) != ERR_OK)
		return false;
	r.topic = topic;
	r.queue_id = 0;
	r.reconsume_times = g->reconsumed;
	return rmq_record_again(rm, &r, out);
}

/* Of a record that was made of another protocol's entry or of one of a batch: what
 * that was means nothing for it. */
static void
own_attr(struct attr *a, struct slice rec)
{
	struct rmq_record r;

	if (rmq_record_read(rec.p, rec.len, &r) != ERR_OK)
		WRONG("a record that was made here can't be read");
	a->format = ENTRY_FORMAT_ROCKETMQ;
	a->aux = (uint8_t)r.sys_flag;
	a->messages_n = 1;
	a->flags = 0;
	a->deliver_at_ms = 0;
	a->tag_hash = rmq_tags_code(rmq_props_get(r.props, RMQ_PROP_TAGS));
}

static void
bury(struct rmq_pop *p, const struct pop_got *g, const struct attr *a)
{
	char name[NAME_MAX_BYTES], queue[NAME_MAX_BYTES + 32];
	struct rmq *rm = p->s->rm;
	struct rmq_job *j;
	struct dead *d;
	struct op *op;
	char *full;
	int n;

	n = snprintf(name, sizeof name, "%%DLQ%%%s", p->group);
	if (n >= (int)sizeof name ||
	    rmq_topic_full(rm, str_of(name), &full) != ERR_OK)
		return; /* no group has such a name: gconf */
	d = mem_zalloc(sizeof *d);
	if (!dead_record(p, g, str_of(name), &d->rec)) {
		mem_free(full);
		mem_free(d);
		return;
	}
	d->topic =
	    mem_strdup(rmq_pop_topic(p, g->queue, queue, sizeof queue).p);
	d->group = mem_strdup(p->group);
	d->name = (struct lease_name){ g->index, g->time_ms };
	d->attr = *a;
	if (a->format != ENTRY_FORMAT_ROCKETMQ || (a->flags & ATTR_BATCH) != 0)
		own_attr(&d->attr, d->rec);
	j = rmq_job_new_own(rm, dead_step);
	j->priv = d;
	j->fini = dead_free;
	j->text = mem_printf("%s-partition-0", full);
	op = rmq_job_op(j, OP_PARTITIONED_CREATE, 0);
	op->topic = op_str(op, str_of(full));
	op->u32 = 1;
	mem_free(full);
	rmq_job_route(j, &op);
}

/* --- one by one --------------------------------------------------------------- */

static bool
is_left(const struct fx_leased *fl, uint32_t i)
{
	return fl->words_n == 0 ||
	    (i / 64 < fl->words_n && (fl->words[i / 64] >> i % 64 & 1) != 0);
}

static void
keep(struct rmq_pop *p, const struct pop_got *g)
{
	if (p->got_n == p->got_cap) {
		p->got_cap = p->got_cap > 0 ? 2 * p->got_cap : POP_N_MAX;
		p->got = mem_reallocarray(p->got, p->got_cap, sizeof *p->got);
	}
	p->got[p->got_n] = *g;
	p->got[p->got_n++].rec = slice_ref(g->rec);
}

struct unwanted {
	struct lease_name v[READ_AT_MAX];
	uint32_t n;
};

static void
unwanted_end(struct rmq_pop *p, uint32_t queue, struct unwanted *u)
{
	char name[NAME_MAX_BYTES + 32];

	if (u->n == 0)
		return;
	rmq_lease_end(p->s->rm, rmq_pop_topic(p, queue, name, sizeof name),
	    str_of(p->group), u->v, u->n, LEASE_ACK);
	u->n = 0;
}

static void
unwanted_add(struct rmq_pop *p, const struct pop_got *g, uint64_t index,
    struct unwanted *u)
{
	if (p->kind != POP_LEASE)
		return;
	if (u->n == READ_AT_MAX)
		unwanted_end(p, g->queue, u);
	u->v[u->n++] = (struct lease_name){ index, g->time_ms };
}

static void
message(struct rmq_pop *p, struct pop_got *g, const struct entry *ent,
    const struct fx_leased *fl, struct unwanted *u)
{
	struct rmq_record r;

	if (g->rec.p == NULL ||
	    rmq_record_read(g->rec.p, g->rec.len, &r) != ERR_OK ||
	    (p->sql != NULL && g->queue != POP_RETRY_QUEUE &&
		!sql92_match(p->sql, r.props))) {
		unwanted_add(p, g, g->index, u);
		return;
	}
	g->reconsumed = r.reconsume_times + (int32_t)fl->redeliveries;
	if (g->reconsumed > p->retry_max && p->kind == POP_LEASE)
		bury(p, g, &ent->attr);
	else
		keep(p, g);
}

/* The messages that were found, and those between them that were not. */
static void
found(struct rmq_pop *p, struct pop_got *g, const struct entry *ent,
    const struct fx_leased *fl, struct unwanted *u, const struct rmq_take *t)
{
	uint64_t at = t->from, index;
	uint32_t i;

	for (i = 0; i <= t->n; i++) {
		index = i < t->n ?
		    (uint64_t)rmq_get_queue_offset(t->found[i].p) :
		    t->next;
		for (; at < index; at++)
			/* what another one may want comes again */
			if (is_left(fl, (uint32_t)(at - ent->index)) &&
			    !p->others_all && p->others_n == 0)
				unwanted_add(p, g, at, u);
		if (i == t->n || !is_left(fl, (uint32_t)(index - ent->index)))
			continue;
		g->index = index;
		g->rec = t->found[i];
		message(p, g, ent, fl, u);
		at = index + 1;
	}
}

/* Another protocol's entry, or an inner batch, which no client takes apart here:
 * message by message. */
static void
singly(struct rmq_pop *p, struct pop_got *g, struct entry *ent,
    const struct fx_leased *fl, struct unwanted *u)
{
	struct fx one = { .magic = FX_MAGIC, .entries_n = 1, .entries = ent };
	char name[NAME_MAX_BYTES + 32];
	struct rmq_take t = {
		.topic = rmq_pop_topic(p, g->queue, name, sizeof name),
		.from = ent->index,
		.max_n = READ_AT_MAX,
		.max_bytes = POP_BYTES_MAX,
		.tags = p->tags,
		.tags_n = g->queue != POP_RETRY_QUEUE ? p->tags_n : 0,
		.sql = g->queue != POP_RETRY_QUEUE ? p->sql : NULL,
		.apart = true,
	};
	uint64_t end = ent->index + ent->attr.messages_n;

	one.u64 = end;
	while (t.from < end) {
		rmq_take_entries(p->s, &t, &one);
		if (t.next > end || t.next <= t.from)
			t.next = end;
		found(p, g, ent, fl, u, &t);
		rmq_take_drop(&t);
		t.from = t.next;
	}
}

static void
records(struct rmq_pop *p, struct pop_got *g, const struct entry *ent,
    const struct fx_leased *fl, struct unwanted *u)
{
	uint32_t i, at = 0, size;

	for (i = 0; i < ent->attr.messages_n; i++) {
		size = ent->body.len - at >= RMQ_RECORD_MIN ?
		    rmq_get_size(ent->body.p + at) :
		    0;
		g->index = ent->index + i;
		g->rec = size > 0 && size <= ent->body.len - at ?
		    slice_sub(ent->body, at, size) :
		    (struct slice){ 0 };
		if (is_left(fl, i))
			message(p, g, ent, fl, u);
		at += g->rec.len;
	}
}

void
rmq_pop_take(struct rmq_pop *p, uint32_t queue, struct fx *fx)
{
	struct pop_got g = { .queue = queue, .time_ms = fx->i64 };
	struct unwanted u = { .n = 0 };
	uint32_t i;

	for (i = 0; i < fx->entries_n; i++) {
		if (fx->entries[i].attr.format == ENTRY_FORMAT_ROCKETMQ &&
		    (fx->entries[i].attr.aux & RMQ_SYS_INNER_BATCH) == 0)
			records(p, &g, &fx->entries[i], &fx->leased[i], &u);
		else
			singly(p, &g, &fx->entries[i], &fx->leased[i], &u);
	}
	unwanted_end(p, queue, &u);
}
