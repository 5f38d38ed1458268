/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/vas.h"
#include "os/prot.h"

void
prot_init(void)
{
	struct sigaction sa = { .sa_handler = SIG_IGN };

	AZ(sigaction(SIGPIPE, &sa, NULL));
	AZ(sigaction(SIGXFSZ, &sa, NULL));
}

uint64_t
prot_random(void)
{
	uint64_t v;

	/* 8 bytes come whole, and wait at most for the machine's start */
	assert(getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v);
	return v;
}

uint64_t
prot_raise_fds(void)
{
	struct rlimit rl;

	AZ(getrlimit(RLIMIT_NOFILE, &rl));
	if (rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
		AZ(getrlimit(RLIMIT_NOFILE, &rl));
	}
	return rl.rlim_cur;
}

/* "Name:   123 kB" */
static void
take_kb(const char *line, const char *name, uint64_t *bytes)
{
	size_t n = strlen(name);

	if (strncmp(line, name, n) == 0)
		*bytes = strtoull(line + n, NULL, 10) * 1024;
}

void
prot_mem(struct prot_mem *m)
{
	char line[256];
	long pages;
	FILE *f;

	memset(m, 0, sizeof *m);
	pages = sysconf(_SC_PHYS_PAGES);
	if (pages > 0)
		m->total_bytes =
		    (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	f = fopen("/proc/self/status", "re");
	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL) {
		take_kb(line, "RssAnon:", &m->rss_anon_bytes);
		take_kb(line, "RssFile:", &m->rss_file_bytes);
		take_kb(line, "VmHWM:", &m->rss_peak_bytes);
	}
	(void)fclose(f);
}

uint64_t
prot_open_fds(void)
{
	uint64_t n = 0;
	DIR *d;

	d = opendir("/proc/self/fd");
	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	/* ".", ".." and the directory itself */
	return n > 3 ? n - 3 : 0;
}
