/* SPDX-License-Identifier: Apache-2.0 */
/* Turns at the broker's publish rate, by threads of different haste; time is told. */
#include "test.h"

#include "core/pubturn.h"

#define MS_NS INT64_C(1000000)
#define S_NS (1000 * MS_NS)
#define SHARDS 3

/* One topic, which always has publishes of one message. */
struct topic {
	struct pubturn turn;
	int64_t paid_ns; /* of one that takes first; -1: takes ahead */
	bool counted;
	unsigned n; /* published */
};

struct shard {
	struct pubpart part;
	struct topic t[4];
	unsigned topics_n;
	int64_t every_ns, next_ns; /* it looks */
};

static void
ahead(struct shard *sh, struct topic *t, int64_t now)
{
	int64_t one = part_cost_ns(&sh->part, 1, 0);

	if (t->turn.n > 0 && t->turn.due_ns > now)
		return;
	if (t->turn.n > 0) {
		t->n += t->turn.n;
		turn_settle(
		    &sh->part, &t->turn, now, t->turn.msgs, t->turn.bytes);
	}
	t->turn.n = (uint32_t)(turn_ns(&sh->part, t->counted) / one);
	if (t->turn.n == 0)
		t->turn.n = 1;
	t->turn.msgs = t->turn.n;
	t->turn.ahead_ns = (t->turn.n - 1) * one;
	turn_take(&sh->part, &t->turn, now);
	part_wait(&sh->part, &t->counted, true);
}

static void
first(struct shard *sh, struct topic *t, int64_t now)
{
	int64_t spare = turn_ns(&sh->part, t->counted),
		one = part_cost_ns(&sh->part, 1, 0);

	if (t->paid_ns > now)
		return;
	do {
		t->paid_ns = part_take(&sh->part, now, 1, 0);
		t->n++;
		spare -= one;
	} while (spare > 0);
	part_wait(&sh->part, &t->counted, true);
}

static void
run(struct shard *sh, int64_t from, int64_t until)
{
	int64_t now;
	unsigned i, k;

	for (now = from; now < until; now += MS_NS) {
		/* the first one comes before the others */
		for (i = 0; i < SHARDS; i++) {
			if (now < sh[i].next_ns)
				continue;
			sh[i].next_ns = now + sh[i].every_ns;
			for (k = 0; k < sh[i].topics_n; k++)
				if (sh[i].t[k].paid_ns >= 0)
					first(&sh[i], &sh[i].t[k], now);
				else
					ahead(&sh[i], &sh[i].t[k], now);
		}
	}
}

/* Shards with 1, 2 and 3 topics, which look each ms, 7 ms, 20 ms. */
static void
begin(struct shard *sh, struct pubtotal *total, int64_t rate, int64_t paid_ns)
{
	static const int64_t every_ms[SHARDS] = { 1, 7, 20 };
	unsigned i, k;

	for (i = 0; i < SHARDS; i++) {
		sh[i] = (struct shard){ .topics_n = i + 1,
			.every_ns = every_ms[i] * MS_NS };
		part_init(&sh[i].part, total, rate, 0);
		for (k = 0; k < sh[i].topics_n; k++)
			sh[i].t[k].paid_ns = paid_ns;
	}
	/* the first second's tokens are gone */
	(void)part_take(&sh[0].part, S_NS, (uint64_t)rate, 0);
}

static void
all_get_the_same(int64_t rate, int64_t paid_ns, unsigned of_100)
{
	unsigned i, k, all = 0, each = (unsigned)rate * 10 / 6;
	struct shard sh[SHARDS];
	struct pubtotal total = { 0 };

	begin(sh, &total, rate, paid_ns);
	run(sh, S_NS, 11 * S_NS);
	assert_int_equal(total.waiting, 6);
	for (i = 0; i < SHARDS; i++)
		for (k = 0; k < sh[i].topics_n; k++) {
			assert_in_range(sh[i].t[k].n,
			    each - each * of_100 / 100,
			    each + each * of_100 / 100);
			all += sh[i].t[k].n;
		}
	/* no less than the rate, and no more */
	assert_in_range(all, rate * 10 * 98 / 100, rate * 10 + rate / 20 + 6);
}

/* Where a round is longer than the slowest needs, exactly so. */
static void
turns_taken_ahead(void **state)
{
	(void)state;
	all_get_the_same(20, -1, 4);
	all_get_the_same(60, -1, 2);
	all_get_the_same(1000, -1, 25);
	all_get_the_same(100000, -1, 25);
}

static void
turns_on_debt(void **state)
{
	(void)state;
	all_get_the_same(20, 0, 7);
	all_get_the_same(60, 0, 4);
	all_get_the_same(1000, 0, 25);
	all_get_the_same(100000, 0, 25);
}

/* The length of a turn follows the number of those that wait. */
static void
a_round(void **state)
{
	struct pubtotal total = { 0 };
	struct pubpart a = { 0 }, b = { 0 };
	bool counted[5] = { 0 };
	unsigned i;

	(void)state;
	part_init(&a, &total, 10, 0);
	part_init(&b, &total, 10, 0);
	assert_int_equal(turn_ns(&a, false), TURN_ROUND_NS);
	for (i = 0; i < 5; i++) {
		part_wait(i % 2 == 0 ? &a : &b, &counted[i], true);
		part_wait(&a, &counted[i], true);
		assert_int_equal(total.waiting, i + 1);
	}
	assert_int_equal(turn_ns(&b, true), TURN_ROUND_NS / 5);
	assert_int_equal(turn_ns(&b, false), TURN_ROUND_NS / 6);
	for (i = 0; i < 5; i++) {
		part_wait(&b, &counted[i], false);
		part_wait(&b, &counted[i], false);
	}
	assert_int_equal(total.waiting, 0);
}

/* What was taken ahead and isn't used, is there for others. */
static void
what_is_not_used(void **state)
{
	struct pubturn tu = { .n = 5, .msgs = 5, .bytes = 500 };
	struct pubtotal total = { 0 };
	struct pubpart p = { 0 };
	int64_t now = 3 * S_NS, before, paid;

	(void)state;
	part_init(&p, &total, 10, 1000);
	/* there is a second's worth, so it is due at once */
	turn_take(&p, &tu, now);
	assert_true(tu.due_ns <= now);
	assert_true(part_has(&p, now));
	paid = part_take(&p, now, 5, 500);
	assert_in_range(paid, now + 1, now + 100 * MS_NS);
	assert_false(part_has(&p, now));
	assert_true(part_has(&p, paid));
	before = bucket_shared_full(&total.msgs);
	turn_settle(&p, &tu, now, 3, 500);
	assert_int_equal(tu.n, 0);
	assert_int_equal(bucket_shared_full(&total.msgs), before - S_NS / 5);
	/* of bytes nothing came back, and more is taken than was */
	assert_false(part_has(&p, now));
	tu = (struct pubturn){ .n = 1, .msgs = 1, .bytes = 10 };
	turn_take(&p, &tu, now);
	assert_in_range(tu.due_ns, now + 1, now + 2 * MS_NS);
	before = bucket_shared_full(&total.bytes);
	turn_settle(&p, &tu, now, 1, 110);
	assert_int_equal(bucket_shared_full(&total.bytes), before + S_NS / 10);
}

/* Another rate forgets what was taken; without one nothing is. */
static void
another_rate(void **state)
{
	struct pubturn tu = { .n = 1, .msgs = 1 };
	struct pubtotal total = { 0 };
	struct pubpart p = { 0 };

	(void)state;
	part_init(&p, &total, 10, 0);
	(void)part_take(&p, S_NS, 1000, 0);
	assert_false(part_has(&p, S_NS));
	part_set(&p, 10, 0);
	assert_false(part_has(&p, S_NS));
	assert_int_equal(p.epoch, 0);
	part_set(&p, 20, 0);
	assert_true(part_has(&p, S_NS));
	assert_int_equal(p.epoch, 1);
	/* what comes back later fills nothing over */
	bucket_shared_return(&total.msgs, &p.msgs, 1000);
	assert_int_equal(bucket_shared_full(&total.msgs), INT64_MIN);
	part_set(&p, 0, 0);
	assert_false(part_is_on(&p));
	assert_int_equal(part_take(&p, S_NS, 1000, 1000), INT64_MIN);
	turn_take(&p, &tu, S_NS);
	assert_int_equal(tu.due_ns, INT64_MIN);
	turn_settle(&p, &tu, S_NS, 0, 0);
	assert_int_equal(bucket_shared_full(&total.msgs), INT64_MIN);
	assert_int_equal(part_cost_ns(&p, 1000, 1000), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_taken_ahead),
		cmocka_unit_test(turns_on_debt),
		cmocka_unit_test(a_round),
		cmocka_unit_test(what_is_not_used),
		cmocka_unit_test(another_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
