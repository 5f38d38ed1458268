/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What staging and delaying cost: one shard's core over the real log and the real
 * index, no network. Not a test; run by hand:
 *
 *	stage_bench DIR PENDING BURST [BYTES]
 *
 * stages PENDING entries that are due at random in the next 30 days, then BURST that
 * are due at the same second, and singles beside them, one each 10 ms from then on;
 * then the start over what is pending, and a calm time of one entry each 10 ms. It
 * tells rates, memory (the most at any time, too) and by how much entries were late:
 * what an exclusive consumer of the target is given, less the due time. DIR is made,
 * and should not be there before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vas.h"
#include "bench/hist.h"
#include "core/core.h"
#include "core/stage.h"
#include "os/clock.h"
#include "os/disk_file.h"
#include "os/file.h"
#include "os/loop.h"
#include "store/local.h"
#include "store/meta_lmdb.h"

#define TOPIC "persistent://public/default/bench"
#define IN_FLIGHT 4096u
#define DAYS_MS (INT64_C(30) * 86400 * 1000)
#define S_NS 1e9
#define MS_NS 1e6
#define SINGLES 300
#define SINGLES_MS 10
#define PERMITS (1u << 30)
#define BYTES_MIN 16u

/* What an entry is of: in its body, behind the due time */
enum kind {
	KIND_PENDING,
	KIND_BURST,
	KIND_SINGLE,
	KINDS_N
};

struct bench {
	struct loop *lp;
	struct meta_lmdb *lmdb, *due_lmdb;
	struct meta *meta, *due;
	struct disk_files *files;
	struct disk *disk;
	struct ledgers *lgs;
	struct core *co;
	uint64_t staged, failed, busy, rnd;
	uint64_t consumer; /* its handle; 0: not yet */
	int64_t last_ms; /* when one of the burst came */
	struct hist late[KINDS_N];
	bool drained;
};

static uint64_t
rnd(struct bench *b, uint64_t n)
{
	b->rnd = b->rnd * 6364136223846793005u + 1442695040888963407u;
	return (b->rnd >> 20) % n;
}

/* --- out ------------------------------------------------------------------------ */

static void
on_receipt(void *priv, const struct fx_receipt *r)
{
	(void)priv;
	(void)r;
}

static void
on_deliver(void *priv, const struct fx_deliver *d)
{
	const uint8_t *p = d->ent->body.p;
	int64_t due, now = clock_wall_ms();
	struct bench *b = priv;

	memcpy(&due, p, sizeof due);
	assert(p[sizeof due] < KINDS_N);
	if (now < due) {
		fprintf(stderr, "early by %jd ms\n", (intmax_t)(due - now));
		exit(1);
	}
	hist_add(&b->late[p[sizeof due]], (now - due) * CLOCK_NS_PER_MS, 1);
	if (p[sizeof due] == KIND_BURST)
		b->last_ms = now;
}

static void
on_fx(void *priv, struct fx *fx)
{
	struct bench *b = priv;

	if (fx->type == FX_STAGED)
		b->staged++;
	else if (fx->type == FX_SUBSCRIBED)
		b->consumer = fx->handle;
	else if (fx->op == OP_STAGE && fx->err == ERR_BUSY)
		b->busy++;
	else if (fx->op == OP_STAGE) {
		if (b->failed++ == 0)
			fprintf(stderr, "staging: %s %s\n", err_text(fx->err),
			    fx->diag);
	}
	fx_free(&fx);
}

static const struct core_out out = { on_receipt, on_deliver, on_fx, NULL };

/* --- the loop --------------------------------------------------------------------- */

static void
head(void *priv)
{
	struct bench *b = priv;

	core_set_time(b->co, loop_wall_ms(b->lp), loop_mono_ns(b->lp));
}

static int64_t
tail(void *priv)
{
	struct bench *b = priv;
	int64_t wall = loop_wall_ms(b->lp), mono = loop_mono_ns(b->lp);
	int64_t a, d;

	(void)core_poll(b->co, wall, mono);
	a = b->lgs->ops->poll(b->lgs, wall, mono);
	d = core_due(b->co);
	return d < 0 || (a >= 0 && a < d) ? a : d;
}

static void
check(enum err e, const struct diag *d)
{
	if (e == ERR_OK)
		return;
	fprintf(stderr, "stage_bench: %s: %s\n", err_text(e), d->msg);
	exit(1);
}

static void
consume(struct bench *b)
{
	struct op *op = op_new(OP_SUBSCRIBE, (struct dest){ .conn = 1 });

	op->topic = op_str(op, STR_LIT(TOPIC));
	op->subscribe = (struct op_subscribe){
		.sub = STR_LIT("s"),
		.consumer = STR_LIT("c"),
		.type = SUB_EXCLUSIVE,
		.create_topic = true,
		.start.kind = START_LATEST,
	};
	b->consumer = 0;
	core_op(b->co, &op);
	while (b->consumer == 0)
		loop_run_once(b->lp, true);
	core_flow(b->co, b->consumer, PERMITS);
}

static void
start(struct bench *b, const char *dir)
{
	struct disk_files_conf dc = DISK_FILES_CONF_DEFAULT;
	struct core_conf cc = {
		.shards_n = 1,
		.cluster = "standalone",
		.auto_topic = true,
		.default_partitions = 1,
		.max_message_bytes = 5 << 20,
		.hash_ring = true,
		.hash_ring_points = 100,
		.sync = true,
		.delayed = true,
		.ledger_max_entries = 50000,
		.ledger_max_bytes = 1 << 30,
		.ledger_min_roll_ms = 600000,
		.ledger_max_roll_ms = 14400000,
		.idle_unload_ms = 60000,
		.max_pending_publishes = 16384,
	};
	struct local_conf lc;
	struct local_recovery rec;
	struct diag d = { "" };

	b->lp = loop_new();
	check(meta_lmdb_open(&b->lmdb, dir, false, &d), &d);
	check(meta_lmdb_open_as(&b->due_lmdb, dir, "due", false, &d), &d);
	check(disk_files_new(&b->files, dir, &dc, &d), &d);
	check(disk_file_new(&b->disk, b->files, b->lp, &d), &d);
	b->meta = meta_lmdb_handle(b->lmdb, b->lp);
	b->due = meta_lmdb_handle(b->due_lmdb, b->lp);
	check(core_bootstrap(b->meta, &cc), &d);
	b->co = core_new(&cc, &out, b, b->meta);
	core_set_due(b->co, b->due);
	local_conf_init(&lc);
	lc.cache_bytes = 128 << 20;
	b->lgs = local_ledgers_new(
	    &lc, b->disk, b->meta, &core_ledger_client, b->co);
	core_set_ledgers(b->co, b->lgs);
	check(local_recover(b->lgs, clock_wall_ms(), &rec, &d), &d);
	loop_bind(b->lp);
	loop_set_head(b->lp, head, b);
	loop_set_tail(b->lp, tail, b);
	consume(b);
}

static void
drained(void *priv)
{
	((struct bench *)priv)->drained = true;
}

static void
stop(struct bench *b)
{
	b->drained = false;
	core_drain(b->co, drained, b);
	while (!b->drained)
		loop_run_once(b->lp, true);
	loop_set_tail(b->lp, NULL, NULL);
	while (disk_file_busy(b->disk))
		loop_run_once(b->lp, true);
	meta_lmdb_settle(b->meta);
	meta_lmdb_settle(b->due);
	core_free(&b->co);
	local_ledgers_free(&b->lgs);
	disk_file_free(&b->disk);
	disk_files_free(&b->files);
	meta_lmdb_handle_free(&b->meta);
	meta_lmdb_handle_free(&b->due);
	meta_lmdb_close(&b->lmdb);
	meta_lmdb_close(&b->due_lmdb);
	loop_free(&b->lp);
}

/* --- figures ------------------------------------------------------------------------- */

static double
now_s(void)
{
	return (double)clock_mono_ns() / S_NS;
}

/* of /proc/self/status, in MB */
static double
status(const char *key)
{
	char line[256];
	double kb = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			kb = strtod(line + strlen(key) + 1, NULL);
	if (f != NULL)
		(void)fclose(f);
	return kb / 1024;
}

static void
memory(const char *what)
{
	printf("%s: %.0f MB of its own, %.0f MB of mapped files\n", what,
	    status("RssAnon"), status("RssFile"));
	(void)fflush(stdout);
}

static void
late(const struct hist *h, const char *what)
{
	printf("%s, %ju: late by p50 %.0f ms, p99 %.0f ms, at most %.0f ms\n",
	    what, (uintmax_t)h->n, (double)hist_percentile(h, 50) / MS_NS,
	    (double)hist_percentile(h, 99) / MS_NS, (double)h->max_ns / MS_NS);
}

/* --- work ------------------------------------------------------------------------------ */

static void
stage(struct bench *b, uint32_t bytes, int64_t due_ms, enum kind kind)
{
	struct op *op = op_new(OP_STAGE, (struct dest){ .kind = DEST_TEST });
	struct buf *buf = buf_new(bytes);

	memset(buf->data, 'x', bytes);
	memcpy(buf->data, &due_ms, sizeof due_ms);
	buf->data[sizeof due_ms] = (uint8_t)kind;
	buf->len = bytes;
	op->topic = op_str(op, STR_LIT(TOPIC));
	op->publish.attr.format = ENTRY_FORMAT_PULSAR;
	op->publish.attr.messages_n = 1;
	op->publish.body = slice_of(buf, 0, bytes);
	op->due_ms = due_ms;
	core_op(b->co, &op);
}

static void
wake(void *priv)
{
	loop_timer_start(priv, CLOCK_NS_PER_MS);
}

/* at: when they are due; 0: at random */
static void
stage_n(struct bench *b, uint64_t n, uint32_t bytes, int64_t at)
{
	uint64_t sent = 0, done = b->staged + n;
	double from = now_s(), last = from, most = 0, mem;
	struct loop_timer t;
	uint64_t was;
	int64_t due;

	loop_timer_init(&t, b->lp, wake, &t);
	loop_timer_start(&t, CLOCK_NS_PER_MS);
	while (b->staged < done && b->failed == 0) {
		was = b->busy;
		while (sent - b->busy < n &&
		    sent - b->busy - (b->staged - (done - n)) < IN_FLIGHT) {
			due = at != 0 ? at + (int64_t)rnd(b, 1000) :
					loop_wall_ms(b->lp) + 600000 +
				(int64_t)rnd(b, (uint64_t)DAYS_MS);
			stage(
			    b, bytes, due, at != 0 ? KIND_BURST : KIND_PENDING);
			sent++;
			/* refused: not before the index has written some */
			if (b->busy > was)
				break;
		}
		loop_run_once(b->lp, true);
		if (now_s() - last > 1) {
			last = now_s();
			mem = status("RssAnon");
			most = mem > most ? mem : most;
		}
	}
	loop_timer_fini(&t);
	printf("staged %ju in %.1f s: %.0f/s, %ju refused as busy; "
	       "at most %.0f MB\n",
	    (uintmax_t)n, now_s() - from, (double)n / (now_s() - from),
	    (uintmax_t)b->busy, most);
	b->busy = 0;
}

/* Until so many of a kind were delivered; returns the most memory meanwhile. */
static double
await(struct bench *b, enum kind kind, uint64_t n)
{
	double mem, most = 0, last = now_s();
	struct loop_timer t;

	loop_timer_init(&t, b->lp, wake, &t);
	loop_timer_start(&t, CLOCK_NS_PER_MS);
	while (b->late[kind].n < n) {
		loop_run_once(b->lp, true);
		if (now_s() - last < 0.1)
			continue;
		last = now_s();
		mem = status("RssAnon");
		most = mem > most ? mem : most;
	}
	loop_timer_fini(&t);
	return most;
}

static void
singles(struct bench *b, uint32_t bytes, int64_t from_ms)
{
	int i;

	for (i = 0; i < SINGLES; i++)
		stage(b, bytes, from_ms + i * SINGLES_MS, KIND_SINGLE);
	hist_clear(&b->late[KIND_SINGLE]);
}

static void
burst(struct bench *b, uint64_t n, uint32_t bytes)
{
	int64_t at = loop_wall_ms(b->lp) + 10000 + (int64_t)n / 100;
	double most, s;

	stage_n(b, n, bytes, at);
	singles(b, bytes, at);
	if (clock_wall_ms() > at)
		printf("(some were due before the last one was staged)\n");
	memory("before the burst");
	most = await(b, KIND_BURST, n);
	s = (double)(b->last_ms - at) / 1000;
	(void)await(b, KIND_SINGLE, SINGLES);
	printf("burst of %ju within a second: gone %.1f s after its beginning, "
	       "%.0f/s, at most %.0f MB\n",
	    (uintmax_t)n, s, (double)n / s, most);
	late(&b->late[KIND_BURST], "burst");
	late(&b->late[KIND_SINGLE], "singles beside it, one each 10 ms");
	memory("after it");
}

static void
calm(struct bench *b, uint32_t bytes)
{
	singles(b, bytes, loop_wall_ms(b->lp) + 500);
	(void)await(b, KIND_SINGLE, SINGLES);
	late(&b->late[KIND_SINGLE], "singles alone, one each 10 ms");
}

int
main(int argc, char **argv)
{
	static struct bench b = { .rnd = 42 };
	uint32_t bytes = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 200;
	struct stage_stats st;
	double from;

	if (argc < 4) {
		fputs("usage: stage_bench DIR PENDING BURST [BYTES]\n", stderr);
		return 2;
	}
	if (bytes < BYTES_MIN)
		bytes = BYTES_MIN;
	if (file_mkdir(argv[1]) != ERR_OK)
		return 1;
	start(&b, argv[1]);
	stage_n(&b, strtoull(argv[2], NULL, 10), bytes, 0);
	memory("pending");
	if (strtoull(argv[3], NULL, 10) > 0)
		burst(&b, strtoull(argv[3], NULL, 10), bytes);
	stop(&b);
	from = now_s();
	start(&b, argv[1]);
	calm(&b, bytes);
	printf("start and calm time: %.1f s, of which 3.5 are that\n",
	    now_s() - from);
	stages_stats(b.co, &st);
	printf("%ju pending\n", (uintmax_t)st.staged);
	memory("after a restart");
	stop(&b);
	op_thread_fini();
	return 0;
}
