/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox.h - mailbox: the only way from one thread to another.
 *
 * An intrusive FIFO under a mutex, taken whole by its reader. The reader is
 * woken only when the box was empty, so a batch costs one wake-up however many
 * messages are in it. Messages of one sender arrive in the order in which they
 * were posted.
 *
 * Two kinds: a loop's (the drain callback runs on the loop's thread) and a
 * plain thread's (mbox_wait, mbox_take_one; several threads may take).
 *
 * Memory: messages are the poster's until posted, then the reader's. The box
 * must be empty when it is freed (mbox_drain_now before). A
 * thread's box is freed only when nobody posts to it any more; a loop's box may
 * be freed as soon as the last message that will ever come was drained.
 */
#ifndef OS_MBOX_H
#define OS_MBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mbox_msg.h"
#include "os/loop.h"

struct mbox;

/* The whole batch in order, ended by NULL; the callback reads ->next before it
 * lets go of a message. */
typedef void mbox_drain_f(void *priv, struct mbox_msg *batch);

/* @locality the loop's */
struct mbox *mbox_new(struct loop *, mbox_drain_f *, void *priv);
struct mbox *mbox_new_thread(void);
/* A thread's box for one answer: its reader may free it once it was read. */
struct mbox *mbox_new_reply(void);
void mbox_free(struct mbox **);

/* @locality any */
void mbox_post(struct mbox *, struct mbox_msg *);
/* first..last are linked already: one lock and at most one wake-up. */
void mbox_post_batch(
    struct mbox *, struct mbox_msg *first, struct mbox_msg *last);

/* A loop's box: what is there is drained now, on the loop's thread (shutdown,
 * tests). Returns whether there was something. */
bool mbox_drain_now(struct mbox *);

/* A thread's box. Wait until there is something or the box is shut: the whole
 * batch, NULL when shut and empty. */
struct mbox_msg *mbox_wait(struct mbox *);
/* One message (a pool of threads on one box). */
struct mbox_msg *mbox_take_one(struct mbox *);
/* No more waiting: readers get what is left, then NULL. @locality any */
void mbox_shut(struct mbox *);

/* @locality any; for the metrics */
uint64_t mbox_posts(struct mbox *);
uint64_t mbox_wakeups(struct mbox *);

#endif
