/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/mem.h"
#include "tests/lib/topic_rig.h"

/* --- what comes out ----------------------------------------------------------- */

static void
on_receipt(void *priv, const struct fx_receipt *r)
{
	struct trig *tr = priv;

	if (tr->rc_n == tr->rc_cap) {
		tr->rc_cap = tr->rc_cap != 0 ? tr->rc_cap * 2 : 64;
		tr->rc = mem_reallocarray(tr->rc, tr->rc_cap, sizeof *tr->rc);
	}
	tr->rc[tr->rc_n++] = (struct trig_receipt){ r->dest.tag, r->sequence,
		r->pos, r->index, r->err };
}

static void
on_deliver(void *priv, const struct fx_deliver *d)
{
	struct trig *tr = priv;
	struct trig_got *g;

	if (tr->got_n == tr->got_cap) {
		tr->got_cap = tr->got_cap != 0 ? tr->got_cap * 2 : 64;
		tr->got =
		    mem_reallocarray(tr->got, tr->got_cap, sizeof *tr->got);
	}
	g = &tr->got[tr->got_n++];
	memset(g, 0, sizeof *g);
	g->tag = d->dest.tag;
	g->pos = d->ent->pos;
	g->redeliveries = d->redeliveries;
	g->len = d->ent->body.len;
	memcpy(g->body, d->ent->body.p,
	    g->len < sizeof g->body ? g->len : sizeof g->body - 1);
}

static void
on_fx(void *priv, struct fx *fx)
{
	struct trig *tr = priv;

	if (tr->fx_n == tr->fx_cap) {
		tr->fx_cap = tr->fx_cap != 0 ? tr->fx_cap * 2 : 64;
		tr->fx =
		    mem_reallocarray(tr->fx, tr->fx_cap, sizeof(struct fx *));
	}
	tr->fx[tr->fx_n++] = fx;
}

static const struct core_out out = { on_receipt, on_deliver, on_fx };

/* --- life ------------------------------------------------------------------------ */

void
trig_init(struct trig *tr)
{
	memset(tr, 0, sizeof *tr);
	tr->conf = (struct core_conf){
		.shards_n = 1,
		.cluster = "standalone",
		.auto_topic = true,
		.auto_sub = true,
		.default_partitions = 1,
		.max_message_bytes = 1 << 20,
		.delayed = true,
		.hash_ring = true,
		.hash_ring_points = 100,
		.batch_index_ack = true,
		.sync = true,
		.ledger_max_entries = 50000,
		.ledger_max_bytes = 1 << 30,
		.ledger_min_roll_ms = 600000,
		.ledger_max_roll_ms = 14400000,
		.inactive_ms = 60000,
		.idle_unload_ms = 60000,
		.max_waiting_reads = 1000,
		.max_leases = 1000,
		.max_pending_publishes = 16384,
	};
	local_conf_init(&tr->lconf);
	tr->lconf.segment_bytes = 8 << 20;
	tr->lconf.group_bytes = 1 << 20;
	tr->lconf.max_entry_bytes = 2 << 20;
	tr->dm = disk_mem_new(42);
	tr->mm = meta_mem_new();
	tr->wall_ms = 1700000000000;
	tr->mono_ns = 1000000000;
}

void
trig_start(struct trig *tr)
{
	struct local_recovery rec;
	struct diag dg;

	tr->disk = disk_mem_handle(tr->dm);
	tr->meta = meta_mem_handle(tr->mm);
	assert_ok(core_bootstrap(tr->meta, &tr->conf));
	tr->co = core_new(&tr->conf, &out, tr, tr->meta);
	tr->lgs = local_ledgers_new(
	    &tr->lconf, tr->disk, tr->meta, &core_ledger_client, tr->co);
	core_set_ledgers(tr->co, tr->lgs);
	assert_ok(local_recover(tr->lgs, tr->wall_ms, &rec, &dg));
	trig_turn(tr);
}

static void
drop(struct trig *tr)
{
	if (tr->co != NULL)
		core_free(&tr->co);
	local_ledgers_free(&tr->lgs);
	disk_mem_handle_free(&tr->disk);
	meta_mem_handle_free(&tr->meta);
}

static void
drained(void *priv)
{
	*(bool *)priv = true;
}

void
trig_stop(struct trig *tr)
{
	bool done = false;

	trig_run(tr);
	core_drain(tr->co, drained, &done);
	trig_run(tr);
	assert_true(done);
	drop(tr);
}

void
trig_crash(struct trig *tr)
{
	/* what it asks for while it goes is lost as well */
	core_free(&tr->co);
	disk_mem_kill(tr->dm);
	meta_mem_crash(tr->mm, 0);
	drop(tr);
}

void
trig_forget(struct trig *tr)
{
	unsigned i;

	for (i = 0; i < tr->fx_n; i++)
		fx_free(&tr->fx[i]);
	tr->fx_n = tr->rc_n = tr->got_n = 0;
}

void
trig_fini(struct trig *tr)
{
	if (tr->co != NULL)
		trig_stop(tr);
	trig_forget(tr);
	mem_free(tr->fx);
	mem_free(tr->rc);
	mem_free(tr->got);
	disk_mem_free(&tr->dm);
	meta_mem_free(&tr->mm);
	op_thread_fini();
}

/* --- time --------------------------------------------------------------------------- */

static void
probes(struct trig *tr, unsigned from)
{
	struct op *op;
	unsigned i;

	for (i = from; i < tr->fx_n && !tr->no_probes; i++) {
		if (tr->fx[i]->type != FX_PROBE)
			continue;
		op = op_new(OP_PROBED, tr->fx[i]->dest);
		op->u64 = tr->fx[i]->u64;
		op->flag = !tr->dead_probes;
		core_op(tr->co, &op);
	}
}

static int64_t
step(struct trig *tr)
{
	unsigned from = tr->fx_n;
	int64_t a, b;

	(void)core_poll(tr->co, tr->wall_ms, tr->mono_ns);
	probes(tr, from);
	b = tr->lgs->ops->poll(tr->lgs, tr->wall_ms, tr->mono_ns);
	a = core_due(tr->co);
	if (a < 0 || (b >= 0 && b < a))
		return b;
	return a;
}

void
trig_turn(struct trig *tr)
{
	tr->mono_ns += 10000;
	(void)step(tr);
	(void)disk_mem_pump(tr->dm, 0);
	(void)meta_mem_pump(tr->mm, 0);
}

static bool
advance(struct trig *tr, int64_t until_ns)
{
	int64_t due = step(tr), ns;

	if (disk_mem_queued(tr->dm) + meta_mem_queued(tr->mm) > 0) {
		(void)disk_mem_pump(tr->dm, 0);
		(void)meta_mem_pump(tr->mm, 0);
		return true;
	}
	if (due == 0)
		return true;
	ns = due < 0 || due > until_ns - tr->mono_ns ? until_ns - tr->mono_ns :
						       due;
	if (ns <= 0)
		return false;
	tr->mono_ns += ns;
	tr->wall_ms = 1700000000000 + tr->mono_ns / 1000000;
	return true;
}

/* 50 ms: delays of acks and syncs, no timers of the core */
void
trig_run(struct trig *tr)
{
	trig_pass(tr, 50);
}

void
trig_pass(struct trig *tr, int64_t ms)
{
	int64_t until = tr->mono_ns + ms * 1000000;
	unsigned i;

	for (i = 0; i < 10000000; i++)
		if (!advance(tr, until))
			return;
	WRONG("it never ends");
}

/* --- ops ------------------------------------------------------------------------------- */

struct op *
trig_op(struct trig *tr, enum op_type type, const char *topic, uint64_t tag)
{
	struct op *op;

	op = op_new(
	    type, (struct dest){ .conn = tag, .tag = tag, .kind = DEST_TEST });
	op->req = ++tr->req;
	if (topic != NULL)
		op->topic = op_str(op, str_of(topic));
	return op;
}

struct fx *
trig_do(struct trig *tr, struct op *op)
{
	uint64_t req = op->req;
	unsigned i;

	core_op(tr->co, &op);
	trig_run(tr);
	for (i = tr->fx_n; i > 0; i--)
		if (tr->fx[i - 1]->req == req)
			return tr->fx[i - 1];
	return NULL;
}

struct fx *
trig_fx(struct trig *tr, enum fx_type type, uint64_t tag)
{
	unsigned i;

	for (i = tr->fx_n; i > 0; i--)
		if (tr->fx[i - 1]->type == type &&
		    (tr->fx[i - 1]->dest.tag == tag || tag == UINT64_MAX))
			return tr->fx[i - 1];
	return NULL;
}

uint64_t
trig_producer(
    struct trig *tr, const char *topic, const char *name, uint64_t tag)
{
	struct op *op = trig_op(tr, OP_PRODUCER_OPEN, topic, tag);
	struct fx *fx;

	if (name != NULL)
		op->producer.name = op_str(op, str_of(name));
	fx = trig_do(tr, op);
	if (fx == NULL || fx->type != FX_PRODUCER_OPENED)
		return 0;
	return fx->handle;
}

void
trig_publish(
    struct trig *tr, uint64_t producer, uint64_t sequence, const char *body)
{
	struct core_publish p = {
		.producer = producer,
		.attr = { .format = ENTRY_FORMAT_PULSAR,
		    .messages_n = 1,
		    .publish_time_ms = tr->wall_ms },
		.body = slice_str(body),
		.sequence = sequence,
		.highest_sequence = sequence,
	};

	core_publish(tr->co, &p);
}

void
trig_publish_n(
    struct trig *tr, uint64_t producer, uint64_t sequence, unsigned n)
{
	char b[32];

	for (; n > 0; n--, sequence++) {
		(void)snprintf(b, sizeof b, "m%ju", (uintmax_t)sequence);
		trig_publish(tr, producer, sequence, b);
	}
}

uint64_t
trig_late_producer(struct trig *tr, const char *topic, uint64_t tag)
{
	struct op *op = trig_op(tr, OP_PRODUCER_OPEN, topic, tag);

	op->producer.late = true;
	return trig_do(tr, op)->handle;
}

unsigned
trig_receipts(const struct trig *tr, uint64_t tag, enum err e)
{
	unsigned i, n = 0;

	for (i = 0; i < tr->rc_n; i++)
		n += (tag == 0 || tr->rc[i].tag == tag) && tr->rc[i].err == e;
	return n;
}

bool
trig_is_throttled(struct trig *tr, uint64_t tag)
{
	const struct fx *fx = trig_fx(tr, FX_PRODUCER_THROTTLED, tag);

	return fx != NULL && fx->flag;
}

uint64_t
trig_subscribe(struct trig *tr, const char *topic, const char *sub,
    enum sub_type type, uint64_t tag, bool earliest)
{
	struct op *op = trig_op(tr, OP_SUBSCRIBE, topic, tag);
	struct fx *fx;

	op->subscribe.sub = op_str(op, str_of(sub));
	op->subscribe.consumer = op_str(op, STR_LIT("c"));
	op->subscribe.type = type;
	op->subscribe.durable = true;
	op->subscribe.create_topic = true;
	op->subscribe.has_initial = true;
	op->subscribe.initial_earliest = earliest;
	fx = trig_do(tr, op);
	if (fx == NULL || fx->type != FX_SUBSCRIBED)
		return 0;
	return fx->handle;
}

uint64_t
trig_consumer(struct trig *tr, const char *topic, const char *sub, uint64_t tag,
    bool earliest)
{
	return trig_subscribe(tr, topic, sub, SUB_EXCLUSIVE, tag, earliest);
}

unsigned
trig_given(const struct trig *tr, uint64_t tag)
{
	unsigned i, n = 0;

	for (i = 0; i < tr->got_n; i++)
		n += tr->got[i].tag == tag;
	return n;
}

enum err
trig_own_limit(
    struct trig *tr, const char *topic, const char *name, const char *text)
{
	struct op *op = trig_op(tr, OP_TOPIC_PROPS_SET, topic, 78);
	struct prop *p = op_mem(op, sizeof *p);
	char key[64];

	(void)snprintf(key, sizeof key, LIMIT_PROP "%s", name);
	p->key = op_str(op, str_of(key));
	p->value = op_str(op, str_of(text));
	op->props = p;
	op->props_n = 1;
	return trig_do(tr, op)->err;
}

void
trig_ack(struct trig *tr, uint64_t consumer, struct pos p, bool cumulative)
{
	struct core_ack_id id = { .pos = p };
	struct core_ack a = {
		.consumer = consumer,
		.cumulative = cumulative,
		.n = 1,
		.ids = &id,
	};

	core_ack(tr->co, &a);
}
