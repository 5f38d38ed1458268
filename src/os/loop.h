/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - one event loop per shard, over libev (loop.c is the only file that
 * includes ev.h).
 *
 * An iteration is: wait, callbacks of everything that became ready, then the
 * tail hook, once, before the next wait. The shard puts there what should be
 * done once per batch instead of once per event: flush connections, post
 * batches, form a log group.
 *
 * Threads: a loop belongs to the thread that made it until loop_run() is
 * called, and then to the one that runs it; loop_bind() hands it over at other
 * times (boot and shutdown). Everything here asserts it, except loop_stop()
 * and loop_wake(), which any thread may call. LOOP_ASSERT() is the check for
 * the objects of a shard.
 *
 * Memory: watchers are embedded in the object that uses them; _fini stops
 * them. A watcher may be stopped or its object freed inside any callback.
 *
 * Timers have a resolution of 1 ms (epoll's) and never fire early.
 */
#ifndef OS_LOOP_H
#define OS_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cdefs.h"

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop **);
/* Runs until loop_stop(); can be run again. */
void loop_run(struct loop *);
/* One iteration: waits for something to be ready if block, runs what is, then
 * the tail hook. For tests and for draining at shutdown. */
void loop_run_once(struct loop *, bool block);
/* @locality any. Takes effect after the iteration under way. */
void loop_stop(struct loop *);
/* @locality any. Makes the loop do an iteration. */
void loop_wake(struct loop *);
/* The calling thread becomes the owner. */
void loop_bind(struct loop *);
bool loop_is_mine(const struct loop *);
#define LOOP_ASSERT(lp) assert(loop_is_mine(lp))

/* Times of the iteration: read once after the wait, on first use. Outside a
 * running loop they are read anew. */
int64_t loop_mono_ns(struct loop *);
int64_t loop_wall_ms(struct loop *);
/* Something long was done: read the clocks anew. */
void loop_refresh(struct loop *);

uint64_t loop_iterations(const struct loop *);

/* ---- head hook: once per iteration, after the wait and before any callback. */
typedef void loop_head_f(void *priv);
void loop_set_head(struct loop *, loop_head_f *, void *priv);

/* ---- tail hook: returns ns until it wants to run again, 0: at once (after a
 * look at what is ready), -1: only when something happens. */
typedef int64_t loop_tail_f(void *priv);
void loop_set_tail(struct loop *, loop_tail_f *, void *priv);

/* ---- watchers. `ev` holds libev's part (loop.c checks the size). */
#define LOOP_READ 1
#define LOOP_WRITE 2

struct loop_io;
typedef void loop_io_f(void *priv, int events);
struct loop_io {
	unsigned magic;
#define LOOP_IO_MAGIC 0x100b0001
	int events;
	struct loop *lp;
	loop_io_f *cb;
	void *priv;
	union {
		char mem[64];
		void *align;
		double d;
	} ev;
};
/* Watches nothing until loop_io_set(). */
void loop_io_init(
    struct loop_io *, struct loop *, int fd, loop_io_f *, void *priv);
/* LOOP_READ | LOOP_WRITE; 0 stops. Level-triggered: a hangup or an error is
 * reported as what is being watched. */
void loop_io_set(struct loop_io *, int events);
/* Before the fd is closed. Idempotent; also on a zeroed watcher. */
void loop_io_fini(struct loop_io *);

typedef void loop_timer_f(void *priv);
struct loop_timer {
	unsigned magic;
#define LOOP_TIMER_MAGIC 0x100b0002
	bool active;
	struct loop *lp;
	loop_timer_f *cb;
	void *priv;
	union {
		char mem[64];
		void *align;
		double d;
	} ev;
};
void loop_timer_init(
    struct loop_timer *, struct loop *, loop_timer_f *, void *priv);
/* One shot, `ns` from the iteration's time; an active one is set anew. */
void loop_timer_start(struct loop_timer *, int64_t ns);
void loop_timer_stop(struct loop_timer *);
bool loop_timer_active(const struct loop_timer *);
void loop_timer_fini(struct loop_timer *);

/* Wakes the loop from any thread: sends before the callback runs are one. */
typedef void loop_async_f(void *priv);
struct loop_async {
	unsigned magic;
#define LOOP_ASYNC_MAGIC 0x100b0003
	struct loop *lp;
	loop_async_f *cb;
	void *priv;
	union {
		char mem[64];
		void *align;
		double d;
	} ev;
};
void loop_async_init(
    struct loop_async *, struct loop *, loop_async_f *, void *priv);
void loop_async_send(struct loop_async *); /* @locality any */
void loop_async_fini(struct loop_async *);

/* Signals, of one loop of the process (the main one). */
typedef void loop_signal_f(void *priv, int signo);
struct loop_signal {
	unsigned magic;
#define LOOP_SIGNAL_MAGIC 0x100b0004
	int signo;
	struct loop *lp;
	loop_signal_f *cb;
	void *priv;
	union {
		char mem[64];
		void *align;
		double d;
	} ev;
};
void loop_signal_init(struct loop_signal *, struct loop *, int signo,
    loop_signal_f *, void *priv);
void loop_signal_fini(struct loop_signal *);

#endif
