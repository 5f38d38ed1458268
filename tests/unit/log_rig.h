/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole core over the engine of fake_ledgers.h and meta_mem, on virtual
 * time, for tests of the log: the test decides what the engine answers.
 */
#ifndef TESTS_UNIT_LOG_RIG_H
#define TESTS_UNIT_LOG_RIG_H

#include "core/core_priv.h"
#include "fake_ledgers.h"
#include "store/meta_mem.h"

#define T "persistent://public/default/t"
#define START_MS INT64_C(1700000000000)

struct got_receipt {
	uint64_t sequence, index;
	struct pos pos;
	enum err err;
};

struct lrig {
	struct core_conf conf;
	struct fake_engine *e;
	struct ledger_ops ops; /* the fake's, some of them replaced */
	struct meta_mem *mm;
	struct meta *meta;
	struct core *co;
	int64_t now_ms, now_ns;
	struct got_receipt rc[4096];
	unsigned rc_n;
	struct fx *fx[256];
	unsigned fx_n, fx_seen;
	uint64_t req;
	bool probe_alive;
	unsigned probes_n;
	unsigned wakes;
};

int lrig_setup(void **state);
int lrig_teardown(void **state);
void lrig_start(struct lrig *); /* conf may be changed between stop and start */
void lrig_stop(struct lrig *); /* a crash: what was not answered is lost */
void lrig_forget(struct lrig *); /* effects and receipts */
void lrig_run(struct lrig *); /* everything that can happen at this time */
void lrig_pass(struct lrig *, int64_t ms);

struct op *lrig_new_op(
    struct lrig *, enum op_type, uint64_t conn, uint64_t tag);
struct op *lrig_open_op(
    struct lrig *, const char *name, uint64_t conn, uint64_t tag);
/* the effect that answers; it stays the rig's */
const struct fx *lrig_ask(struct lrig *, struct op *);
uint64_t lrig_producer(struct lrig *, uint64_t conn);
void lrig_sub_make(struct lrig *); /* durable "s" from the first entry */
void lrig_publish(
    struct lrig *, uint64_t handle, uint64_t sequence, unsigned n);
struct topic *lrig_topic(struct lrig *);
unsigned lrig_closed_n(struct lrig *, enum err); /* producers closed with it */

#endif
