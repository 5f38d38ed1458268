/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers that subscribe more often than they may. */
#include "test.h"

#include "core/subrate.h"
#include "core/topic_priv.h"
#include "tests/lib/topic_rig.h"

#define T "persistent://public/default/t"

struct who {
	const char *addr, *name, *sub;
	uint64_t tag, conn;
};

static const struct who me = { "10.0.0.1:1000", "c", "s", 1, 1 };

static void
start(struct trig *r, int64_t n, int64_t period_s)
{
	trig_init(r);
	r->conf.limits.v[LIM_SUBSCRIBE_RATE] =
	    (struct limit_value){ .n = n, .period_s = period_s };
	trig_start(r);
}

static void
stop(struct trig *r)
{
	trig_stop(r);
	trig_fini(r);
}

/* ERR_OK: subscribed, and closed again. */
static enum err
come(struct trig *r, const char *topic, struct who w)
{
	struct op *op = trig_op(r, OP_SUBSCRIBE, topic, w.tag);
	struct fx *fx;
	enum err e;

	op->dest.conn = w.conn;
	op->subscribe.sub = op_str(op, str_of(w.sub));
	op->subscribe.consumer = op_str(op, str_of(w.name));
	op->subscribe.client_addr = op_str(op, str_of(w.addr));
	op->subscribe.type = SUB_SHARED;
	op->subscribe.create_topic = true;
	op->subscribe.durable = true;
	fx = trig_do(r, op);
	if (fx->type != FX_SUBSCRIBED) {
		e = fx->err;
		assert_int_equal(e, ERR_NOT_ALLOWED);
		assert_string_equal(fx->diag,
		    "Subscribe limited by subscribe rate limit per consumer.");
		return e;
	}
	op = trig_op(r, OP_CONSUMER_CLOSE, topic, w.tag);
	op->handle = fx->handle;
	assert_int_equal(trig_do(r, op)->err, ERR_OK);
	return ERR_OK;
}

static void
over_the_rate(void **state)
{
	struct trig r;
	unsigned i;

	(void)state;
	start(&r, 3, 10);
	/* the first one makes the subscription, waits for it, and counts once */
	for (i = 0; i < 3; i++)
		assert_int_equal(come(&r, T, me), ERR_OK);
	assert_int_equal(come(&r, T, me), ERR_NOT_ALLOWED);
	/* tokens come back one by one */
	trig_pass(&r, 3500);
	assert_int_equal(come(&r, T, me), ERR_OK);
	assert_int_equal(come(&r, T, me), ERR_NOT_ALLOWED);
	/* and all of them with the next period */
	trig_pass(&r, 7000);
	for (i = 0; i < 3; i++)
		assert_int_equal(come(&r, T, me), ERR_OK);
	assert_int_equal(come(&r, T, me), ERR_NOT_ALLOWED);
	stop(&r);
}

/* Another port or connection is the same consumer; another address, name, id or topic
 * is another one. */
static void
who_is_who(void **state)
{
	struct who w;
	struct trig r;

	(void)state;
	start(&r, 1, 30);
	assert_int_equal(come(&r, T, me), ERR_OK);
	w = me;
	w.addr = "10.0.0.1:2000";
	w.conn = 2;
	assert_int_equal(come(&r, T, w), ERR_NOT_ALLOWED);
	w.sub = "other";
	assert_int_equal(come(&r, T, w), ERR_NOT_ALLOWED);
	w = me;
	w.addr = "10.0.0.2:1000";
	assert_int_equal(come(&r, T, w), ERR_OK);
	w = me;
	w.name = "d";
	assert_int_equal(come(&r, T, w), ERR_OK);
	w = me;
	w.tag = 2;
	assert_int_equal(come(&r, T, w), ERR_OK);
	assert_int_equal(come(&r, T "2", me), ERR_OK);
	/* who has no address is not counted */
	w = me;
	w.addr = "";
	assert_int_equal(come(&r, T, w), ERR_OK);
	assert_int_equal(come(&r, T, w), ERR_OK);
	stop(&r);
}

static void
not_of_these(void **state)
{
	struct trig r;
	unsigned i;

	(void)state;
	start(&r, 1, 30);
	for (i = 0; i < 3; i++)
		assert_int_equal(
		    come(&r, "non-persistent://public/default/t", me), ERR_OK);
	stop(&r);
	start(&r, 0, 30);
	for (i = 0; i < 30; i++)
		assert_int_equal(come(&r, T, me), ERR_OK);
	assert_null(topic_find(r.co, str_of(T))->subrate);
	stop(&r);
}

/* A topic's own rate stands above; another one begins anew, none forgets. */
static void
another_rate(void **state)
{
	static const char *const own[] = {
		"{\"subscribeThrottlingRatePerConsumer\":2}", ""
	};
	struct trig r;
	unsigned i;

	(void)state;
	start(&r, 1, 30);
	assert_int_equal(come(&r, T, me), ERR_OK);
	assert_int_equal(come(&r, T, me), ERR_NOT_ALLOWED);
	for (i = 0; i < NELEM(own); i++) {
		assert_err(
		    trig_own_limit(&r, T, "subscribeRate", own[i]), ERR_OK);
		assert_int_equal(come(&r, T, me), ERR_OK);
		assert_int_equal(
		    come(&r, T, me), i == 0 ? ERR_OK : ERR_NOT_ALLOWED);
		assert_int_equal(come(&r, T, me), ERR_NOT_ALLOWED);
	}
	stop(&r);
}

/* Counts have an end, and are forgotten. */
static void
many(void **state)
{
	char name[16];
	struct who w = me;
	struct trig r;
	struct topic *t;
	unsigned i;

	(void)state;
	start(&r, 1, 1000000);
	w.name = name;
	for (i = 0; i < SUBRATE_MAX + 2; i++) {
		(void)snprintf(name, sizeof name, "c%u", i);
		assert_int_equal(come(&r, T, w), ERR_OK);
		if (i % 1000 == 0)
			trig_forget(&r);
	}
	t = topic_find(r.co, str_of(T));
	assert_int_equal(t->subrate->seen.n, SUBRATE_MAX);
	(void)snprintf(name, sizeof name, "c%u", 7u);
	assert_int_equal(come(&r, T, w), ERR_NOT_ALLOWED);
	stop(&r);
	start(&r, 1, 2);
	assert_int_equal(come(&r, T, me), ERR_OK);
	t = topic_find(r.co, str_of(T));
	assert_int_equal(t->subrate->seen.n, 1);
	trig_pass(&r, 2100);
	assert_int_equal(t->subrate->seen.n, 0);
	stop(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_the_rate),
		cmocka_unit_test(who_is_who),
		cmocka_unit_test(not_of_these),
		cmocka_unit_test(another_rate),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
