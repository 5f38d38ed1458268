/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: shards' real cores over the real local engine, on a disk and
 * metadata in memory that lose and tear, with simulated clients over a network
 * that delays and cuts. One thread, one seed, virtual time: the same seed gives
 * the same run. Beside it runs a model of what must hold; every effect of a core
 * is checked against it at the moment when the core emits it.
 *
 *   sim.c      options, a process a seed
 *   world.c    disk, metadata, shards: start, crash, turns, time
 *   spy.c      stands between core and engine: what was stored, the planted bug
 *   model.c    topics, entries, subscriptions: what was acked for sure, maybe
 *   check.c    effects of the core against the model
 *   ack.c      acks, from their application to their receipt
 *   stage.c    what is staged, half messages
 *   claim.c    claims of subscriptions
 *   del.c      topics that are deleted
 *   net.c      connections: queues both ways, cuts
 *   client.c   producers and consumers
 *   reads.c    reads and cursors by index
 *   lease.c    leases for a time
 *   seats.c    places that are reserved and filled
 *   drive.c    the dice: what happens next, faults, the end
 *
 * Memory: everything lives until the process ends but for messages.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <bsd/sys/queue.h>

#include "base/mem.h"
#include "base/miniobj.h"
#include "core/core.h"
#include "store/local.h"
#include "store/meta_mem.h"
#include "tests/lib/disk_mem.h"

#define SHARDS_MAX 3u
#define TOPICS_MAX 3u
#define SUBS_MAX 6u /* of a topic; the last ones are readers */
#define PRODUCERS_MAX 5u
#define STAGER PRODUCERS_MAX /* number of what was staged (stage.c) */
#define CONSUMERS_MAX 18u
#define GROUPS_MAX 2u /* of a topic: cursors that are set by index */
#define KEYS 12u
#define BATCH_MAX 40u

struct sim;
struct client;
struct sess;
struct m_topic;

/* --- model -------------------------------------------------------------------- */

/* An entry that is durable for sure. */
struct m_entry {
	struct pos pos;
	uint64_t index;
	int64_t store_ms;
	uint32_t n; /* its number in m_sub.ack */
	uint32_t producer, seq;
	uint32_t messages_n, key;
	int64_t deliver_at_ms; /* 0: at once */
	bool receipted;
	bool gone; /* its ledger was given up */
};

/* One subscription's view of one entry; one bit a message. */
struct m_ack {
	uint64_t maybe; /* may be acked: never seen again is fine */
	uint64_t taken; /* acked in this life of the core: not to be sent */
	uint64_t conf; /* acked for good: not to be sent in any life */
	uint32_t epoch; /* of the subscription when it was sent last */
	uint32_t sent_n;
	uint32_t holder; /* tag of the session that has it; 0: none */
	bool must; /* comes again when the seek under way has ended well */
};

enum exists {
	EX_NO,
	EX_MAYBE,
	EX_YES
};

struct m_sub {
	struct m_topic *t;
	char name[16];
	enum sub_type type;
	bool durable;
	enum exists exists;
	uint32_t epoch; /* rewinds so far */
	struct pos
	    scan; /* everything up to it was sent in this epoch, or acked */
	uint32_t serial; /* of seeks and the like: older acks no longer count */
	struct pos cum_maybe, cum_taken, cum_conf;
	struct m_ack *ack;
	uint32_t ack_n;
	uint32_t born_life; /* in which its position was set last */
	bool
	    unsure; /* a seek failed: the next life may begin at either place */
	bool whole; /* from the topic's first entry on, no seek */
	uint32_t next_seq[PRODUCERS_MAX + 1]; /* first arrivals, with whole */
	int64_t
	    claim_ms; /* it is claimed until then; 0: not, or not for sure */
	bool claim_shared;
};

/* A cursor that is moved by index. */
struct m_group {
	char name[16];
	bool exists; /* for sure */
	uint64_t *set; /* where it was set to, in order */
	uint32_t set_n, set_cap;
	uint32_t durable; /* number, from 1, of the last one that is for good */
	uint32_t unsure; /* of the last one that may not have been done */
};

/* What lease.c knows of an entry. */
struct lent {
	int64_t time_ms; /* of its lease; 0: none so far */
	int64_t until_ms; /* it is out at least until then */
	uint32_t redeliveries;
	uint32_t life; /* in which it was leased last */
	uint64_t serial; /* of that answer */
	bool renamed; /* an EXTEND was asked for since it was leased */
	bool maybe, sure; /* acknowledged */
};

struct m_topic {
	unsigned i;
	char name[64];
	struct m_entry **e; /* by position */
	uint32_t n, cap;
	uint32_t gen; /* lives: rises with each delete */
	uint32_t deleting; /* deletes that were not answered well */
	struct m_sub subs[SUBS_MAX];
	struct m_group groups[GROUPS_MAX];
	struct sess *reader;
	uint64_t read_next, max_index; /* as a read was told last */
	/* the highest first index that a core had: what it gave up comes back
	 * when a crash takes the commit, not so where cursors went with it */
	uint64_t floor;
	bool read_failed;
	struct sess *lessee;
	struct lent *lent; /* by m_entry.n */
	uint32_t lent_n;
	uint64_t lease_serial, lease_durable; /* answers; up to which on disk */
	uint32_t leased_n, leased_seen;
	uint64_t lease_min; /* first index stored, as it was told last */
	bool lease_failed;
};

/* --- sessions: what a front-end knows of a producer or consumer ------------------ */

enum sess_state {
	SESS_OPENING,
	SESS_LIVE,
	SESS_DEAD
};

struct sess {
	uint32_t tag;
	bool is_producer, is_admin;
	enum sess_state state;
	bool abandoned; /* close it as soon as it is open */
	uint64_t conn;
	uint64_t handle;
	struct client *cl;
	struct m_topic *t;
	/* producer: sequences that the core owes a receipt, oldest first */
	uint32_t *owed;
	uint32_t owed_head, owed_n, owed_cap;
	bool failed;
	bool closing; /* by the front-end, its connection is gone */
	bool leaving; /* it has asked for what ends it, if that goes well */
	/* consumer */
	struct m_sub *sub;
	int64_t permits;
	bool blocked, blocking, active;
	bool earliest;
	bool creator; /* its subscription was not there when it asked */
	uint32_t seek_serial; /* of its subscription, when it sought */
	uint32_t life;
};

/* --- network ----------------------------------------------------------------------- */

enum msg_type {
	MSG_OP, /* to the core from here on */
	MSG_PUBLISH,
	MSG_FLOW,
	MSG_BLOCK,
	MSG_ACK,
	MSG_RECEIPT, /* to the client from here on */
	MSG_DELIVER,
	MSG_FX
};

struct msg {
	STAILQ_ENTRY(msg) link;
	enum msg_type type;
	uint32_t tag;
	struct op *op;
	struct fx *fx;
	uint64_t req;
	uint32_t n; /* permits, blocked */
	uint32_t seq;
	enum err err;
	/* deliver, ack */
	struct m_entry *e;
	uint64_t bits; /* still unacked */
	uint32_t acks_n;
	struct m_entry **acks;
	uint64_t *acks_bits; /* still unacked; 0: whole */
	bool cumulative, want_reply;
};
STAILQ_HEAD(msg_list, msg);

struct conn {
	uint64_t no;
	unsigned shard;
	struct client *cl;
	bool client_up;
	bool cut; /* the server notices when it has read what is under way */
	struct msg_list to_core, to_client;
	uint32_t to_core_n, to_client_n;
	LIST_ENTRY(conn) link;
};

/* --- clients -------------------------------------------------------------------------- */

enum client_state {
	CL_IDLE,
	CL_OPENING,
	CL_OPEN,
	CL_CLOSING
};

struct got { /* received, not acked yet */
	struct m_entry *e;
	uint64_t bits;
};

struct client {
	unsigned i;
	bool is_producer;
	enum client_state state;
	struct conn *conn;
	struct sess *sess;
	struct m_topic *t;
	char name[24];
	/* producer */
	uint32_t next_seq;
	uint32_t *pend; /* sequences not answered, oldest first */
	uint32_t pend_n, pend_cap, pend_sent;
	uint64_t *meta; /* of every sequence: batch size and key */
	uint32_t *sends; /* how often it was given to the core */
	uint32_t meta_cap;
	struct pos last_pos; /* of the last receipt */
	/* consumer */
	struct m_sub *sub;
	int64_t window; /* permits given less messages got */
	struct got *got;
	uint32_t got_n, got_cap;
};

/* acks that the core has and has not answered */
struct ackrec {
	LIST_ENTRY(ackrec) link;
	uint64_t req;
	uint32_t tag;
	struct m_sub *sub;
	uint32_t serial;
	struct pos cum;
	uint32_t n;
	struct m_entry **e;
	uint64_t *bits;
};

/* --- the world -------------------------------------------------------------------------- */

struct shard {
	struct sim *w;
	unsigned i;
	struct disk *disk;
	struct meta *meta;
	struct ledgers *lgs;
	struct core *co;
};

struct sim_opts {
	uint64_t seed;
	uint32_t steps;
	bool verbose, quiet;
	bool plant_ack; /* some acks are not journaled */
};

/* What a seed did and met; named in sim.c. uint64_t only: they are summed. */
struct sim_stats {
	uint64_t steps, published, receipts, delivered, acked, confirmed;
	uint64_t power_losses, kills, shutdowns, reshards, cuts, failed_writes,
	    failed_reads, failed_commits, no_room, unloads, seeks, unsubscribes;
	uint64_t groups, reads, checkpoints, sealed, freed, recycled,
	    ledgers_gone, index_reads, cursor_sets;
	uint64_t delayed, staged, appended, moved, leases, lease_ends;
	uint64_t halves, commits, recalls, claims, deletes;
	uint64_t places, filled;
};

struct sim {
	struct sim_opts o;
	uint64_t rnd;
	uint32_t step;
	bool ending; /* no new work, no faults */
	bool sick; /* the engine refused something: what is in memory is lost
			when a topic is unloaded */
	bool hungry; /* no room on the disk */
	bool dead; /* effects of a core that dies are nobody's */
	uint32_t life;
	int64_t wall_ms, mono_ns;
	struct core_conf conf;
	struct local_conf lconf;
	struct disk_mem *dm;
	struct meta_mem *mm;
	unsigned shards_n;
	struct shard sh[SHARDS_MAX];
	unsigned topics_n;
	struct m_topic t[TOPICS_MAX];
	struct sess **sess; /* by tag - 1 */
	uint32_t sess_n, sess_cap;
	LIST_HEAD(, conn) conns;
	uint64_t conn_no;
	uint64_t req;
	LIST_HEAD(, ackrec) acks;
	struct msg_list late; /* ops of front-ends, for the next turn */
	unsigned producers_n, consumers_n;
	struct client p[PRODUCERS_MAX + 1], c[CONSUMERS_MAX];
	/* dice of this seed, in percent */
	unsigned slow_disk, slow_meta, slow_net, slow_client, cuts, crashes;
	/* per mille */
	unsigned enospc, eio, readfail, metafail, unloads, drains, reshards;
	unsigned seeks, unsubs;
	unsigned reads, leases; /* at an index; for a time; percent */
	unsigned claims, deletes; /* percent; per mille */
	unsigned seats; /* percent */
	unsigned delays, stages; /* percent of what is published; of steps */
	bool drained; /* the crash that follows ends nothing */
	uint32_t high_water; /* messages to a client */
	unsigned acks_reply, acks_stale, batch, nacks, redeliver_all, closes;
	uint32_t body_max;
	struct sim_stats st;
};

/* --- sim.c */
uint64_t rnd(struct sim *, uint64_t n); /* 0..n-1 */
bool chance(struct sim *, unsigned percent);
void trace(struct sim *, const char *fmt, ...) PRINTF(2, 3);
/* The end: says what and how to see it again. */
void violation(struct sim *, const char *fmt, ...) PRINTF(2, 3) NORETURN;

/* --- world.c */
void world_init(struct sim *);
void world_start(struct sim *);
void world_crash(struct sim *, bool power);
/* Shut down in order: what was acked is acked for good. */
void world_drain(struct sim *);
/* The disk has room for so many segments more; UINT32_MAX: no end */
void world_room(struct sim *, uint32_t segments);
bool world_failed(const struct sim *);
void world_turn(struct sim *, unsigned shard);
/* everything that is queued goes on, then time to the next event before until */
bool world_advance(struct sim *, int64_t until_ns);
void world_pump(struct sim *, size_t disk, size_t meta);
void world_fini(struct sim *);
unsigned world_shard_of(const struct sim *, const char *topic);

/* --- spy.c */
const struct ledger_client_ops *spy_client(void);
void spy_attach(struct sim *, struct shard *);
void spy_reset(struct sim *);

/* --- model.c */
void model_init(struct sim *);
struct m_entry *model_find(struct m_topic *, struct pos);
uint32_t model_at(const struct m_topic *, struct pos); /* first at or after */
/* An entry that is in the log for sure: finds or adds it. */
struct m_entry *model_learn(struct sim *, const struct entry *, bool late);
struct m_ack *model_ack(struct m_sub *, const struct m_entry *);
uint64_t model_full(const struct m_entry *);
/* no subscription needs it, for all that is known */
bool model_may_skip(struct m_sub *, const struct m_entry *);
void model_ledger_gone(struct sim *, uint64_t ledger, int64_t before);
void model_ledger_opened(struct sim *, const struct ledger_info *);
void model_crash(struct sim *);
/* what was taken is so for good */
void model_drained(struct sim *);
/* what a subscription's consumers were sent counts no more */
void model_rewind(struct m_sub *);
void model_sub_ended(struct sim *, struct m_sub *);
void model_release(struct m_sub *, uint32_t tag);
/* The core is about to be asked, has answered; from: what is read next */
void model_seek(struct sess *, struct pos from);
void model_sought(struct sess *, enum err);
void model_unsubscribe(struct sess *);
void model_subscribe(struct sim *, struct sess *);
void model_subscribed(struct sim *, struct sess *);
void body_make(
    struct sim *, const struct client *, uint32_t seq, struct core_publish *);

uint32_t body_seq(const struct slice *);

/* --- del.c: a topic is deleted, all that it had goes */
void del_topic(struct sim *, struct m_topic *);
void del_answered(struct sim *, const struct fx *);
/* Which are there after a crash, or when nothing is under way */
void del_started(struct sim *);

/* --- ack.c */
void ack_apply(struct sim *, struct sess *, const struct msg *);
void ack_answered(struct sim *, const struct fx *);
void ack_crash(struct sim *);

/* --- stage.c */
void stager_act(struct sim *);
bool stager_answered(struct sim *, const struct fx *); /* and nobody else's */
/* At the end: every half message that is left */
void stager_commit_all(struct sim *);
void stager_stored(
    struct sim *, const struct m_topic *, const struct m_entry *);
void stager_crash(struct sim *, bool drained);
void stager_topic_gone(const struct m_topic *);
void stager_check(struct sim *);
/* ops of cores for one another, and their answers; true: there were some */
void stager_post(struct sim *, unsigned shard, struct op **);
void stager_post_fx(struct fx *);
bool stager_posts(struct sim *);

/* --- check.c */
extern const struct core_out check_out;
void check_dead(struct sim *, struct sess *);
/* the consumer that asked stays: another one is there, or a seek is under way */
bool check_unsubscribe_refused(const struct fx *);
void check_end(struct sim *);

/* --- net.c */
struct conn *conn_new(struct sim *, struct client *);
struct conn *conn_find(struct sim *, uint64_t no);
struct msg *msg_new(enum msg_type, uint32_t tag);
void msg_free(struct msg **);
void net_send(struct sim *, struct conn *, struct msg *);
void net_reply(struct sim *, uint64_t conn, struct msg *);
/* One message goes on; false: there is none. The connection may be gone then. */
bool net_to_core(struct sim *, struct conn *);
bool net_to_client(struct sim *, struct conn *);
/* The client has gone; half open: the server does not notice by itself. */
void net_cut(struct sim *, struct conn *, bool half_open);
void net_notice(struct conn *);
void net_crash(struct sim *);
void net_late(struct sim *);
size_t net_queued(const struct sim *);
struct sess *sess_new(struct sim *, struct client *);
struct sess *sess_admin(struct sim *, struct m_topic *);
void net_admin(struct sim *, struct m_topic *, enum op_type, bool flag);
struct sess *sess_of(struct sim *, uint64_t tag);

/* --- client.c */
void client_init(struct sim *);
void client_act(struct sim *, struct client *);
void client_msg(struct sim *, struct client *, struct msg *);
void client_lost(struct sim *, struct client *);
void client_open(struct sim *, struct client *, bool earliest);
void client_close(struct sim *, struct client *);
void client_ack_all(struct sim *, struct client *);
void client_send(struct sim *, struct client *, uint32_t max);
void client_new_messages(struct sim *, struct client *, uint32_t n);
void client_flow(struct sim *, struct client *, uint32_t n);

/* --- reads.c: reads and cursors by index */
void reads_act(struct sim *);
bool reads_answer(struct sim *, const struct fx *); /* it was one of them */
void reads_floor(struct sim *); /* the cores are about to go */
void reads_crash(struct sim *);
void reads_topic_gone(struct m_topic *);
void reads_check_rest(struct sim *);
bool reads_next(struct sim *, struct m_topic *, bool first);

/* --- lease.c */
void leases_act(struct sim *);
bool leases_answer(struct sim *, const struct fx *);
void leases_crash(struct sim *);
void leases_topic_gone(struct m_topic *);
void leases_check_rest(struct sim *);
bool leases_next(struct sim *, struct m_topic *);
void leases_check_end(struct sim *);

/* --- seats.c: places that are reserved and filled */
void seats_act(struct sim *);
bool seats_answered(struct sim *, const struct fx *); /* it was one of them */
void seats_stored(struct sim *, const struct entry *);
void seats_ledger_gone(struct sim *, uint64_t ledger, int64_t before);
void seats_ledger_opened(struct sim *, const struct ledger_info *);
void seats_drain(void); /* what is not stored may be lost */
void seats_crash(void);
/* At the end: all are filled; all were answered; all are read */
void seats_fill_all(struct sim *);
void seats_check_rest(struct sim *);
bool seats_read_next(struct sim *, bool first);

/* --- claim.c */
void claims_act(struct sim *);
void claims_answered(struct sim *, const struct fx *);
void claims_check(struct sim *, const struct m_sub *);
void claims_crash(struct sim *);
void claims_topic_gone(struct m_topic *);

/* --- drive.c */
void drive(struct sim *);

#endif
