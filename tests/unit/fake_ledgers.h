/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger engine in memory for the unit tests of the core: it keeps ledgers
 * and journals across a "restart" of the core above it, answers only from
 * fake_poll(), and can be told to hold, to fail and to be cold.
 */
#ifndef TESTS_UNIT_FAKE_LEDGERS_H
#define TESTS_UNIT_FAKE_LEDGERS_H

#include "store/ledger.h"

struct fake_ledger {
	struct ledger_info info;
	void *owner;
	struct entry *ent;
	uint32_t n, cap; /* given */
	uint32_t durable; /* answered */
	bool held, opening, creating, closing;
	struct fake_ledger *next;
};

struct fake_blob {
	uint64_t chunk;
	uint8_t *p;
	size_t len;
};

struct fake_journal {
	uint64_t id;
	void *owner;
	struct fake_blob *chunks, *deltas;
	uint32_t chunks_n, deltas_n;
	uint32_t durable; /* of deltas */
	uint64_t seq, answered;
	bool held, opening, deleted;
	struct fake_journal *next;
};

struct fake_engine {
	struct ledgers base;
	struct fake_ledger *ledgers;
	struct fake_journal *journals;
	uint64_t next_id;
	int64_t now_ms;
	bool cold; /* peek finds nothing */
	bool sync; /* the last append asked for it */
	bool hold; /* appends of either kind are not answered */
	enum err fail; /* the next answers of journals say this */
	struct ledger_read *reads;
	struct {
		void (*done)(void *priv, int64_t entry, enum err);
		void *priv;
		int64_t entry;
		ledger_keys_f *keys; /* by key: v, n */
		int64_t v[FIND_KEYS_MAX];
		uint32_t n;
	} finds[16];
	unsigned finds_n, reads_n;
	uint64_t peeks;
};

struct fake_engine *fake_new(void);
void fake_free(struct fake_engine **);
/* Answers what is due; true: something was. */
bool fake_poll(struct fake_engine *);
void fake_drain(struct fake_engine *);
struct fake_journal *fake_journal(struct fake_engine *, uint64_t id);
/* Asks the owner for a snapshot and forgets the deltas before it. */
void fake_snapshot(struct fake_engine *, uint64_t journal_id);
/* What was not answered is lost; nothing is held any more. */
void fake_crash(struct fake_engine *);
/* A ledger with n entries of messages_n messages, as a topic would find it. */
struct fake_ledger *fake_ledger_make(struct fake_engine *, uint64_t id,
    uint64_t first_index, uint32_t n, uint32_t messages_n, bool open);
void fake_ledger_add(
    struct fake_ledger *, const struct attr *, const char *body);

#endif
