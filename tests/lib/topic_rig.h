/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic_rig.h - one shard's whole core over the local engine, disk_mem and
 * meta_mem, with a front-end that remembers every effect. Virtual time.
 */
#ifndef TESTS_LIB_TOPIC_RIG_H
#define TESTS_LIB_TOPIC_RIG_H

#include "core/core.h"
#include "core/stats.h"
#include "store/local.h"
#include "store/meta_mem.h"
#include "tests/lib/disk_mem.h"

struct trig_receipt {
	uint64_t tag, sequence;
	struct pos pos;
	uint64_t index;
	enum err err;
};
struct trig_got {
	uint64_t tag;
	struct pos pos;
	uint32_t redeliveries;
	uint32_t len;
	char body[64];
};

struct trig {
	struct core_conf conf;
	struct local_conf lconf;
	struct disk_mem *dm;
	struct meta_mem *mm;
	struct disk *disk;
	struct meta *meta;
	struct ledgers *lgs;
	struct core *co;
	int64_t wall_ms, mono_ns;
	struct trig_receipt *rc;
	unsigned rc_n, rc_cap;
	struct trig_got *got;
	unsigned got_n, got_cap;
	struct fx **fx;
	unsigned fx_n, fx_cap;
	uint64_t req;
	bool dead_probes; /* a probe is answered: dead */
	bool no_probes; /* or not at all */
};

void trig_init(struct trig *); /* conf may be changed before trig_start */
void trig_start(struct trig *);
void trig_stop(struct trig *); /* drained */
void trig_crash(struct trig *);
void trig_fini(struct trig *);

void trig_turn(struct trig *);
void trig_run(struct trig *); /* until nothing goes on */
void trig_pass(struct trig *, int64_t ms); /* time passes */
void trig_forget(struct trig *); /* receipts, deliveries, effects */

struct op *trig_op(
    struct trig *, enum op_type, const char *topic, uint64_t tag);
/* gives the op, runs, returns the effect that answers (stays the rig's) */
struct fx *trig_do(struct trig *, struct op *);
/* the last effect of a type for a tag; NULL: none */
struct fx *trig_fx(struct trig *, enum fx_type, uint64_t tag);

uint64_t trig_producer(
    struct trig *, const char *topic, const char *name, uint64_t tag);
void trig_publish(
    struct trig *, uint64_t producer, uint64_t sequence, const char *body);
/* n bodies "m<sequence>" from the sequence on */
void trig_publish_n(
    struct trig *, uint64_t producer, uint64_t sequence, unsigned n);
/* one whose publishes wait over the rate of its topic */
uint64_t trig_late_producer(struct trig *, const char *topic, uint64_t tag);
/* how many publishes of a tag (0: any) were answered so */
unsigned trig_receipts(const struct trig *, uint64_t tag, enum err);
/* was it told last that it is over its rate? */
bool trig_is_throttled(struct trig *, uint64_t tag);
/* durable; an exclusive one */
uint64_t trig_consumer(struct trig *, const char *topic, const char *sub,
    uint64_t tag, bool earliest);
uint64_t trig_subscribe(struct trig *, const char *topic, const char *sub,
    enum sub_type, uint64_t tag, bool earliest);
/* how many entries a tag's consumer was given */
unsigned trig_given(const struct trig *, uint64_t tag);
/* a limit of the topic's own, as the admin API calls it; "": none; the answer */
enum err trig_own_limit(
    struct trig *, const char *topic, const char *name, const char *text);
void trig_ack(struct trig *, uint64_t consumer, struct pos, bool cumulative);

#endif
