/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h - clusters, tenants, namespaces and partitioned topics: what lies in
 * metadata only and belongs to no topic's shard.
 *
 * Every op is answered by exactly one effect (op.h). Any shard may be asked; two
 * that are asked at once are told apart by conditions of the commits, the loser
 * answers ERR_CONFLICT ("Concurrent modification", as Pulsar).
 *
 * Documents of tenants and namespaces are JSON objects, kept as they were given;
 * a new namespace without replication_clusters gets this cluster, and may have no
 * document at all.
 *
 * Lists hide the system's topics. Those of a namespace that is not there answer
 * ERR_NO_NAMESPACE (Pulsar's admin; its binary protocol gives an empty list).
 *
 * A tenant that has namespaces does not go. A namespace goes when it has no
 * topics; the forced form (flag) also drops records of partitioned topics, but the
 * asker deletes the topics first (OP_TOPIC_DELETE to their shards, non-persistent
 * ones as well: only those of the shard that was asked are seen here).
 *
 * Policies of a namespace reach the topics of every shard before OP_NS_PUT is
 * answered, and administrators of a tenant authorization (core/authz.h).
 *
 * Partitioned topics: records of partitions are made together with that of the
 * topic. Who grows one copies the subscriptions of partition 0 to the new ones.
 */
#ifndef CORE_ADMIN_H
#define CORE_ADMIN_H

#include "core/op.h"

struct core;

/* Largest document, bytes. */
#define ADMIN_TEXT_MAX (1u << 20)

void admin_op(struct core *, struct op **);
/* Ops under way are dropped, metadata answers no more. */
void admins_free(struct core *);

#endif
