/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/proc.h"

/* The number behind "key:" in a file of such lines. */
static int64_t
value(int pid, const char *file, const char *key)
{
	char path[64], line[256];
	size_t n = strlen(key);
	int64_t v = -1, x;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	while (fgets(line, sizeof line, f) != NULL) {
		if (strncmp(line, key, n) == 0 && line[n] == ':' &&
		    sscanf(line + n + 1, "%" SCNd64, &x) == 1) {
			v = x;
			break;
		}
	}
	(void)fclose(f);
	return v;
}

static double
cpu_s(int pid)
{
	unsigned long user, sys;
	char path[64], line[1024];
	const char *p;
	double s = -1;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	/* the name may hold anything, but its last parenthesis is the last */
	if (fgets(line, sizeof line, f) != NULL &&
	    (p = strrchr(line, ')')) != NULL &&
	    sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		&user, &sys) == 2)
		s = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
	(void)fclose(f);
	return s;
}

static void
read_one(struct proc *p, int pid)
{
	p->cpu_s = cpu_s(pid);
	p->rss_kib = value(pid, "status", "VmRSS");
	p->anon_kib = value(pid, "status", "RssAnon");
	p->peak_kib = value(pid, "status", "VmHWM");
	p->pss_kib = value(pid, "smaps_rollup", "Pss");
	p->written_bytes = value(pid, "io", "write_bytes");
}

/* What can't be read of one can't be told of all. */
static int64_t
plus(int64_t a, int64_t b)
{
	return a < 0 || b < 0 ? -1 : a + b;
}

void
proc_read(struct proc *p, const int *pids, unsigned n)
{
	struct proc q;
	unsigned i;

	*p = (struct proc){ -1, -1, -1, -1, -1, -1 };
	for (i = 0; i < n; i++) {
		read_one(&q, pids[i]);
		if (i == 0) {
			*p = q;
			continue;
		}
		p->cpu_s =
		    p->cpu_s < 0 || q.cpu_s < 0 ? -1 : p->cpu_s + q.cpu_s;
		p->rss_kib = plus(p->rss_kib, q.rss_kib);
		p->anon_kib = plus(p->anon_kib, q.anon_kib);
		p->peak_kib = plus(p->peak_kib, q.peak_kib);
		p->pss_kib = plus(p->pss_kib, q.pss_kib);
		p->written_bytes = plus(p->written_bytes, q.written_bytes);
	}
}

double
proc_own_cpu_s(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		return -1;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}
