/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "log_rig.h"

static void
on_receipt(void *priv, const struct fx_receipt *r)
{
	struct lrig *tr = priv;

	assert(tr->rc_n < NELEM(tr->rc));
	tr->rc[tr->rc_n++] =
	    (struct got_receipt){ r->sequence, r->index, r->pos, r->err };
}

static void
on_deliver(void *priv, const struct fx_deliver *d)
{
	(void)priv;
	(void)d;
}

static void
on_fx(void *priv, struct fx *fx)
{
	struct lrig *tr = priv;

	assert(tr->fx_n < NELEM(tr->fx));
	tr->fx[tr->fx_n++] = fx;
}

static const struct core_out out = { on_receipt, on_deliver, on_fx };

/* --- life --------------------------------------------------------------------- */

void
lrig_start(struct lrig *tr)
{
	tr->meta = meta_mem_handle(tr->mm);
	assert_ok(core_bootstrap(tr->meta, &tr->conf));
	tr->co = core_new(&tr->conf, &out, tr, tr->meta);
	tr->e->base.client_ops = &core_ledger_client;
	tr->e->base.client = tr->co;
	core_set_ledgers(tr->co, &tr->e->base);
	core_set_time(tr->co, tr->now_ms, tr->now_ns);
}

void
lrig_stop(struct lrig *tr)
{
	core_free(&tr->co);
	fake_crash(tr->e);
	meta_mem_crash(tr->mm, 0);
	meta_mem_handle_free(&tr->meta);
}

void
lrig_forget(struct lrig *tr)
{
	while (tr->fx_n > 0)
		fx_free(&tr->fx[--tr->fx_n]);
	tr->rc_n = tr->fx_seen = 0;
}

int
lrig_setup(void **state)
{
	struct lrig *tr = mem_zalloc(sizeof *tr);

	tr->conf = (struct core_conf){
		.shards_n = 1,
		.cluster = "standalone",
		.auto_topic = true,
		.auto_sub = true,
		.default_partitions = 1,
		.max_message_bytes = 1 << 20,
		.batch_index_ack = true,
		.sync = true,
		.ledger_max_entries = 10,
		.ledger_max_bytes = 1 << 20,
		.ledger_min_roll_ms = 600000,
		.ledger_max_roll_ms = 14400000,
		.inactive_ms = 60000,
		.max_waiting_reads = 1000,
		.max_leases = 1000,
		.max_pending_publishes = 1000,
		.retention_ms = -1,
		.retention_bytes = -1,
	};
	tr->e = fake_new();
	tr->ops = *tr->e->base.ops;
	tr->e->base.ops = &tr->ops;
	tr->mm = meta_mem_new();
	tr->e->now_ms = tr->now_ms = START_MS;
	tr->now_ns = 1000000000;
	tr->probe_alive = true;
	lrig_start(tr);
	*state = tr;
	return 0;
}

int
lrig_teardown(void **state)
{
	struct lrig *tr = *state;

	lrig_stop(tr);
	lrig_forget(tr);
	fake_free(&tr->e);
	meta_mem_free(&tr->mm);
	mem_free(tr);
	op_thread_fini();
	return 0;
}

static bool
answer_probes(struct lrig *tr)
{
	unsigned from = tr->fx_seen;
	bool any = false;
	struct op *op;

	for (; from < tr->fx_n; from++) {
		if (tr->fx[from]->type != FX_PROBE)
			continue;
		op = op_new(OP_PROBED, tr->fx[from]->dest);
		op->u64 = tr->fx[from]->u64;
		op->flag = tr->probe_alive;
		core_op(tr->co, &op);
		tr->probes_n++;
		any = true;
	}
	tr->fx_seen = from;
	return any;
}

/* Everything that can happen at this time. */
void
lrig_run(struct lrig *tr)
{
	unsigned i;
	int64_t due;
	bool any;

	for (i = 0; i < 10000; i++) {
		due = core_poll(tr->co, tr->now_ms, tr->now_ns);
		any = answer_probes(tr);
		any |= fake_poll(tr->e);
		any |= meta_mem_pump(tr->mm, 0) > 0;
		if (!any && due != 0)
			return;
	}
	WRONG("it never ends");
}

void
lrig_pass(struct lrig *tr, int64_t ms)
{
	tr->now_ms += ms;
	tr->now_ns += ms * 1000000;
	tr->e->now_ms = tr->now_ms;
	lrig_run(tr);
}

/* --- what it is asked ------------------------------------------------------------- */

struct op *
lrig_new_op(struct lrig *tr, enum op_type type, uint64_t conn, uint64_t tag)
{
	struct op *op = op_new(
	    type, (struct dest){ .conn = conn, .tag = tag, .kind = DEST_TEST });

	op->req = ++tr->req;
	op->topic = op_str(op, str_of(T));
	return op;
}

struct op *
lrig_open_op(struct lrig *tr, const char *name, uint64_t conn, uint64_t tag)
{
	struct op *op = lrig_new_op(tr, OP_PRODUCER_OPEN, conn, tag);

	if (name != NULL)
		op->producer.name = op_str(op, str_of(name));
	return op;
}

/* The effect that answers; it stays the rig's. */
const struct fx *
lrig_ask(struct lrig *tr, struct op *op)
{
	uint64_t req = op->req;
	unsigned i;

	core_op(tr->co, &op);
	lrig_run(tr);
	for (i = 0; i < tr->fx_n; i++)
		if (tr->fx[i]->req == req)
			return tr->fx[i];
	fail_msg("no answer");
	return NULL;
}

uint64_t
lrig_producer(struct lrig *tr, uint64_t conn)
{
	const struct fx *fx = lrig_ask(tr, lrig_open_op(tr, NULL, conn, conn));

	assert_int_equal(fx->type, FX_PRODUCER_OPENED);
	return fx->handle;
}

void
lrig_sub_make(struct lrig *tr)
{
	struct op *op = lrig_new_op(tr, OP_SUB_CREATE, 90, 0);

	op->sub = op_str(op, STR_LIT("s"));
	op->start.kind = START_EARLIEST;
	assert_ok(lrig_ask(tr, op)->err);
}

void
lrig_publish(struct lrig *tr, uint64_t handle, uint64_t sequence, unsigned n)
{
	struct core_publish p = {
		.producer = handle,
		.attr = { .format = ENTRY_FORMAT_PULSAR, .messages_n = 1 },
		.body = slice_str("body"),
	};

	for (; n > 0; n--) {
		p.sequence = p.highest_sequence = sequence++;
		core_publish(tr->co, &p);
	}
}

struct topic *
lrig_topic(struct lrig *tr)
{
	struct topic *t = topic_find(tr->co, STR_LIT(T));

	assert_non_null(t);
	return t;
}

unsigned
lrig_closed_n(struct lrig *tr, enum err e)
{
	unsigned i, n = 0;

	for (i = 0; i < tr->fx_n; i++)
		n += tr->fx[i]->type == FX_PRODUCER_CLOSED &&
		    tr->fx[i]->err == e;
	return n;
}
