/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a subscription costs the core, without disk and network: nanoseconds of
 * a delivery and its ack by type, number of consumers and unacked messages, and
 * time and memory of ten million acks in random order, in one ledger and in those
 * of 50,000 entries that a topic has by default. Not a test; run by hand.
 *
 *	sub_bench [MILLIONS-OF-ENTRIES]
 *
 * The engine below makes entries up when they are peeked at and counts what the
 * journal gets.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"
#include "store/meta_mem.h"

#define KEYS 10000
#define LEDGER_ENTRIES 50000u /* managedLedgerMaxEntriesPerLedger */
#define MILLIONS_MAX 1000u

struct engine {
	struct ledgers base;
	struct ledger_info info;
	struct buf *body;
	void *cursor; /* owner of the journal */
	bool opening;
	uint64_t seq, answered;
	uint64_t delta_bytes, snap_bytes;
	uint8_t **blob; /* of the last snapshot */
	struct journal_blob *blobs;
	size_t blobs_n;
};

static struct engine eng;
static struct core *co;
static struct topic *top;

static uint64_t
cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* What was allocated and not freed, but for the snapshot that the engine below
 * holds in place of the metadata. */
static uint64_t
in_use(void)
{
	struct mallinfo2 mi = mallinfo2();

	return mi.uordblks + mi.hblkhd - eng.snap_bytes;
}

static uint64_t peak;

static void
sample(void)
{
	uint64_t n = in_use();

	if (n > peak)
		peak = n;
}

/* --- the engine ------------------------------------------------------------------- */

static bool
e_peek(struct ledgers *l, struct ledger *lg, int64_t entry, struct entry *ent)
{
	(void)l;
	(void)lg;
	if (entry > eng.info.last_entry)
		return false;
	memset(ent, 0, sizeof *ent);
	ent->pos = (struct pos){ 1, entry };
	ent->index = (uint64_t)entry;
	ent->attr.messages_n = 1;
	ent->attr.key_hash =
	    (uint32_t)((uint64_t)entry % KEYS * 2654435761u >> 1);
	ent->body.buf = eng.body;
	ent->body.p = eng.body->data;
	ent->body.len = 1024;
	return true;
}

static uint64_t
e_new_id(struct ledgers *l)
{
	(void)l;
	return 2;
}

static void
e_journal_open(struct ledgers *l, uint64_t id, bool fresh, void *owner)
{
	(void)l;
	(void)id;
	(void)fresh;
	eng.cursor = owner;
	eng.opening = true;
	eng.seq = eng.answered = 0;
}

static uint64_t
e_journal_append(struct ledgers *l, struct journal *j, const void *p,
    size_t len, bool urgent)
{
	(void)l;
	(void)j;
	(void)p;
	(void)urgent;
	eng.delta_bytes += len;
	return ++eng.seq;
}

static void
e_snap_put(struct journal *j, uint64_t chunk, const void *p, size_t len)
{
	(void)j;
	sample(); /* the chunk itself is there, too */
	eng.snap_bytes += len;
	eng.blobs =
	    mem_reallocarray(eng.blobs, eng.blobs_n + 1, sizeof *eng.blobs);
	eng.blob =
	    mem_reallocarray(eng.blob, eng.blobs_n + 1, sizeof *eng.blob);
	eng.blob[eng.blobs_n] = mem_dup(p, len);
	eng.blobs[eng.blobs_n] =
	    (struct journal_blob){ chunk, eng.blob[eng.blobs_n], len };
	eng.blobs_n++;
}

static void
e_snap_del(struct journal *j, uint64_t chunk)
{
	(void)j;
	(void)chunk;
}

static void
e_journal_release(struct ledgers *l, struct journal **jp)
{
	(void)l;
	*jp = NULL;
}

static void
e_release(struct ledgers *l, struct ledger **lgp)
{
	(void)l;
	*lgp = NULL;
}

static void
e_del(struct ledgers *l, uint64_t id)
{
	(void)l;
	(void)id;
}

static void
e_read(struct ledgers *l, struct ledger_read *rd)
{
	(void)l;
	(void)rd;
	WRONG("everything is in memory");
}

static void
e_read_fini(struct ledgers *l, struct ledger_read *rd)
{
	(void)l;
	(void)rd;
}

static const struct ledger_ops ops = {
	.name = "none",
	.release = e_release,
	.peek = e_peek,
	.read = e_read,
	.read_fini = e_read_fini,
	.del = e_del,
	.new_id = e_new_id,
	.journal_open = e_journal_open,
	.journal_append = e_journal_append,
	.journal_snap_put = e_snap_put,
	.journal_snap_del = e_snap_del,
	.journal_release = e_journal_release,
	.journal_del = e_del,
};

static const struct ledger_client_ops client_ops = {
	.journal_opened = cursor_journal_opened,
	.journal_done = cursor_journal_done,
	.journal_snapshot = cursor_journal_snapshot,
};

static void
engine_step(bool with_snapshot)
{
	if (eng.opening) {
		eng.opening = false;
		cursor_journal_opened(eng.cursor, (struct journal *)&eng,
		    with_snapshot ? eng.blobs : NULL,
		    with_snapshot ? eng.blobs_n : 0, ERR_OK);
	}
	if (eng.answered != eng.seq) {
		eng.answered = eng.seq;
		cursor_journal_done(eng.cursor, eng.seq, ERR_OK);
	}
}

/* --- the consumers' side ------------------------------------------------------------ */

static struct core_ack_id *out; /* ring of what is out, in order of delivery */
static uint64_t *out_to;
static uint32_t out_head, out_n, out_cap; /* power of two */
static uint64_t delivered, handle;

static void
on_deliver(void *priv, const struct fx_deliver *d)
{
	uint32_t k = (out_head + out_n) & (out_cap - 1);

	(void)priv;
	delivered++;
	if (out_cap == 0)
		return;
	assert(out_n < out_cap);
	out[k].pos = d->ent->pos;
	out_to[k] = d->consumer;
	out_n++;
}

static void
on_receipt(void *priv, const struct fx_receipt *r)
{
	(void)priv;
	(void)r;
}

static void
on_fx(void *priv, struct fx *fx)
{
	(void)priv;
	if (fx->type == FX_SUBSCRIBED)
		handle = fx->handle;
	fx_free(&fx);
}

static const struct core_out outs = { on_receipt, on_deliver, on_fx };

static void
add_ledger(uint64_t id, uint64_t first, uint64_t entries, bool open)
{
	struct tledger *tl = mem_zalloc(sizeof *tl);

	eng.info.id = id;
	eng.info.open = open;
	eng.info.last_entry = (int64_t)entries - 1;
	eng.info.first_index = first;
	eng.info.next_index = first + entries;
	tl->magic = TLEDGER_MAGIC;
	tl->t = top;
	tl->info = eng.info;
	tl->lg = (struct ledger *)&eng;
	tlog_add(top, tl);
}

/* A topic of so many entries, in ledgers 1, 2, ... of at most `each`. */
static void
up(uint64_t entries, uint64_t each)
{
	static const struct core_conf conf = {
		.shards_n = 1,
		.cluster = "bench",
		.auto_sub = true,
		.batch_index_ack = true,
		.hash_ring = true,
		.hash_ring_points = 100,
		.retention_ms = -1,
		.retention_bytes = -1,
	};
	static struct meta_mem *mm;
	static struct meta *meta;
	struct topic_name tn;
	uint64_t i, n;

	if (mm == NULL) {
		mm = meta_mem_new();
		meta = meta_mem_handle(mm);
		eng.body = buf_new(1024);
	}
	eng.base.magic = LEDGERS_MAGIC;
	eng.base.ops = &ops;
	eng.base.client_ops = &client_ops;
	co = core_new(&conf, &outs, NULL, meta);
	core_set_ledgers(co, &eng.base);
	co->now_ns = 1;
	co->now_ms = 1000000;
	if (topic_name_parse(
		&tn, STR_LIT("persistent://public/default/topic")) != ERR_OK)
		WRONG("a valid name");
	top = topic_new(co, &tn);
	top->state = TOPIC_READY;
	for (i = 0; i < entries; i += n) {
		n = entries - i < each ? entries - i : each;
		add_ledger(i / each + 1, i, n, i + n == entries);
	}
	tlog_recount(top);
	delivered = 0;
}

static struct consumer *
join(enum sub_type type, uint64_t tag)
{
	struct op *op =
	    op_new(OP_SUBSCRIBE, (struct dest){ .conn = tag, .tag = tag });
	char name[32];

	(void)snprintf(name, sizeof name, "c%" PRIu64, tag);
	op->subscribe = (struct op_subscribe){
		.sub = STR_LIT("s"),
		.type = type,
		.consumer = op_str(op, str_of(name)),
		.start.kind = START_EARLIEST,
	};
	sub_subscribe(top, &op);
	return core_handle_get(co, handle);
}

static void
run_ready(void)
{
	struct sub *s;

	while ((s = TAILQ_FIRST(&co->ready)) != NULL) {
		TAILQ_REMOVE(&co->ready, s, ready_link);
		s->is_ready = false;
		if (sub_run(s))
			sub_kick(s);
		if (out_n + 64 > out_cap && out_cap > 0)
			return;
	}
}

static void
ack_oldest(uint32_t n)
{
	struct core_ack a = { .n = 1 };
	struct consumer *c;

	while (n-- > 0) {
		a.ids = &out[out_head];
		c = core_handle_get(co, out_to[out_head]);
		out_head = (out_head + 1) & (out_cap - 1);
		out_n--;
		consumer_flow(c, 1);
		consumer_ack(c, &a);
	}
}

/* --- a delivery ------------------------------------------------------------------------ */

static void
deliveries(const char *label, enum sub_type type, uint32_t consumers,
    uint32_t unacked, uint64_t n)
{
	uint64_t t0;
	uint32_t i;

	up(n, n);
	for (out_cap = 256; out_cap < unacked + 128; out_cap *= 2)
		;
	out = mem_calloc(out_cap, sizeof *out);
	out_to = mem_calloc(out_cap, sizeof *out_to);
	out_head = out_n = 0;
	for (i = 0; i < consumers; i++)
		consumer_flow(join(type, i + 1), unacked + 128);
	while (out_n < unacked) /* the steady state first */
		run_ready();
	t0 = cpu_ns();
	n -= delivered;
	while (out_n > unacked || n > 0) {
		uint64_t was = delivered;

		if (out_n > unacked)
			ack_oldest(out_n - unacked);
		run_ready();
		if (delivered == was)
			break;
		n -= delivered - was;
	}
	printf("%-12s %5u consumers %7u unacked  %6.1f ns a delivery and ack\n",
	    label, consumers, unacked,
	    (double)(cpu_ns() - t0) / (double)(delivered - unacked));
	core_free(&co);
	MEM_FREE(out);
	MEM_FREE(out_to);
	out_cap = 0;
}

/* --- acks in random order --------------------------------------------------------------- */

static uint64_t rnd_state = 88172645463325252u;

static uint64_t
rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

static void
snapshot(struct cursor *cur, const char *when)
{
	uint64_t t0 = cpu_ns(), ms;

	while (eng.blobs_n > 0)
		mem_free(eng.blob[--eng.blobs_n]);
	eng.snap_bytes = 0;
	cursor_journal_snapshot(cur, (struct journal *)&eng);
	ms = (cpu_ns() - t0) / 1000;
	printf("  %s: snapshot %" PRIu64 " bytes in %.1f ms, %" PRIu64
	       " ranges\n",
	    when, eng.snap_bytes, (double)ms / 1000, cursor_acked_ranges(cur));
}

static void
opened(void *priv, enum err e)
{
	(void)priv;
	assert(e == ERR_OK);
}

static void
random_acks(uint32_t n, uint32_t each)
{
	uint32_t *order = mem_calloc(n, sizeof *order), i, k, tmp;
	struct core_ack_id ids[100] = { 0 };
	struct core_ack a = { .ids = ids };
	uint64_t before, t0, spent = 0;
	struct cursor *cur;
	struct sub *s;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i > 0; i--) {
		k = (uint32_t)(rnd() % (i + 1));
		tmp = order[i];
		order[i] = order[k];
		order[k] = tmp;
	}
	up(n, each);
	(void)join(SUB_EXCLUSIVE, 1);
	s = TAILQ_FIRST(&top->subs);
	/* durable, so that it journals */
	cursor_free(&s->cur);
	s->durable = true;
	s->cur = cur = cursor_new(s, true, (struct pos){ 1, -1 });
	cursor_open(cur, 2, true, opened, NULL);
	engine_step(false);
	engine_step(false);
	eng.delta_bytes = 0;
	peak = before = in_use();
	for (i = 0; i < n;) {
		t0 = cpu_ns();
		for (a.n = 0; a.n < 100 && i < n; a.n++, i++)
			ids[a.n].pos = (struct pos){ order[i] / each + 1,
				order[i] % each };
		consumer_ack(TAILQ_FIRST(&s->consumers), &a);
		if (i % 10000 == 0)
			engine_step(false); /* a group is on disk */
		spent += cpu_ns() - t0;
		if (i % 10000 == 0)
			sample();
		if (i == n / 2 / 100 * 100)
			snapshot(cur, "half of them");
	}
	printf(
	    "%u acks in random order over %u ledgers: %.2f s, %.0f ns an ack, %.1f bytes of "
	    "journal an ack, at most %.1f MiB more memory\n",
	    n, (n + each - 1) / each, (double)spent / 1e9, (double)spent / n,
	    (double)eng.delta_bytes / n, (double)(peak - before) / (1 << 20));
	assert(cursor_backlog(cur) == 0 && cursor_acked_ranges(cur) == 0);
	/* taken up again from the snapshot made at half of them */
	cursor_free(&s->cur);
	s->cur = cur = cursor_new(s, true, (struct pos){ 1, -1 });
	cursor_open(cur, 2, false, opened, NULL);
	t0 = cpu_ns();
	engine_step(true);
	printf("  taken up again in %.1f ms, backlog %" PRIu64 "\n",
	    (double)(cpu_ns() - t0) / 1e6, cursor_backlog(cur));
	core_free(&co);
	while (eng.blobs_n > 0)
		mem_free(eng.blob[--eng.blobs_n]);
	eng.snap_bytes = 0;
	mem_free(order);
}

int
main(int argc, char **argv)
{
	uint32_t m = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10;
	uint64_t n = UINT64_C(100000) * m;
	static const uint32_t many[] = { 1, 100, 1000 };
	unsigned i;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (m == 0 || m > MILLIONS_MAX) {
		(void)fprintf(
		    stderr, "sub_bench: 1 to %u millions\n", MILLIONS_MAX);
		return 2;
	}
	random_acks(m * 1000000, m * 1000000);
	random_acks(m * 1000000, LEDGER_ENTRIES);
	deliveries("exclusive", SUB_EXCLUSIVE, 1, 0, n);
	for (i = 0; i < NELEM(many); i++) {
		deliveries("shared", SUB_SHARED, many[i], 0, n);
		deliveries("shared", SUB_SHARED, many[i], 200000, n);
	}
	for (i = 0; i < NELEM(many); i++) {
		deliveries("key_shared", SUB_KEY_SHARED, many[i], 0, n);
		deliveries("key_shared", SUB_KEY_SHARED, many[i], 200000, n);
	}
	return 0;
}
