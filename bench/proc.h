/* SPDX-License-Identifier: Apache-2.0 */
/* What Linux's /proc says of processes: the broker's side of a measurement. */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdint.h>

/* -1: couldn't be read */
struct proc {
	double cpu_s; /* user and system, since it started */
	int64_t rss_kib;
	int64_t anon_kib; /* RssAnon: without mapped files */
	int64_t peak_kib; /* the largest RSS so far */
	int64_t pss_kib; /* shared pages counted once */
	int64_t written_bytes; /* to storage */
};

/* the sum of n processes; none: all -1 */
void proc_read(struct proc *p, const int *pids, unsigned n);
/* CPU of this process, s */
double proc_own_cpu_s(void);

#endif
