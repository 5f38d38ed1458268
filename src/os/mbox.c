/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "base/miniobj.h"
#include "os/mbox.h"

struct mbox {
	unsigned magic;
#define MBOX_MAGIC 0x3b0c0001
	pthread_mutex_t mtx;
	/* under mtx */
	struct mbox_msg *first, *last;
	uint64_t posts, wakeups;
	unsigned waiters;
	bool shut;
	bool brief; /* freed by its reader, right after reading */
	/* a loop's box */
	struct loop *lp;
	struct loop_async async;
	mbox_drain_f *drain;
	void *priv;
	/* a thread's box */
	pthread_cond_t cond;
};

static struct mbox_msg *
take_all(struct mbox *mb)
{
	struct mbox_msg *m;

	AZ(pthread_mutex_lock(&mb->mtx));
	m = mb->first;
	mb->first = NULL;
	mb->last = NULL;
	AZ(pthread_mutex_unlock(&mb->mtx));
	return m;
}

bool
mbox_drain_now(struct mbox *mb)
{
	struct mbox_msg *m;

	CHECK_OBJ_NOTNULL(mb, MBOX_MAGIC);
	LOOP_ASSERT(mb->lp);
	m = take_all(mb);
	if (m == NULL)
		return false;
	mb->drain(mb->priv, m);
	return true;
}

static void
on_async(void *priv)
{
	struct mbox *mb;

	CAST_OBJ_NOTNULL(mb, priv, MBOX_MAGIC);
	(void)mbox_drain_now(mb);
}

struct mbox *
mbox_new_thread(void)
{
	struct mbox *mb;

	ALLOC_OBJ(mb, MBOX_MAGIC);
	AZ(pthread_mutex_init(&mb->mtx, NULL));
	AZ(pthread_cond_init(&mb->cond, NULL));
	return mb;
}

struct mbox *
mbox_new_reply(void)
{
	struct mbox *mb;

	mb = mbox_new_thread();
	mb->brief = true;
	return mb;
}

struct mbox *
mbox_new(struct loop *lp, mbox_drain_f *drain, void *priv)
{
	struct mbox *mb;

	AN(drain);
	mb = mbox_new_thread();
	mb->lp = lp;
	mb->drain = drain;
	mb->priv = priv;
	loop_async_init(&mb->async, lp, on_async, mb);
	return mb;
}

void
mbox_free(struct mbox **mbp)
{
	struct mbox *mb;

	TAKE_OBJ_NOTNULL(mb, mbp, MBOX_MAGIC);
	if (mb->lp != NULL)
		loop_async_fini(&mb->async);
	/* a poster that saw the box empty may still hold the mutex */
	AZ(pthread_mutex_lock(&mb->mtx));
	assert(mb->first == NULL);
	AZ(mb->waiters);
	AZ(pthread_mutex_unlock(&mb->mtx));
	AZ(pthread_cond_destroy(&mb->cond));
	AZ(pthread_mutex_destroy(&mb->mtx));
	FREE_OBJ(mb);
}

void
mbox_post_batch(struct mbox *mb, struct mbox_msg *first, struct mbox_msg *last)
{
	bool wake, locked_only;

	CHECK_OBJ_NOTNULL(mb, MBOX_MAGIC);
	AN(first);
	last->next = NULL;
	AZ(pthread_mutex_lock(&mb->mtx));
	assert(!mb->shut);
	if (mb->lp != NULL)
		wake = mb->first == NULL;
	else
		wake = mb->waiters > 0;
	if (mb->first == NULL)
		mb->first = first;
	else
		mb->last->next = first;
	mb->last = last;
	mb->posts++;
	mb->wakeups += wake;
	/*
	 * Once the message is visible, the reader of some boxes may free them:
	 * then it has to wait for the mutex until we are done. Of the others
	 * the reader wants the mutex at once, so they are woken without it.
	 */
	if (wake && mb->lp != NULL)
		loop_async_send(&mb->async);
	else if (wake && mb->brief)
		AZ(pthread_cond_signal(&mb->cond));
	locked_only = mb->lp != NULL || mb->brief;
	AZ(pthread_mutex_unlock(&mb->mtx));
	if (wake && !locked_only)
		AZ(pthread_cond_signal(&mb->cond));
}

void
mbox_post(struct mbox *mb, struct mbox_msg *m)
{
	mbox_post_batch(mb, m, m);
}

/* with the mutex held: until there is something, or never will be */
static void
wait_some(struct mbox *mb)
{
	while (mb->first == NULL && !mb->shut) {
		mb->waiters++;
		AZ(pthread_cond_wait(&mb->cond, &mb->mtx));
		mb->waiters--;
	}
}

struct mbox_msg *
mbox_wait(struct mbox *mb)
{
	struct mbox_msg *m;

	CHECK_OBJ_NOTNULL(mb, MBOX_MAGIC);
	assert(mb->lp == NULL);
	AZ(pthread_mutex_lock(&mb->mtx));
	wait_some(mb);
	m = mb->first;
	mb->first = NULL;
	mb->last = NULL;
	AZ(pthread_mutex_unlock(&mb->mtx));
	return m;
}

struct mbox_msg *
mbox_take_one(struct mbox *mb)
{
	struct mbox_msg *m;

	CHECK_OBJ_NOTNULL(mb, MBOX_MAGIC);
	assert(mb->lp == NULL);
	AZ(pthread_mutex_lock(&mb->mtx));
	wait_some(mb);
	m = mb->first;
	if (m != NULL) {
		mb->first = m->next;
		if (mb->first == NULL)
			mb->last = NULL;
		m->next = NULL;
	}
	AZ(pthread_mutex_unlock(&mb->mtx));
	return m;
}

void
mbox_shut(struct mbox *mb)
{
	CHECK_OBJ_NOTNULL(mb, MBOX_MAGIC);
	assert(mb->lp == NULL);
	AZ(pthread_mutex_lock(&mb->mtx));
	mb->shut = true;
	AZ(pthread_cond_broadcast(&mb->cond));
	AZ(pthread_mutex_unlock(&mb->mtx));
}

uint64_t
mbox_posts(struct mbox *mb)
{
	uint64_t n;

	CHECK_OBJ_NOTNULL(mb, MBOX_MAGIC);
	AZ(pthread_mutex_lock(&mb->mtx));
	n = mb->posts;
	AZ(pthread_mutex_unlock(&mb->mtx));
	return n;
}

uint64_t
mbox_wakeups(struct mbox *mb)
{
	uint64_t n;

	CHECK_OBJ_NOTNULL(mb, MBOX_MAGIC);
	AZ(pthread_mutex_lock(&mb->mtx));
	n = mb->wakeups;
	AZ(pthread_mutex_unlock(&mb->mtx));
	return n;
}
