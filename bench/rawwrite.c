/* SPDX-License-Identifier: Apache-2.0 */

/*
 * rawwrite: what one synced append to a log segment costs in a directory.
 *
 * Part 1 compares the calls that put bytes on disk, on segments that were
 * only allocated, filled with zeros, or written before.  Part 2 compares
 * the ways in which an event loop gets such a write done: by a thread, by
 * io_uring, or by blocking.  Prints two Markdown tables on stdout.
 *
 * CPU is that of the process, io_uring's own workers included; what kernel
 * threads burn meanwhile (kworkers finish an asynchronous O_DIRECT write
 * with DSYNC) is a column of its own: it has the whole machine's in it, and
 * lacks that of threads which ended during the cell ("?" if most).
 *
 * Cells run one after the other, so on a shared machine a difference between
 * two rows may be the neighbours': many short runs and their medians tell.
 * Killed, it leaves its files; the next run in the directory removes them.
 *
 * usage: rawwrite [-t MS_PER_CELL] [-p 1|2] DIRECTORY
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "bench/rawwrite.h"

static const char *const how_name[] = {
	[DIRECT_FDS] = "O_DIRECT, fdatasync",
	[DIRECT_RWF] = "O_DIRECT, RWF_DSYNC",
	[DIRECT_ODS] = "O_DIRECT, O_DSYNC",
	[URING_RWF] = "io_uring, RWF_DSYNC",
	[URING_LINK] = "io_uring, write + linked fsync",
	[BUF_FDS] = "buffered, fdatasync",
};
static const char *const state_name[] = { "fresh", "zeroed", "recycled" };

unsigned raw_cell_ms = 1000;
static const char *dir;
static int dir_fd;
unsigned char *raw_buf[LANES];
uint64_t raw_lat[LANES * LAT_MAX]; /* ns, lane after lane */
unsigned raw_lat_n[LANES];
atomic_int raw_failure; /* the errno that ended the cell */

/* ------------------------------------------------------------ clocks */

uint64_t
raw_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static uint64_t
rusage_ns(int who)
{
	struct rusage ru;

	if (getrusage(who, &ru) != 0)
		err(1, "getrusage");
	return (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) *
	    1000000000U +
	    (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000U;
}

/* First line of a file of /proc; empty if the process is gone. */
static void
slurp(const char *pid, const char *name, char *to, size_t size)
{
	char path[320];
	FILE *f;

	to[0] = '\0';
	(void)snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	if (fgets(to, (int)size, f) == NULL)
		to[0] = '\0';
	(void)fclose(f);
}

/* CPU time of all kernel threads (the children of pid 2). */
static uint64_t
kthread_ns(void)
{
	char line[512];
	const char *p;
	struct dirent *de;
	uint64_t sum = 0;
	DIR *d;

	d = opendir("/proc");
	if (d == NULL)
		return 0;
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		slurp(de->d_name, "stat", line, sizeof line);
		p = strrchr(line, ')');
		if (p == NULL || strlen(p) < 5 || strtol(p + 4, NULL, 10) != 2)
			continue;
		slurp(de->d_name, "schedstat", line, sizeof line);
		sum += strtoull(line, NULL, 10);
	}
	(void)closedir(d);
	return sum;
}

void
raw_cost_start(struct cost *c)
{
	c->kthread_ns = (int64_t)kthread_ns();
	c->cpu_ns = rusage_ns(RUSAGE_SELF);
	c->loop_ns = rusage_ns(RUSAGE_THREAD);
	c->wall_ns = raw_now_ns();
}

void
raw_cost_stop(struct cost *c)
{
	c->wall_ns = raw_now_ns() - c->wall_ns;
	c->loop_ns = rusage_ns(RUSAGE_THREAD) - c->loop_ns;
	c->cpu_ns = rusage_ns(RUSAGE_SELF) - c->cpu_ns;
	c->kthread_ns = (int64_t)kthread_ns() - c->kthread_ns;
}

/* ---------------------------------------------------------- segments */

static void
seg_path(char *to, size_t size, const char *kind, unsigned i)
{
	(void)snprintf(to, size, "%s/rawwrite.%s.%u", dir, kind, i);
}

static void
seg_fill(int fd, int byte)
{
	off_t off;

	memset(raw_buf[0], byte, BUF_BYTES);
	for (off = 0; off < (off_t)SEG_BYTES; off += (off_t)BUF_BYTES)
		if (pwrite(fd, raw_buf[0], BUF_BYTES, off) !=
		    (ssize_t)BUF_BYTES)
			err(1, "fill");
	if (fsync(fd) != 0)
		err(1, "fsync");
}

static void
seg_make(enum state st, unsigned i)
{
	char path[4096];
	int fd;

	seg_path(path, sizeof path, st == RECYCLED ? "recycled" : "cell", i);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		err(1, "%s", path);
	if (fallocate(fd, 0, 0, (off_t)SEG_BYTES) != 0)
		err(1, "fallocate");
	if (st == ZEROED)
		seg_fill(fd, 0);
	else if (st == RECYCLED)
		seg_fill(fd, 0xa5);
	else if (fsync(fd) != 0)
		err(1, "fsync");
	if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		err(1, "fadvise");
	(void)close(fd);
}

static void
seg_unlink(const char *kind, unsigned n)
{
	char path[4096];
	unsigned i;

	for (i = 0; i < n; i++) {
		seg_path(path, sizeof path, kind, i);
		(void)unlink(path);
	}
	(void)syncfs(dir_fd);
}

static void
cleanup(void)
{
	seg_unlink("cell", SEG_MAX);
	seg_unlink("recycled", RECYCLED_N);
}

/* Open the segments of a cell; false with failure set if refused. */
bool
raw_work_open(struct work *w, enum state st)
{
	char path[4096];
	int flags = O_RDWR | O_CLOEXEC;
	unsigned i;

	if (w->how != BUF_FDS)
		flags |= O_DIRECT;
	if (w->how == DIRECT_ODS)
		flags |= O_DSYNC;
	for (i = 0; i < w->seg_n; i++) {
		if (st != RECYCLED)
			seg_make(st, i);
		seg_path(
		    path, sizeof path, st == RECYCLED ? "recycled" : "cell", i);
		w->fd[i] = open(path, flags);
		if (w->fd[i] < 0) {
			atomic_store(&raw_failure, errno);
			w->seg_n = i;
			return false;
		}
	}
	(void)syncfs(dir_fd);
	return true;
}

void
raw_work_close(struct work *w, enum state st)
{
	unsigned i;

	for (i = 0; i < w->seg_n; i++)
		(void)close(w->fd[i]);
	if (st != RECYCLED)
		seg_unlink("cell", SEG_MAX);
}

/* The next place to write; false when the cell is over. */
bool
raw_work_next(struct work *w, unsigned lane, int *fd, off_t *off)
{
	uint64_t per = SEG_BYTES / w->size, i;

	if (atomic_load(&raw_failure) != 0 || raw_lat_n[lane] == LAT_MAX ||
	    raw_now_ns() >= w->deadline_ns)
		return false;
	i = atomic_fetch_add(&w->next, 1);
	if (i / per >= w->seg_n && !w->wrap)
		return false;
	*fd = w->fd[i / per % w->seg_n];
	*off = (off_t)(i % per * w->size);
	memcpy(raw_buf[lane], &i, sizeof i);
	return true;
}

void
raw_lat_add(unsigned lane, uint64_t ns)
{
	if (raw_lat_n[lane] < LAT_MAX)
		raw_lat[lane * LAT_MAX + raw_lat_n[lane]++] = ns;
}

/* ---------------------------------------------------- blocking writes */

/* Returns 0 or errno.  A short write is an error: segments are in full. */
int
raw_write_synced(enum how how, int fd, void *p, size_t size, off_t off)
{
	struct iovec iov = { .iov_base = p, .iov_len = size };
	ssize_t n;

	n = pwritev2(fd, &iov, 1, off, how == DIRECT_RWF ? RWF_DSYNC : 0);
	if (n != (ssize_t)size)
		return n < 0 ? errno : EIO;
	if ((how == DIRECT_FDS || how == BUF_FDS) && fdatasync(fd) != 0)
		return errno;
	return 0;
}

void
raw_run_blocking(struct work *w, unsigned lane)
{
	uint64_t t;
	off_t off;
	int fd, e;

	while (raw_work_next(w, lane, &fd, &off)) {
		t = raw_now_ns();
		e = raw_write_synced(w->how, fd, raw_buf[lane], w->size, off);
		if (e != 0)
			atomic_store(&raw_failure, e);
		else
			raw_lat_add(lane, raw_now_ns() - t);
	}
}

static void *
second_lane(void *priv)
{
	raw_run_blocking(priv, 1);
	return NULL;
}

static void
run_threads(struct work *w)
{
	pthread_t tid;

	if (w->depth == 2 && pthread_create(&tid, NULL, second_lane, w) != 0)
		errx(1, "pthread_create");
	raw_run_blocking(w, 0);
	if (w->depth == 2)
		(void)pthread_join(tid, NULL);
}

/* -------------------------------------------------------------- output */

int
raw_cmp_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

double
raw_pct_us(const uint64_t *v, unsigned n, double p)
{
	return (double)v[(unsigned)((n - 1) * p)] / 1000.0;
}

void
raw_cell_reset(void)
{
	memset(raw_lat_n, 0, sizeof raw_lat_n);
	atomic_store(&raw_failure, 0);
}

/* rate, MB/s, p50, p99, max, CPU, kernel threads' CPU */
void
raw_print_figures(const struct cost *c, size_t size)
{
	unsigned n = raw_lat_n[0] + raw_lat_n[1];
	double s = (double)c->wall_ns / 1e9;

	if (raw_lat_n[1] > 0)
		memmove(raw_lat + raw_lat_n[0], raw_lat + LAT_MAX,
		    raw_lat_n[1] * sizeof raw_lat[0]);
	qsort(raw_lat, n, sizeof raw_lat[0], raw_cmp_u64);
	printf(" %.0f | %.1f | %.0f | %.0f | %.0f | %.1f |", n / s,
	    (double)n * (double)size / 1e6 / s, raw_pct_us(raw_lat, n, 0.5),
	    raw_pct_us(raw_lat, n, 0.99), raw_pct_us(raw_lat, n, 1.0),
	    (double)c->cpu_ns / 1000.0 / n);
	if (c->kthread_ns < 0)
		printf(" ? |");
	else
		printf(" %.1f |", (double)c->kthread_ns / 1000.0 / n);
}

void
raw_print_failure(void)
{
	int e = atomic_load(&raw_failure);

	printf(" n/a: %s |\n",
	    e == ETIME ? "wake-up lost" :
		e != 0 ? strerror(e) :
			 "no sample");
}

bool
raw_cell_ok(void)
{
	return atomic_load(&raw_failure) == 0 && raw_lat_n[0] > 0;
}

/* -------------------------------------------------------------- part 1 */

static unsigned
seg_need(size_t size)
{
	/* enough for one second at rates no disk of today reaches, or less */
	return size == 4096 ? 4 : size == 65536 ? 8 : SEG_MAX;
}

static void
cell_call(enum how how, enum state st, size_t size, unsigned depth)
{
	struct work w = { .how = how, .size = size, .depth = depth };
	struct cost c;

	raw_cell_reset();
	w.seg_n = st == RECYCLED ? RECYCLED_N : seg_need(size);
	w.wrap = st == RECYCLED;
	printf("| %zu KiB x %u | %s | %s |", size / 1024, depth, state_name[st],
	    how_name[how]);
	if (raw_work_open(&w, st)) {
		memset(raw_buf[0], 0x5a, BUF_BYTES);
		memset(raw_buf[1], 0x5a, BUF_BYTES);
		raw_cost_start(&c);
		w.deadline_ns = raw_now_ns() + raw_cell_ms * 1000000ULL;
		if (how == URING_RWF || how == URING_LINK)
			raw_run_uring(&w);
		else
			run_threads(&w);
		raw_cost_stop(&c);
	}
	if (raw_cell_ok()) {
		raw_print_figures(&c, size);
		printf("\n");
	} else {
		raw_print_failure();
	}
	(void)fflush(stdout);
	raw_work_close(&w, st);
}

static void
part_calls(void)
{
	static const struct {
		size_t size;
		unsigned depth;
	} shape[] = { { 4096, 1 }, { 65536, 1 }, { BUF_BYTES, 1 },
		{ BUF_BYTES, 2 } };
	unsigned i, st, how;

	printf("| size | segment | call | writes/s | MB/s | p50 us | p99 us |"
	       " max us | CPU us | kthreads us |\n"
	       "|---|---|---|---|---|---|---|---|---|---|\n");
	for (i = 0; i < sizeof shape / sizeof shape[0]; i++)
		for (st = FRESH; st <= RECYCLED; st++)
			for (how = DIRECT_FDS; how <= BUF_FDS; how++)
				cell_call((enum how)how, (enum state)st,
				    shape[i].size, shape[i].depth);
}

/* ---------------------------------------------------------------- main */

static void
print_machine(void)
{
	struct utsname un;
	struct statfs sf;
	double load[3] = { 0, 0, 0 };

	if (uname(&un) != 0 || statfs(dir, &sf) != 0)
		err(1, "%s", dir);
	(void)getloadavg(load, 3);
	printf("%s %s %s, %ld cores, file system type 0x%lx, load %.2f\n\n",
	    un.sysname, un.release, un.machine, sysconf(_SC_NPROCESSORS_ONLN),
	    (unsigned long)sf.f_type, load[0]);
}

static void
usage(void)
{
	(void)fprintf(
	    stderr, "usage: rawwrite [-t MS_PER_CELL] [-p 1|2] DIRECTORY\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	long part = 0, ms;
	unsigned i;
	int o;

	while ((o = getopt(argc, argv, "p:t:")) != -1) {
		if (o == 'p') {
			part = strtol(optarg, NULL, 10);
		} else if (o == 't') {
			ms = strtol(optarg, NULL, 10);
			if (ms < 1 || ms > 60000)
				usage();
			raw_cell_ms = (unsigned)ms;
		} else {
			usage();
		}
	}
	if (optind + 1 != argc || part < 0 || part > 2)
		usage();
	dir = argv[optind];
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		err(1, "%s", dir);
	for (i = 0; i < LANES; i++) {
		raw_buf[i] = mmap(NULL, BUF_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (raw_buf[i] == MAP_FAILED)
			err(1, "mmap");
	}
	print_machine();
	cleanup();
	if (atexit(cleanup) != 0)
		errx(1, "atexit");
	for (i = 0; i < RECYCLED_N; i++)
		seg_make(RECYCLED, i);
	if (part != 2)
		part_calls();
	if (part == 0)
		printf("\n");
	if (part != 1)
		raw_part_handover();
	return 0;
}
