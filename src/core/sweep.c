/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sweep.h"

#include <string.h>

#include "core/core_priv.h"
#include "core/record.h"
#include "core/topic_priv.h"

#define SCHEME "persistent://"
#define FIRST_NS (INT64_C(60) * 1000000000)
#define STEP_NS INT64_C(1000000000)
#define MS_NS INT64_C(1000000)

struct sweep {
	unsigned magic;
#define SWEEP_MAGIC 0x53ee9e01
	struct core *co;
	struct timer timer;
	uint8_t after[META_KEY_MAX]; /* behind it the next page begins */
	size_t after_n;
	unsigned seen; /* records of this page */
	unsigned loading;
};

/* A ledger that has ended may be let go; the open one may be ended by its age. */
static bool
wants(const struct core *co, const struct topic_record *rec)
{
	const struct ledger_info *li;

	if (rec->ledgers_n != 1)
		return rec->ledgers_n > 1;
	li = &rec->ledgers[0];
	return li->open && co->conf.ledger_max_roll_ms > 0 &&
	    co->now_ms - li->created_ms >= co->conf.ledger_max_roll_ms;
}

static void
loaded(struct topic *t, struct op **opp)
{
	core_answer(t->co, opp, ERR_OK, NULL);
}

static void
load(struct sweep *sw, struct str name)
{
	struct op *op;

	op = op_new(OP_TOPIC_TOUCH,
	    (struct dest){ .tag = SWEEP_TAG,
		.shard = (uint16_t)sw->co->conf.shard,
		.kind = DEST_INTERNAL });
	op->topic = op_str(op, name);
	sw->loading++;
	topic_with(sw->co, &op, TOPIC_FIND, loaded);
}

static void
look(
    struct sweep *sw, const char *key, size_t klen, const void *val, size_t len)
{
	struct core *co = sw->co;
	char text[sizeof SCHEME + META_KEY_MAX];
	struct str name = { text, sizeof SCHEME - 1 + klen };
	struct topic_record rec;

	memcpy(text, SCHEME, sizeof SCHEME - 1);
	memcpy(text + sizeof SCHEME - 1, key, klen);
	if (topic_shard(name, co->conf.shards_n) != co->conf.shard ||
	    topic_find(co, name) != NULL)
		return;
	if (topic_record_read(&rec, val, len) != ERR_OK)
		return; /* told to whom it is loaded for */
	if (wants(co, &rec))
		load(sw, name);
	topic_record_fini(&rec);
}

static void
listed(void *priv, enum err e, const void *key, size_t klen, const void *val,
    size_t len)
{
	const size_t skip = sizeof META_TOPIC - 1;
	struct sweep *sw;
	struct core *co;
	int64_t next = STEP_NS;

	CAST_OBJ_NOTNULL(sw, priv, SWEEP_MAGIC);
	co = sw->co;
	if (key != NULL) {
		assert(klen > skip && klen <= sizeof sw->after);
		memcpy(sw->after, key, klen);
		sw->after_n = klen;
		sw->seen++;
		look(sw, (const char *)key + skip, klen - skip, val, len);
		return;
	}
	if (e == ERR_OK && sw->seen < SWEEP_PAGE) {
		sw->after_n = 0;
		next = co->conf.ledger_max_roll_ms * MS_NS;
	}
	timer_set(co->timers, &sw->timer,
	    co->now_ns + (next > STEP_NS ? next : STEP_NS));
}

static void
step(void *priv)
{
	struct sweep *sw;
	struct core *co;

	CAST_OBJ_NOTNULL(sw, priv, SWEEP_MAGIC);
	co = sw->co;
	if (co->draining)
		return;
	if (sw->loading > 0) {
		timer_set(co->timers, &sw->timer, co->now_ns + STEP_NS);
		return;
	}
	if (sw->after_n == 0) {
		sw->after_n = strlen(META_TOPIC);
		memcpy(sw->after, META_TOPIC, sw->after_n);
	}
	sw->seen = 0;
	co->meta->ops->list_after(co->meta, META_TOPIC, strlen(META_TOPIC),
	    sw->after, sw->after_n, SWEEP_PAGE, listed, sw);
}

void
sweep_answered(struct sweep *sw, const struct fx *fx)
{
	CHECK_OBJ_NOTNULL(sw, SWEEP_MAGIC);
	if (fx->dest.tag != SWEEP_TAG)
		return;
	AN(sw->loading);
	sw->loading--;
}

struct sweep *
sweep_new(struct core *co)
{
	struct sweep *sw;

	ALLOC_OBJ(sw, SWEEP_MAGIC);
	sw->co = co;
	timer_init(&sw->timer, step, sw);
	return sw;
}

void
sweep_start(struct sweep *sw)
{
	CHECK_OBJ_NOTNULL(sw, SWEEP_MAGIC);
	timer_set(sw->co->timers, &sw->timer, sw->co->now_ns + FIRST_NS);
}

void
sweep_free(struct sweep **swp)
{
	struct sweep *sw;

	TAKE_OBJ_NOTNULL(sw, swp, SWEEP_MAGIC);
	timer_cancel(sw->co->timers, &sw->timer);
	FREE_OBJ(sw);
}
