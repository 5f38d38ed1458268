/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "bench/bench.h"

#define SECOND INT64_C(1000000000)

static int64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

int64_t
mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t
wall_ms(void)
{
	return clock_ns(CLOCK_REALTIME_COARSE) / 1000000;
}

int64_t
wall_exact_ms(void)
{
	return clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t
count_intended_ns(const struct bench *b, uint64_t index)
{
	return b->start_ns + (int64_t)((double)index * 1e9 / b->o->rate);
}

int64_t
count_stamp_ns(const struct bench *b, uint64_t index)
{
	return b->o->rate > 0 ? count_intended_ns(b, index) : b->now_ns;
}

void
count_fill(uint8_t *payload, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		payload[i] = (uint8_t)((i * 2654435761u) >> 13);
}

/* ---- out */

void
count_ring_init(struct producer *pr, unsigned n)
{
	pr->ring_n = 1;
	while (pr->ring_n < n)
		pr->ring_n *= 2;
	pr->ring = mem_calloc(pr->ring_n, sizeof *pr->ring);
}

bool
count_has_room(const struct bench *b, const struct producer *pr, uint32_t n)
{
	if (pr->inflight + n > b->o->outstanding && pr->inflight != 0)
		return false;
	return pr->head - pr->tail != pr->ring_n;
}

uint32_t
count_sent(struct bench *b, struct producer *pr, uint32_t n, uint64_t index)
{
	uint32_t at = pr->head++ & (pr->ring_n - 1);

	pr->ring[at] = (struct pending){ pr->sequence, index, b->now_ns, n };
	pr->sequence += n;
	pr->inflight += n;
	return at;
}

static bool
in_window(const struct bench *b, int64_t ns)
{
	return ns >= b->window_ns[0] && ns < b->window_ns[1];
}

static void
answered(struct producer *pr, struct pending *pd)
{
	pr->inflight -= pd->n;
	pd->n = 0;
	while (pr->tail != pr->head &&
	    pr->ring[pr->tail & (pr->ring_n - 1)].n == 0)
		pr->tail++;
}

void
count_published(struct bench *b, struct producer *pr, struct pending *pd)
{
	int64_t t;
	uint32_t i;

	if (b->o->rate > 0) {
		for (i = 0; i < pd->n; i++) {
			t = count_intended_ns(b, pd->index + i);
			hist_add(&b->publish_now, b->now_ns - t, 1);
			if (in_window(b, t))
				hist_add(&b->publish, b->now_ns - t, 1);
		}
	} else {
		t = b->now_ns - pd->sent_ns;
		hist_add(&b->publish_now, t, pd->n);
		if (in_window(b, pd->sent_ns))
			hist_add(&b->publish, t, pd->n);
	}
	b->c.published += pd->n;
	answered(pr, pd);
}

void
count_refused(struct bench *b, struct producer *pr, struct pending *pd,
    long code, const char *text, size_t text_n)
{
	if (b->c.failed == 0)
		(void)snprintf(b->first_error, sizeof b->first_error,
		    "%ld %.*s", code, (int)text_n, text_n == 0 ? "" : text);
	b->c.failed += pd->n;
	answered(pr, pd);
}

void
count_busy(struct bench *b, struct producer *pr, struct pending *pd)
{
	b->c.busy += pd->n;
	answered(pr, pd);
}

bool
count_all_answered(const struct bench *b)
{
	unsigned i;

	for (i = 0; i < b->producers_n; i++) {
		if (b->producers[i].head != b->producers[i].tail)
			return false;
	}
	return true;
}

void
count_unanswered(struct bench *b)
{
	const struct pending *pd;
	struct producer *pr;
	int64_t t, now = mono_ns();
	unsigned i;

	for (i = 0; i < b->producers_n; i++) {
		pr = &b->producers[i];
		for (; pr->tail != pr->head; pr->tail++) {
			pd = &pr->ring[pr->tail & (pr->ring_n - 1)];
			t = b->o->rate > 0 ? count_intended_ns(b, pd->index) :
					     pd->sent_ns;
			if (pd->n != 0 && in_window(b, t))
				hist_add(&b->publish, now - t, pd->n);
		}
	}
}

/* ---- in */

void
count_arrived(struct bench *b, const uint8_t *payload, size_t n)
{
	int64_t t;

	b->c.received++;
	b->c.received_bytes += n;
	if (n < STAMP_SIZE)
		return;
	memcpy(&t, payload, STAMP_SIZE);
	if (in_window(b, t))
		hist_add(&b->e2e, b->now_ns - t, 1);
}

void
count_arrived_unread(struct bench *b, uint32_t messages)
{
	b->c.received += messages;
}
