/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local engine on real files: writes, syncs and allocations that fail, a
 * file system that is full, segments that are rewritten.
 *
 * The system calls of the disk are taken over by functions of the same name
 * here; they pass everything on until a test says what is to fail. The full
 * file system is a tmpfs in a mount namespace of our own, which only root can
 * have: else that test is skipped.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/clock.h"
#include "os/disk_file.h"
#include "os/file.h"
#include "os/loop.h"
#include "store/local.h"
#include "store/meta_mem.h"
#include "tests/lib/disk_mem.h"
#include "tests/unit/scratch.h"

#define SEGMENT (256u << 10)

/* --- the system calls ------------------------------------------------------- */

static _Atomic int write_errno, sync_errno, allocate_errno;
static _Atomic int write_short; /* the next write does that many bytes */
static _Atomic unsigned writes_n, syncs_n;

ssize_t
pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	struct iovec some = iov[0];
	int e = atomic_load(&write_errno), s;

	(void)atomic_fetch_add(&writes_n, 1);
	if (e != 0) {
		errno = e;
		return -1;
	}
	s = atomic_exchange(&write_short, 0);
	if (s != 0 && n == 1 && some.iov_len > (size_t)s) {
		some.iov_len = (size_t)s;
		return syscall(SYS_pwritev2, fd, &some, 1, off, 0, flags);
	}
	return syscall(SYS_pwritev2, fd, iov, n, off, 0, flags);
}

ssize_t
pwritev64v2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	return pwritev2(fd, iov, n, off, flags);
}

int
fdatasync(int fd)
{
	int e = atomic_load(&sync_errno);

	(void)atomic_fetch_add(&syncs_n, 1);
	if (e != 0) {
		errno = e;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int
posix_fallocate(int fd, off_t off, off_t len)
{
	int e = atomic_load(&allocate_errno);

	if (e != 0)
		return e;
	return syscall(SYS_fallocate, fd, 0, off, len) == 0 ? 0 : errno;
}

int
posix_fallocate64(int fd, off_t off, off_t len)
{
	return posix_fallocate(fd, off, len);
}

/* --- engine and client -------------------------------------------------------- */

struct topic {
	uint64_t id;
	struct ledger *lg;
	struct ledger_info info;
	uint32_t given, acked, failed;
	enum err err;
	bool opened;
};

static struct loop *lp;
static struct disk_files *df;
static struct disk *d;
static struct meta_mem *mm;
static struct meta *meta;
static struct local_conf conf;
static struct ledgers *lgs;
static struct topic topics[16];
static unsigned reports[16];
static bool has_space;
static bool own_mounts;

static void
ledger_opened(void *owner, struct ledger *lg, const struct ledger_info *info,
    enum err err)
{
	struct topic *t = owner;

	assert_ok(err);
	t->lg = lg;
	t->id = info->id;
	t->info = *info;
	t->opened = true;
}

static void
appended(void *owner, int64_t first, uint32_t n, uint64_t index, int64_t ms,
    enum err err)
{
	struct topic *t = owner;

	(void)index;
	(void)ms;
	t->err = err;
	if (err == ERR_OK) {
		assert_int_equal(first, t->acked);
		t->acked += n;
	} else
		t->failed += n;
}

static void
space(void *client, bool ok)
{
	(void)client;
	has_space = ok;
}

static const struct ledger_client_ops client_ops = {
	.ledger_opened = ledger_opened,
	.appended = appended,
	.space = space,
};

static void
report(void *priv, enum local_report what, uint64_t seg, uint64_t off,
    uint64_t len)
{
	(void)priv;
	(void)seg;
	(void)off;
	(void)len;
	reports[what]++;
}

static int64_t
tail(void *priv)
{
	int64_t ns = lgs->ops->poll(lgs, loop_wall_ms(lp), loop_mono_ns(lp));

	(void)priv;
	if (meta_mem_pump(mm, 0) > 0)
		return 0;
	return ns < 0 || ns > 10000000 ? 10000000 : ns;
}

static void
begin(void)
{
	struct disk_files_conf dc = DISK_FILES_CONF_DEFAULT;
	struct local_recovery rec;
	struct diag dg = { .msg = "" };

	dc.writer = DISK_FILE_THREAD;
	dc.create_bytes_per_s = 0;
	has_space = true;
	lp = loop_new();
	assert_ok(disk_files_new(&df, scratch, &dc, &dg));
	assert_ok(disk_file_new(&d, df, lp, &dg));
	meta = meta_mem_handle(mm);
	lgs = local_ledgers_new(&conf, d, meta, &client_ops, NULL);
	assert_ok(local_recover(lgs, clock_wall_ms(), &rec, &dg));
	assert_int_equal(rec.corrupt, 0);
	loop_set_tail(lp, tail, NULL);
}

/* until cond, at most 20 s */
#define UNTIL(cond)                                                    \
	do {                                                           \
		int64_t start_ = clock_mono_ns();                      \
		while (!(cond) &&                                      \
		    clock_mono_ns() - start_ < INT64_C(20000000000)) { \
			loop_refresh(lp);                              \
			(void)tail(NULL);                              \
			loop_run_once(lp, true);                       \
		}                                                      \
		assert_true(cond);                                     \
	} while (0)

static bool idle;

static void
flushed(void *priv)
{
	*(bool *)priv = true;
}

static void
finish(void)
{
	struct local_stats st;

	idle = false;
	lgs->ops->flush(lgs, flushed, &idle);
	UNTIL(idle);
	/* segments that are being made, syncs, commits */
	UNTIL(!disk_file_busy(d) && meta_mem_pump(mm, 0) == 0);
	local_stats(lgs, &st);
	assert_int_equal(st.staged_bytes, 0);
	loop_set_tail(lp, NULL, NULL);
	(void)meta_mem_pump(mm, 0);
	local_ledgers_free(&lgs);
	meta_mem_handle_free(&meta);
	disk_file_free(&d);
	disk_files_free(&df);
	loop_free(&lp);
	for (unsigned i = 0; i < 16; i++) {
		topics[i].lg = NULL;
		topics[i].opened = false;
	}
}

static int
setup(void **state)
{
	(void)state;
	if (!scratch_make("/var/tmp"))
		return 1;
	memset(topics, 0, sizeof topics);
	memset(reports, 0, sizeof reports);
	mm = meta_mem_new();
	local_conf_init(&conf);
	conf.segment_bytes = SEGMENT;
	conf.group_bytes = 32u << 10;
	conf.max_entry_bytes = 16u << 10;
	conf.cache_bytes = 256u << 10;
	conf.checkpoint_segments = 2;
	conf.flush_interval_ns = 5000000;
	conf.rewrite_interval_ns = 1000000;
	conf.report = report;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	atomic_store(&write_errno, 0);
	atomic_store(&sync_errno, 0);
	atomic_store(&allocate_errno, 0);
	meta_mem_free(&mm);
	if (own_mounts)
		(void)umount2(scratch, MNT_DETACH);
	scratch_remove();
	return 0;
}

static struct topic *
create(unsigned i)
{
	lgs->ops->create(lgs, 0, &topics[i]);
	UNTIL(topics[i].opened);
	return &topics[i];
}

static void
body_of(uint8_t *p, const struct topic *t, uint32_t entry, uint32_t len)
{
	uint64_t s = t->id << 32 | entry, v;

	for (uint32_t i = 0; i < len; i += 8) {
		v = disk_mem_random(&s);
		memcpy(p + i, &v, 8);
	}
}

static void
append(struct topic *t, bool sync)
{
	struct attr a = { .format = ENTRY_FORMAT_PULSAR, .messages_n = 1 };
	struct buf *b = buf_new(1000);
	struct slice s = slice_of(b, 0, 1000);

	body_of(b->data, t, t->given++, 1000);
	lgs->ops->append(lgs, t->lg, &a, &s, sync);
	buf_unref(&b);
}

static bool
answered(const struct topic *t)
{
	return t->acked + t->failed == t->given;
}

static bool read_done;
static enum err read_err;

static void
on_read(struct ledger_read *rd, enum err err)
{
	(void)rd;
	read_done = true;
	read_err = err;
}

static void
check(struct topic *t)
{
	struct ledger_read rd;
	uint8_t want[1000];
	uint32_t n = 0;

	do {
		memset(&rd, 0, sizeof rd);
		rd.magic = LEDGER_READ_MAGIC;
		rd.lg = t->lg;
		rd.from = n;
		rd.max_n = 100;
		rd.max_bytes = 50000;
		rd.done = on_read;
		read_done = false;
		lgs->ops->read(lgs, &rd);
		UNTIL(read_done);
		for (uint32_t i = 0; i < rd.n; i++, n++) {
			assert_int_equal(rd.ent[i].pos.entry, n);
			body_of(want, t, n, 1000);
			assert_memory_equal(rd.ent[i].body.p, want, 1000);
		}
		lgs->ops->read_fini(lgs, &rd);
	} while (read_err == ERR_OK);
	assert_err(read_err, ERR_EOF);
	assert_in_range(n, t->acked, t->acked + t->failed);
}

static void
again(struct topic *t)
{
	t->given = t->acked;
	t->failed = 0;
	lgs->ops->open(lgs, t->id, t);
	UNTIL(t->opened);
	assert_true(t->info.last_entry + 1 >= t->acked);
	t->acked = t->given = (uint32_t)(t->info.last_entry + 1);
	check(t);
}

/* --- tests --------------------------------------------------------------------- */

/* A write that fails: its appends and all later ones get the error, nothing is
 * written to that file again, reading goes on; the next start has it all */
static void
test_write_eio(void **state)
{
	struct local_stats st;
	struct topic *t;
	unsigned before;

	(void)state;
	begin();
	t = create(0);
	for (int i = 0; i < 500; i++)
		append(t, true);
	UNTIL(answered(t));
	assert_int_equal(t->acked, 500);
	atomic_store(&write_errno, EIO);
	for (int i = 0; i < 100; i++)
		append(t, true);
	UNTIL(answered(t));
	assert_int_equal(t->failed, 100);
	assert_err(t->err, ERR_IO);
	assert_int_equal(reports[LOCAL_IO_ERROR], 1);
	local_stats(lgs, &st);
	assert_true(st.failed);
	/* and when the disk works again */
	atomic_store(&write_errno, 0);
	before = atomic_load(&writes_n);
	for (int i = 0; i < 10; i++)
		append(t, true);
	UNTIL(answered(t));
	assert_err(t->err, ERR_IO);
	assert_int_equal(t->failed, 110);
	assert_int_equal(atomic_load(&writes_n), before);
	check(t);
	finish();
	begin();
	again(t);
	append(t, true);
	UNTIL(answered(t));
	assert_ok(t->err);
	finish();
}

/* Nothing is being made, which has a sync of its own */
static bool
segments_ready(void)
{
	struct local_stats st;

	local_stats(lgs, &st);
	return st.segments_free > conf.min_free_segments;
}

/* Asynchronous: the write is answered, then its sync fails */
static void
test_sync_eio(void **state)
{
	struct topic *t;
	unsigned before, failed;

	(void)state;
	begin();
	t = create(0);
	for (int i = 0; i < 50; i++)
		append(t, false);
	UNTIL(answered(t));
	assert_int_equal(t->acked, 50);
	UNTIL(segments_ready());
	atomic_store(&sync_errno, EIO);
	/* it fails too if a sync of what was before it comes first */
	append(t, false);
	UNTIL(answered(t) && reports[LOCAL_IO_ERROR] == 1);
	failed = t->failed;
	before = atomic_load(&syncs_n);
	atomic_store(&sync_errno, 0);
	append(t, false);
	UNTIL(answered(t));
	assert_err(t->err, ERR_IO);
	assert_int_equal(t->failed, failed + 1);
	assert_int_equal(atomic_load(&syncs_n), before);
	finish();
	begin();
	again(t);
	finish();
}

/* The kernel writes a part */
static void
test_short_write(void **state)
{
	struct topic *t;

	(void)state;
	begin();
	t = create(0);
	for (int i = 0; i < 30; i++) {
		atomic_store(&write_short, 4096);
		for (int k = 0; k < 10; k++)
			append(t, true);
		UNTIL(answered(t));
	}
	assert_int_equal(t->acked, 300);
	finish();
	begin();
	again(t);
	finish();
}

static void
until_full(struct topic *t)
{
	for (int i = 0; i < 20000 && has_space; i++) {
		append(t, true);
		if (i % 16 == 15)
			UNTIL(answered(t));
	}
	assert_false(has_space);
	UNTIL(answered(t));
	append(t, true);
	UNTIL(answered(t));
	assert_err(t->err, ERR_NO_SPACE);
	assert_true(reports[LOCAL_NO_SPACE] == 1);
	assert_int_equal(reports[LOCAL_IO_ERROR], 0);
	check(t);
}

/* No room for another segment, then room: it heals within some seconds */
static void
test_no_space(void **state)
{
	struct topic *t;

	(void)state;
	begin();
	t = create(0);
	atomic_store(&allocate_errno, ENOSPC);
	until_full(t);
	atomic_store(&allocate_errno, 0);
	UNTIL(has_space);
	t->given = t->acked;
	t->failed = 0;
	append(t, true);
	UNTIL(answered(t));
	assert_ok(t->err);
	check(t);
	finish();
	begin();
	again(t);
	finish();
}

static void
test_full_tmpfs(void **state)
{
	struct topic *t;

	(void)state;
	if (!own_mounts || mount("none", scratch, "tmpfs", 0, "size=2m") != 0) {
		print_message("no mounts of our own: skipped\n");
		skip();
	}
	begin();
	t = create(0);
	until_full(t);
	assert_int_equal(
	    mount("none", scratch, "tmpfs", MS_REMOUNT, "size=6m"), 0);
	UNTIL(has_space);
	t->given = t->acked;
	t->failed = 0;
	append(t, true);
	UNTIL(answered(t));
	assert_ok(t->err);
	finish();
	begin();
	again(t);
	/* and from within: what is deleted makes room */
	reports[LOCAL_NO_SPACE] = 0;
	until_full(create(1));
	lgs->ops->del(lgs, topics[1].id);
	UNTIL(has_space);
	append(t, true);
	UNTIL(answered(t));
	assert_ok(t->err);
	finish();
	assert_int_equal(umount(scratch), 0);
}

/* Rewriting, with the threads that do it */
static void
test_rewrite(void **state)
{
	struct local_stats st;
	struct topic *t;
	bool done = false;

	(void)state;
	begin();
	for (unsigned i = 0; i < 8; i++)
		(void)create(i);
	t = &topics[0];
	for (int i = 0; i < 4000; i++) {
		append(i % 16 == 0 ? t : &topics[1 + i % 7], true);
		if (i % 64 == 63)
			for (unsigned k = 0; k < 8; k++)
				UNTIL(answered(&topics[k]));
	}
	for (unsigned i = 0; i < 8; i++)
		UNTIL(answered(&topics[i]));
	for (unsigned i = 1; i < 8; i++)
		lgs->ops->del(lgs, topics[i].id);
	local_checkpoint(lgs, flushed, &done);
	UNTIL(done);
	do {
		loop_refresh(lp);
		(void)tail(NULL);
		loop_run_once(lp, true);
		local_stats(lgs, &st);
	} while (st.segments > 8);
	assert_true(st.rewrites > 0);
	assert_int_equal(st.rewrites_failed, 0);
	check(t);
	finish();
	begin();
	again(t);
	finish();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_write_eio),
		T(test_sync_eio),
		T(test_short_write),
		T(test_no_space),
		T(test_full_tmpfs),
		T(test_rewrite),
	};

	/* before there are threads */
	own_mounts = unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
