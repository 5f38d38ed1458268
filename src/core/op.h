/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op.h - operations into the core and effects out of it, as messages.
 *
 * An op is allocated by op_new() and taken by core_op() or the router; its
 * strings and arrays live in op->arena (op_str, op_mem), so an op can cross
 * shards as it is. An fx likewise (fx_new, fx_str, fx_mem, fx_free). The two hot
 * effects (receipt, deliver) are plain values instead; the router copies them
 * when they must cross.
 *
 * dest says who asked: the shard and connection number of a session and the
 * session's own tag of its producer or consumer. The core echoes it and never
 * looks inside. Connection numbers are never used twice.
 *
 * Handles name producers and consumers inside the core: shard in the top 8
 * bits, then slot and generation; a stale handle is recognised and ignored.
 */
#ifndef CORE_OP_H
#define CORE_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pos.h"
#include "base/str.h"
#include "base/mbox_msg.h"
#include "store/entry.h"

struct dest {
	uint64_t conn; /* session number on its shard */
	uint64_t tag; /* session's producer or consumer id */
	uint16_t shard; /* the session's shard */
	uint8_t kind; /* front-end: enum dest_kind */
};
enum dest_kind {
	DEST_PULSAR,
	DEST_ROCKETMQ,
	DEST_HTTP,
	DEST_INTERNAL,
	DEST_TEST
};

#define HANDLE_SHARD(h) ((unsigned)((h) >> 56))

enum sub_type {
	SUB_EXCLUSIVE,
	SUB_FAILOVER,
	SUB_SHARED,
	SUB_KEY_SHARED
};
enum access_mode {
	ACCESS_SHARED,
	ACCESS_EXCLUSIVE,
	ACCESS_WAIT,
	ACCESS_FENCING
};
enum start_kind {
	START_LATEST,
	START_EARLIEST,
	START_POS,
	START_TIME
};

/* When a publish is answered. */
enum flush {
	FLUSH_AS_TOPIC, /* as the topic's property says, else the configuration */
	FLUSH_SYNC, /* once it is on the disk */
	FLUSH_ASYNC, /* once the kernel has it */
};

struct prop {
	struct str key, value;
};
struct hash_range {
	uint32_t start, end; /* both inclusive */
};

/* Each op names its target: a topic (full canonical name) or a handle. The
 * answer is one fx; its type is named beside each. FX_DONE carries only err and
 * diag, and is the answer to every op that fails. */
enum op_type {
	/* topic: FX_TOPIC_META. flag: auto-create allowed by the asker */
	OP_TOPIC_META,
	/* topic (of one topic or partition): is it served, create it: FX_DONE */
	OP_TOPIC_TOUCH,
	/* producer: FX_PRODUCER_OPENED; close: FX_DONE (ok even if unknown) */
	OP_PRODUCER_OPEN,
	OP_PRODUCER_CLOSE,
	/* consumer: FX_SUBSCRIBED */
	OP_SUBSCRIBE,
	OP_CONSUMER_CLOSE, /* handle: FX_DONE */
	OP_UNSUBSCRIBE, /* handle, flag force: FX_DONE */
	OP_REDELIVER, /* handle, ids or none = all, u32 epoch: no answer */
	OP_SEEK, /* handle, start: FX_DONE; FX_CONSUMER_CLOSED to consumers first */
	OP_LAST_ID, /* handle: FX_LAST_ID */
	OP_CONSUMER_STATS, /* handle: FX_STATS */
	OP_PROBED, /* answer to FX_PROBE: dest, flag alive; no answer */
	/* hot ops when they cross shards; no allocation outside the free list */
	OP_PUBLISH,
	OP_FLOW,
	OP_BLOCK,
	OP_ACK,
	/* admin; `name` is tenant, tenant/ns or topic; `text` a JSON document */
	OP_CLUSTER_LIST, /* FX_STRINGS */
	OP_CLUSTER_GET, /* FX_TEXT */
	OP_TENANT_LIST, /* FX_STRINGS */
	OP_TENANT_GET, /* FX_TEXT */
	OP_TENANT_PUT, /* flag: must not exist (else must exist) */
	OP_TENANT_DELETE,
	OP_NS_LIST, /* of tenant: FX_STRINGS */
	OP_NS_GET, /* policies: FX_TEXT */
	OP_NS_PUT, /* flag: must not exist (else must exist) */
	OP_NS_DELETE, /* flag force */
	OP_NS_REFRESH, /* their own: a shard takes up what they changed */
	/* Of these, name: the namespace's or role's; they go to shard 0, and are
	 * answered when every shard goes by the change.
	 * text: merge patch (RFC 7386) of the policies; ERR_NO_NAMESPACE */
	OP_NS_PATCH,
	OP_TENANT_REFRESH, /* OP_TENANT_PUT's and _DELETE's own */
	/* text: merge patch of the role's document. flag: it must not exist, else
	 * ERR_EXISTS; flag2: it must, else ERR_NO_KEY; without, it is made */
	OP_ROLE_PATCH,
	/* ERR_NO_KEY; flag: ERR_CONFLICT while it has grants or rules */
	OP_ROLE_DELETE,
	/* sub: an access key of the role, text: merge patch of its document, empty: it
	 * goes. flag: it must not exist, here or of another role, nor a role of its name,
	 * else ERR_EXISTS (ERR_PRECONDITION: too many); without, it must: ERR_NO_KEY */
	OP_ROLE_KEY,
	OP_ROLE_REFRESH, /* their own */
	/* of ns; flag: persistent ones, flag2: this shard's
	 * non-persistent: FX_STRINGS */
	OP_TOPIC_LIST,
	OP_PARTITIONED_LIST, /* of ns: FX_STRINGS */
	OP_TOPIC_CREATE, /* non-partitioned; props */
	OP_PARTITIONED_CREATE, /* u32 partitions; props */
	OP_PARTITIONED_UPDATE, /* u32 partitions: only grows */
	OP_PARTITIONED_DELETE, /* the record only; the asker deletes the partitions first */
	OP_TOPIC_DELETE, /* flag force */
	OP_TOPIC_UNLOAD,
	OP_TOPIC_TERMINATE, /* FX_LAST_ID */
	OP_TOPIC_LAST_ID, /* FX_LAST_ID */
	OP_TOPIC_STATS, /* FX_STATS */
	OP_SUB_LIST, /* FX_STRINGS */
	OP_SUB_CREATE, /* sub, start, props */
	OP_SUB_DELETE, /* sub, flag force */
	OP_SUB_SKIP, /* sub, u64 n messages; UINT64_MAX: all */
	OP_SUB_RESET, /* sub, start */
	OP_SUB_EXPIRE, /* sub ("" = every), u64 age in seconds */
	OP_SUB_PEEK, /* sub, u64 nth unacked message from 1: FX_ENTRY */
	/* topic, start.pos or u64 index (flag: u64 is a locator): FX_ENTRY */
	OP_READ,
	/* Reading by index without a subscription; nothing is held back, leased or
	 * acknowledged by it. */
	/* topic, u64 index, read, sub (in whose name, or none): FX_ENTRIES. See struct
	 * op_read */
	OP_READ_AT,
	/* topic, req (0: every one): the reads of dest's connection that wait there
	 * are dropped. Neither it nor what it drops is answered; a read that was
	 * answered at the same time is not called back. */
	OP_READ_CANCEL,
	/* topic, sub: FX_CURSOR; ERR_NO_SUBSCRIPTION */
	OP_CURSOR_GET,
	/* topic, sub, u64 index of the next message that is not acknowledged: the
	 * cursor moves there, forward or back; what was acknowledged one by one at
	 * or above is not any more. May fall inside an entry. Below the first index
	 * it is taken as the first one, beyond the last as the next to be stored.
	 * flag: a durable subscription that is not there is made (it holds no data,
	 * see `holds` of struct sub_stats); else ERR_NO_SUBSCRIPTION.
	 * flag2: FX_DONE when it is durable; else at once.
	 * u32 1: what is leased is no more, also if the cursor is there already.
	 * ERR_CONSUMER_BUSY: consumers are connected, of a type other than Shared.
	 * Those of a Shared one stay where the cursor goes forward over what is not
	 * acknowledged; else they are disconnected, as by a seek */
	OP_CURSOR_SET,
	/* topic, sub (need not exist), flag on or off, u64 wall ms until when, u32
	 * 1: consumers of type Shared may come all the same: FX_DONE. While a claim
	 * stands, OP_SUBSCRIBE answers ERR_CONSUMER_BUSY. Claims are not kept over
	 * an unload or restart: who claims says so again before it is over.
	 * ERR_CONSUMER_BUSY: such consumers are connected; nothing is claimed */
	OP_CURSOR_CLAIM,
	/* Leases without a consumer: entries are out until a time, whoever asked for
	 * them. See struct op_lease. */
	/* topic, sub, lease: FX_LEASES; ERR_NO_SUBSCRIPTION, unless start says where
	 * one begins that is made for it (it holds no data, as OP_CURSOR_SET's).
	 * flag: in order, nothing while anything is out. flag2: nothing is leased, it
	 * is told what would be (i64 is 0). OP_READ_CANCEL drops those
	 * that wait */
	OP_LEASE,
	/* topic, sub, names_n, names, u32 enum lease_end: FX_DONE when it is durable,
	 * with the number of those that were ended in u32. The first one that could
	 * not be says why (the others are ended all the same): ERR_NO_MESSAGE, nothing
	 * is stored there; ERR_CONFLICT, it is not leased by that name. One that is
	 * acknowledged already is well */
	OP_LEASE_END,
	/* topic, sub, names_n 1, names, lease.invisible_ms from now on (over 0):
	 * FX_DONE when it is durable, with the lease's new time in i64; where the
	 * entry has several messages that is the old one, and it is never made
	 * shorter. Errors as above */
	OP_LEASE_EXTEND,
	/* topic, start.time_ms, flag: FX_CURSOR, index of the first message stored
	 * at or after it; flag: of the last one stored at or before it. Outside of
	 * what is stored: the nearest, but after the last one the next to be stored
	 * (without flag) */
	OP_INDEX_AT_TIME,
	OP_RANGE, /* topic: FX_CURSOR */
	/* topic, u64 hash of a key (entry.h, keys of struct entry_format_ops),
	 * start.time_ms and due_ms: stored from .. to, both inclusive, u32 max, up
	 * to QUERY_MAX: FX_ENTRIES, those of the topic that may have the key, the
	 * newest first. Some may not have it: who asks looks. Fewer than there are
	 * where bodies are big, but one at least */
	OP_QUERY,
	/* u64 locator, any shard: FX_TEXT full name of the topic that has it (then
	 * OP_READ gives the entry); ERR_NO_MESSAGE. Goes by route_op_to() */
	OP_LOCATE,
	/* name of a topic as OP_TOPIC_CREATE, OP_PARTITIONED_CREATE or OP_TOPIC_META
	 * take it; props: merged into what it has, an empty value takes the key
	 * away. Topics in memory on this shard take it up; the asker sends it, with
	 * flag, to every other shard for a partitioned topic: FX_DONE */
	OP_TOPIC_PROPS_SET,
	/* this shard's topics in memory after `topic` in name
	 * order, at most u32: FX_STATS_LIST (core_stats_walk) */
	OP_STATS_WALK,
	/* Documents of the front-ends (core/admin_doc.c): a text under a name of up
	 * to NAME_MAX_BYTES, any bytes; what they mean is the front-end's. Any shard
	 * may be asked; operations of one shard are carried out in order. */
	OP_DOC_GET, /* name: FX_TEXT; ERR_NO_KEY */
	OP_DOC_PUT, /* name, text; flag: must not exist, else ERR_EXISTS */
	OP_DOC_DELETE, /* name: FX_DONE; ERR_NO_KEY */
	/* name: FX_STRINGS, the names that begin with it, less that beginning, in
	 * order; flag: each is followed by its text */
	OP_DOC_LIST,
	/* sub: FX_STRINGS, full names of the topics and partitions that have a
	 * durable subscription of that name; any shard may be asked. Empty: of every
	 * one, each followed by the subscription's name */
	OP_SUB_FIND,
	/* Staged entries (core/stage.h). All name the target in `topic`: it says
	 * the shard. Locators are those of FX_STAGED.
	 * publish.attr and .body, due_ms (0: none), u32 enum stage_outcome,
	 * text: the owner's key (may be empty), u64: hash by which OP_STAGE_RECALL
	 * finds it (0: it doesn't): FX_STAGED when it is durable. An entry that is
	 * due already is staged all the same, and appended at once */
	OP_STAGE,
	/* u64 locator; flag: drop it; else publish.attr and .body are appended to
	 * the target in its stead (flag2: it stays staged all the same, until it is
	 * resolved once more): FX_STAGED, with the place in the target.
	 * ERR_NO_MESSAGE: it is not staged any more. ERR_BUSY: somebody else has to
	 * do with it, who may end it or not */
	OP_STAGE_RESOLVE,
	OP_STAGE_AGAIN, /* u64 locator, due_ms: is due then: FX_DONE; as above */
	/* u64 locator: FX_ENTRY as FX_STAGE_DUE has it. Without a topic: of any
	 * target of the shard that is asked, by route_op_to() */
	OP_STAGE_GET,
	/* due_ms, u64 hash, text owner's key: takes it back before it is due:
	 * FX_ENTRY of what was taken; ERR_NO_MESSAGE. Without a topic: as above */
	OP_STAGE_RECALL,
	OP_STAGE_COUNT, /* staged for this target: FX_DONE with u64 */
	/* topic (made if it isn't there, with props): FX_CURSOR, with the index that
	 * the entry of one message will have which OP_FILL gives, in u64, and the
	 * place's name in i64. Places are filled by whoever got them, in any order;
	 * they are appended in theirs. They are not kept over an unload or restart.
	 * ERR_BUSY: the topic has producers, or too many places are not filled */
	OP_RESERVE,
	/* topic, u64 name of a place, publish.attr and .body; flag: nothing comes (a
	 * marker stands there, unless it was the last place): FX_DONE when it is
	 * durable. ERR_CONFLICT: the place is lost, nothing is stored at that index */
	OP_FILL,
	OP_TYPES_N
};

/* What happens to a staged entry when it is due. */
enum stage_outcome {
	STAGE_APPEND, /* it is appended to its target, and is staged no more */
	/* FX_STAGE_DUE says so to the front-end of the kind that staged it; it
	 * stays staged until it is resolved */
	STAGE_NOTIFY
};

struct core_ack_id {
	struct pos pos;
	uint32_t words_n; /* 0: whole entry */
	/* bits still unacked, index 0 = bit 0 of word 0 */
	const uint64_t *words;
	/* of the entry as the client knows it; 0: unknown */
	uint32_t batch_size;
};

struct op_start {
	enum start_kind kind;
	/* START_POS: first entry wanted is after pos, unless inclusive */
	struct pos pos;
	bool inclusive;
	int64_t time_ms; /* START_TIME, wall */
	/* START_POS: batch bits still wanted of pos (SEEK's ack_set) */
	uint32_t words_n;
	const uint64_t *words;
};

#define PRODUCER_LATE_MS 1000

struct op_producer {
	struct str name; /* empty: generate */
	uint64_t epoch;
	bool encrypted;
	bool txn;
	enum access_mode access;
	struct str initial_sub; /* DLQ producers */
	uint32_t props_n;
	const struct prop *props;
	struct str client_addr, client_version; /* for stats */
	/* over the rate of its topic its publishes wait in the core, at most
	 * PRODUCER_LATE_MS; else FX_PRODUCER_THROTTLED asks to send no more */
	bool late;
};

struct op_subscribe {
	struct str sub, consumer;
	enum sub_type type;
	int32_t priority;
	bool durable;
	bool read_compacted;
	bool create_topic; /* force_topic_creation */
	bool has_initial; /* a new subscription starts at */
	bool initial_earliest;
	bool replicated;
	/* non-durable: start message id; else START_LATEST */
	struct op_start start;
	int64_t rollback_ms; /* start_message_rollback_duration; 0: none */
	uint64_t epoch;
	bool ks_sticky, ks_out_of_order; /* Key_Shared */
	uint32_t ranges_n;
	const struct hash_range *ranges;
	uint32_t props_n, sub_props_n;
	const struct prop *props, *sub_props;
	struct str client_addr, client_version;
	bool rated; /* subrate.c's: it was counted */
};

/*
 * OP_READ_AT. The answer has what is there from op->u64 on, in order, as much as
 * the limits allow and at least one entry if one matches; fewer are given where
 * the next one has to come from the disk first. An entry that holds the message
 * in its middle is given whole. Below the first index or beyond the next one to
 * be stored it is answered at once, without entries.
 *
 * Where nothing matches up to the end and wait_ms is over 0, it waits for an
 * entry that does, until then; answered without entries when the time is over.
 * However much is passed over without a match, the answer comes after a bounded
 * number of entries, with next_index further on and no entries.
 *
 * ERR_BUSY: conf's max_waiting_reads wait at the topic already.
 * ERR_CONSUMER_BUSY: consumers are connected to the subscription. ERR_NOT_READY (or
 * what else ends a topic): it was unloaded or deleted while the read waited.
 */
#define READ_AT_MAX 1024u
struct op_read {
	uint32_t max_n; /* messages, 1..READ_AT_MAX */
	uint32_t max_bytes; /* of bodies */
	int64_t wait_ms; /* 0: answered at once */
	/* attr.tag_hash has to be one of them; 0: all entries match */
	uint32_t tags_n;
	const uint32_t *tags; /* op_mem */
};

#define QUERY_MAX 1024u /* entries of an OP_QUERY */

/*
 * OP_LEASE. Entries of a durable subscription that nobody has acknowledged, nobody
 * has leased and that are due, first those that came back, in order. Each is
 * given whole, with the messages of it that are not acknowledged. It is out until
 * the lease's time is over, then it comes back, counted as a redelivery; a lease is
 * on disk, and neither a connection's end nor a restart ends it. Consumers of type
 * Shared may be connected: they get what is not leased, and the other way round.
 *
 * What a lease is called by: the index of a message and the wall time at which it
 * was leased (FX_LEASES' i64). No lease of an entry has the time of an earlier one.
 *
 * Filters: entries of which the tag is wanted are given. Of the others, those that
 * somebody else wants (others) stay, the rest is acknowledged.
 *
 * Waits for entries, as OP_READ_AT; ERR_BUSY as there. ERR_CONSUMER_BUSY: consumers
 * are connected, of a type other than Shared.
 */
struct op_lease {
	uint32_t max_n; /* messages, 1..READ_AT_MAX; one entry at least */
	uint32_t max_bytes; /* of bodies */
	int64_t wait_ms; /* 0: answered at once */
	int64_t invisible_ms; /* how long they are out */
	uint32_t tags_n; /* as in struct op_read */
	const uint32_t *tags; /* op_mem */
	/* what somebody else of the subscription wants; all: everything */
	bool others_all;
	uint32_t others_n;
	const uint32_t *others;
	/* a subscription that is not there is made at START_EARLIEST or START_LATEST
	 * (op.start) */
	bool create;
};

enum lease_end {
	LEASE_ACK, /* the message is acknowledged */
	LEASE_RETURN, /* it comes back now, counted as a redelivery */
	LEASE_RETURN_UNUSED, /* the same, not counted */
};

struct lease_name {
	uint64_t index; /* of the message */
	int64_t time_ms;
};

struct op {
	struct mbox_msg link; /* first */
	unsigned magic;
#define OP_MAGIC 0x09e4a710
	enum op_type type;
	struct dest dest;
	uint64_t req; /* echoed */
	uint64_t handle;
	struct str topic; /* full canonical name; or `name` of the admin ops */
	struct str sub;
	struct str text;
	bool flag, flag2;
	uint32_t u32;
	uint64_t u64;
	int64_t due_ms; /* OP_STAGE*: wall */
	struct op_start start;
	uint32_t ids_n;
	const struct core_ack_id *ids; /* OP_REDELIVER, OP_ACK */
	uint32_t props_n;
	const struct prop *props;
	uint32_t names_n; /* OP_LEASE_*, at most READ_AT_MAX */
	const struct lease_name *names;
	union {
		struct op_producer producer;
		struct op_subscribe subscribe;
		struct op_read read;
		struct op_lease lease;
		struct {
			struct attr attr;
			struct slice body; /* referenced */
			uint64_t sequence, highest_sequence;
			uint64_t dropped_n;
			enum flush flush;
		} publish;
	};
	struct op_arena *arena;
	/* referenced: where borrowed strings lie; NULL: none */
	struct buf *hold;
};

struct op *op_new(enum op_type, struct dest);
void op_free(struct op **);
void *op_mem(struct op *, size_t); /* zeroed, lives as long as the op */
struct str op_str(struct op *, struct str); /* copy, NUL-terminated too */
const char *op_type_name(enum op_type);
/* Gives back what the calling thread keeps of both for reuse (its end). */
void op_thread_fini(void);

/* --- effects --------------------------------------------------------------- */

struct fx_receipt {
	struct dest dest;
	uint64_t sequence, highest_sequence;
	struct pos pos;
	uint64_t index; /* of its first message */
	uint64_t locator; /* entry_locator() of it */
	int64_t store_time_ms; /* wall */
	/* ERR_OK; ERR_NO_SPACE: producer closed, see FX_PRODUCER_CLOSED */
	enum err err;
};

struct fx_deliver {
	struct dest dest;
	uint64_t consumer; /* handle, for core_block */
	const struct entry *ent;
	uint32_t redeliveries;
	uint32_t words_n; /* remaining batch bits; 0: all */
	const uint64_t *words;
	uint64_t epoch; /* consumer epoch */
};

enum fx_type {
	FX_DONE,
	/* u32 partitions (0: not partitioned); text: their
	 * properties as a JSON object, empty: none */
	FX_TOPIC_META,
	FX_PRODUCER_OPENED, /* handle, text name, i64 last sequence, u64 topic epoch, flag ready */
	FX_PRODUCER_CLOSED, /* unsolicited: dest.tag; err says why */
	/* unsolicited: dest.tag, handle; flag: it is over the rate of its topic and
	 * should send no more, until this comes without flag (core/pubrate.h) */
	FX_PRODUCER_THROTTLED,
	FX_SUBSCRIBED, /* handle */
	FX_CONSUMER_CLOSED, /* unsolicited: dest.tag */
	FX_ACTIVE_CHANGE, /* unsolicited: flag active */
	FX_END_OF_TOPIC, /* unsolicited: terminated and all was read */
	FX_PROBE, /* is dest.conn alive? answer OP_PROBED with u64 = fx.u64, to shard u32 */
	FX_LAST_ID, /* pos, u32 messages_n of it, flag is a batch, pos2 mark-delete */
	FX_STRINGS,
	FX_TEXT,
	FX_STATS, /* stats: core/stats.h, freed by fx_free */
	FX_STATS_LIST, /* stats_list, stats_n, as FX_STATS */
	FX_ENTRY, /* ent with a referenced body */
	/* entries_n, entries, u64 next index to read at; min_index, max_index; u32: 1
	 * if it waited for what was to come */
	FX_ENTRIES,
	/* as FX_ENTRIES, leased[] beside entries[]; i64 time of the leases (the same for
	 * all), u64 messages that are neither acknowledged nor leased; text topic and
	 * strings[0] subscription, for whoever has to give back what nobody wants any
	 * more */
	FX_LEASES,
	/* u64 index, min_index, max_index, first_ms, last_ms */
	FX_CURSOR,
	/* OP_STAGE, OP_STAGE_RESOLVE went well: u64 locator, pos, ent.index,
	 * i64 store time; of the staged entry, or of what was appended; a dropped
	 * one has its own */
	FX_STAGED,
	/* unsolicited, to the dest.kind that staged it, on the target's shard (conn
	 * and tag are 0):
	 * u64 locator, i64 due, u32 outcome, text owner's key, strings[0] target,
	 * ent: what was staged (attr, body), with its index and store time in the
	 * staging log. It is answered by OP_STAGE_RESOLVE or OP_STAGE_AGAIN; after
	 * a restart it comes again */
	FX_STAGE_DUE,
	FX_AUTHZ_CHANGED, /* to every front-end of the shard: core/authz.h */
	FX_TOPIC_CHANGED, /* to every session of every shard: text name, flag created */
};

struct topic_stats;

struct fx_leased {
	uint32_t redeliveries; /* before this one */
	uint32_t words_n; /* messages not acknowledged; 0: all of the entry */
	const uint64_t *words;
};

struct fx {
	struct mbox_msg link; /* first */
	unsigned magic;
#define FX_MAGIC 0x0ef0ec75
	enum fx_type type;
	struct dest dest;
	enum op_type op; /* that it answers */
	uint64_t req;
	enum err err;
	char diag[128]; /* text for people, may be empty */
	uint64_t handle;
	struct str text;
	bool flag;
	uint32_t u32;
	int64_t i64;
	uint64_t u64;
	struct pos pos, pos2;
	uint32_t strings_n;
	struct str *strings;
	struct topic_stats *stats;
	uint32_t stats_n;
	struct topic_stats **stats_list; /* fx_mem */
	struct entry ent;
	uint32_t entries_n;
	struct entry *entries; /* fx_mem, bodies referenced */
	struct fx_leased *leased; /* FX_LEASES: entries_n of them */
	/* of the topic: first message stored, next one to be stored (the same when
	 * there is none) */
	uint64_t min_index, max_index;
	int64_t first_ms, last_ms; /* store times of the ends; 0: none */
	struct op_arena *arena;
};

struct fx *fx_new(enum fx_type, struct dest);
void fx_free(struct fx **);
void *fx_mem(struct fx *, size_t);
struct str fx_str(struct fx *, struct str);

#endif
