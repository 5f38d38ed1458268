/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prot.h - the process: descriptor limit, memory and CPU as the kernel counts
 * them (for boot and the metrics). Any thread.
 */
#ifndef OS_PROT_H
#define OS_PROT_H

#include <stdint.h>

struct prot_mem {
	uint64_t rss_anon_bytes;
	uint64_t rss_file_bytes;
	uint64_t rss_peak_bytes;
	uint64_t total_bytes; /* of the machine */
};

/* Raises the soft limit of descriptors to the hard one; returns what it is. */
uint64_t prot_raise_fds(void);
/* Zeroes where /proc does not say. */
void prot_mem(struct prot_mem *);
/* open descriptors of this process; 0: unknown */
uint64_t prot_open_fds(void);
/* From the kernel's generator: seeds of tables whose keys peers choose. */
uint64_t prot_random(void);
/* SIGPIPE and SIGXFSZ are ignored: writes say EPIPE and EFBIG. Called first in
 * main. */
void prot_init(void);

#endif
