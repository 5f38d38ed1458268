/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/miniobj.h"
#include "os/thread.h"

static _Atomic unsigned next_id = 1;
static _Thread_local unsigned self_id;

unsigned
thread_self(void)
{
	if (unlikely(self_id == 0))
		self_id = atomic_fetch_add(&next_id, 1);
	return self_id;
}

static void *
start(void *arg)
{
	struct thread *th;

	CAST_OBJ_NOTNULL(th, arg, THREAD_MAGIC);
	(void)pthread_setname_np(pthread_self(), th->name);
	th->fn(th->priv);
	return NULL;
}

void
thread_start(struct thread *th, const char *name, thread_f *fn, void *priv)
{
	sigset_t all, old;

	INIT_OBJ(th, THREAD_MAGIC);
	(void)snprintf(th->name, sizeof th->name, "%s", name);
	th->fn = fn;
	th->priv = priv;
	(void)sigfillset(&all);
	AZ(pthread_sigmask(SIG_SETMASK, &all, &old));
	AZ(pthread_create(&th->pt, NULL, start, th));
	AZ(pthread_sigmask(SIG_SETMASK, &old, NULL));
}

void
thread_join(struct thread *th)
{
	CHECK_OBJ_NOTNULL(th, THREAD_MAGIC);
	AZ(pthread_join(th->pt, NULL));
	FINI_OBJ(th);
}

unsigned
thread_cpus(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

void
barrier_init(struct barrier *b, unsigned n)
{
	AZ(pthread_barrier_init(&b->b, NULL, n));
}

void
barrier_wait(struct barrier *b)
{
	int r;

	r = pthread_barrier_wait(&b->b);
	assert(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
}

void
barrier_fini(struct barrier *b)
{
	AZ(pthread_barrier_destroy(&b->b));
}
