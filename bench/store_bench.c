/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log costs. Not a test; run by hand:
 *
 *	store_bench cpu [LEDGERS APPENDS-A-TURN]
 *					ns per append and peek, over a disk that does nothing
 *	store_bench disk DIR [MB]	append, cold read and recovery on a real one
 *	store_bench fill DIR MB		to be measured by
 *	store_bench start DIR		recovery of what there is
 *	store_bench ledgers DIR [N]	N ledgers of one entry: memory and start
 *
 * DIR is made, and should not be there before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vas.h"
#include "os/clock.h"
#include "os/disk_file.h"
#include "os/file.h"
#include "os/loop.h"
#include "store/local.h"
#include "store/meta_lmdb.h"
#include "store/meta_mem.h"

#define BODY 1024u

/* --- a disk that does nothing ---------------------------------------------- */

struct null_disk {
	struct disk d; /* first */
	struct disk_req *first, **last;
};

static void
null_submit(struct disk *d, struct disk_req *rq)
{
	struct null_disk *nd = (struct null_disk *)d;

	rq->link.next = NULL;
	*nd->last = rq;
	nd->last = &rq->link.next;
}

static void
null_pump(struct null_disk *nd)
{
	struct disk_req *rq;

	while ((rq = nd->first) != NULL) {
		nd->first = rq->link.next;
		if (nd->first == NULL)
			nd->last = &nd->first;
		rq->done(rq, ERR_OK);
	}
}

static enum err
null_list(struct disk *d, disk_list_f *fn, void *priv)
{
	(void)d;
	(void)fn;
	(void)priv;
	return ERR_OK;
}

static enum err
null_create(struct disk *d, uint64_t file, uint64_t len)
{
	(void)d;
	(void)file;
	(void)len;
	return ERR_OK;
}

static const struct disk_ops null_ops = {
	.name = "null",
	.submit = null_submit,
	.list = null_list,
	.create_now = null_create,
};

/* --- the engine and its client --------------------------------------------- */

struct bench {
	struct ledgers *lgs;
	struct null_disk nd;
	struct meta_mem *mm;
	struct loop *lp; /* NULL: the null disk */
	struct meta_lmdb *lmdb;
	struct disk_files *files;
	struct disk *disk;
	struct meta *meta;
	struct local_conf conf;
	struct ledger **lg;
	uint64_t *id;
	uint32_t n, opened_n;
	uint64_t acked;
	bool polled;
};

static void
ledger_opened(void *owner, struct ledger *lg, const struct ledger_info *info,
    enum err err)
{
	struct bench *b = owner;

	AZ(err);
	b->lg[b->opened_n] = lg;
	b->id[b->opened_n++] = info->id;
}

static struct bench *the_bench;

static void
appended(void *owner, int64_t first, uint32_t n, uint64_t index, int64_t ms,
    enum err err)
{
	(void)owner;
	(void)first;
	(void)index;
	(void)ms;
	AZ(err);
	the_bench->acked += n;
}

static void
no_space(void *client, bool ok)
{
	(void)client;
	(void)ok;
}

static const struct ledger_client_ops client_ops = {
	.ledger_opened = ledger_opened,
	.appended = appended,
	.space = no_space,
};

static int64_t
tail(void *priv)
{
	struct bench *b = priv;

	return b->lgs->ops->poll(
	    b->lgs, loop_wall_ms(b->lp), loop_mono_ns(b->lp));
}

static void
turn(struct bench *b)
{
	if (b->lp != NULL) {
		/* what was asked for outside of the loop's callbacks, then what
		 * comes of it */
		b->polled = !b->polled;
		if (b->polled)
			(void)tail(b);
		else
			loop_run_once(b->lp, true);
		return;
	}
	(void)b->lgs->ops->poll(b->lgs, clock_wall_ms(), clock_mono_ns());
	null_pump(&b->nd);
	(void)meta_mem_pump(b->mm, 0);
}

static void
ledgers_make(struct bench *b, uint32_t n)
{
	b->lg = mem_calloc(n, sizeof(struct ledger *));
	b->id = mem_calloc(n, sizeof *b->id);
	b->n = n;
	while (b->opened_n < n) {
		uint32_t had = b->opened_n, want = n - had;

		/* ids are reserved in windows */
		if (want > 200)
			want = 200;
		for (uint32_t i = 0; i < want; i++)
			b->lgs->ops->create(b->lgs, 0, b);
		while (b->opened_n < had + want)
			turn(b);
	}
}

static void
append(struct bench *b, struct ledger *lg, const struct slice *s, bool sync)
{
	struct attr a = {
		.format = ENTRY_FORMAT_PULSAR, .messages_n = 1, .sequence = -1
	};

	b->lgs->ops->append(b->lgs, lg, &a, s, sync);
}

/* CPU time: the machine may be shared */
static int64_t
cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static double
ns_since(int64_t start)
{
	return (double)(clock_mono_ns() - start);
}

static long
proc_kib(const char *what)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	long v = -1;

	if (f == NULL)
		return -1;
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, what, strlen(what)) == 0)
			v = strtol(line + strlen(what) + 1, NULL, 10);
	(void)fclose(f);
	return v;
}

/* --- cpu ------------------------------------------------------------------- */

static void
null_start(struct bench *b)
{
	memset(b, 0, sizeof *b);
	the_bench = b;
	b->nd.d.magic = DISK_MAGIC;
	b->nd.d.ops = &null_ops;
	b->nd.last = &b->nd.first;
	b->mm = meta_mem_new();
	b->meta = meta_mem_handle(b->mm);
	local_conf_init(&b->conf);
	b->conf.cache_bytes = 64u << 20;
	b->lgs = local_ledgers_new(&b->conf, &b->nd.d, b->meta, &client_ops, b);
	AZ(local_recover(b->lgs, clock_wall_ms(), NULL, NULL));
}

static void
null_stop(struct bench *b)
{
	for (int i = 0; i < 1000; i++)
		turn(b);
	local_ledgers_free(&b->lgs);
	meta_mem_handle_free(&b->meta);
	meta_mem_free(&b->mm);
	mem_free(b->lg);
	mem_free(b->id);
}

/* per_poll bodies in each turn of the loop, each from another place, as they
 * come from sockets */
static void
cpu(uint32_t ledgers, uint32_t per_poll)
{
	struct bench b;
	struct buf *buf = buf_new(4u << 20);
	struct slice s;
	struct entry e;
	uint64_t n = 3000000, sum = 0;
	int64_t start;
	uint32_t k = 0, off = 0;

	null_start(&b);
	ledgers_make(&b, ledgers);
	memset(buf->data, 7, 4u << 20);
	start = cpu_ns();
	for (uint64_t i = 0; i < n; i += per_poll) {
		for (uint32_t j = 0; j < per_poll; j++) {
			s = slice_of(buf, off, BODY);
			append(&b, b.lg[k], &s, true);
			k = k + 1 == ledgers ? 0 : k + 1;
			off = off + 2 * BODY > 4u << 20 ? 0 : off + BODY;
		}
		turn(&b);
	}
	while (b.acked < n)
		turn(&b);
	printf("append %5u ledgers, %5u a turn: %7.1f ns\n", ledgers, per_poll,
	    (double)(cpu_ns() - start) / (double)n);
	if (ledgers == 1) {
		uint64_t last = b.acked - 1, from = last - 30000;

		start = cpu_ns();
		for (int round = 0; round < 100; round++)
			for (uint64_t i = from; i <= last; i++) {
				AN(b.lgs->ops->peek(
				    b.lgs, b.lg[0], (int64_t)i, &e));
				sum += e.body.len;
			}
		AN(sum);
		printf("peek: %.1f ns\n",
		    (double)(cpu_ns() - start) / 100 /
			(double)(last - from + 1));
	}
	null_stop(&b);
	buf_unref(&buf);
}

/* --- disk ------------------------------------------------------------------ */

static void
disk_open(struct bench *b, const char *dir)
{
	struct disk_files_conf dc = DISK_FILES_CONF_DEFAULT;

	the_bench = b;
	AZ(file_mkdir(dir));
	b->lp = loop_new();
	loop_bind(b->lp);
	AZ(meta_lmdb_open(&b->lmdb, dir, false, NULL));
	AZ(disk_files_new(&b->files, dir, &dc, NULL));
	AZ(disk_file_new(&b->disk, b->files, b->lp, NULL));
	b->meta = meta_lmdb_handle(b->lmdb, b->lp);
	b->lgs = local_ledgers_new(&b->conf, b->disk, b->meta, &client_ops, b);
}

static void
disk_start(struct bench *b, const char *dir)
{
	struct local_recovery rec;
	struct diag dg = { .msg = "" };
	int64_t start = clock_mono_ns();
	double s;

	disk_open(b, dir);
	if (local_recover(b->lgs, clock_wall_ms(), &rec, &dg) != ERR_OK) {
		fprintf(stderr, "recovery: %s\n", dg.msg);
		exit(1);
	}
	s = ns_since(start) / 1e9;
	printf("start: %.3f s, replayed %ju MB in %ju entries, %ju segments: "
	       "%.0f MB/s\n",
	    s, (uintmax_t)rec.bytes >> 20, (uintmax_t)rec.entries,
	    (uintmax_t)rec.segments, (double)rec.bytes / s / 1e6);
	loop_set_tail(b->lp, tail, b);
}

static void
flushed(void *priv)
{
	*(bool *)priv = true;
}

static void
disk_stop(struct bench *b)
{
	bool done = false;
	int64_t start = clock_mono_ns();

	b->lgs->ops->flush(b->lgs, flushed, &done);
	while (!done || ns_since(start) < 1e9) {
		const struct timespec ts = { .tv_nsec = 1000000 };

		loop_run_once(b->lp, false);
		(void)nanosleep(&ts, NULL);
	}
	loop_set_tail(b->lp, NULL, NULL);
	meta_lmdb_handle_free(&b->meta);
	/* what the disk still owes */
	for (int i = 0; i < 200; i++)
		loop_run_once(b->lp, false);
	local_ledgers_free(&b->lgs);
	disk_file_free(&b->disk);
	disk_files_free(&b->files);
	meta_lmdb_close(&b->lmdb);
	loop_free(&b->lp);
}

static bool read_done;

static void
on_read(struct ledger_read *rd, enum err err)
{
	(void)rd;
	assert(err == ERR_OK || err == ERR_EOF);
	read_done = true;
}

static uint64_t
read_all(struct bench *b, struct ledger *lg)
{
	struct ledger_read rd;
	uint64_t bytes = 0;
	int64_t at = 0;
	uint32_t n;

	do {
		memset(&rd, 0, sizeof rd);
		rd.magic = LEDGER_READ_MAGIC;
		rd.lg = lg;
		rd.from = at;
		rd.max_n = LEDGER_READ_MAX;
		rd.max_bytes = 1u << 20;
		rd.done = on_read;
		read_done = false;
		b->polled = false;
		b->lgs->ops->read(b->lgs, &rd);
		while (!read_done)
			turn(b);
		n = rd.n;
		for (uint32_t i = 0; i < n; i++)
			bytes += rd.ent[i].body.len;
		at = rd.next;
		b->lgs->ops->read_fini(b->lgs, &rd);
	} while (n > 0);
	return bytes;
}

static void
disk_append(struct bench *b, uint64_t n)
{
	struct buf *buf = buf_new(4u << 20);
	struct slice s;
	int64_t start = clock_mono_ns();
	uint64_t given = 0;
	uint32_t off = 0;

	for (uint32_t i = 0; i < 4u << 20; i++)
		buf->data[i] = (uint8_t)(i * 7919 >> 5);
	while (b->acked < n) {
		for (; given < n && given - b->acked < 4000; given++) {
			s = slice_of(buf, off, BODY);
			append(b, b->lg[given % b->n], &s, true);
			off = off + 2 * BODY > 4u << 20 ? 0 : off + BODY;
		}
		turn(b);
	}
	printf(
	    "append: %.0f MB/s\n", (double)n * BODY / ns_since(start) * 1000);
	buf_unref(&buf);
}

/* As many MB, and an end without notice */
static void
fill(const char *dir, uint64_t mb)
{
	struct bench b;

	memset(&b, 0, sizeof b);
	local_conf_init(&b.conf);
	disk_start(&b, dir);
	ledgers_make(&b, 4);
	disk_append(&b, mb << 10);
	printf("RssAnon %ld KiB\n", proc_kib("RssAnon:"));
	fflush(stdout);
	_exit(0);
}

static void
disk(const char *dir, uint64_t mb)
{
	struct bench b;
	uint64_t bytes;
	int64_t start;

	memset(&b, 0, sizeof b);
	local_conf_init(&b.conf);
	b.conf.cache_bytes = 64u << 20;
	b.conf.checkpoint_segments = 1000;
	disk_start(&b, dir);
	ledgers_make(&b, 4);
	disk_append(&b, mb << 10);
	start = clock_mono_ns();
	bytes = read_all(&b, b.lg[1]);
	printf(
	    "cold read: %.0f MB/s\n", (double)bytes / ns_since(start) * 1000);
	printf("RssAnon %ld KiB\n", proc_kib("RssAnon:"));
	disk_stop(&b);
	mem_free(b.lg);
	mem_free(b.id);
	memset(&b, 0, sizeof b);
	local_conf_init(&b.conf);
	disk_start(&b, dir);
	disk_stop(&b);
}

/* --- many ledgers ---------------------------------------------------------- */

static void
many(const char *dir, uint32_t n)
{
	struct bench b;
	struct buf *buf = buf_new(BODY);
	struct slice s = slice_of(buf, 0, BODY);
	int64_t start;

	memset(buf->data, 1, BODY);
	memset(&b, 0, sizeof b);
	local_conf_init(&b.conf);
	disk_start(&b, dir);
	start = clock_mono_ns();
	b.lg = mem_calloc(n, sizeof(struct ledger *));
	b.id = mem_calloc(n, sizeof *b.id);
	for (uint32_t i = 0; i < n;) {
		uint32_t want = n - i < 200 ? n - i : 200;

		for (uint32_t k = 0; k < want; k++)
			b.lgs->ops->create(b.lgs, 0, &b);
		while (b.opened_n < i + want)
			turn(&b);
		for (uint32_t k = 0; k < want; k++)
			append(&b, b.lg[i + k], &s, true);
		while (b.acked < i + want)
			turn(&b);
		/* idle again */
		for (uint32_t k = 0; k < want; k++)
			b.lgs->ops->release(b.lgs, &b.lg[i + k]);
		i += want;
	}
	printf("%u ledgers of one entry: %.1f s, RssAnon %ld KiB\n", n,
	    ns_since(start) / 1e9, proc_kib("RssAnon:"));
	disk_stop(&b);
	mem_free(b.lg);
	mem_free(b.id);
	mem_trim();
	printf("stopped: RssAnon %ld KiB\n", proc_kib("RssAnon:"));
	memset(&b, 0, sizeof b);
	local_conf_init(&b.conf);
	disk_start(&b, dir);
	printf("started: RssAnon %ld KiB\n", proc_kib("RssAnon:"));
	disk_stop(&b);
	buf_unref(&buf);
}

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc >= 2 && strcmp(argv[1], "cpu") == 0) {
		if (argc >= 4) {
			cpu((uint32_t)strtoul(argv[2], NULL, 10),
			    (uint32_t)strtoul(argv[3], NULL, 10));
			return 0;
		}
		cpu(1, 256);
		cpu(1, 1024);
		cpu(1, 16);
		cpu(64, 256);
		cpu(1000, 1000);
		return 0;
	}
	if (argc >= 3 && strcmp(argv[1], "disk") == 0) {
		disk(argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : 1024);
		return 0;
	}
	if (argc >= 4 && strcmp(argv[1], "fill") == 0)
		fill(argv[2], strtoull(argv[3], NULL, 10));
	if (argc >= 3 && strcmp(argv[1], "ledgers") == 0) {
		many(argv[2],
		    argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1000000);
		return 0;
	}
	if (argc >= 3 && strcmp(argv[1], "start") == 0) {
		struct bench b;

		memset(&b, 0, sizeof b);
		local_conf_init(&b.conf);
		disk_start(&b, argv[2]);
		printf("RssAnon %ld KiB\n", proc_kib("RssAnon:"));
		disk_stop(&b);
		return 0;
	}
	fprintf(stderr,
	    "usage: store_bench cpu [LEDGERS N] | disk DIR [MB] | fill DIR MB | "
	    "ledgers DIR [N] | "
	    "start DIR\n");
	return 2;
}
