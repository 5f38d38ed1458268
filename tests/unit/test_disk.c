/* SPDX-License-Identifier: Apache-2.0 */
/* the disk over files: both writers, order, errors, files */
#include "fds_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/clock.h"
#include "os/disk_file.h"
#include "os/loop.h"
#include "os/prot.h"
#include "tests/unit/scratch.h"

#define MB (1u << 20)

static struct loop *lp;
static struct disk_files *df;
static struct disk *d;
static int done_n;
static struct disk_req *order[256];

static bool
open_disks(enum disk_file_writer writer, bool direct)
{
	struct disk_files_conf conf = DISK_FILES_CONF_DEFAULT;
	struct diag diag;

	conf.writer = writer;
	conf.direct = direct;
	conf.create_bytes_per_s = 0;
	return disk_files_new(&df, scratch, &conf, &diag) == ERR_OK &&
	    disk_file_new(&d, df, lp, &diag) == ERR_OK;
}

static int
setup_with(enum disk_file_writer writer, bool direct)
{
	if (!scratch_make("/var/tmp"))
		return 1;
	done_n = 0;
	lp = loop_new();
	return open_disks(writer, direct) ? 0 : 1;
}

static int
setup(void **state)
{
	(void)state;
	return setup_with(DISK_FILE_AUTO, true);
}

static int
setup_thread(void **state)
{
	(void)state;
	return setup_with(DISK_FILE_THREAD, true);
}

static int
setup_buffered(void **state)
{
	(void)state;
	return setup_with(DISK_FILE_AUTO, false);
}

static int
teardown(void **state)
{
	(void)state;
	disk_file_free(&d);
	disk_files_free(&df);
	loop_free(&lp);
	scratch_remove();
	return 0;
}

static void
done(struct disk_req *rq, enum err err)
{
	rq->priv = (void *)(uintptr_t)(err + 1);
	assert_true(done_n < 256);
	order[done_n++] = rq;
}

static void
submit(struct disk_req *rq, enum disk_op op, uint64_t file, uint64_t off,
    void *p, size_t len)
{
	memset(rq, 0, sizeof *rq);
	rq->magic = DISK_REQ_MAGIC;
	rq->op = op;
	rq->file = file;
	rq->off = off;
	rq->data = p;
	rq->len = len;
	rq->sync = true;
	rq->done = done;
	d->ops->submit(d, rq);
	assert_null(rq->priv);
}

static void
wait_n(int n)
{
	int i;

	for (i = 0; i < 10000 && done_n < n; i++)
		loop_run_once(lp, true);
	assert_int_equal(done_n, n);
}

static enum err
result(const struct disk_req *rq)
{
	assert_non_null(rq->priv);
	return (enum err)((uintptr_t)rq->priv - 1);
}

static enum err
one(struct disk_req *rq, enum disk_op op, uint64_t file, uint64_t off, void *p,
    size_t len)
{
	submit(rq, op, file, off, p, len);
	wait_n(done_n + 1);
	return result(rq);
}

static uint8_t *
block(size_t len, uint8_t fill)
{
	uint8_t *p = mem_aligned(DISK_BLOCK, len);

	memset(p, fill, len);
	return p;
}

static void
test_write_read(void **state)
{
	static const size_t lens[] = { 4096, 8192, 65536, 131072, MB };
	struct disk_file_stats st;
	uint8_t *w, *r;
	struct disk_req rq;
	uint64_t off = 0;
	size_t i, got;

	(void)state;
	w = block(MB, 0);
	r = block(MB, 0xee);
	assert_ok(one(&rq, DISK_CREATE, 7, 0, NULL, 4 * MB));
	assert_ok(one(&rq, DISK_READ, 7, 3 * MB, r, MB));
	assert_int_equal(rq.got, MB);
	assert_true(r[0] == 0 && r[MB - 1] == 0);
	for (i = 0; i < NELEM(lens); i++) {
		memset(w, (int)i + 1, lens[i]);
		assert_ok(one(&rq, DISK_WRITE, 7, off, w, lens[i]));
		assert_ok(one(&rq, DISK_READ, 7, off, r, lens[i]));
		assert_memory_equal(w, r, lens[i]);
		assert_ok(d->ops->read_now(d, 7, off, r, 4096, &got));
		assert_int_equal(r[0], i + 1);
		off += lens[i];
	}
	assert_ok(one(&rq, DISK_SYNC, 7, 0, NULL, 0));
	/* behind the end: zeroes */
	memset(r, 0xee, 2 * DISK_BLOCK);
	assert_ok(
	    one(&rq, DISK_READ, 7, 4 * MB - DISK_BLOCK, r, 2 * DISK_BLOCK));
	assert_int_equal(rq.got, DISK_BLOCK);
	assert_int_equal(r[2 * DISK_BLOCK - 1], 0);
	disk_file_stats(d, &st);
	assert_int_equal(st.writes, NELEM(lens));
	assert_int_equal(st.errors, 0);
	assert_true(st.write_ns > 0);
	if (st.uring)
		assert_int_equal(st.uring_writes, 3);
	/* what it can't answer as a whole, the end of the file, a thread has read */
	assert_int_equal(st.reads, NELEM(lens) + 2);
	assert_int_equal(
	    st.uring_reads, st.uring && st.direct ? NELEM(lens) + 1 : 0);
	mem_free(w);
	mem_free(r);
}

/* Answered without the loop, by which nothing is heard of it a second time */
static void
test_look(void **state)
{
	uint8_t *p = block(DISK_BLOCK, 1);
	struct disk_file_stats st;
	struct disk_req rq;
	int64_t until;
	int i;

	(void)state;
	assert_ok(one(&rq, DISK_CREATE, 1, 0, NULL, MB));
	disk_file_look(d);
	disk_file_stats(d, &st);
	done_n = 0;
	for (i = 0; i < 20; i++) {
		submit(&rq, DISK_WRITE, 1, (uint64_t)i * DISK_BLOCK, p,
		    DISK_BLOCK);
		until = clock_mono_ns() + 10 * CLOCK_NS_PER_S;
		while (st.uring && done_n == i && clock_mono_ns() < until) {
			(void)sched_yield();
			disk_file_look(d);
		}
		if (st.uring)
			assert_int_equal(done_n, i + 1);
		wait_n(i + 1);
		assert_ok(result(&rq));
		if (i % 2 == 0)
			loop_run_once(lp, false);
	}
	assert_int_equal(done_n, 20);
	mem_free(p);
}

/* small and large ones in turn, at once: answered in order */
static void
test_order(void **state)
{
	struct disk_req rq[20], rd;
	uint8_t *p[20], *r;
	int i;

	(void)state;
	assert_ok(one(&rd, DISK_CREATE, 1, 0, NULL, MB));
	r = block(DISK_BLOCK, 0);
	done_n = 0;
	for (i = 0; i < 20; i++) {
		p[i] = block(i % 3 == 0 ? 131072 : 4096, (uint8_t)(i + 1));
		if (i % 7 == 6)
			submit(&rq[i], DISK_SYNC, 1, 0, NULL, 0);
		else
			submit(&rq[i], DISK_WRITE, 1, 0, p[i],
			    i % 3 == 0 ? 131072 : 4096);
	}
	wait_n(20);
	for (i = 0; i < 20; i++) {
		assert_ptr_equal(order[i], &rq[i]);
		assert_ok(result(&rq[i]));
		mem_free(p[i]);
	}
	assert_ok(one(&rd, DISK_READ, 1, 0, r, DISK_BLOCK));
	assert_int_equal(r[0], 20);
	mem_free(r);
}

static void
count(void *priv, uint64_t file, uint64_t size)
{
	uint64_t *sum = priv;

	sum[0]++;
	sum[1] += file;
	sum[2] += size;
}

static void
test_files(void **state)
{
	uint64_t sum[3] = { 0 };
	struct disk_req rq;
	struct disk_files *ro;
	struct disk *rd;
	struct diag diag;
	uint8_t *p;
	size_t got;
	FILE *f;
	char *name;

	(void)state;
	p = block(DISK_BLOCK, 5);
	assert_ok(d->ops->create_now(d, 0xabc, MB));
	assert_ok(d->ops->write_now(d, 0xabc, 4096, p, DISK_BLOCK));
	assert_err(d->ops->read_now(d, 1, 0, p, DISK_BLOCK, &got), ERR_NO_FILE);
	assert_err(one(&rq, DISK_READ, 1, 0, p, DISK_BLOCK), ERR_NO_FILE);
	assert_err(one(&rq, DISK_WRITE, 1, 0, p, DISK_BLOCK), ERR_NO_FILE);
	assert_err(one(&rq, DISK_REMOVE, 1, 0, NULL, 0), ERR_NO_FILE);
	/* strangers are not listed */
	name = mem_printf("%s/log/readme.seg", scratch);
	f = fopen(name, "w");
	assert_non_null(f);
	(void)fclose(f);
	mem_free(name);
	assert_ok(d->ops->list(d, count, sum));
	assert_int_equal(sum[0], 1);
	assert_int_equal(sum[1], 0xabc);
	assert_int_equal(sum[2], MB);

	/* open in the caches by now; recycled under another name */
	memset(&rq, 0, sizeof rq);
	rq.magic = DISK_REQ_MAGIC;
	rq.op = DISK_RENAME;
	rq.file = 0xabc;
	rq.file2 = 0xdef;
	rq.done = done;
	done_n = 0;
	d->ops->submit(d, &rq);
	wait_n(1);
	assert_ok(result(&rq));
	assert_err(
	    d->ops->read_now(d, 0xabc, 0, p, DISK_BLOCK, &got), ERR_NO_FILE);
	assert_ok(d->ops->read_now(d, 0xdef, 4096, p, DISK_BLOCK, &got));
	assert_int_equal(p[0], 5);

	assert_ok(disk_files_new_readonly(&ro, scratch, &diag));
	assert_ok(disk_file_new(&rd, ro, NULL, &diag));
	assert_ok(rd->ops->read_now(rd, 0xdef, 4096, p, DISK_BLOCK, &got));
	assert_int_equal(p[0], 5);
	disk_file_free(&rd);
	disk_files_free(&ro);

	assert_ok(one(&rq, DISK_REMOVE, 0xdef, 0, NULL, 0));
	assert_err(one(&rq, DISK_READ, 0xdef, 0, p, DISK_BLOCK), ERR_NO_FILE);
	assert_true(d->ops->free_bytes(d) > 0);
	mem_free(p);
}

/* Clients have all descriptors: each thing that opens a file has its own to do so,
 * time and again, whether or not it has had files open. */
static void
test_no_descriptors(void **state)
{
	enum {
		FILES = 2 * DISK_OPEN_MAX,
		BIG = 256u << 10
	};
	struct disk_req rq;
	uint64_t i, f;
	unsigned left;
	uint8_t *p;

	(void)state;
	p = block(BIG, 7);
	for (i = 1; i <= FILES; i++)
		assert_ok(d->ops->create_now(d, i, MB));
	for (left = 0; left < 3; left++) {
		fds_leave(left);
		for (i = 1; i <= FILES; i++) {
			done_n = 0;
			assert_ok(one(&rq, DISK_WRITE, i, 0, p,
			    i % 2 ? DISK_BLOCK : BIG));
			f = FILES + 1 - i;
			assert_ok(one(&rq, DISK_READ, f, 0, p, DISK_BLOCK));
		}
		f = 1000 + left;
		assert_ok(one(&rq, DISK_CREATE, f, 0, NULL, MB));
		assert_ok(one(&rq, DISK_WRITE, f, 0, p, BIG));
		/* by which all that is open is closed */
		assert_ok(one(&rq, DISK_REMOVE, f, 0, NULL, 0));
		done_n = 0;
		assert_ok(one(&rq, DISK_CREATE, f, 0, NULL, MB));
		assert_ok(one(&rq, DISK_READ, f, 0, p, DISK_BLOCK));
		assert_int_equal(p[0], 0);
		memset(p, 7, BIG);
		assert_ok(one(&rq, DISK_WRITE, f, 0, p, DISK_BLOCK));
		assert_ok(one(&rq, DISK_SYNC, f, 0, NULL, 0));
		fds_back();
	}
	mem_free(p);
}

/* Not even that: what nobody has done is tried until there are some again. */
static void
test_descriptors_return(void **state)
{
	struct disk_req rq[2];
	uint8_t *p, *q;
	unsigned i;

	(void)state;
	p = block(DISK_BLOCK, 7);
	q = block(DISK_BLOCK, 0);
	assert_ok(d->ops->create_now(d, 1, MB));
	assert_ok(d->ops->create_now(d, 2, MB));
	/* theirs are among those that are taken */
	disk_file_free(&d);
	disk_files_free(&df);
	fds_leave(1); /* for the directory */
	assert_true(open_disks(DISK_FILE_AUTO, true));
	submit(&rq[0], DISK_WRITE, 1, 0, p, DISK_BLOCK);
	submit(&rq[1], DISK_READ, 2, 0, q, DISK_BLOCK);
	for (i = 0; i < 20; i++)
		loop_run_once(lp, false);
	assert_int_equal(done_n, 0);
	fds_back();
	wait_n(2);
	assert_ok(result(&rq[0]));
	assert_ok(result(&rq[1]));
	/* and never again: it ends all the same */
	disk_file_free(&d);
	disk_files_free(&df);
	fds_leave(1);
	assert_true(open_disks(DISK_FILE_AUTO, true));
	done_n = 0;
	submit(&rq[0], DISK_WRITE, 1, 0, p, DISK_BLOCK);
	submit(&rq[1], DISK_READ, 2, 0, q, DISK_BLOCK);
	disk_files_give_up(df);
	wait_n(2);
	assert_err(result(&rq[0]), ERR_IO);
	assert_err(result(&rq[1]), ERR_IO);
	fds_back();
	mem_free(p);
	mem_free(q);
}

/* No room: said as that by each way to write. What comes behind a write that
 * failed is not tried; another life of the disk writes again. */
static void
test_no_space(void **state)
{
	static const size_t lens[] = { 4096, 256u << 10 };
	uint64_t sum[3] = { 0 };
	struct rlimit old, low;
	struct disk_req rq, behind;
	struct diag diag;
	uint8_t *p, *b;
	size_t i, got;

	(void)state;
	p = block(256u << 10, 1);
	b = block(DISK_BLOCK, 9);
	assert_ok(d->ops->create_now(d, 1, MB));
	AZ(getrlimit(RLIMIT_FSIZE, &old));
	low = old;
	low.rlim_cur = MB;
	AZ(setrlimit(RLIMIT_FSIZE, &low));
	for (i = 0; i < NELEM(lens); i++) {
		done_n = 0;
		submit(&rq, DISK_WRITE, 1, MB, p, lens[i]);
		submit(&behind, DISK_WRITE, 1, 0, p, lens[i]);
		wait_n(2);
		assert_err(result(&rq), ERR_NO_SPACE);
		assert_err(result(&behind), ERR_NO_SPACE);
		assert_err(one(&rq, DISK_SYNC, 1, 0, NULL, 0), ERR_NO_SPACE);
		assert_ok(d->ops->read_now(d, 1, 0, b, DISK_BLOCK, &got));
		assert_int_equal(b[0], 0);
		disk_file_free(&d);
		assert_ok(disk_file_new(&d, df, lp, &diag));
	}
	assert_ok(one(&rq, DISK_WRITE, 1, 0, p, DISK_BLOCK));
	assert_err(one(&rq, DISK_CREATE, 2, 0, NULL, 2 * MB), ERR_NO_SPACE);
	AZ(setrlimit(RLIMIT_FSIZE, &old));
	/* nothing half made is left */
	assert_ok(d->ops->list(d, count, sum));
	assert_int_equal(sum[0], 1);
	assert_ok(one(&rq, DISK_CREATE, 2, 0, NULL, 2 * MB));
	mem_free(p);
	mem_free(b);
}

static void
test_create_rate(void **state)
{
	struct disk_files_conf conf = DISK_FILES_CONF_DEFAULT;
	struct disk_files *df2;
	struct disk *save = d;
	struct disk_req rq;
	struct diag diag;
	int64_t t0;

	(void)state;
	conf.create_bytes_per_s = 20 * MB;
	assert_ok(disk_files_new(&df2, scratch, &conf, &diag));
	assert_ok(disk_file_new(&d, df2, lp, &diag));
	t0 = clock_mono_ns();
	assert_ok(one(&rq, DISK_CREATE, 9, 0, NULL, 4 * MB));
	assert_true(clock_mono_ns() - t0 >= 190 * CLOCK_NS_PER_MS);
	disk_file_free(&d);
	disk_files_free(&df2);
	d = save;
}

/* What one small synced write costs; printed, not judged. */
static void
test_cost(void **state)
{
	struct disk_file_stats st;
	struct disk_req rq;
	int64_t t0, c0;
	uint8_t *p;
	int i;

	(void)state;
	p = block(DISK_BLOCK, 1);
	assert_ok(one(&rq, DISK_CREATE, 1, 0, NULL, 4 * MB));
	c0 = clock_cpu_ns();
	t0 = clock_mono_ns();
	for (i = 0; i < 500; i++) {
		done_n = 0;
		assert_ok(one(&rq, DISK_WRITE, 1, (uint64_t)i * DISK_BLOCK, p,
		    DISK_BLOCK));
	}
	c0 = clock_cpu_ns() - c0;
	t0 = clock_mono_ns() - t0;
	disk_file_stats(d, &st);
	print_message("4 KiB, %s, %s: %lld us, CPU %lld us a write\n",
	    st.uring ? "io_uring" : "thread", st.direct ? "direct" : "buffered",
	    (long long)(t0 / 500000), (long long)(c0 / 500000));
	mem_free(p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TT(f) cmocka_unit_test_setup_teardown(f, setup_thread, teardown)
#define TB(f) cmocka_unit_test_setup_teardown(f, setup_buffered, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_write_read),
		TT(test_write_read),
		TB(test_write_read),
		T(test_look),
		TT(test_look),
		TB(test_look),
		T(test_order),
		TT(test_order),
		TB(test_order),
		T(test_files),
		TT(test_files),
		T(test_no_space),
		TT(test_no_space),
		T(test_no_descriptors),
		TT(test_no_descriptors),
		TB(test_no_descriptors),
		T(test_descriptors_return),
		T(test_create_rate),
		T(test_cost),
		TT(test_cost),
	};

	prot_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
