/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's live keys, taken over while the core runs. */
#include "core/pubrate.h"
#include "core/topic_priv.h"

static void
take(struct core_conf *to, const struct core_conf *from)
{
	to->auto_topic = from->auto_topic;
	to->auto_sub = from->auto_sub;
	to->auto_partitioned = from->auto_partitioned;
	to->default_partitions = from->default_partitions;
	to->max_partitions = from->max_partitions;
	to->limits = from->limits;
	to->publish_msgs = from->publish_msgs;
	to->publish_bytes = from->publish_bytes;
	to->pace_backlog_only = from->pace_backlog_only;
	to->max_producers_address = from->max_producers_address;
	to->max_consumers_address = from->max_consumers_address;
	to->max_tenants = from->max_tenants;
	to->max_ns_tenant = from->max_ns_tenant;
	to->failover_delay_ms = from->failover_delay_ms;
	to->hash_ring = from->hash_ring;
	to->hash_ring_points = from->hash_ring_points;
	to->retention_ms = from->retention_ms;
	to->retention_bytes = from->retention_bytes;
	to->ttl_s = from->ttl_s;
	to->delete_inactive = from->delete_inactive;
	to->inactive_ms = from->inactive_ms;
	to->idle_unload_ms = from->idle_unload_ms;
}

/* A topic's policy is its namespace's over ours: both are looked up again, once
 * for each namespace that has topics in memory. */
void
core_set_conf(struct core *co, const struct core_conf *conf)
{
	struct map seen;
	struct topic *t;
	struct op *op, *first = NULL;
	size_t it;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	take(&co->conf, conf);
	part_set(&co->pub, co->conf.publish_msgs, co->conf.publish_bytes);
	map_init(&seen, co->conf.hash_seed, co->topics->n);
	MAP_FOREACH(t, co->topics, it) {
		if (map_add(&seen, t->name.ns.p, t->name.ns.len, t) != ERR_OK)
			continue;
		op = op_new(OP_NS_REFRESH,
		    (struct dest){ .kind = DEST_INTERNAL,
			.shard = (uint16_t)co->conf.shard });
		op->topic = op_str(op, t->name.ns);
		op->link.next = first != NULL ? &first->link : NULL;
		first = op;
	}
	map_fini(&seen);
	while ((op = first) != NULL) {
		first = (struct op *)op->link.next;
		op->link.next = NULL;
		core_op(co, &op);
	}
}

const struct limits *
core_limits(const struct core *co)
{
	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	return &co->conf.limits;
}
