/* SPDX-License-Identifier: Apache-2.0 */
/* loop, mailbox, thread: timers, tail, batches, two threads (TSan looks) */
#include "test.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/mbox.h"
#include "os/sock.h"
#include "os/thread.h"

#define MS CLOCK_NS_PER_MS

struct fixture {
	struct loop *lp;
	struct loop_timer t[3];
	int fired[3];
	int order_n, order[8];
	int tails, tail_max;
	int64_t tail_ns;
	struct loop_io io;
	int fd[2];
	int signo;
};

static struct fixture fx;

static void
fire0(void *priv)
{
	(void)priv;
	fx.fired[0]++;
	fx.order[fx.order_n++] = 0;
	loop_timer_stop(&fx.t[2]);
}

static void
fire1(void *priv)
{
	(void)priv;
	fx.fired[1]++;
	fx.order[fx.order_n++] = 1;
	if (fx.fired[1] < 3)
		loop_timer_start(&fx.t[1], 2 * MS);
	else
		loop_stop(fx.lp);
}

static void
fire2(void *priv)
{
	(void)priv;
	fx.fired[2]++;
}

static void
test_timers(void **state)
{
	int64_t t0;

	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.lp = loop_new();
	loop_timer_init(&fx.t[0], fx.lp, fire0, NULL);
	loop_timer_init(&fx.t[1], fx.lp, fire1, NULL);
	loop_timer_init(&fx.t[2], fx.lp, fire2, NULL);
	t0 = clock_mono_ns();
	loop_timer_start(&fx.t[1], 5 * MS);
	loop_timer_start(&fx.t[0], 1 * MS);
	loop_timer_start(&fx.t[2], 6 * MS);
	loop_run(fx.lp);
	assert_int_equal(fx.fired[0], 1);
	assert_int_equal(fx.fired[1], 3);
	assert_int_equal(fx.fired[2], 0);
	assert_int_equal(fx.order[0], 0);
	assert_true(clock_mono_ns() - t0 >= 8 * MS);
	assert_false(loop_timer_active(&fx.t[0]));
	loop_timer_fini(&fx.t[0]);
	loop_timer_fini(&fx.t[1]);
	loop_timer_start(&fx.t[2], 1000 * MS);
	loop_timer_fini(&fx.t[2]);
	loop_timer_fini(&fx.t[2]);
	loop_free(&fx.lp);
	assert_null(fx.lp);
}

static int64_t
tail(void *priv)
{
	(void)priv;
	if (++fx.tails == fx.tail_max)
		loop_stop(fx.lp);
	return fx.tail_ns;
}

/* at once means at once: no millisecond is waited in between */
static void
test_tail(void **state)
{
	int64_t t0;

	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.lp = loop_new();
	loop_set_tail(fx.lp, tail, NULL);
	fx.tail_max = 3000;
	t0 = clock_mono_ns();
	loop_run(fx.lp);
	assert_int_equal(fx.tails, 3000);
	assert_true(clock_mono_ns() - t0 < 2000 * MS);

	fx.tails = 0;
	fx.tail_max = 4;
	fx.tail_ns = 3 * MS;
	t0 = clock_mono_ns();
	loop_run(fx.lp);
	assert_true(clock_mono_ns() - t0 >= 6 * MS);

	/* -1: only when something happens */
	fx.tails = 0;
	fx.tail_max = 0;
	fx.tail_ns = -1;
	loop_timer_init(&fx.t[1], fx.lp, fire1, NULL);
	fx.fired[1] = 2;
	loop_timer_start(&fx.t[1], 5 * MS);
	loop_run(fx.lp);
	assert_true(fx.tails >= 1 && fx.tails <= 8);
	loop_timer_fini(&fx.t[1]);
	loop_free(&fx.lp);
}

static void
on_io(void *priv, int events)
{
	char c;

	(void)priv;
	if (events & LOOP_READ) {
		assert_int_equal(read(fx.fd[0], &c, 1), 1);
		fx.fired[0]++;
	}
	if (events & LOOP_WRITE)
		fx.fired[1]++;
}

static void
test_io(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.lp = loop_new();
	assert_ok(sock_pair(fx.fd));
	loop_io_init(&fx.io, fx.lp, fx.fd[0], on_io, NULL);
	loop_io_set(&fx.io, LOOP_READ);
	loop_run_once(fx.lp, false);
	assert_int_equal(fx.fired[0], 0);
	assert_int_equal(write(fx.fd[1], "ab", 2), 2);
	loop_run_once(fx.lp, true);
	assert_int_equal(fx.fired[0], 1);
	assert_int_equal(fx.fired[1], 0);
	loop_io_set(&fx.io, LOOP_READ | LOOP_WRITE);
	loop_run_once(fx.lp, true);
	assert_int_equal(fx.fired[0], 2);
	assert_int_equal(fx.fired[1], 1);
	loop_io_set(&fx.io, 0);
	assert_int_equal(write(fx.fd[1], "c", 1), 1);
	loop_run_once(fx.lp, false);
	assert_int_equal(fx.fired[0], 2);
	loop_io_fini(&fx.io);
	loop_io_fini(&fx.io);
	sock_close(fx.fd[0]);
	sock_close(fx.fd[1]);
	loop_free(&fx.lp);
}

static void
on_signal(void *priv, int signo)
{
	(void)priv;
	fx.signo = signo;
	loop_stop(fx.lp);
}

static void
test_signal(void **state)
{
	struct loop_signal sig;

	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.lp = loop_new();
	loop_signal_init(&sig, fx.lp, SIGUSR1, on_signal, NULL);
	AZ(raise(SIGUSR1));
	loop_run(fx.lp);
	assert_int_equal(fx.signo, SIGUSR1);
	loop_signal_fini(&sig);
	loop_free(&fx.lp);
}

static void
test_clock(void **state)
{
	int64_t a, b;

	(void)state;
	fx.lp = loop_new();
	a = loop_mono_ns(fx.lp);
	b = loop_mono_ns(fx.lp);
	assert_true(b >= a);
	assert_true(loop_wall_ms(fx.lp) > 1600000000000ll);
	loop_free(&fx.lp);
}

/* ---- mailbox */

struct msg {
	struct mbox_msg link; /* first */
	unsigned sender, n;
};

#define SENDERS 3
#define PER_SENDER 20000u

struct mtest {
	struct loop *lp;
	struct mbox *mb, *back;
	unsigned next[SENDERS], got, batches;
	struct barrier start;
	struct thread th[SENDERS];
	_Atomic unsigned ids;
};

static void
drain(void *priv, struct mbox_msg *batch)
{
	struct mtest *mt = priv;
	struct mbox_msg *next;
	struct msg *m;

	mt->batches++;
	for (; batch != NULL; batch = next) {
		next = batch->next;
		m = (struct msg *)batch;
		assert_int_equal(m->n, mt->next[m->sender]);
		mt->next[m->sender]++;
		mt->got++;
		mem_free(m);
	}
	if (mt->got == SENDERS * PER_SENDER)
		loop_stop(mt->lp);
}

static void
sender(void *priv)
{
	struct mtest *mt = priv;
	unsigned id, i;
	struct msg *m;

	id = atomic_fetch_add(&mt->ids, 1);
	barrier_wait(&mt->start);
	for (i = 0; i < PER_SENDER; i++) {
		m = mem_zalloc(sizeof *m);
		m->sender = id;
		m->n = i;
		mbox_post(mt->mb, &m->link);
	}
}

static void
test_mbox_threads(void **state)
{
	struct mtest mt;
	int i;

	(void)state;
	memset(&mt, 0, sizeof mt);
	mt.lp = loop_new();
	mt.mb = mbox_new(mt.lp, drain, &mt);
	barrier_init(&mt.start, SENDERS);
	for (i = 0; i < SENDERS; i++)
		thread_start(&mt.th[i], "sender", sender, &mt);
	loop_run(mt.lp);
	for (i = 0; i < SENDERS; i++)
		thread_join(&mt.th[i]);
	barrier_fini(&mt.start);
	assert_int_equal(mt.got, SENDERS * PER_SENDER);
	assert_int_equal(mbox_posts(mt.mb), SENDERS * PER_SENDER);
	assert_true(mbox_wakeups(mt.mb) >= 1);
	assert_true(mbox_wakeups(mt.mb) <= mbox_posts(mt.mb));
	assert_true(mt.batches <= mbox_wakeups(mt.mb));
	assert_false(mbox_drain_now(mt.mb));
	mbox_free(&mt.mb);
	loop_free(&mt.lp);
}

/* one wake-up for a batch */
static void
test_mbox_batch(void **state)
{
	struct mtest mt;
	struct msg *m[4];
	int i;

	(void)state;
	memset(&mt, 0, sizeof mt);
	mt.lp = loop_new();
	mt.mb = mbox_new(mt.lp, drain, &mt);
	for (i = 0; i < 4; i++) {
		m[i] = mem_zalloc(sizeof *m[i]);
		m[i]->n = (unsigned)i;
	}
	m[1]->link.next = &m[2]->link;
	mbox_post(mt.mb, &m[0]->link);
	mbox_post_batch(mt.mb, &m[1]->link, &m[2]->link);
	mbox_post(mt.mb, &m[3]->link);
	loop_run_once(mt.lp, true);
	assert_int_equal(mt.got, 4);
	assert_int_equal(mt.batches, 1);
	assert_int_equal(mbox_wakeups(mt.mb), 1);
	mbox_free(&mt.mb);
	loop_free(&mt.lp);
}

static void
echo(void *priv)
{
	struct mtest *mt = priv;
	struct mbox_msg *m;

	while ((m = mbox_take_one(mt->back)) != NULL)
		mbox_post(mt->mb, m);
}

static void
echo_all(void *priv)
{
	struct mtest *mt = priv;
	struct mbox_msg *m, *next;

	while ((m = mbox_wait(mt->back)) != NULL)
		for (; m != NULL; m = next) {
			next = m->next;
			mbox_post(mt->mb, m);
		}
}

/* a thread's box, there and back */
static void
echo_test(thread_f *fn)
{
	struct mtest mt;
	struct msg *m;
	unsigned i, s;

	memset(&mt, 0, sizeof mt);
	mt.lp = loop_new();
	mt.mb = mbox_new(mt.lp, drain, &mt);
	mt.back = mbox_new_thread();
	thread_start(&mt.th[0], "echo", fn, &mt);
	for (i = 0; i < PER_SENDER; i++)
		for (s = 0; s < SENDERS; s++) {
			m = mem_zalloc(sizeof *m);
			m->sender = s;
			m->n = i;
			mbox_post(mt.back, &m->link);
		}
	loop_run(mt.lp);
	mbox_shut(mt.back);
	thread_join(&mt.th[0]);
	assert_int_equal(mt.got, SENDERS * PER_SENDER);
	mbox_free(&mt.back);
	mbox_free(&mt.mb);
	loop_free(&mt.lp);
}

static void
test_mbox_take_one(void **state)
{
	(void)state;
	echo_test(echo);
}

static void
test_mbox_wait(void **state)
{
	(void)state;
	echo_test(echo_all);
}

static void
test_thread(void **state)
{
	(void)state;
	assert_true(thread_cpus() >= 1);
	assert_int_equal(thread_self(), thread_self());
	assert_true(thread_self() != 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_mbox_batch),
		cmocka_unit_test(test_mbox_threads),
		cmocka_unit_test(test_mbox_take_one),
		cmocka_unit_test(test_mbox_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
