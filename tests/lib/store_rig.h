/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_rig.h - one shard's local engine over disk_mem and meta_mem, with a
 * client that remembers what it appended and what was answered, so that after
 * any crash it can say whether something is missing, changed or out of order.
 *
 * Bodies follow from a key, so the model keeps keys only. A cursor's state is
 * the set of numbers acked; a delta is such numbers, u32 each; a snapshot is
 * chunk 0 with all of them.
 */
#ifndef TESTS_LIB_STORE_RIG_H
#define TESTS_LIB_STORE_RIG_H

#include "store/local.h"
#include "store/meta_mem.h"
#include "tests/lib/disk_mem.h"

#define RIG_LEDGERS 64
#define RIG_CURSORS 16
#define RIG_ACKS 4096

struct rcursor;
struct rig_app {
	uint32_t key, len, messages_n;
	struct rcursor *rider; /* its ack rides with it; NULL: none */
	uint32_t rider_no;
};

struct rledger {
	int kind; /* 'L', first */
	struct rig *rig;
	uint64_t id;
	struct ledger *lg;
	struct ledger_info info;
	bool want, opened, closed, deleted, closing;
	bool async; /* power loss may take what was answered */
	bool single; /* entries of one message only */
	bool let_go; /* released from inside of the answer to a failure */
	enum err err; /* of the last answer */
	struct rig_app *app;
	uint32_t n, cap; /* appended */
	uint32_t acked; /* answered well: a prefix */
	uint32_t failed;
	uint64_t first_index, trim;
};

struct rcursor {
	int kind; /* 'C', first */
	struct rig *rig;
	uint64_t id;
	struct journal *jo;
	bool opened, used;
	bool may_fail; /* opening it */
	bool let_go; /* released from inside of the answer to open */
	uint32_t newest; /* last one that open gave */
	enum err err;
	/* 1: appended, 2: durable, 3: rides with an entry that is not answered */
	uint8_t set[RIG_ACKS];
	uint32_t *seq_no; /* number of append seq-1 */
	uint32_t seq_n, seq_cap;
	uint64_t done;
	bool
	    refused; /* its deltas are, or what it was opened with is not sure */
};

struct rig {
	struct disk_mem *dm;
	struct meta_mem *mm;
	struct disk *disk;
	struct meta *meta;
	struct ledgers *lgs;
	struct local_conf conf;
	/* what the engine gets; NULL: none */
	const struct entry_format_ops *const *formats;
	struct local_recovery rec;
	uint64_t seed;
	int64_t wall_ms, mono_ns;
	bool space;
	bool power; /* the last end was a power loss */
	uint32_t space_calls;
	uint32_t reports[16];
	uint64_t last_seg, last_off;
	struct rledger l[RIG_LEDGERS];
	struct rcursor c[RIG_CURSORS];
};

/* small segments, one shard */
void rig_init(struct rig *, uint64_t seed);
void rig_fini(struct rig *);
void rig_start(struct rig *);
enum err rig_try_start(struct rig *);
void rig_stop(struct rig *); /* everything outstanding is done first */
void rig_crash(struct rig *, bool power);
uint64_t rig_rnd(struct rig *, uint64_t n);

/* one turn: poll and a random part of what is queued */
void rig_turn(struct rig *);
/* turns until nothing is queued and nothing is left to do by itself */
void rig_settle(struct rig *);

struct rledger *rig_create(struct rig *, uint32_t i); /* settled */
void rig_append(struct rledger *, uint32_t len, bool sync);
/* with a new ack for a cursor */
void rig_append_with(
    struct rledger *, uint32_t len, bool sync, struct rcursor *, uint32_t no);
void rig_body(uint8_t *p, uint32_t key, uint32_t len);
/* is entry i of the ledger what was appended? */
bool rig_entry_is(const struct rledger *, int64_t i, const struct entry *);
/* Read all of it back, from .trim on; asserts that it is what was appended. corrupt: how many
 * places were said to be damaged. Returns how many entries were seen. */
uint32_t rig_read_all(struct rledger *, uint32_t *corrupt);
/* after a start: open all again and compare with the model */
void rig_reopen(struct rig *);
void rig_ack(struct rcursor *, uint32_t no, bool urgent);
struct rcursor *rig_cursor(struct rig *, uint32_t i);

#endif
