/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the two parts of rawwrite share; rawwrite.c says what it measures.
 * One cell of a table runs at a time: raw_cell_reset, raw_work_open, the run
 * between raw_cost_start and raw_cost_stop, raw_work_close. All may be
 * called by the main thread only, except raw_work_next, raw_lat_add,
 * raw_write_synced and raw_run_blocking: any thread, one per lane.
 */
#ifndef BENCH_RAWWRITE_H
#define BENCH_RAWWRITE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SEG_BYTES (64UL << 20)
#define SEG_MAX 16U /* fresh or zero-filled segments of one cell */
#define RECYCLED_N 8U /* segments written over and over */
#define BUF_BYTES (1UL << 20)
#define LAT_MAX (1U << 18) /* samples of one lane; a full lane ends the cell */
#define LANES 2U

enum how {
	DIRECT_FDS,
	DIRECT_RWF,
	DIRECT_ODS,
	URING_RWF,
	URING_LINK,
	BUF_FDS
};
enum state {
	FRESH,
	ZEROED,
	RECYCLED
};

/* What is written where; next is shared by the lanes. */
struct work {
	enum how how;
	size_t size;
	unsigned depth;
	int fd[SEG_MAX];
	unsigned seg_n;
	bool wrap;
	atomic_uint_fast64_t next;
	uint64_t deadline_ns;
};

struct cost {
	uint64_t wall_ns, cpu_ns, loop_ns;
	int64_t kthread_ns; /* negative: one that had run much has ended */
};

extern unsigned raw_cell_ms;
extern unsigned char *raw_buf[LANES]; /* BUF_BYTES each, page aligned */
extern uint64_t raw_lat[LANES * LAT_MAX]; /* ns, lane after lane */
extern unsigned raw_lat_n[LANES];
extern atomic_int raw_failure; /* the errno that ended the cell */

uint64_t raw_now_ns(void);
void raw_cost_start(struct cost *c);
void raw_cost_stop(struct cost *c);

/* Open the segments of a cell; false with raw_failure set if refused. */
bool raw_work_open(struct work *w, enum state st);
void raw_work_close(struct work *w, enum state st);
/* The next place to write; false when the cell is over. */
bool raw_work_next(struct work *w, unsigned lane, int *fd, off_t *off);

/* Returns 0 or errno. A short write is an error: segments are in full. */
int raw_write_synced(enum how how, int fd, void *p, size_t size, off_t off);
void raw_run_blocking(struct work *w, unsigned lane);
void raw_run_uring(struct work *w);

void raw_lat_add(unsigned lane, uint64_t ns);
int raw_cmp_u64(const void *a, const void *b);
/* Percentile p (0 to 1) of n > 0 sorted values in ns, as us. */
double raw_pct_us(const uint64_t *v, unsigned n, double p);
void raw_cell_reset(void);
bool raw_cell_ok(void);
/* Sorts the samples; the row is not ended. */
void raw_print_figures(const struct cost *c, size_t size);
void raw_print_failure(void);

void raw_part_handover(void);

#endif
