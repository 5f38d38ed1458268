/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the local engine. Who owns what:
 *
 *	struct local	the engine of one shard
 *	  segments	by id: every file of the directory that it knows of
 *	  ledgers	by id: those held by the core, and those with entries that
 *			are cached or that no checkpoint covers
 *	  journals	by id: held, or with deltas that no checkpoint covers
 *	  groups	in flight (FIFO), then cached (oldest first)
 *	  pool		free lists of aligned buffers
 *
 * One append: ledger_append stages it at its ledger (local_append.c);
 * group_form copies what is staged into a buffer and submits the write
 * (local_group.c); its completion moves the LAC and calls the client. peek
 * finds the entry by its run: struct run, sorted, a deque per ledger; runs
 * leave at the front when their group was evicted and their segment's footer is
 * on disk (local_index.c). Behind that a read goes by extent (which segment),
 * footer (which run) and range (local_read.c). Checkpoints: local_checkpoint.c.
 */
#ifndef STORE_LOCAL_PRIV_H
#define STORE_LOCAL_PRIV_H

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/miniobj.h"
#include "os/disk.h"
#include "store/ledger.h"
#include "store/local.h"
#include "store/meta.h"
#include "store/record.h"

struct local;
struct segment;
struct group;
struct chunk;
struct read_op;
TAILQ_HEAD(read_list, read_op);

/* --- buffers (local_pool.c) ---------------------------------------------- */

struct pool;
struct pool *pool_new(uint64_t keep_bytes);
void pool_free(struct pool **);
/* A buffer of at least size bytes, aligned to blocks. It comes back by the last
 * buf_unref, on any thread. */
enum pool_stay {
	POOL_BRIEF, /* read, and soon done with */
	POOL_CACHED, /* a group: until it is the oldest of the cache */
};
struct buf *pool_get(struct pool *, uint32_t size, enum pool_stay);
/* Take in what came back. */
void pool_drain(struct pool *);
/* Give half of what is kept back to the system; true while something is kept */
bool pool_trim(struct pool *);
uint64_t pool_used_bytes(const struct pool *); /* handed out, not come back */
uint64_t pool_kept_bytes(const struct pool *);

/* --- segments (local_segment.c) ------------------------------------------ */

enum segment_state {
	SEG_MAKING, /* DISK_CREATE or DISK_RENAME under way */
	SEG_FREE, /* ready for use */
	SEG_OPEN, /* takes groups */
	SEG_SEALED, /* footer written, or being written */
	SEG_DEAD, /* nothing wanted in it: waits to be recycled or removed */
};

struct segment {
	unsigned magic;
#define SEGMENT_MAGIC 0x5e63e170
	enum segment_state state;
	uint64_t id; /* and generation */
	uint64_t size;
	uint32_t seed;
	uint32_t off; /* where the next group goes */
	bool old; /* of an earlier number of shards: only read */
	int64_t sum; /* old: of all shards' rows */
	bool footer_ok; /* on disk; rows, if there, are sorted */
	bool
	    footer_bad; /* damaged: rows were rebuilt by a scan or cannot be had */
	bool failed;
	bool no_wide; /* a block of it can't be read */
	bool rewritten; /* not of the log: what was live in others */
	bool no_rewrite; /* tried in vain */
	uint64_t first_group, last_group;
	int64_t live; /* bytes of records that some ledger still wants */
	int64_t persisted; /* the same, as our row in meta says */
	struct run_row *row;
	uint32_t row_n, row_cap;
	struct run_row *sorted; /* copy, while the footer is written */
	/* Its key index (local_keys.c). In memory while it has none on disk, or
	 * that is damaged. */
	uint64_t *key;
	uint32_t key_n, key_cap;
	bool keys_sorted;
	bool keys_known; /* sealed: key_n is what the trailer says */
	uint32_t pins; /* reads at work on it */
	uint64_t commit; /* last commit that moved persisted */
	bool row_dirty; /* persisted has moved: on lo->rows_dirty */
	TAILQ_ENTRY(segment) row_link;
	/* waiting for the footer */
	bool footer_loading;
	struct read_list footer_wait;
	TAILQ_ENTRY(segment) list; /* free list, or sealed log order */
	TAILQ_ENTRY(segment) lru; /* rows in memory, sealed */
	bool in_lru;
};

TAILQ_HEAD(segment_list, segment);

struct segment *segment_get(struct local *, uint64_t id);
/* The same, but one without a file is made if it is not known */
struct segment *segment_want(struct local *, uint64_t id);
struct segment *segment_add(struct local *, uint64_t id, uint64_t size);
void segment_drop(struct local *, struct segment **);
/* Room for a group of len bytes with at most so many runs and keys more? */
bool segment_fits(
    const struct segment *, uint32_t len, uint32_t runs, uint32_t keys);
/* The next free segment becomes the open one; false if none is ready */
bool segment_open_next(struct local *);
void segment_seal(struct local *);
void segment_sealed(struct local *, struct segment *);
uint32_t segment_row_add(struct segment *, const struct run_row *);
void segment_rows_sort(struct segment *);
/* Of the footer with the key index, which is left out where it does not fit:
 * only in a segment that was begun by a version without it */
uint32_t segment_footer_len(struct segment *);
/* Build both in buf, which has so many bytes */
void segment_footer_put(
    const struct local *, struct segment *, uint8_t *buf, uint32_t len);
/* The footer is on disk: what it has of keys is needed no more. */
void segment_footer_done(struct segment *);
void segment_rows_drop(struct local *, struct segment *);
/* Row of the ledger that holds entry, or the first one behind it; sorted rows;
 * row_n if there is none */
uint32_t segment_row_find(
    const struct segment *, uint64_t ledger, int64_t entry);
void segment_touch(struct local *, struct segment *);
void segment_lru_trim(struct local *);
/* Ahead-making, freeing, retries; next time it wants to be called */
void segment_poll(struct local *);
bool segment_wanted(const struct local *);
void segment_give_up(struct local *);
/* Frees it if nothing is wanted in it and nothing refers to it */
void segment_check_dead(struct local *, struct segment *);
void segments_check_dead(struct local *);
void segments_fini(struct local *);
/* Into the list of segments that are ready */
void segment_ready(struct local *, struct segment *);
uint64_t segment_id_next(struct local *);

/* --- keys (local_keys.c) -------------------------------------------------- */

/* What the entry's format says of its keys, to be found in seg */
void segment_keys_add(struct local *, struct segment *, unsigned format,
    const void *body, uint32_t len, uint64_t ledger, int64_t entry);
/* Are bodies of this format looked at? */
bool keys_wanted(const struct local *, unsigned format);
void segment_keys_sort(struct segment *);
void segment_keys_put(struct segment *, uint8_t *buf);
void segment_keys_drop(struct segment *);

/* --- ledgers -------------------------------------------------------------- */

/* A delta that goes into the log with an entry */
struct rider {
	struct rider *next; /* of the group */
	struct journal *jo;
	uint32_t len;
	uint8_t data[RIDER_MAX];
};

struct stage {
	struct stage *next;
	uint64_t seq;
	struct attr attr;
	struct slice body;
	struct rider *rider; /* NULL: none */
	bool sync;
};

struct run {
	int64_t first_entry;
	uint32_t n;
	uint32_t rec0; /* index of its first record in grp->rec */
	struct group *grp; /* NULL: not cached any more */
	uint32_t grun; /* index in grp->run */
	uint32_t row; /* index in seg->row while !seg->footer_ok */
	struct segment *seg;
};

struct extent {
	uint64_t segment;
	int64_t first_entry;
	uint64_t first_index;
	int64_t first_ms, last_ms;
	uint32_t n, messages_n;
	uint32_t body_bytes;
	uint32_t disk_bytes;
	uint32_t persisted; /* of disk_bytes, counted in segment->persisted */
	bool trimmed; /* to be dropped at the next snapshot */
};

struct ledger {
	unsigned magic;
#define LEDGER_MAGIC 0x1ed6e100
	struct local *lo;
	void *owner;
	uint64_t id;
	bool held;
	bool opening; /* its owner waits for ledger_opened() */
	bool ready; /* state is known (created, loaded) */
	bool closed; /* takes no appends */
	bool closing; /* close asked for */
	bool deleted;
	bool dirty; /* on lo->dirty: extents or flags no snapshot has */
	bool staged; /* on lo->staged */
	bool failing; /* on lo->failing */
	bool loading; /* its snapshot is on its way */
	bool fence; /* close it when it is loaded */
	bool rewrite; /* the job under way waits for it */
	/* durable */
	int64_t last_entry;
	uint64_t first_index, next_index;
	uint64_t bytes;
	int64_t created_ms, last_store_ms;
	int64_t snap_ms; /* last_store_ms of what the snapshot covers */
	int64_t trim; /* first entry wanted */
	int64_t close_last; /* last entry when it was closed */
	/* given to records of groups that are formed */
	int64_t form_entry;
	uint64_t form_index;
	uint32_t formed_runs; /* in flight */
	/* staged */
	struct stage *st_head, **st_tail;
	uint32_t st_n;
	struct extent *ext;
	uint32_t ext_n, ext_cap;
	/* runs, a ring */
	struct run *run;
	uint32_t run_0, run_n, run_cap, run_hint;
	struct chunk *cold; /* list of read-back ranges */
	uint32_t ckpt_no; /* checkpoint that has seen it */
	uint32_t reads; /* read_ops on it */
	uint32_t pending; /* answers and meta operations under way */
	TAILQ_ENTRY(ledger) staged_link, dirty_link, failing_link;
};

TAILQ_HEAD(ledger_list, ledger);

struct ledger *ledger_find(struct local *, uint64_t id);
struct ledger *ledger_add(struct local *, uint64_t id);
void ledger_info_get(const struct ledger *, struct ledger_info *);
/* Forget the object if nothing needs it */
void ledger_maybe_free(struct ledger *);
void ledger_destroy(struct ledger **);
/* Get the snapshot of one that was just added; who waits for it is told */
void ledger_fetch(struct ledger *);
void ledger_mark_dirty(struct ledger *);
/* Snapshot of the extents in segments up to lo->covered: appends the put to tx,
 * moves the persisted counters, takes it off the dirty list (and puts it on
 * again when something is left). */
void ledger_snapshot(struct ledger *, struct meta_txn *);
/* Does it go into snapshots? */
bool extent_covered(const struct local *, const struct extent *);
void ledger_trim_extents(struct ledger *);
enum err ledger_load(struct ledger *, const void *val, size_t len) MUST_CHECK;

/* local_index.c */
struct run *run_at(const struct ledger *, uint32_t i);
/* The run that holds entry, or the first behind it; NULL */
struct run *run_find(struct ledger *, int64_t entry);
struct run *run_push(struct ledger *);
void run_truncate(struct ledger *, int64_t first_entry);
void run_trim_front(struct ledger *);
void runs_fini(struct ledger *);
struct extent *extent_find(const struct ledger *, int64_t entry);
void extent_add(struct ledger *, struct segment *, const struct run_row *,
    uint32_t body_bytes);

/* --- groups --------------------------------------------------------------- */

struct grun {
	struct ledger *lg; /* NULL: deleted meanwhile */
	uint32_t rec0;
	uint32_t body_bytes;
	struct run_row row;
};

struct gjournal {
	struct journal *jo;
	uint64_t seq;
};

struct group {
	unsigned magic;
#define GROUP_MAGIC 0x6e0a9000
	struct local *lo;
	struct disk_req rq;
	struct buf *buf;
	struct segment *seg;
	uint64_t number;
	bool sync;
	bool journaled; /* journals wait for a sync still */
	bool done, cached;
	uint8_t *index; /* run, then rec */
	uint32_t index_cap;
	uint32_t meta_bytes; /* while cached: counted */
	struct grun *run;
	uint32_t run_n;
	uint32_t *rec; /* offset of each record in buf */
	uint32_t rec_n;
	struct gjournal *jo;
	uint32_t jo_n, jo_cap;
	struct rider *riders; /* in flight */
	TAILQ_ENTRY(group) list; /* flight or cache; free list */
	TAILQ_ENTRY(group) unsynced;
};
TAILQ_HEAD(group_list, group);

bool group_form(struct local *);
void group_evict(struct local *, struct group *);
void group_cache_trim(struct local *);
void groups_fini(struct local *);
void groups_free_unused(struct local *);
void groups_fail_unsynced(struct local *);
void group_synced(struct local *, uint64_t number);
/* If anything was written without sync, sync it before what is submitted next:
 * a synced write vouches for all groups before it, and a disk may sync just the
 * bytes of one write. */
void sync_before(struct local *, struct segment *);
void sync_poll(struct local *);
void local_fail(struct local *, enum err, struct segment *, uint64_t off);

/* --- journals ------------------------------------------------------------- */

struct jdelta {
	struct jdelta *next;
	uint64_t seq; /* of the last append in it */
	uint32_t len, cap;
	uint8_t data[];
};

struct journal {
	unsigned magic;
#define JOURNAL_MAGIC 0x10a9a1e0
	struct local *lo;
	void *owner;
	uint64_t id;
	bool held;
	bool opening;
	bool deleted;
	bool lost; /* a commit failed that had what memory has no more: it can't
		      be opened before a restart, which replays the log */
	bool urgent;
	bool staged; /* on lo->jstaged */
	bool dirty; /* on lo->jdirty: the log has deltas that no snapshot has */
	uint64_t seq; /* of the last append */
	uint64_t seq_base; /* appends of earlier holders: numbers begin anew */
	uint64_t stage_seq; /* of lo->seq, of its oldest staged delta */
	uint64_t seq_done; /* durable and answered */
	uint64_t *raw; /* keys of raw chunks in meta */
	uint32_t raw_n;
	uint32_t ckpt_no;
	uint32_t formed; /* groups in flight or unsynced that name it */
	uint32_t riders; /* staged or in flight */
	uint32_t pending;
	struct jdelta *st_head, **st_tail; /* not yet in a group */
	/* replayed and not yet given to anyone: u32 length and bytes, each */
	uint8_t *kept;
	size_t kept_len, kept_cap;
	struct meta_txn *snap; /* while journal_snapshot() runs */
	TAILQ_ENTRY(journal) staged_link, dirty_link;
};
TAILQ_HEAD(journal_list, journal);

/* chunks at and above are raw deltas of journals that nobody had open */
#define JOURNAL_RAW (UINT64_C(1) << 63)

struct journal *journal_add(struct local *, uint64_t id);
void journal_replay(
    struct local *, uint64_t id, const uint8_t *p, uint32_t len);
/* Put its state into tx and take it off the dirty list */
void journal_snapshot(struct journal *, struct meta_txn *);
void journal_maybe_free(struct journal *);
void journal_destroy(struct journal **);
void journal_mark_dirty(struct journal *);
/* The commit with its snapshot failed */
void journal_unsnapshot(struct journal *);
void journal_written(struct journal *, uint64_t seq, enum err);

/* --- riders --------------------------------------------------------------- */

struct rider *rider_new(struct journal *, const void *, size_t len);
void rider_free(struct rider *);
uint32_t rider_len(const struct rider *); /* NULL: 0 */
/* A record at p of the first ones, as many as go into it; its length */
uint32_t riders_put(const struct rider **, uint8_t *p, uint32_t seed);
/* Their group was answered; ok: it was written. */
void riders_done(struct local *, struct group *, bool ok);
void riders_fini(struct group *);
void journals_fail_staged(struct local *);
bool journal_is_dead(const struct local *, uint64_t id);
void journal_dead_add(struct local *, uint64_t id);

void local_new_id_poll(struct local *);
uint64_t local_new_id(struct ledgers *);
void local_journal_open(struct ledgers *, uint64_t id, bool fresh, void *owner);
uint64_t local_journal_append(
    struct ledgers *, struct journal *, const void *, size_t, bool);
void local_journal_snap_put(
    struct journal *, uint64_t chunk, const void *p, size_t len);
void local_journal_snap_del(struct journal *, uint64_t chunk);
void local_journal_release(struct ledgers *, struct journal **);
void local_journal_del(struct ledgers *, uint64_t id);

/* --- reads ---------------------------------------------------------------- */

enum op_state {
	OP_READY,
	OP_CHUNK,
	OP_FOOTER,
	OP_KEYS /* for a block of a key index: on lo->key_reads */
};

struct key_search;

struct read_op {
	unsigned magic;
#define READ_OP_MAGIC 0x9ead0901
	struct ledger *lg;
	struct ledger_read *rd; /* NULL: a search */
	enum op_state state;
	bool done;
	struct segment *seg; /* OP_FOOTER */
	struct chunk *ch; /* OP_CHUNK */
	struct entry *ent;
	uint32_t ent_cap, ent_n;
	bool by_index; /* a search: by index, else by time */
	int64_t time_ms;
	uint64_t index;
	void (*found)(void *, int64_t, enum err);
	void *priv;
	struct key_search *ks; /* a search by key; NULL: none */
	TAILQ_ENTRY(read_op) list;
};

struct read_op *read_op_new(struct local *, struct ledger *);
void read_op_delete(struct local *, struct read_op *);
/* Answers a search and frees it */
void read_op_found(struct local *, struct read_op *, int64_t entry, enum err);
/* Have it looked at by the next reads_poll(); answer it with an error */
void read_op_ready(struct local *, struct read_op *);
void read_op_fail(struct local *, struct read_op *, enum err);
/* The footer that it waited for is here; first: of those that waited */
void read_op_footer(struct local *, struct read_op *, bool first);
/* True if the segment's rows are here; else the operation waits for them */
bool footer_have(struct local *, struct segment *, struct read_op *);

void local_read(struct ledgers *, struct ledger_read *);
void local_read_fini(struct ledgers *, struct ledger_read *);
/* local_find.c */
void find_step(struct local *, struct read_op *);
void local_find_time(struct ledgers *, struct ledger *, int64_t wall_ms,
    void (*done)(void *, int64_t, enum err), void *);
void local_find_index(struct ledgers *, struct ledger *, uint64_t index,
    void (*done)(void *, int64_t, enum err), void *);
/* local_keys.c */
void find_keys_step(struct local *, struct read_op *);
void find_keys_answer(struct local *, struct read_op *, enum err);
void key_search_free(struct key_search **);
void local_find_keys(struct ledgers *, struct ledger *, uint64_t hash,
    int64_t from, int64_t to, uint32_t max, ledger_keys_f *done, void *);

/* --- stretches (local_stretch.c) ------------------------------------------ */

struct stretch;
/* Embedded in who waits; fn may delete it. */
struct stretch_wait {
	TAILQ_ENTRY(stretch_wait) link;
	void (*fn)(struct stretch_wait *, enum err);
	void *priv;
};
TAILQ_HEAD(stretch_waits, stretch_wait);
TAILQ_HEAD(stretch_list, stretch);

#define READ_PLACES 8u
struct read_place { /* where a ledger was read lately */
	uint64_t ledger, segment;
	uint32_t off;
};

/* One with [off, end) of the segment, which may be there already or on its way;
 * else it is read, up to wide_end, or the whole block if others read there too. The
 * reference is the caller's. */
struct stretch *stretch_get(struct local *, const struct ledger *,
    struct segment *, uint32_t off, uint32_t end, uint32_t wide_end);
/* It begins and ends in the segment at *off and *end. */
struct buf *stretch_peek_buf(
    const struct stretch *, uint32_t *off, uint32_t *end);
/* false: it is loaded */
bool stretch_wait(struct stretch *, struct stretch_wait *);
/* read for more than one ledger */
bool stretch_is_wide(const struct stretch *);
/* How much of it readers took: whether such a block was worth reading. */
void stretch_used(struct stretch *, uint64_t bytes);
void stretch_put(struct stretch **);
/* Lets one go that no chunk is on; false: there is none. */
bool stretch_evict_idle(struct local *);
void stretches_init(struct local *);
void stretches_fini(struct local *);

bool chunk_peek(struct ledger *, int64_t entry, struct entry *);
void chunks_drop(struct ledger *);
bool chunk_evict_oldest(struct local *);
void reads_poll(struct local *);
void reads_fini(struct local *);

/* Have the rows read; footer_loading falls when that has ended */
void footer_want(struct local *, struct segment *);

/* --- rewriting (local_rewrite.c) ------------------------------------------ */

struct rewrite;
void rewrite_poll(struct local *);
/* ns when it wants to go on by itself; INT64_MAX: not */
int64_t rewrite_next(const struct local *);
/* A ledger with .rewrite was loaded, or could not be */
void rewrite_loaded(struct local *, struct ledger *, enum err);
void rewrite_fini(struct local *);

/* --- checkpoint ----------------------------------------------------------- */

enum ckpt_step {
	CKPT_IDLE,
	CKPT_SLICES,
	CKPT_MOVE
};
struct slice_op;

void checkpoint_poll(struct local *);
bool checkpoint_would_free(const struct local *);
struct shard_row {
	uint32_t nshards, epoch, placement;
	uint64_t id_end, segment, group, seg_next, log_start;
};
enum err shard_row_get(
    const void *val, size_t len, struct shard_row *) MUST_CHECK;
/* The shard's row */
void jopens_fini(struct local *);
void shard_row_put(struct local *, struct meta_txn *);
void segment_rows_put(struct local *, struct meta_txn *);
void segment_persist(struct local *, struct segment *, int64_t delta);
/* All commits of the engine go through one queue, in order, with the rows of
 * segments whose counters have moved. Without room they wait (_try: fail). fn
 * may be NULL; it is never called from inside. */
typedef void commit_f(struct local *, void *priv, enum err);
void local_commit(struct local *, struct meta_txn **, commit_f *, void *priv);
void local_commit_try(struct local *, struct meta_txn **, commit_f *, void *);
/* Called, inside if nothing is queued, when all commits before are done */
void local_commit_after(struct local *, commit_f *, void *priv);
void commits_poll(struct local *);
void commits_fini(struct local *);
void checkpoint_fini(struct local *);
enum err local_commit_now(struct local *, struct meta_txn **) MUST_CHECK;
/* all snapshots at once, blocking: boot only */
enum err checkpoint_slices_now(struct local *) MUST_CHECK;
void checkpoint_dead_forget(struct local *);
size_t segment_key(uint8_t *key, uint64_t segment, uint32_t shard);

/* --- deferred answers ----------------------------------------------------- */

typedef void answer_f(struct local *, void *);
struct answer {
	answer_f *fn;
	void *p;
	TAILQ_ENTRY(answer) list;
};
TAILQ_HEAD(answer_list, answer);
void local_answer(struct local *, answer_f *, void *p);

struct flush {
	void (*done)(void *);
	void *priv;
	uint64_t seq; /* of the last thing staged before */
	uint64_t group; /* number that has to be synced; 0: not known yet */
	TAILQ_ENTRY(flush) list;
};

/* A request to the disk other than a group's or a read's */
struct dop {
	struct disk_req rq;
	struct local *lo;
	struct segment *seg;
	struct buf *buf;
	struct read_op *rop; /* that waits for it */
	uint64_t group; /* sync: on the medium afterwards */
	bool flag; /* sync: by time; footer: the whole segment is read */
	LIST_ENTRY(dop) list;
};
struct dop *dop_new(struct local *, enum disk_op, struct segment *,
    void (*done)(struct disk_req *, enum err));
void dop_free(struct dop *);

/* --- the engine ----------------------------------------------------------- */

struct local {
	struct ledgers base; /* magic LEDGERS_MAGIC */
	unsigned magic;
#define LOCAL_MAGIC 0x10ca1000
	struct local_conf conf;
	struct disk *disk;
	struct meta *meta;
	struct pool *pool;
	uint64_t pool_keep; /* of cache_bytes, for its free buffers */
	int64_t wall_ms, mono_ns;
	bool recovered;
	bool failed;
	bool no_space;
	enum err failed_err;

	/* ids */
	uint64_t id_next, id_end; /* n of n * 64 + class; end: durable */
	uint64_t id_want; /* end of the range being committed, 0: none */
	uint64_t id_window; /* how many are reserved at a time */
	uint64_t row_segment, row_group; /* checkpoint as last given to meta */
	uint64_t seg_next;
	uint64_t
	    log_start; /* segments before are of an earlier number of shards */
	uint32_t epoch;
	uint64_t covered; /* snapshots may have what lies up to here */
	uint64_t ckpt_segment; /* replay begins behind it */
	uint64_t ckpt_group; /* number of the first group behind it */

	struct umap segments, ledgers, journals;
	struct segment *open;
	struct segment_list free; /* ready, by id */
	struct segment_list dead_segs; /* to be recycled or removed */
	uint32_t free_n, dead_segs_n;
	bool old_busy;
	struct segment *making; /* one at a time, so that ids come in order */
	uint64_t make_from; /* recycled from; 0: created */
	struct disk_req make_rq;
	struct segment_list sealed; /* of our log, by id */
	uint32_t sealed_n; /* sealed and not covered */
	struct segment_list lru;
	uint64_t row_bytes;
	int64_t retry_ns; /* making segments: not before */
	int64_t open_ns, open_gap_ns; /* last change of the open one */
	uint64_t commit_seq, commit_done; /* commits to meta */
	struct segment_list rows_dirty;
	bool meta_failed;

	/* staging */
	struct ledger_list staged, failing, dirty;
	uint32_t staged_n; /* ledgers */
	uint64_t staged_bytes; /* records */
	struct journal_list jstaged, jdirty;
	uint32_t jurgent; /* staged and urgent */
	int64_t jdeadline_ns; /* 0: none */
	bool form_waits; /* for a segment */
	bool keyed; /* entries with keys have come */
	uint64_t seq;
	struct stage *stage_free;
	struct stage_slab *slabs;
	uint32_t stages_n; /* in use */

	/* groups */
	struct group_list flight, cache, unsynced, group_free;
	uint32_t flight_n;
	uint64_t group_next; /* number */
	uint64_t group_done;
	uint64_t group_synced;
	uint64_t cached_bytes, cached_meta_bytes;
	struct grun *form_run; /* while a group is formed */
	uint32_t *form_rec;
	uint32_t form_run_cap, form_rec_cap;
	bool async_written; /* writes without sync since the last sync */
	bool sync_busy;
	uint64_t sync_group;
	int64_t sync_at_ns; /* unsynced data: when; 0: none */

	TAILQ_HEAD(, flush) flushes;
	struct answer_list answers;

	/* reads */
	struct read_list reads; /* want to be looked at */
	struct read_list key_reads;
	TAILQ_HEAD(, chunk) chunks; /* oldest first */
	struct stretch_list
	    stretches; /* that chunks to come may use, oldest first */
	uint32_t stretches_n;
	struct read_place places[READ_PLACES];
	uint32_t place_i;
	uint32_t wide_credit, wide_skipped;
	uint32_t reads_n; /* at the disk */
	uint64_t chunk_bytes; /* of the stretches of chunks, and those listed */
	struct read_op *read_free;
	uint64_t idle_groups, idle_work;
	uint32_t idle_n; /* seconds without work */
	int64_t idle_ns; /* when free buffers are given back next */

	/* checkpoint */
	enum ckpt_step ckpt;
	bool ckpt_asked, ckpt_seal;
	bool ckpt_space; /* wanted for what it would free */
	uint64_t ckpt_to; /* segment to be covered */
	uint64_t ckpt_to_group;
	uint32_t ckpt_busy; /* commits under way */
	uint32_t ckpt_no;
	uint32_t ckpt_dead_n; /* of `dead`, the first ones go with it */
	TAILQ_HEAD(, flush) ckpt_waiters;
	uint64_t *dead; /* deleted journals that the log may still know */
	uint32_t dead_n, dead_cap;
	struct umap dead_ids;

	LIST_HEAD(, dop) disk_ops;
	TAILQ_HEAD(, commit_op) commits;
	bool commit_busy, commit_waits;
	uint64_t commit_batch; /* last one of what is under way */
	int64_t commit_retry_ns;
	struct slice_op *ckpt_slice;
	LIST_HEAD(, jopen) jopens;
	struct rewrite *rw; /* the job under way */
	bool check_dead; /* a segment may be */
	bool rw_look; /* there may be something to rewrite */
	int64_t rw_next_ns; /* not before */
	struct local_stats st;
};

static inline struct local *
local_of(struct ledgers *lgs)
{
	struct local *lo = (struct local *)lgs;

	CHECK_OBJ_NOTNULL(lgs, LEDGERS_MAGIC);
	assert(lo->magic == LOCAL_MAGIC);
	return lo;
}

void local_report(struct local *, enum local_report, uint64_t segment,
    uint64_t off, uint64_t len);
struct stage *stage_get(struct local *);
uint32_t stage_len(const struct stage *); /* in a group, with its rider */
void stage_put(struct local *, struct stage *);
void stages_trim(struct local *);
void stages_fini(struct local *);
void local_flush(struct ledgers *, void (*done)(void *), void *priv);
void flushes_poll(struct local *);

/* local_append.c: the table's entries */
void local_append_with(struct ledgers *, struct ledger *, const struct attr *,
    const struct slice *body, bool sync, struct journal *, const void *,
    size_t);
void local_append(struct ledgers *, struct ledger *, const struct attr *,
    const struct slice *, bool sync);
bool local_peek(
    struct ledgers *, struct ledger *, int64_t entry, struct entry *);
void local_fail_staged(struct local *);
/* local_ledger.c */
void local_create(struct ledgers *, uint64_t first_index, void *owner);
void local_open(struct ledgers *, uint64_t id, void *owner);
void local_release(struct ledgers *, struct ledger **);
void local_trim(struct ledgers *, struct ledger *, int64_t entry);
void local_close(struct ledgers *, struct ledger *);
void local_close_poll(struct ledger *);
void local_fence(struct ledgers *, uint64_t id);
void local_del(struct ledgers *, uint64_t id);

#endif
