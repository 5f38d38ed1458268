/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h - the engine table: append-only ledgers and cursor journals.
 *
 * A topic is a list of ledgers of which exactly one, the last, is open; the
 * list is the core's and lives in the topic's metadata record. A cursor journal
 * keeps what a durable subscription has acknowledged. Two engines fit behind
 * the table: local_* (embedded log, one per shard) and bookkeeper_* (later).
 * Why each operation fits Apache BookKeeper is said beside it.
 *
 * Threads: an engine belongs to one shard; every function and every callback
 * runs on that shard's thread. Operations are asynchronous: a callback is never
 * called from inside the operation that it answers, but from
 * ledgers_poll()/completion context. Callbacks may call operations.
 *
 * Memory: `struct ledger` and `struct journal` are the engine's; the core holds
 * them from opened/created until ledger_release()/journal_release(). Slices
 * given to ledger_append() are referenced by the engine until they are copied
 * into a group.
 *
 * Errors: ERR_NO_SPACE (refused for now, heals by itself: space() says when),
 * ERR_IO (the segment was sealed, writes are refused until restart), ERR_CLOSED
 * (ledger closed or fenced: a remote engine's "another broker owns it"),
 * ERR_CORRUPT (damaged entry; the reader goes on behind it), ERR_AGAIN (a
 * remote engine's passing fault).
 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pos.h"
#include "store/entry.h"

struct ledgers; /* an engine, of one shard */
struct ledger; /* one ledger held by the core */
struct journal; /* the journal of one durable cursor, held by the core */

struct ledger_info {
	uint64_t id;
	bool open; /* takes appends */
	int64_t last_entry; /* LAC: last entry that is durable; -1: empty */
	uint64_t first_index; /* index of the ledger's first message */
	uint64_t next_index; /* index of the next message */
	uint64_t bytes; /* of bodies */
	int64_t created_ms; /* wall */
	int64_t last_store_ms; /* store time of the last entry; 0: empty */
};

/* What a cursor's journal holds: blobs in the order in which they were given
 * (snapshot chunks first, then deltas). Borrowed during the callback. */
struct journal_blob {
	uint64_t chunk; /* key of a snapshot chunk; JOURNAL_DELTA for a delta */
	const uint8_t *p;
	size_t len;
};
#define JOURNAL_DELTA UINT64_MAX
#define JOURNAL_APPEND_MAX (64u << 10) /* bytes of one append */
#define RIDER_MAX 64u /* bytes of a delta of append_with() */

/* A read under way; embedded in the core's object, one read at a time. The
 * entries (and the references of their bodies) are the reader's after done()
 * until ledger_read_fini(). */
struct ledger_read;
typedef void ledger_read_f(struct ledger_read *, enum err);
#define LEDGER_READ_MAX 256
struct ledger_read {
	unsigned magic;
#define LEDGER_READ_MAGIC 0x1edc4ead
	struct ledger *lg;
	int64_t from; /* first entry wanted */
	uint32_t max_n; /* <= LEDGER_READ_MAX */
	uint32_t max_bytes; /* of bodies; at least one entry is given */
	/* ERR_OK: n >= 1 entries; ERR_EOF: nothing at or after
	 * `from`; ERR_CORRUPT: `from` is damaged, resume at next */
	ledger_read_f *done;
	void *priv;
	int64_t next; /* out: where the next read goes on */
	uint32_t n;
	struct entry *ent; /* out: n entries, engine's memory until _fini */
	void *impl;
};

/* Answer to find_keys() */
#define FIND_KEYS_MAX 1024u
typedef void ledger_keys_f(
    void *priv, const int64_t *entry, uint32_t n, enum err);

/* What the engine tells its client (the core). `owner` is what was given at
 * create/open. */
struct ledger_client_ops {
	/* Answer to create and open, also of one that was deleted meanwhile
	 * (ERR_NO_LEDGER). On error lg is NULL. */
	void (*ledger_opened)(void *owner, struct ledger *lg,
	    const struct ledger_info *, enum err);
	/* n appends, the oldest ones outstanding of this ledger, have ended: all
	 * with the same result. ERR_OK: they are entries first_entry.. with indexes
	 * from first_index; durable by the ledger's policy; LAC has moved. */
	void (*appended)(void *owner, int64_t first_entry, uint32_t n,
	    uint64_t first_index, int64_t store_time_ms, enum err);
	/* Answer to journal_open; blobs in order. */
	void (*journal_opened)(void *owner, struct journal *,
	    const struct journal_blob *, size_t n, enum err);
	/* Everything up to append number `seq` of this journal is durable, or
	 * failed with err (then the core keeps it and appends it again). With seq
	 * 0, just before journal_opened: writes are refused for good, and what the
	 * blobs hold may not be durable. */
	void (*journal_done)(void *owner, uint64_t seq, enum err);
	/* The engine is about to forget old deltas: give the cursor's state as
	 * chunks by journal_snap_put()/_del(). The state may be newer than what is
	 * durable; applying a delta twice must change nothing. */
	void (*journal_snapshot)(void *owner, struct journal *);
	/* ledger_delete/ledger_close has ended. */
	void (*ledger_closed)(
	    void *owner, struct ledger *, const struct ledger_info *, enum err);
	/* Room for publishes ran out (false) or came back (true). */
	void (*space)(void *client, bool ok);
};

struct ledger_ops {
	const char *name;

	/* New empty open ledger. first_index continues the topic's numbering.
	 * BookKeeper: createLedger; the id is known when it answers. */
	void (*create)(struct ledgers *, uint64_t first_index, void *owner);

	/* Take up a ledger after a restart or when an idle topic wakes. A local
	 * ledger that was open stays open; BookKeeper recovers (fences, closes) it
	 * and answers info.open = false, whereupon the core creates the next. */
	void (*open)(struct ledgers *, uint64_t id, void *owner);

	/* Let go without closing (idle topic). Local keeps it open on disk;
	 * BookKeeper closes the handle. */
	void (*release)(struct ledgers *, struct ledger **);

	/* Append one entry; the answer is appended(), in order. Position, index
	 * and store time are given when the write is formed and taken back if it
	 * fails: no holes. sync: durable before the answer, else in the kernel.
	 * BookKeeper: asyncAddEntry, whose answers come in order with the LAC. */
	void (*append)(struct ledgers *, struct ledger *, const struct attr *,
	    const struct slice *body, bool sync);

	/* The same, with a delta for a journal that is held: a rider. Both are in the
	 * log after a crash, or neither is. It has no number and no answer of its
	 * own: with appended() and ERR_OK it is as durable as the entry, and by the
	 * time that returns the client's state has it; with an error it is dropped.
	 * BookKeeper: NULL, for there they are two ledgers. */
	void (*append_with)(struct ledgers *, struct ledger *,
	    const struct attr *, const struct slice *body, bool sync,
	    struct journal *, const void *delta, size_t len);

	/* Entry from memory, if it is there: true and *ent borrowed until the next
	 * call into the engine. Only entries <= LAC are seen. BookKeeper: our own
	 * cache of what we wrote. */
	bool (*peek)(struct ledgers *, struct ledger *, int64_t entry,
	    struct entry *ent);

	/* Entries from memory or disk; always answers by rd->done, never inline.
	 * BookKeeper: batch read. */
	void (*read)(struct ledgers *, struct ledger_read *rd);
	/* drop entries and refs;
	 * cancels a read under way (done is not called) */
	void (*read_fini)(struct ledgers *, struct ledger_read *rd);

	/* First entry whose store time is >= wall ms (sparse time index); answers
	 * done(priv, entry, err), entry = last_entry + 1 if all are older.
	 * BookKeeper: binary search by reads, as Pulsar does. */
	void (*find_time)(struct ledgers *, struct ledger *, int64_t wall_ms,
	    void (*done)(void *priv, int64_t entry, enum err), void *priv);

	/* Where to read for the message of this index: answers done(priv, entry,
	 * err), the entry that holds it or one before, as near as a sparse index
	 * tells; behind it where that is lost; last_entry + 1 if index is not below
	 * next_index. BookKeeper: binary search by reads, or the index in Pulsar's
	 * broker entry metadata. */
	void (*find_index)(struct ledgers *, struct ledger *, uint64_t index,
	    void (*done)(void *priv, int64_t entry, enum err), void *priv);

	/* Entries of from .. to - 1 whose format names this hash as a key's, the
	 * newest first, at most max: done(priv, entries, n, err), never inline, the
	 * array until it returns. Some may not have the key (hashes meet); entries
	 * that were stored by a version without the index are not found.
	 * BookKeeper: NULL, there is no index. */
	void (*find_keys)(struct ledgers *, struct ledger *, uint64_t hash,
	    int64_t from, int64_t to, uint32_t max, ledger_keys_f *done,
	    void *priv);

	/* Entries before `entry` will not be read again. BookKeeper: no-op (whole
	 * ledgers only). */
	void (*trim)(struct ledgers *, struct ledger *, int64_t entry);

	/* No more appends; answers ledger_closed with the final info.
	 * BookKeeper: CAS to CLOSED. */
	void (*close)(struct ledgers *, struct ledger *);

	/* Refuse the old writer of a ledger. Local: nobody else can write (the
	 * directory is locked), so it closes. BookKeeper: fencing read. */
	void (*fence)(struct ledgers *, uint64_t id);

	/* Forget a ledger that no metadata names any more, held or not. The core
	 * first commits the topic's record without it together with a key
	 * META_DEAD_LEDGER<id>, so that a crash in between is finished at boot.
	 * BookKeeper: deleteLedger. */
	void (*del)(struct ledgers *, uint64_t id);

	/* Cursor journals. The id comes from new_id() and is kept in the
	 * subscription's record. BookKeeper: one cursor ledger each; snapshot =
	 * first entry of a new cursor ledger. */
	uint64_t (*new_id)(struct ledgers *);
	void (*journal_open)(
	    struct ledgers *, uint64_t id, bool fresh, void *owner);
	/* Append a delta (a sequence of self-delimiting items: concatenation of
	 * deltas is a delta) of at most JOURNAL_APPEND_MAX. Returns its number, from
	 * 1 at each open. urgent: someone waits for the answer, so it starts a
	 * group; else it rides the next one, at the latest after 10 ms. */
	uint64_t (*journal_append)(struct ledgers *, struct journal *,
	    const void *p, size_t len, bool urgent);
	void (*journal_snap_put)(
	    struct journal *, uint64_t chunk, const void *p, size_t len);
	void (*journal_snap_del)(struct journal *, uint64_t chunk);
	void (*journal_release)(struct ledgers *, struct journal **);
	void (*journal_del)(struct ledgers *, uint64_t id);

	/* End of a loop iteration: form and submit a group of what was appended.
	 * now_ms wall, now_mono_ns monotonic. Returns ns until it wants to be called
	 * again (the 10 ms rule, flush interval), -1: not by itself. */
	int64_t (*poll)(
	    struct ledgers *, int64_t now_wall_ms, int64_t now_mono_ns);
	/* Answers done(priv) when everything appended before is durable. */
	void (*flush)(struct ledgers *, void (*done)(void *priv), void *priv);
};

/* Every engine begins with this. */
struct ledgers {
	unsigned magic;
#define LEDGERS_MAGIC 0x1ed6e125
	const struct ledger_ops *ops;
	const struct ledger_client_ops *client_ops;
	void *client; /* the core */
	/* ENTRY_FORMATS_N of them, any may be NULL; set before the first append.
	 * NULL: bodies are stored as they came */
	const struct entry_format_ops *const *formats;
};

#endif
