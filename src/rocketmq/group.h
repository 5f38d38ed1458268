/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.h - consumer and producer groups: who is in them and who holds which
 * queue.
 *
 * Two sides. On the session's shard a struct rmq_member says what a connection
 * told of itself in a group (its interest: subscriptions, mode); pulls of that
 * connection are filtered by it, and by nobody else's. On the group's shard a
 * struct rmq_group has all members and the locks of orderly consumers, and sends
 * NOTIFY_CONSUMER_IDS_CHANGED to them when one comes, goes or changes. Only
 * changes cross between the two; a member that sends no heartbeat for
 * conf.member_ns, or whose connection ends, leaves.
 *
 * A question about a group (enum rmq_msg_type MSG_ASK) goes to the group's shard
 * as the request's code, header fields and body, and its answer comes back as
 * MSG_ANSWER to the session that asked.
 *
 * An interest never changes once made, and is counted, since both sides hold it.
 */
#ifndef ROCKETMQ_GROUP_H
#define ROCKETMQ_GROUP_H

#include <stdatomic.h>

#include "rocketmq/rmq_priv.h"

#define RMQ_SUBS_MAX 1024u /* subscriptions of a member */
#define RMQ_TAGS_MAX 256u /* of a subscription */
#define RMQ_LOCK_MS \
	INT64_C(60000) /* rocketmq.broker.rebalance.lockMaxLiveTime */

enum rmq_consume_type {
	RMQ_ACTIVELY, /* pull */
	RMQ_PASSIVELY, /* push */
	RMQ_POP
};

struct rmq_sub {
	char *topic, *expression, *type; /* TAG, SQL92; "" is TAG */
	int64_t version;
	uint32_t tags_n; /* 0: everything, or not by tags */
	uint32_t *tags; /* tagsCode of each */
	struct sql92 *sql; /* NULL: not of that type, or it can't be read */
};

struct rmq_interest {
	unsigned magic;
#define RMQ_INTEREST_MAGIC 0x40c31e01
	_Atomic uint32_t refs;
	bool producer;
	bool broadcast;
	bool unit;
	enum rmq_consume_type type;
	char from_where[64];
	uint32_t subs_n;
	struct rmq_sub *subs;
};

struct rmq_interest *rmq_interest_ref(struct rmq_interest *);
void rmq_interest_unref(struct rmq_interest **);
/* May they be in one group? They subscribe to the same, and both or neither of them
 * broadcast. */
bool rmq_interest_fits(
    const struct rmq_interest *, const struct rmq_interest *);
/* the same but for versions of subscriptions: a client raises them whenever its
 * queues change */
bool rmq_interest_alike(
    const struct rmq_interest *, const struct rmq_interest *);
bool rmq_interest_same(
    const struct rmq_interest *, const struct rmq_interest *);
/* All different interests of a group's consumers. Never changes once made, and is
 * counted: the group tells it to the sessions of its members. */
struct rmq_interests {
	unsigned magic;
#define RMQ_INTERESTS_MAGIC 0x40c31e02
	_Atomic uint32_t refs;
	uint32_t n;
	struct rmq_interest **v;
};

/* Room for cap of them, none so far; the reference is the caller's. */
struct rmq_interests *rmq_interests_new(uint32_t cap);
/* unless one like it is there */
void rmq_interests_add(struct rmq_interests *, struct rmq_interest *);
struct rmq_interests *rmq_interests_ref(struct rmq_interests *);
void rmq_interests_unref(struct rmq_interests **);

const struct rmq_sub *rmq_interest_sub(
    const struct rmq_interest *, struct str topic);
/* tagsCodes of "a || b"; 0 for "*" and "". At most RMQ_TAGS_MAX, else the
 * expression can't be read: false. */
bool rmq_tags_parse(
    struct str expression, uint32_t tags[RMQ_TAGS_MAX], uint32_t *n);

/* A session in a group, on the session's shard */
struct rmq_member {
	unsigned magic;
#define RMQ_MEMBER_MAGIC 0x40c33e01
	LIST_ENTRY(rmq_member) link;
	char *group;
	struct rmq_interest *in;
	/* of all members, as the group has told last; NULL: not yet */
	struct rmq_interests *all;
	int64_t heard_ns;
	bool quiet; /* as it told the group (MSG_JOIN) */
};

/* The session's own interest as a consumer in that group, NULL: it told none */
struct rmq_interest *rmq_member_interest(
    const struct rmq_session *, struct str group);
/* NULL: it is no consumer of that group, or not told yet */
const struct rmq_interests *rmq_member_all(
    const struct rmq_session *, struct str group);
/* the group has told it; takes *all */
void rmq_member_told(
    struct rmq_session *, struct str group, struct rmq_interests **all);

enum rmq_msg_type {
	/* to the group: session is a member, or has changed; asker: number of the
	 * job that waits for MSG_JOINED, 0: none */
	MSG_JOIN,
	MSG_JOINED, /* to that job's front-end; session: its number */
	MSG_LEAVE, /* to the group */
	MSG_ASK, /* to the group: a question */
	MSG_ANSWER, /* to the session */
	MSG_NOTIFY, /* to the session: the group's members have changed */
	MSG_TELL_PRODUCER, /* to the group: for any of its producers */
	MSG_TELL, /* to the session: a request of ours that isn't answered */
	/* to a client's session: a request that it is to answer itself; the
	 * answer goes to asker as MSG_ANSWER */
	MSG_CLIENT,
	MSG_CLIENT_SAID, /* the same, where a job asked (for_job) */
	/* from shard to shard: a reply for the client that is on one of them;
	 * code: at how many it has been */
	MSG_REPLY,
	MSG_ALL, /* to a front-end (job.h); session: number of the job */
	MSG_ALL_SAID, /* to the job */
	MSG_MOVED /* a session on its way (move.c) */
};

#define RMQ_MSG_FIELDS 8
struct rmq_msg {
	unsigned magic;
#define RMQ_MSG_MAGIC 0x40c35301
	enum rmq_msg_type type;
	unsigned from; /* shard */
	uint64_t session; /* on the session's shard */
	unsigned session_shard;
	struct rmq_ref ref; /* ASK, ANSWER */
	char *group, *client, *addr;
	uint8_t language;
	int32_t version;
	bool producer; /* LEAVE: as which */
	struct rmq_interest *in; /* JOIN */
	/* JOIN: the group's notifyConsumerIdsChangedEnable is off; NOTIFY: so the
	 * client is not told */
	bool quiet;
	struct rmq_interests *all; /* NOTIFY */
	uint64_t asker; /* CLIENT: session */
	unsigned asker_shard;
	bool for_job; /* asker is the number of a job */
	char *ext; /* ASK, CLIENT: fields of the request, name\0value\0... */
	size_t ext_len;
	char *body; /* ASK, ANSWER, CLIENT, ALL, ALL_SAID */
	size_t body_len;
	int code; /* ANSWER; TELL: of the request; ALL: enum rmq_tell; ALL_SAID: enum err */
	char *remark;
	struct conn_parcel *parcel; /* MOVED */
	bool proven; /* MOVED: the session was */
	bool stored; /* ANSWER: with the fields of a message that was sent */
	unsigned fields_n; /* TELL: of its header */
	struct {
		const char *name; /* literal */
		char *value;
	} fields[RMQ_MSG_FIELDS];
};

struct rmq_msg *rmq_msg_new(struct rmq *, enum rmq_msg_type);
/* Takes value. */
void rmq_msg_field(struct rmq_msg *, const char *name, char *value);
/* To the shard; takes it. Never carried out inline. */
void rmq_msg_send(struct rmq *, unsigned shard, struct rmq_msg **);
/* The question of a session to a group's shard: code and body of the request. */
/* The same, not yet sent */
struct rmq_msg *rmq_group_question(struct rmq_session *, const struct rmq_req *,
    struct str group, struct str client);
void rmq_group_ask(struct rmq_session *, const struct rmq_req *,
    struct str group, struct str client);

void rmq_session_moved(struct rmq *, struct rmq_msg *);
void rmq_joined(struct rmq *, const struct rmq_msg *);
void rmq_reply_came(struct rmq *, struct rmq_msg **);

/* --- the group's side */

struct rmq_lock {
	char *key; /* topic@queue */
	char *client;
	int64_t at_ms;
};

struct rmq_gmember {
	LIST_ENTRY(rmq_gmember) link;
	uint64_t session;
	unsigned shard;
	char *client, *addr;
	uint8_t language;
	int32_t version;
	struct rmq_interest *in;
};

struct rmq_group {
	unsigned magic;
#define RMQ_GROUP_MAGIC 0x40c36401
	struct rmq *rm;
	char *name;
	LIST_HEAD(, rmq_gmember) members; /* consumers and producers */
	unsigned consumers_n, producers_n;
	unsigned turn; /* which producer is asked next */
	bool quiet; /* its clients are not told who comes and goes */
	bool unequal; /* its consumers don't all subscribe to the same */
	struct map locks; /* key -> struct rmq_lock */
	LIST_HEAD(, rmq_claim) claims; /* claim.c */
};

/* A field of the request that a question is of; STR_NONE: none */
struct str rmq_ask_field(const struct rmq_msg *, const char *name);

/* NULL: groups_max are there */
struct rmq_group *rmq_group_make(struct rmq *, const char *name);
/* What the asker gets; text is the body if code is RC_SUCCESS. */
struct rmq_reply {
	int code;
	char remark[256];
	struct strbuf *text;
	/* this member is to answer it (the rest is then not looked at) */
	const struct rmq_gmember *forward;
};
/* group.c finds the group (NULL: nobody is in it) and calls it. */
typedef void rmq_group_f(struct rmq *, struct rmq_group *,
    const struct rmq_msg *, struct rmq_reply *);
void rmq_group_locks_expire(struct rmq_group *, int64_t now_ms);
rmq_group_f rmq_group_consumer_list, rmq_group_lock, rmq_group_unlock,
    rmq_group_assignment;
rmq_group_f rmq_group_connections, rmq_group_producers, rmq_group_sub,
    rmq_group_client;
/* forward.c */
void rmq_forward(struct rmq *, const struct rmq_gmember *, struct rmq_msg *);
void rmq_forwarded(struct rmq *, struct rmq_msg *);
/* do_status.c */
void rmq_status_said(struct rmq *, const struct rmq_msg *);

#endif
