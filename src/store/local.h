/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local.h - the embedded engine behind ledger.h: one append-only log per shard,
 * shared by all its ledgers and cursor journals.
 *
 * What arrived during the last write becomes the next group: one sequential
 * write and one sync, whatever the number of topics. The group's buffer is also
 * the cache and what deliveries send from; a body is copied once. What has left
 * the cache is read back in ranges of up to read_bytes. doc/format-log.md draws
 * the bytes, local_priv.h says how the parts meet.
 *
 * Step style: no clock, no descriptor, no thread in here. Time comes with
 * ledgers' poll(), bytes go through struct disk_ops and struct meta_ops. All
 * functions run on the shard's thread; only references to entry bodies may be
 * dropped on any thread.
 *
 * Memory: group buffers, read buffers and what deliveries still hold of either
 * are counted together against cache_bytes, less what free buffers may be kept;
 * when it is passed, the oldest groups are let go. index_bytes bounds the footers of sealed segments that are
 * kept. The index of the open segment (48 bytes a run) and the state of the
 * ledgers touched since the last checkpoint come on top, bounded by
 * (checkpoint_segments + 2) * segment_bytes of log.
 *
 * Policies that are the engine's own:
 *  - A failed write or sync seals the segment: every outstanding append fails
 *    with ERR_IO, in order, and so does everything later, until a restart.
 *  - When fewer than min_free_segments are ready and making one fails with
 *    ERR_NO_SPACE, appends fail with ERR_NO_SPACE (space(false)), journals go
 *    on; making one is tried every second, space(true) tells when it worked.
 *  - A sealed segment of which a quarter or less is live (half without space)
 *    is rewritten: what is live in it and in others like it goes, sorted by
 *    ledger, into a file of the right size, or into a segment of the reserve
 *    when there is no room for one. Positions and indexes stay as they are.
 *  - new_id() answers 0 when no id can be had at the moment (reserved ranges
 *    are made durable ahead of use).
 *  - journal_release() calls the client's journal_snapshot() before it returns
 *    if the journal has deltas that no snapshot covers.
 */
#ifndef STORE_LOCAL_H
#define STORE_LOCAL_H

#include <stdio.h>

#include "base/err.h"
#include "store/ledger.h"

struct disk;
struct meta;

/* Segment and other ids: n * LOCAL_CLASSES + shard, so shards never meet. */
#define LOCAL_CLASSES 64u
#define LOCAL_SHARDS_MAX LOCAL_CLASSES

enum local_report {
	LOCAL_TORN_TAIL, /* bytes behind the last whole group were cut */
	LOCAL_CORRUPT, /* damaged bytes were stepped over */
	LOCAL_IO_ERROR, /* a write or sync failed: writes are refused from now on */
	LOCAL_META_ERROR, /* a commit failed: nothing is freed any more */
	LOCAL_NO_SPACE, /* no room for a segment */
	LOCAL_SPACE_BACK, /* room again */
	LOCAL_RESHARD, /* the directory is of another number of shards or placement */
};
/* For the log line. len: bytes concerned, 0 if not known. */
typedef void local_report_f(void *priv, enum local_report, uint64_t segment,
    uint64_t off, uint64_t len);

struct local_conf {
	uint32_t shard, nshards;
	uint32_t
	    placement; /* number of the rule by which ledgers get their shard */
	uint32_t segment_bytes; /* multiple of 4 KiB */
	uint32_t group_bytes; /* a group is formed early at this size */
	uint64_t cache_bytes; /* buffers: groups, reads, deliveries */
	uint64_t index_bytes; /* footers of sealed segments */
	uint32_t max_entry_bytes; /* of a body; at most segment_bytes / 4 */
	uint32_t min_free_segments;
	uint32_t max_free_segments;
	uint32_t checkpoint_segments; /* sealed segments between checkpoints */
	uint32_t read_bytes; /* largest read from a sealed segment */
	uint32_t reads_max; /* reads at the disk at one time */
	int64_t
	    ack_delay_ns; /* a delta that nobody waits for rides at latest */
	int64_t flush_interval_ns; /* from an unsynced write to its sync */
	/* rewriting: pause between jobs, bytes read and written; both don't
	 * count while there is no space */
	int64_t rewrite_interval_ns;
	uint64_t rewrite_bytes_per_s;
	local_report_f *report; /* may be NULL */
	void *report_priv;
};
/* The defaults, for one shard of one */
void local_conf_init(struct local_conf *);

struct local_recovery {
	uint64_t segments, groups, entries, deltas, bytes;
	uint64_t torn_bytes; /* cut from the tail */
	uint64_t corrupt; /* damaged places stepped over */
	uint64_t dead_entries; /* of ledgers that are gone */
};

struct ledgers *local_ledgers_new(const struct local_conf *, struct disk *,
    struct meta *, const struct ledger_client_ops *, void *client);

/* Read the log back; blocking, before anything else is called and before the
 * loop runs. Shards of a directory are recovered one after the other, shard 0
 * first. ERR_NEWER_FORMAT: the directory is not for this version. */
enum err local_recover(struct ledgers *, int64_t now_wall_ms,
    struct local_recovery *, struct diag *) MUST_CHECK;

/* Nothing may be outstanding at the disk or at meta, unless they have forgotten
 * it (a simulated crash). Bodies may still be referenced. */
void local_ledgers_free(struct ledgers **);

/* From now on everything is to be made durable soon: checkpoint as soon as
 * possible (tests; clean shutdown uses flush and needs none). done may be
 * NULL. */
void local_checkpoint(struct ledgers *, void (*done)(void *priv), void *priv);

struct local_stats {
	uint64_t appends, append_bytes; /* bodies */
	uint64_t groups, group_bytes; /* written, with padding */
	uint64_t syncs; /* groups with sync, and syncs by themselves */
	uint64_t journal_appends;
	uint64_t reads, read_bytes; /* at the disk */
	uint64_t peeks, peek_misses;
	uint64_t corrupt;
	uint64_t checkpoints;
	uint64_t segments_sealed, segments_freed, segments_recycled;
	uint64_t rewrites, rewrites_failed; /* jobs */
	uint64_t rewrite_segments, rewrite_bytes; /* that were rewritten */
	/* gauges */
	uint64_t staged_bytes; /* given, not yet in a group */
	uint64_t buffer_bytes; /* all buffers in use: cached or pinned */
	uint64_t cached_bytes; /* of them in the cache */
	uint64_t pooled_bytes; /* free, kept for reuse */
	uint64_t footer_bytes;
	uint32_t segments, segments_free;
	uint64_t segment_bytes; /* of those that hold data */
	uint64_t ledgers, journals; /* objects in memory */
	bool failed, no_space;
};
void local_stats(const struct ledgers *, struct local_stats *);

/* magnetar inspect: list segments, ledgers and journals of a directory and
 * verify every checksum. Opens nothing for writing. Returns ERR_OK,
 * ERR_CORRUPT if something is damaged, or why it could not look. */
enum err local_inspect(
    struct disk *, struct meta *, FILE *, bool verbose) MUST_CHECK;

#endif
