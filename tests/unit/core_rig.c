/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "core/topic_priv.h"
#include "core_rig.h"

static void
on_deliver(void *priv, const struct fx_deliver *d)
{
	struct rig *r = priv;
	struct got *g;

	if (r->got_n == r->got_cap) {
		r->got_cap = r->got_cap != 0 ? r->got_cap * 2 : 64;
		r->got = mem_reallocarray(r->got, r->got_cap, sizeof *r->got);
	}
	g = &r->got[r->got_n++];
	g->tag = d->dest.tag;
	g->pos = d->ent->pos;
	g->redeliveries = d->redeliveries;
	g->words_n = d->words_n;
	g->word0 = d->words_n > 0 ? d->words[0] : 0;
	g->epoch = d->epoch;
}

static void
on_fx(void *priv, struct fx *fx)
{
	struct rig *r = priv;

	assert(r->fx_n < NELEM(r->fx));
	r->fx[r->fx_n++] = fx;
}

static void
on_receipt(void *priv, const struct fx_receipt *rc)
{
	(void)priv;
	(void)rc;
}

static const struct core_out out = { on_receipt, on_deliver, on_fx };

static void
on_opened(
    void *owner, struct ledger *lg, const struct ledger_info *i, enum err e)
{
	(void)owner;
	(void)lg;
	(void)i;
	(void)e;
}

static void
on_appended(void *owner, int64_t first, uint32_t n, uint64_t idx, int64_t ms,
    enum err e)
{
	(void)owner;
	(void)first;
	(void)n;
	(void)idx;
	(void)ms;
	(void)e;
}

static void
on_closed(
    void *owner, struct ledger *lg, const struct ledger_info *i, enum err e)
{
	on_opened(owner, lg, i, e);
}

static void
on_space(void *client, bool ok)
{
	(void)client;
	(void)ok;
}

static const struct ledger_client_ops client_ops = {
	.ledger_opened = on_opened,
	.appended = on_appended,
	.journal_opened = cursor_journal_opened,
	.journal_done = cursor_journal_done,
	.journal_snapshot = cursor_journal_snapshot,
	.ledger_closed = on_closed,
	.space = on_space,
};

static void
list_ledger(struct rig *r, struct fake_ledger *f)
{
	struct tledger *tl = mem_zalloc(sizeof *tl);
	struct tlog *lg = &r->t->log;

	f->held = true;
	tl->magic = TLEDGER_MAGIC;
	tl->t = r->t;
	tl->info = f->info;
	tl->lg = (struct ledger *)(void *)f;
	lg->ledgers = mem_reallocarray(
	    lg->ledgers, lg->ledgers_n + 1, sizeof(struct tledger *));
	lg->ledgers[lg->ledgers_n++] = tl;
	lg->next_index = f->info.next_index;
	if (f->info.last_entry >= 0 || lg->ledgers_n == 1)
		lg->last = (struct pos){ f->info.id, f->info.last_entry };
}

static void
core_up(struct rig *r)
{
	static const struct core_conf conf = {
		.shards_n = 1,
		.cluster = "test",
		.auto_sub = true,
		.batch_index_ack = true,
		.hash_ring = true,
		.hash_ring_points = 100,
		/* what is trimmed is for the tests of topics */
		.retention_ms = -1,
		.retention_bytes = -1,
	};
	struct topic_name tn;

	r->co = core_new(&conf, &out, r, r->meta);
	core_set_ledgers(r->co, &r->e->base);
	r->co->now_ns = 1;
	r->co->now_ms = 1000000;
	r->e->base.client_ops = &client_ops;
	assert(topic_name_parse(&tn,
		   STR_LIT("persistent://public/default/topic")) == ERR_OK);
	r->t = topic_new(r->co, &tn);
	r->t->state = TOPIC_READY;
}

static void
core_down(struct rig *r)
{
	rig_clear(r);
	core_free(&r->co);
	rig_clear(r);
}

/* The topic is there, as far as records of its subscriptions care. */
static void
put_topic(struct rig *r)
{
	struct meta_txn *tx = meta_txn_new();
	uint8_t key[META_KEY_MAX];

	meta_txn_put(tx, key, key_topic(key, &r->t->name), "", 0);
	assert_ok(r->meta->ops->commit_now(r->meta, &tx));
}

struct rig *
rig_new(void)
{
	struct rig *r = mem_zalloc(sizeof *r);

	r->e = fake_new();
	r->mm = meta_mem_new();
	r->meta = meta_mem_handle(r->mm);
	core_up(r);
	put_topic(r);
	list_ledger(r, fake_ledger_make(r->e, 1, 0, 0, 1, true));
	return r;
}

void
rig_free(struct rig **rp)
{
	struct rig *r = *rp;

	*rp = NULL;
	core_down(r);
	fake_free(&r->e);
	meta_mem_handle_free(&r->meta);
	meta_mem_free(&r->mm);
	mem_free(r->got);
	mem_free(r);
}

static void
loaded(void *priv, enum err e)
{
	(void)priv;
	assert_ok(e);
}

static void
each_sub(void *priv, enum err e, const void *key, size_t klen, const void *val,
    size_t len)
{
	struct rig *r = priv;
	size_t pre = strlen(META_SUB) + r->t->name.key.len + 1;

	assert_ok(e);
	if (key == NULL)
		return;
	sub_load(r->t, (struct str){ (const char *)key + pre, klen - pre }, val,
	    len, loaded, NULL);
}

void
rig_restart(struct rig *r)
{
	struct fake_ledger *f;
	uint64_t id;

	core_down(r);
	fake_crash(r->e);
	core_up(r);
	for (id = 1; id < r->e->next_id; id++)
		for (f = r->e->ledgers; f != NULL; f = f->next)
			if (f->info.id == id)
				list_ledger(r, f);
	r->meta->ops->list(
	    r->meta, META_SUB, strlen(META_SUB), 0, true, each_sub, r);
	rig_run(r);
}

static struct fake_ledger *
last_ledger(struct rig *r)
{
	return (struct fake_ledger *)(void *)r->t->log
	    .ledgers[r->t->log.ledgers_n - 1]
	    ->lg;
}

static void
add(struct rig *r, const struct attr *a)
{
	struct tlog *lg = &r->t->log;
	struct fake_ledger *f = last_ledger(r);

	fake_ledger_add(f, a, "payload");
	lg->ledgers[lg->ledgers_n - 1]->info = f->info;
	lg->last = (struct pos){ f->info.id, f->info.last_entry };
	lg->next_index = f->info.next_index;
}

void
rig_add(struct rig *r, uint32_t n, uint32_t messages_n)
{
	struct attr a = { .messages_n = messages_n,
		.flags = messages_n > 1 ? ATTR_BATCH : 0,
		.store_time_ms = r->co->now_ms };
	struct sub *s;

	while (n-- > 0)
		add(r, &a);
	TAILQ_FOREACH(s, &r->t->subs, link)
		sub_kick(s);
}

void
rig_add_attr(struct rig *r, const struct attr *a)
{
	struct sub *s;

	add(r, a);
	TAILQ_FOREACH(s, &r->t->subs, link)
		sub_kick(s);
}

void
rig_roll(struct rig *r)
{
	struct fake_ledger *f = last_ledger(r);

	f->info.open = false;
	r->t->log.ledgers[r->t->log.ledgers_n - 1]->info.open = false;
	list_ledger(r,
	    fake_ledger_make(
		r->e, r->e->next_id, f->info.next_index, 0, 1, true));
}

void
rig_run(struct rig *r)
{
	struct sub *s;
	unsigned i, idle;
	bool any;

	/* twice: what timers begin is seen in the next turn */
	for (i = idle = 0; i < 100000 && idle < 2; i++) {
		any = fake_poll(r->e);
		any |= meta_mem_pump(r->mm, 0) > 0;
		/* what is due now; time stands still */
		(void)timers_run(r->co->timers, r->co->now_ns, 1000);
		while ((s = TAILQ_FIRST(&r->co->ready)) != NULL) {
			TAILQ_REMOVE(&r->co->ready, s, ready_link);
			s->is_ready = false;
			if (sub_run(s))
				sub_kick(s);
			any = true;
			if (++i > 100000)
				break;
		}
		idle = any ? 0 : idle + 1;
	}
	assert(i < 100000);
}

void
rig_pass(struct rig *r, int64_t ms)
{
	r->co->now_ms += ms;
	r->co->now_ns += ms * 1000000;
	(void)timers_run(r->co->timers, r->co->now_ns, 1000);
	rig_run(r);
}

struct op *
rig_op(struct rig *r, enum op_type type, uint64_t tag)
{
	struct op *op;

	op = op_new(
	    type, (struct dest){ .conn = tag, .tag = tag, .kind = DEST_TEST });
	op->req = ++r->req;
	return op;
}

struct consumer *
rig_sub(struct rig *r, const struct op_subscribe *sb, uint64_t tag, enum err *e)
{
	struct op *op = rig_op(r, OP_SUBSCRIBE, tag);
	uint64_t req = op->req;
	unsigned i;

	op->subscribe = *sb;
	sub_subscribe(r->t, &op);
	rig_run(r);
	for (i = r->fx_n; i-- > 0;)
		if (r->fx[i]->req == req) {
			if (e != NULL)
				*e = r->fx[i]->err;
			return r->fx[i]->type == FX_SUBSCRIBED ?
			    core_handle_get(r->co, r->fx[i]->handle) :
			    NULL;
		}
	if (e != NULL)
		*e = ERR_AGAIN; /* no answer yet */
	return NULL;
}

struct fx *
rig_fx(struct rig *r, enum fx_type type, uint64_t tag)
{
	unsigned i;

	for (i = r->fx_n; i-- > 0;)
		if (r->fx[i]->type == type && r->fx[i]->dest.tag == tag)
			return r->fx[i];
	return NULL;
}

unsigned
rig_fx_count(struct rig *r, enum fx_type type, uint64_t tag)
{
	unsigned i, n = 0;

	for (i = 0; i < r->fx_n; i++)
		n += r->fx[i]->type == type && r->fx[i]->dest.tag == tag;
	return n;
}

void
rig_clear(struct rig *r)
{
	unsigned i;

	for (i = 0; i < r->fx_n; i++)
		fx_free(&r->fx[i]);
	r->fx_n = 0;
	r->got_n = 0;
}

void
rig_ack(struct rig *r, struct consumer *c, int64_t entry)
{
	struct core_ack_id id = { .pos = { 1, entry } };
	struct core_ack a = { .n = 1, .ids = &id };

	(void)r;
	consumer_ack(c, &a);
}
