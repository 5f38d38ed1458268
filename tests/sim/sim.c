/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim [--seed N | --seeds A..B] [--steps M] [--plant ack-not-journaled] [-v]
 *
 * Runs a seed in this process, or each of many in a process of its own;
 * without either, what make check wants. Exits with 1 if a seed met a
 * violation; it prints which, what, and the last of what happened before. -v
 * prints everything that happens.
 */
#include "tests/sim/sim.h"

#include "base/hash.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES 2048u
#define LINE 200u
#define SHOWN 120u
#define SEED_SECONDS 120u
#define SEEDS_DEFAULT 200u
#define SEEDS_PLANTED 20u
#define STEPS_DEFAULT 3000u
#define STATS_N (sizeof(struct sim_stats) / sizeof(uint64_t))

static char lines[LINES][LINE];
static uint64_t lines_n;
static struct sim sim;
static struct sim_stats *sums; /* of all seeds, which are processes */

/* --- dice, trace ------------------------------------------------------------------- */

uint64_t
rnd(struct sim *w, uint64_t n)
{
	return disk_mem_random(&w->rnd) % n;
}

bool
chance(struct sim *w, unsigned percent)
{
	return rnd(w, 100) < percent;
}

static void vtrace(struct sim *, const char *fmt, va_list ap) PRINTF(2, 0);

static void
vtrace(struct sim *w, const char *fmt, va_list ap)
{
	char *l = lines[lines_n++ % LINES];
	int n;

	n = snprintf(l, LINE, "%u %" PRId64 ".%03" PRId64 " ", w->step,
	    w->mono_ns / 1000000, w->mono_ns / 1000 % 1000);
	(void)vsnprintf(l + n, LINE - (size_t)n, fmt, ap);
	if (w->o.verbose)
		(void)puts(l);
}

void
trace(struct sim *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtrace(w, fmt, ap);
	va_end(ap);
}

static void
show(void)
{
	uint64_t i = lines_n > SHOWN ? lines_n - SHOWN : 0;

	for (; i < lines_n && !sim.o.verbose; i++)
		(void)printf("  %s\n", lines[i % LINES]);
	(void)printf("again: sim --seed %" PRIu64 " --steps %u%s -v\n",
	    sim.o.seed, sim.o.steps,
	    sim.o.plant_ack ? " --plant ack-not-journaled" : "");
	(void)fflush(stdout);
}

void
violation(struct sim *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtrace(w, fmt, ap);
	va_end(ap);
	show();
	(void)printf("seed %" PRIu64 ": VIOLATION %s\n", w->o.seed,
	    lines[(lines_n - 1) % LINES]);
	(void)fflush(stdout);
	_exit(1);
}

static void
failed(int sig)
{
	(void)signal(sig, SIG_DFL);
	show();
	(void)printf(
	    "seed %" PRIu64 ": VIOLATION signal %d\n", sim.o.seed, sig);
	(void)fflush(stdout);
	(void)raise(sig);
}

/* --- a seed --------------------------------------------------------------------------- */

static void
run(const struct sim_opts *o)
{
	struct sim *w = &sim;

	w->o = *o;
	w->rnd = hash_u64(1, o->seed);
	LIST_INIT(&w->conns);
	LIST_INIT(&w->acks);
	STAILQ_INIT(&w->late);
	(void)signal(SIGABRT, failed);
	(void)signal(SIGALRM, failed);
	(void)signal(SIGSEGV, failed);
	world_init(w);
	model_init(w);
	client_init(w);
	drive(w);
	world_fini(w);
}

static void
summary(const struct sim_stats *st)
{
	const struct {
		const char *name;
		uint64_t n;
	} v[] = {
		{ "steps", st->steps },
		{ "published", st->published },
		{ "receipts", st->receipts },
		{ "delivered", st->delivered },
		{ "acked", st->acked },
		{ "acks answered", st->confirmed },
		{ "power losses", st->power_losses },
		{ "kills", st->kills },
		{ "shut down in order", st->shutdowns },
		{ "changes of shards", st->reshards },
		{ "connections cut", st->cuts },
		{ "failing writes", st->failed_writes },
		{ "failing reads", st->failed_reads },
		{ "failing commits", st->failed_commits },
		{ "times no room", st->no_room },
		{ "unloads", st->unloads },
		{ "seeks", st->seeks },
		{ "unsubscribed", st->unsubscribes },
		{ "groups", st->groups },
		{ "reads", st->reads },
		{ "checkpoints", st->checkpoints },
		{ "segments sealed", st->sealed },
		{ "freed", st->freed },
		{ "recycled", st->recycled },
		{ "ledgers given up", st->ledgers_gone },
		{ "reads at an index", st->index_reads },
		{ "cursors set", st->cursor_sets },
		{ "leases asked for", st->leases },
		{ "leases ended", st->lease_ends },
		{ "delayed", st->delayed },
		{ "staged", st->staged },
		{ "appended when due", st->appended },
		{ "staged anew elsewhere", st->moved },
		{ "half messages", st->halves },
		{ "committed", st->commits },
		{ "recalls", st->recalls },
		{ "claims", st->claims },
		{ "topics deleted", st->deletes },
		{ "places given", st->places },
		{ "filled", st->filled },
	};
	size_t i;

	_Static_assert(sizeof v / sizeof v[0] == STATS_N, "one has no name");
	for (i = 0; i < STATS_N; i++)
		(void)printf(
		    "%s%" PRIu64 " %s", i > 0 ? ", " : "  ", v[i].n, v[i].name);
	(void)printf("\n");
}

static void
sums_add(const struct sim_stats *st)
{
	const uint64_t *from = (const uint64_t *)(const void *)st;
	uint64_t *to = (uint64_t *)(void *)sums;
	size_t i;

	for (i = 0; i < STATS_N; i++)
		to[i] += from[i];
}

enum found {
	NOTHING,
	VIOLATION,
	CRASH /* an assertion, or it did not end */
};

static enum found
run_apart(const struct sim_opts *o)
{
	int status;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid == 0) {
		if (o->quiet && freopen("/dev/null", "w", stdout) == NULL)
			_exit(2);
		(void)alarm(SEED_SECONDS);
		run(o);
		sums_add(&sim.st);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid) {
		perror("waitpid");
		exit(2);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
		return WEXITSTATUS(status) == 0 ? NOTHING : VIOLATION;
	if (WIFSIGNALED(status))
		(void)printf(
		    "seed %" PRIu64 ": signal %d\n", o->seed, WTERMSIG(status));
	return CRASH;
}

static int
run_many(struct sim_opts *o, uint64_t from, uint64_t to)
{
	uint64_t bad = 0;

	sums = mmap(NULL, sizeof *sums, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sums == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	for (o->seed = from; o->seed <= to; o->seed++)
		bad += run_apart(o) != NOTHING;
	(void)printf("%" PRIu64 " seeds of %u steps, %" PRIu64
		     " with a violation\n",
	    to - from + 1, o->steps, bad);
	summary(sums);
	return bad == 0 ? 0 : 1;
}

/* What make check runs: seeds without a violation, and a bug that is found. */
static int
run_check(struct sim_opts *o)
{
	if (run_many(o, 1, SEEDS_DEFAULT) != 0)
		return 1;
	o->plant_ack = o->quiet = true;
	for (o->seed = 1; o->seed <= SEEDS_PLANTED; o->seed++)
		switch (run_apart(o)) {
		case NOTHING:
			break;
		case VIOLATION:
			(void)printf("the planted bug is found by seed %" PRIu64
				     "\n",
			    o->seed);
			return 0;
		case CRASH:
			return 1;
		}
	(void)printf("the planted bug is not found\n");
	return 1;
}

/* --- options ----------------------------------------------------------------------------- */

static void
usage(void)
{
	(void)fprintf(stderr,
	    "sim [--seed N | --seeds A..B] [--steps M] "
	    "[--plant ack-not-journaled] [-v]\n");
	exit(2);
}

static const struct option longs[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "seeds", required_argument, NULL, 'S' },
	{ "steps", required_argument, NULL, 'n' },
	{ "plant", required_argument, NULL, 'p' },
	{ NULL, 0, NULL, 0 },
};

int
main(int argc, char **argv)
{
	struct sim_opts o = { .steps = STEPS_DEFAULT };
	uint64_t from = 1, to = 1;
	bool one = false, many = false;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "v", longs, NULL)) != -1)
		switch (c) {
		case 's':
			o.seed = strtoull(optarg, NULL, 10);
			one = true;
			break;
		case 'S':
			from = to = strtoull(optarg, &end, 10);
			if (end[0] == '.' && end[1] == '.')
				to = strtoull(end + 2, NULL, 10);
			many = true;
			break;
		case 'n':
			o.steps = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			if (strcmp(optarg, "ack-not-journaled") != 0)
				usage();
			o.plant_ack = true;
			break;
		case 'v':
			o.verbose = true;
			break;
		default:
			usage();
		}
	if (many)
		return run_many(&o, from, to);
	if (!one)
		return run_check(&o);
	run(&o);
	summary(&sim.st);
	return 0;
}
