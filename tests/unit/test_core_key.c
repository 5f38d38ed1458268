/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key_Shared: who owns a key, and the order of each key while owners change.
 *
 * key_vectors.h was made from Pulsar 4.2's rules in Python, with a murmur3 of its
 * own. hs(x) is murmur3_32(x) & 0x7fffffff:
 *   hash ring: slot = hs(key) % 65535 + 1; owner i, the k-th of its name, has the
 *	points slot(name \0 k \0 p), p = 0..99; points.setdefault(at, []).append(i);
 *	select: first point >= slot, else the lowest; [0] of its list
 *   split: slot = hs(key) % 65536 or 1; ends = {65536: first}; a newcomer takes
 *	end - ((end - lower) >> 1) of the first biggest range; a leaver's range
 *	goes up, that of the highest down; select: first end >= slot
 */
#include "test.h"

#include "base/hash.h"
#include "core/keyring.h"
#include "core/sub_priv.h"
#include "core_rig.h"

struct vec {
	char op;
	int i;
	int owner[16];
};
static const struct vec ring_vec[] = {
#define VEC_H
#include "key_vectors.h"
#undef VEC_H
};
static const struct vec split_vec[] = {
#define VEC_S
#include "key_vectors.h"
#undef VEC_S
};
static const struct {
	const char *key;
	uint32_t ring, split;
} slots[] = {
#define VEC_SLOT
#include "key_vectors.h"
#undef VEC_SLOT
};

static const char *const names[] = { "c0", "c1", "c1", "c2", "c1" };

static void
run_vec(enum keyring_kind kind, const struct vec *v, unsigned n)
{
	struct keyring *kr = keyring_new(kind, 100);
	struct hash_range *hr;
	int owners[5], *o;
	unsigned i, k, sum, r, ranges;
	char key[8];

	for (i = 0; i < n; i++) {
		o = &owners[v[i].i];
		if (v[i].op == 'a')
			keyring_add(kr, o, names[v[i].i], NULL, 0);
		else
			keyring_remove(kr, o);
		for (k = 0; k < 16; k++) {
			(void)snprintf(key, sizeof key, "k%u", k);
			o = keyring_select(kr,
			    keyring_slot(kr, hash_sticky(key, strlen(key))));
			assert_int_equal(o - owners, v[i].owner[k]);
		}
		/* the ranges are a partition and say the same */
		for (sum = k = 0; k < 5; k++) {
			ranges = keyring_ranges(kr, &owners[k], &hr);
			for (r = 0; r < ranges; r++) {
				sum += hr[r].end - hr[r].start + 1;
				assert_ptr_equal(
				    keyring_select(kr, hr[r].end), &owners[k]);
			}
			mem_free(hr);
		}
		assert_int_equal(sum, kind == KEYRING_HASH ? 65535 : 65536);
	}
	keyring_free(&kr);
}

static void
test_golden(void **state)
{
	struct keyring *a = keyring_new(KEYRING_HASH, 100);
	struct keyring *b = keyring_new(KEYRING_SPLIT, 0);
	unsigned i;
	uint32_t h;

	(void)state;
	run_vec(KEYRING_HASH, ring_vec, NELEM(ring_vec));
	run_vec(KEYRING_SPLIT, split_vec, NELEM(split_vec));
	for (i = 0; i < NELEM(slots); i++) {
		h = hash_sticky(slots[i].key, strlen(slots[i].key));
		assert_int_equal(keyring_slot(a, h), slots[i].ring);
		assert_int_equal(keyring_slot(b, h), slots[i].split);
	}
	assert_int_equal(keyring_slot(b, 65536), 1); /* 0 is no slot */
	assert_null(keyring_select(a, 1));
	keyring_free(&a);
	keyring_free(&b);
}

static void
test_fixed(void **state)
{
	struct keyring *kr = keyring_new(KEYRING_FIXED, 0);
	struct hash_range a[] = { { 0, 99 }, { 200, 299 } };
	struct hash_range b[] = { { 100, 150 } };
	struct hash_range bad[] = { { 99, 99 }, { 150, 250 }, { 0, 65535 },
		{ 250, 400 } };
	int x, y;
	unsigned i;

	(void)state;
	keyring_add(kr, &x, "x", a, 2);
	assert_true(keyring_fits(kr, b, 1));
	for (i = 0; i < NELEM(bad); i++)
		assert_false(keyring_fits(kr, &bad[i], 1));
	keyring_add(kr, &y, "y", b, 1);
	assert_ptr_equal(keyring_select(kr, 1), &x);
	assert_ptr_equal(keyring_select(kr, 99), &x);
	assert_ptr_equal(keyring_select(kr, 100), &y);
	assert_null(keyring_select(kr, 151));
	assert_ptr_equal(keyring_select(kr, 200), &x);
	assert_null(keyring_select(kr, 300));
	keyring_remove(kr, &x);
	assert_null(keyring_select(kr, 50));
	assert_ptr_equal(keyring_select(kr, 150), &y);
	keyring_free(&kr);
}

/* --- the dispatcher -------------------------------------------------------------- */

static const struct op_subscribe ks = {
	.sub = STR_LIT("s"),
	.consumer = STR_LIT("a"),
	.type = SUB_KEY_SHARED,
	.durable = true,
	.has_initial = true,
	.initial_earliest = true,
};

static struct consumer *
join(struct rig *r, const char *name, uint64_t tag)
{
	struct op_subscribe sb = ks;
	struct consumer *c;
	enum err e;

	sb.consumer = str_of(name);
	c = rig_sub(r, &sb, tag, &e);
	assert_ok(e);
	assert_non_null(c);
	return c;
}

static void
add_key(struct rig *r, uint32_t hash)
{
	struct attr a = {
		.messages_n = 1, .key_hash = hash, .flags = ATTR_HAS_KEY
	};

	rig_add_attr(r, &a);
}

/* a hash whose slot goes from one owner to the other when y joins x */
static uint32_t
moving_hash(const char *x, const char *y, bool moves)
{
	struct keyring *kr = keyring_new(KEYRING_HASH, 100);
	int a, b;
	uint32_t h;

	keyring_add(kr, &a, x, NULL, 0);
	keyring_add(kr, &b, y, NULL, 0);
	for (h = 1;; h++)
		if ((keyring_select(kr, keyring_slot(kr, h)) == &b) == moves)
			break;
	keyring_free(&kr);
	return h;
}

static void
test_draining(void **state)
{
	uint32_t moves = moving_hash("a", "b", true);
	uint32_t stays = moving_hash("a", "b", false);
	struct rig *r = rig_new();
	struct topic_stats *ts;
	struct sub_stats st;
	struct consumer *a, *b;

	(void)state;
	(void)ts;
	add_key(r, moves); /* 0 */
	add_key(r, stays); /* 1 */
	a = join(r, "a", 1);
	consumer_flow(a, 100);
	rig_run(r);
	assert_int_equal(r->got_n, 2);
	b = join(r, "b", 2);
	consumer_flow(b, 100);
	add_key(r, moves); /* 2: waits until 0 is acked */
	add_key(r, stays); /* 3 */
	add_key(r, moves); /* 4 */
	rig_run(r);
	assert_int_equal(r->got_n, 3);
	assert_int_equal(r->got[2].pos.entry, 3);
	assert_int_equal(r->got[2].tag, 1);
	sub_stats_fill(a->sub, &st);
	assert_int_equal(st.in_replay, 2);
	assert_int_equal(st.consumers[0].draining_n, 1);
	assert_int_equal(st.consumers[1].draining_n, 0);
	for (unsigned i = 0; i < 2; i++) {
		mem_free(st.consumers[i].name);
		mem_free(st.consumers[i].address);
		mem_free(st.consumers[i].version);
		mem_free(st.consumers[i].ranges);
	}
	mem_free(st.consumers);
	mem_free(st.name);
	rig_ack(r, a, 0);
	rig_run(r);
	assert_int_equal(r->got_n, 5);
	assert_int_equal(r->got[3].pos.entry, 2);
	assert_int_equal(r->got[3].tag, 2);
	assert_int_equal(r->got[4].pos.entry, 4);
	/* b leaves: 2 and 4 go to a, counted only if nacked */
	consumer_close(b, ERR_OK);
	rig_run(r);
	assert_int_equal(r->got_n, 7);
	assert_int_equal(r->got[5].pos.entry, 2);
	assert_int_equal(r->got[5].tag, 1);
	assert_int_equal(r->got[5].redeliveries, 0);
	rig_free(&r);
}

static void
test_nack_order(void **state)
{
	struct core_ack_id ids[2] = { { .pos = { 1, 0 } },
		{ .pos = { 1, 2 } } };
	struct rig *r = rig_new();
	struct consumer *a;
	struct op *op;
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++)
		add_key(r, 77);
	a = join(r, "a", 1);
	consumer_flow(a, 4);
	rig_run(r);
	assert_int_equal(r->got_n, 4);
	add_key(r, 77); /* 4 */
	op = rig_op(r, OP_REDELIVER, 1);
	op->ids_n = 2;
	op->ids = ids;
	consumer_op(a, &op);
	consumer_flow(a, 10);
	rig_run(r);
	assert_int_equal(r->got_n, 7);
	assert_int_equal(r->got[4].pos.entry, 0);
	assert_int_equal(r->got[4].redeliveries, 1);
	assert_int_equal(r->got[5].pos.entry, 2);
	assert_int_equal(r->got[6].pos.entry, 4);
	rig_free(&r);
}

/* At the subscription's limit nothing new goes out, but what comes back does. */
static void
test_limit(void **state)
{
	struct core_ack_id id = { .pos = { 1, 3 } };
	struct rig *r = rig_new();
	struct consumer *a;
	struct op *op;
	unsigned i;

	(void)state;
	r->co->conf.limits.v[LIM_MAX_UNACKED_SUB].n = 10;
	a = join(r, "a", 1);
	for (i = 0; i < 20; i++)
		add_key(r, 1000 + i);
	consumer_flow(a, 100);
	rig_run(r);
	assert_int_equal(r->got_n, 10);
	op = rig_op(r, OP_REDELIVER, 1);
	op->ids_n = 1;
	op->ids = &id;
	consumer_op(a, &op);
	rig_run(r);
	assert_int_equal(r->got_n, 11);
	assert_int_equal(r->got[10].pos.entry, 3);
	assert_int_equal(r->got[10].redeliveries, 1);
	/* mark-delete moves over all of it */
	op = rig_op(r, OP_SUB_SKIP, 9);
	op->sub = str_of(a->sub->name);
	op->u64 = 15;
	sub_op(r->t, &op);
	rig_run(r);
	assert_int_equal(a->unacked, 5);
	assert_int_equal(a->sub->unacked, 5);
	assert_int_equal(r->got[r->got_n - 1].pos.entry, 19);
	assert_int_equal(r->got_n, 16);
	rig_free(&r);
}

/* The ack that takes mark-delete into the next ledger trims the one before. */
static void
test_ack_trims(void **state)
{
	struct core_ack_id id = { .pos = { 0, 0 } };
	struct core_ack ack = { .n = 1, .ids = &id };
	struct op_subscribe sb = ks;
	struct rig *r = rig_new();
	struct consumer *a;
	unsigned i;
	enum err e;

	(void)state;
	r->t->policy.retention_ms = r->t->policy.retention_bytes = 0;
	sb.durable = true;
	a = rig_sub(r, &sb, 1, &e);
	assert_non_null(a);
	for (i = 0; i < 5; i++)
		add_key(r, i);
	rig_roll(r);
	rig_add(r, 3, 1);
	consumer_flow(a, 100);
	rig_run(r);
	assert_int_equal(r->got_n, 8);
	for (i = 0; i < 5; i++)
		rig_ack(r, a, i);
	id.pos.ledger = r->t->log.last.ledger;
	consumer_ack(a, &ack);
	rig_run(r);
	assert_int_equal(r->t->log.ledgers_n, 1);
	assert_int_equal(a->unacked, 2);
	assert_int_equal(a->sub->leases.n, 2);
	rig_free(&r);
}

/* A stalled owner holds back its keys only, and reading ahead has an end. */
static void
test_look_ahead(void **state)
{
	uint32_t moves = moving_hash("a", "b", true);
	uint32_t stays = moving_hash("a", "b", false);
	struct rig *r = rig_new();
	struct consumer *a, *b;
	unsigned i;

	(void)state;
	a = join(r, "a", 1);
	b = join(r, "b", 2);
	for (i = 0; i < 4500; i++)
		add_key(r, i % 2 == 0 ? stays : moves);
	consumer_flow(b, 100000);
	rig_run(r);
	/* 2 consumers: 4000 may stand in queues, so b gets what is between */
	assert_int_equal(r->got_n, 2250);
	for (i = 0; i < 10000; i++)
		add_key(r, i % 2 == 0 ? stays : moves);
	rig_run(r);
	assert_int_equal(r->got_n, 3999);
	rig_clear(r);
	consumer_flow(a, 100000);
	rig_run(r);
	assert_int_equal(r->got_n, 14500 - 3999);
	(void)b;
	rig_free(&r);
}

static void
test_sticky(void **state)
{
	struct rig *r = rig_new();
	struct op_subscribe sb = ks;
	struct hash_range lo = { 0, 32767 }, hi = { 32768, 65535 };
	struct consumer *a, *b;
	enum err e;

	(void)state;
	sb.ks_sticky = true;
	assert_null(rig_sub(r, &sb, 1, &e));
	assert_err(e, ERR_CONSUMER_ASSIGN);
	sb.ranges = &lo;
	sb.ranges_n = 1;
	a = rig_sub(r, &sb, 1, &e);
	assert_ok(e);
	assert_null(rig_sub(r, &sb, 2, &e));
	assert_err(e, ERR_CONSUMER_ASSIGN);
	assert_null(rig_sub(r, &ks, 2, &e));
	assert_err(e, ERR_SUBSCRIPTION_BUSY);
	consumer_flow(a, 10);
	add_key(r, 40000);
	add_key(r, 5);
	rig_run(r);
	assert_int_equal(r->got_n, 1); /* nobody covers the first */
	sb.ranges = &hi;
	b = rig_sub(r, &sb, 2, &e);
	assert_ok(e);
	consumer_flow(b, 10);
	rig_run(r);
	assert_int_equal(r->got_n, 2);
	assert_int_equal(r->got[1].tag, 2);
	rig_free(&r);
}

/* --- order through everything ------------------------------------------------------ */

#define KEYS 13
#define CS 5

static uint32_t seed;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

struct world {
	struct rig *r;
	struct consumer *c[CS];
	int64_t n; /* entries */
	uint32_t key[4000];
	unsigned out[4000]; /* 1 + who has it */
	bool acked[4000];
	int64_t first[KEYS]; /* last first-time delivery */
	unsigned seen;
	bool any_order;
};

/* What came: no entry is at two, none of a key at two consumers, none before an
 * earlier one of its key was there once. */
static void
look(struct world *w)
{
	struct got *g;
	int64_t e, k;

	for (; w->seen < w->r->got_n; w->seen++) {
		g = &w->r->got[w->seen];
		e = g->pos.entry;
		assert_false(w->acked[e]);
		assert_int_equal(w->out[e], 0);
		w->out[e] = (unsigned)g->tag;
		if (w->any_order)
			continue;
		for (k = 0; k < w->n; k++)
			if (w->key[k] == w->key[e] && w->out[k] != 0)
				assert_int_equal(w->out[k], g->tag);
		for (k = 0; k < e; k++)
			assert_true(w->key[k] != w->key[e] || w->acked[k] ||
			    w->out[k] != 0);
	}
}

static void
world_step(struct world *w)
{
	static const char *const nm[CS] = { "a", "b", "b", "c", "d" };
	struct core_ack_id id = { .pos = { 1, 0 } };
	struct op_subscribe sb = ks;
	unsigned i = rnd(CS);
	struct op *op;
	int64_t k;

	switch (rnd(12)) {
	case 0:
		if (w->c[i] != NULL) {
			for (k = 0; k < w->n; k++)
				if (w->out[k] == i + 1)
					w->out[k] = 0;
			consumer_close(w->c[i], ERR_OK);
			w->c[i] = NULL;
		}
		break;
	case 1:
	case 2:
		if (w->c[i] != NULL)
			break;
		sb.consumer = str_of(nm[i]);
		sb.ks_out_of_order = w->any_order;
		w->c[i] = rig_sub(w->r, &sb, i + 1, NULL);
		assert_non_null(w->c[i]);
		look(w);
		break;
	case 3:
	case 4:
		if (w->c[i] != NULL)
			consumer_flow(w->c[i], 1 + rnd(40));
		break;
	case 5: /* nack some, or all */
		if (w->c[i] == NULL)
			break;
		op = rig_op(w->r, OP_REDELIVER, i + 1);
		k = rnd((uint32_t)w->n + 1);
		if (rnd(4) != 0) {
			op->ids = &id;
			op->ids_n = 1;
			id.pos.entry = k;
			if (k < w->n && w->out[k] == i + 1)
				w->out[k] = 0;
		} else
			for (k = 0; k < w->n; k++)
				if (w->out[k] == i + 1)
					w->out[k] = 0;
		consumer_op(w->c[i], &op);
		break;
	case 6:
	case 7:
		for (k = rnd(30); k > 0 && w->n < 1500; k--) {
			w->key[w->n++] = rnd(KEYS);
			add_key(w->r, w->key[w->n - 1] * 7919 + 3);
		}
		break;
	default: /* ack some of what is out, by anybody */
		if (w->c[i] == NULL)
			break;
		for (k = 0; k < w->n; k++)
			if (w->out[k] != 0 && rnd(4) == 0) {
				rig_ack(w->r, w->c[i], k);
				w->acked[k] = true;
				w->out[k] = 0;
			}
	}
	if (rnd(5) == 0)
		w->r->e->cold = rnd(2) == 0;
	rig_run(w->r);
	look(w);
}

static void
world_run(uint32_t s, bool any_order, bool ring)
{
	struct world *w = mem_zalloc(sizeof *w);
	unsigned i;
	int64_t k;

	seed = s;
	w->r = rig_new();
	w->r->co->conf.hash_ring = ring;
	w->r->co->conf.limits.v[LIM_MAX_UNACKED_CONSUMER].n =
	    s % 3 == 0 ? 20 : 0;
	w->r->co->conf.limits.v[LIM_MAX_UNACKED_SUB].n = s % 5 == 0 ? 50 : 0;
	w->any_order = any_order;
	for (i = 0; i < 1500; i++)
		world_step(w);
	/* to the end: nothing is lost */
	if (w->c[0] == NULL) {
		struct op_subscribe sb = ks;

		sb.ks_out_of_order = any_order;
		w->c[0] = rig_sub(w->r, &sb, 1, NULL);
		look(w);
	}
	for (i = 0; i < 300; i++) {
		for (k = 0; k < CS; k++)
			if (w->c[k] != NULL)
				consumer_flow(w->c[k], 100);
		rig_run(w->r);
		look(w);
		for (k = 0; k < w->n; k++)
			if (w->out[k] != 0) {
				rig_ack(w->r, w->c[0], k);
				w->acked[k] = true;
				w->out[k] = 0;
			}
	}
	for (k = 0; k < w->n; k++)
		assert_true(w->acked[k]);
	assert_int_equal(cursor_backlog(w->c[0]->sub->cur), 0);
	assert_int_equal(w->c[0]->sub->leases.n, 0);
	assert_int_equal(w->c[0]->sub->unacked, 0);
	rig_free(&w->r);
	mem_free(w);
}

static void
test_order(void **state)
{
	uint32_t s;

	(void)state;
	for (s = 1; s <= 20; s++)
		world_run(s, false, s % 2 == 0);
}

static void
test_any_order(void **state)
{
	uint32_t s;

	(void)state;
	for (s = 1; s <= 6; s++)
		world_run(s, true, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_draining),
		cmocka_unit_test(test_nack_order),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_ack_trims),
		cmocka_unit_test(test_look_ahead),
		cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
