/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.h - threads: start with a name, join, start together. All signals
 * are blocked in threads started here, so that they reach the main thread.
 * Failing to start one is fatal (boot only).
 */
#ifndef OS_THREAD_H
#define OS_THREAD_H

#include <pthread.h>
#include <stdbool.h>

typedef void thread_f(void *priv);

struct thread {
	unsigned magic;
#define THREAD_MAGIC 0x74ead001
	pthread_t pt;
	char name[16];
	thread_f *fn;
	void *priv;
};

/* The struct must stay until joined. name: at most 15 bytes are kept. */
void thread_start(struct thread *, const char *name, thread_f *, void *priv);
void thread_join(struct thread *);

/* A small number, unique for the life of the process; never 0. */
unsigned thread_self(void);

/* CPUs that this process may run on, >= 1 */
unsigned thread_cpus(void);

/* n threads wait for each other, once. */
struct barrier {
	pthread_barrier_t b;
};
void barrier_init(struct barrier *, unsigned n);
void barrier_wait(struct barrier *);
void barrier_fini(struct barrier *);

#endif
