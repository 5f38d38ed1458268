/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local engine against a model: random operations, crashes and restarts.
 * STORE_SEEDS says how many seeds (default below), STORE_SEED runs one.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/record.h"
#include "tests/lib/store_rig.h"

#define SEEDS 100
#define STEPS 1500

static struct rig rig;
static uint64_t rewrites;

static struct rledger *
some_ledger(struct rig *r)
{
	return &r->l[rig_rnd(r, 12)];
}

static bool
usable(const struct rledger *rl)
{
	return rl->opened && !rl->closed && !rl->closing && !rl->deleted;
}

static void
append_some(struct rig *r)
{
	struct rledger *rl = some_ledger(r);
	uint64_t n = 1 + rig_rnd(r, 20), len;

	if (!usable(rl))
		return;
	while (n-- > 0) {
		len =
		    rig_rnd(r, 20) == 0 ? rig_rnd(r, 18000) : rig_rnd(r, 1200);
		rig_append(rl, (uint32_t)len, !rl->async);
	}
}

static void
ack_some(struct rig *r)
{
	struct rcursor *rc = &r->c[rig_rnd(r, 6)];
	uint64_t n = 1 + rig_rnd(r, 5);

	if (!rc->used) {
		if (rig_rnd(r, 8) == 0)
			(void)rig_cursor(r, (uint32_t)(rc - r->c));
		return;
	}
	while (rc->opened && n-- > 0)
		rig_ack(rc, (uint32_t)rig_rnd(r, RIG_ACKS), rig_rnd(r, 3) == 0);
}

static void
idle_ledger(struct rig *r)
{
	struct rledger *rl = some_ledger(r);

	if (!usable(rl) || rl->acked != rl->n)
		return;
	r->lgs->ops->release(r->lgs, &rl->lg);
	rl->opened = false;
	rl->want = true;
	r->lgs->ops->open(r->lgs, rl->id, rl);
	for (int i = 0; i < 1000 && rl->want; i++)
		rig_turn(r);
	assert_true(rl->opened);
	assert_int_equal(rl->info.last_entry + 1, rl->n);
}

static void
idle_cursor(struct rig *r)
{
	struct rcursor *rc = &r->c[rig_rnd(r, 6)];

	if (!rc->opened)
		return;
	/* what is not durable yet need not be: the client has let go */
	r->lgs->ops->journal_release(r->lgs, &rc->jo);
	rc->opened = false;
	r->lgs->ops->journal_open(r->lgs, rc->id, false, rc);
	for (int i = 0; i < 1000 && !rc->opened; i++)
		rig_turn(r);
	assert_true(rc->opened);
}

static void
end_ledger(struct rig *r)
{
	struct rledger *rl = some_ledger(r);

	if (!usable(rl))
		return;
	if (rig_rnd(r, 2) == 0) {
		rl->closing = true;
		r->lgs->ops->close(r->lgs, rl->lg);
		return;
	}
	rl->deleted = true;
	rl->opened = false;
	rl->lg = NULL;
	r->lgs->ops->del(r->lgs, rl->id);
}

static void
begin_ledger(struct rig *r)
{
	struct rledger *rl = some_ledger(r);

	if (rl->id != 0 && !rl->deleted)
		return;
	if (rl->want || rl->opened)
		return;
	rl->async = rig_rnd(r, 3) == 0;
	(void)rig_create(r, (uint32_t)(rl - r->l));
}

static void
trim_some(struct rig *r)
{
	struct rledger *rl = some_ledger(r);
	uint64_t to;

	if (!rl->opened)
		return;
	to = rig_rnd(r, rl->acked + 1u);
	if (to < rl->trim)
		return;
	rl->trim = to;
	r->lgs->ops->trim(r->lgs, rl->lg, (int64_t)to);
}

static void
read_some(struct rig *r)
{
	struct rledger *rl = some_ledger(r);
	uint32_t corrupt, n = rl->acked;

	if (!rl->opened)
		return;
	assert_true(rig_read_all(rl, &corrupt) + rl->trim >= n);
	assert_int_equal(corrupt, 0);
}

/* What the rows of segments say is the sum of what the snapshots want, in any
 * state that meta can be found in. */
static struct {
	uint64_t segment;
	int64_t sum;
} sums[1024];
static uint32_t sums_n;

static void
sum_add(uint64_t segment, int64_t v)
{
	uint32_t i;

	for (i = 0; i < sums_n && sums[i].segment != segment; i++)
		;
	assert_in_range(i, 0, 1023);
	if (i == sums_n) {
		sums[sums_n].segment = segment;
		sums[sums_n++].sum = 0;
	}
	sums[i].sum += v;
}

static void
sum_ledger(void *p, enum err err, const void *key, size_t keylen,
    const void *val, size_t len)
{
	const uint8_t *v = val;

	(void)p;
	(void)err;
	(void)keylen;
	if (key != NULL)
		for (size_t off = 72; off < len; off += 56)
			sum_add(le64_get(v + off), le32_get(v + off + 52));
}

static void
sum_row(void *p, enum err err, const void *key, size_t keylen, const void *val,
    size_t len)
{
	const uint8_t *k = key;
	uint64_t id = 0;

	(void)p;
	(void)err;
	(void)len;
	if (key == NULL)
		return;
	for (size_t i = 0; i < 8; i++)
		id = id << 8 | k[keylen - 12 + i];
	sum_add(id, -(int64_t)le64_get(val));
}

static void
check_rows(struct rig *r)
{
	struct meta *m = meta_mem_handle(r->mm);

	sums_n = 0;
	assert_ok(m->ops->list_now(
	    m, META_LEDGER, strlen(META_LEDGER), sum_ledger, NULL));
	assert_ok(m->ops->list_now(
	    m, META_SEGMENT, strlen(META_SEGMENT), sum_row, NULL));
	for (uint32_t i = 0; i < sums_n; i++)
		assert_int_equal(sums[i].sum, 0);
	meta_mem_handle_free(&m);
}

static void
restart(struct rig *r, bool power)
{
	uint32_t corrupt;

	rig_crash(r, power);
	check_rows(r);
	rig_start(r);
	assert_int_equal(r->rec.corrupt, 0);
	rig_reopen(r);
	for (int i = 0; i < RIG_LEDGERS; i++)
		if (r->l[i].opened) {
			/* with the tail, power took what was to be trimmed */
			if (r->l[i].trim > r->l[i].n)
				r->l[i].trim = r->l[i].n;
			assert_int_equal(
			    rig_read_all(&r->l[i], &corrupt) + r->l[i].trim,
			    r->l[i].n);
			assert_int_equal(corrupt, 0);
		}
}

static void
step(struct rig *r)
{
	uint64_t what = rig_rnd(r, 200);

	if (what < 80)
		append_some(r);
	else if (what < 120)
		rig_turn(r);
	else if (what < 150)
		ack_some(r);
	else if (what < 160)
		begin_ledger(r);
	else if (what < 166)
		idle_ledger(r);
	else if (what < 172)
		idle_cursor(r);
	else if (what < 175)
		end_ledger(r);
	else if (what < 178)
		read_some(r);
	else if (what < 180)
		trim_some(r);
	else if (what < 182)
		local_checkpoint(r->lgs, NULL, NULL);
	else if (what < 184)
		restart(r, true);
	else if (what < 186)
		restart(r, false);
	else if (what < 187)
		rig_settle(r);
	else if (what < 190)
		meta_mem_fail_commits(r->mm, 1 + rig_rnd(r, 3), ERR_NO_SPACE);
	else
		rig_turn(r);
}

static void
run(uint64_t seed)
{
	struct rig *r = &rig;

	rig_init(r, seed);
	rig_start(r);
	for (int i = 0; i < STEPS; i++)
		step(r);
	rig_settle(r);
	for (int i = 0; i < RIG_LEDGERS; i++)
		if (r->l[i].opened && !r->l[i].closing)
			assert_int_equal(r->l[i].acked, r->l[i].n);
	assert_int_equal(r->reports[LOCAL_CORRUPT], 0);
	check_rows(r);
	{
		struct local_stats st;

		local_stats(r->lgs, &st);
		rewrites += st.rewrites;
	}
	rig_fini(r);
}

static void
test_model(void **state)
{
	const char *one = getenv("STORE_SEED"), *many = getenv("STORE_SEEDS");
	uint64_t n = many != NULL ? strtoull(many, NULL, 10) : SEEDS;

	(void)state;
	if (one != NULL) {
		run(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t s = 1; s <= n; s++) {
		(void)fprintf(stderr, "\rseed %ju", (uintmax_t)s);
		run(s * 7919);
	}
	fprintf(
	    stderr, "\nsegments rewritten in %ju jobs\n", (uintmax_t)rewrites);
	assert_true(rewrites > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
