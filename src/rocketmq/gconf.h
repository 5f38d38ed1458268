/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gconf.h - settings of consumer groups (SubscriptionGroupConfig): a document of
 * JSON for each group, and what a shard has read of them. A group that somebody
 * names first is made with the defaults, where the configuration allows it. A
 * change is told to all shards (TELL_GROUP_STALE).
 *
 * Shard's thread only.
 */
#ifndef ROCKETMQ_GCONF_H
#define ROCKETMQ_GCONF_H

#include "rocketmq/json_body.h"
#include "rocketmq/rmq_priv.h"

#define GCONF_DOC "rocketmq/group/" /* name of a document, less the group */
#define GCONF_NAME_MAX 255u

/* The members of the JSON */
struct gconf {
	struct str name;
	bool consume_enable, from_min, broadcast_enable, orderly, notify;
	int32_t retry_queues, retry_max, sys_flag, timeout_min;
	int32_t priority_factor; /* of the attributes: percent, see pop.h */
	int64_t broker_id, slow_broker;
	struct str retry_policy, subs; /* JSON; STR_NONE: default, none */
	struct str attributes; /* "k=v,k=v" */
	/* "t,t": topics that its members may not pull from. In our document only,
	 * which others don't look at */
	struct str forbidden;
};

void gconf_default(struct gconf *, struct str name);
void gconf_write(struct strbuf *, const struct gconf *);
/* Over what is there; false: a member is of the wrong kind. Texts are v's.
 * attributes are left alone. */
bool gconf_read(struct gconf *, const struct jval *v);
/* Of a document's {"k":"v"}: "k=v,k=v", behind what out has. */
void gconf_attributes(const struct jval *v, struct strbuf *out);
/* NULL, or what is wrong with the name, in buf */
const char *gconf_name_wrong(struct str name, char *buf, size_t size);

enum rmq_gconf_found {
	RMQ_GCONF_OK,
	RMQ_GCONF_PARKED, /* the request is; return */
	RMQ_GCONF_NONE,
	RMQ_GCONF_ERROR /* answered */
};

struct rmq_gconf {
	unsigned magic;
#define RMQ_GCONF_MAGIC 0x40c36c01
	struct rmq *rm;
	uint64_t number;
	char *name;
	bool asked, there, stale;
	int64_t read_ns, used_ns;
	struct held_list waiting;
	enum err error; /* of the last time it was read */
	struct gconf c; /* numbers and booleans only */
	char *forbidden; /* NULL: nothing is */
	char *text; /* the document */
};

/* make: where the configuration allows it, one that isn't there is made. */
enum rmq_gconf_found rmq_gconf_get(struct rmq_session *, const struct rmq_req *,
    struct str group, bool make, struct rmq_gconf **) MUST_CHECK;
/* The same, where a group that isn't there is answered as the reference's
 * consumers are; false: parked or answered. */
bool rmq_gconf_need(struct rmq_session *, const struct rmq_req *,
    struct str group, struct rmq_gconf **) MUST_CHECK;
/* What is known of it at the moment; NULL: nothing, or it isn't there */
const struct gconf *rmq_gconf_peek(const struct rmq *, struct str group);
bool rmq_gconf_forbids(const struct rmq_gconf *, struct str topic);
void rmq_gconf_fx(struct rmq_gconf *, const struct fx *);
void rmq_gconfs_tick(struct rmq *);
void rmq_gconfs_fini(struct rmq *);

#endif
