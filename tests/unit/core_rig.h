/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core with one hand-made topic over the engine of fake_ledgers.h, for the
 * unit tests of subscriptions (core_rig.c).
 */
#ifndef TESTS_UNIT_CORE_RIG_H
#define TESTS_UNIT_CORE_RIG_H

#include "core/core_priv.h"
#include "core/cursor.h"
#include "fake_ledgers.h"
#include "store/meta_mem.h"

struct got { /* a delivery */
	uint64_t tag;
	struct pos pos;
	uint32_t redeliveries, words_n;
	uint64_t word0;
	uint64_t epoch;
};

struct rig {
	struct fake_engine *e;
	struct meta_mem *mm;
	struct meta *meta;
	struct core *co;
	struct topic *t;
	struct got *got;
	unsigned got_n, got_cap;
	struct fx *fx[4096]; /* in order */
	unsigned fx_n;
	uint64_t req;
};

/* a topic with one open ledger (id 1) */
struct rig *rig_new(void);
void rig_free(struct rig **);
/* the core dies and comes back over what is durable; subscriptions are loaded */
void rig_restart(struct rig *);
/* entries at the end of the last ledger */
void rig_add(struct rig *, uint32_t n, uint32_t messages_n);
void rig_add_attr(struct rig *, const struct attr *);
void rig_roll(struct rig *); /* closes the last ledger, opens the next */
/* everything that can happen happens */
void rig_run(struct rig *);
void rig_pass(struct rig *, int64_t ms);
/* subscribes and runs; the answer's error in *e; NULL unless subscribed */
struct consumer *rig_sub(
    struct rig *, const struct op_subscribe *, uint64_t tag, enum err *e);
struct op *rig_op(struct rig *, enum op_type, uint64_t tag);
/* the last effect of this type for this tag, or NULL */
struct fx *rig_fx(struct rig *, enum fx_type, uint64_t tag);
unsigned rig_fx_count(struct rig *, enum fx_type, uint64_t tag);
void rig_clear(struct rig *); /* forgets effects and deliveries */
/* acks whole entries of ledger 1 */
void rig_ack(struct rig *, struct consumer *, int64_t entry);

#endif
