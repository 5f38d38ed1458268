/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h - clusters, tenants, namespaces and partitioned topics: what lies in
 * metadata only and belongs to no topic's shard.
 *
 * Every op is answered by exactly one effect (op.h). Any shard may be asked; two
 * that are asked at once are told apart by conditions of the commits, the loser
 * answers ERR_CONFLICT ("Concurrent modification", as Pulsar).
 *
 * Documents of clusters, tenants and namespaces are JSON objects, kept as they
 * were given. Names: name.h. A namespace goes with everything below it; a tenant
 * that has namespaces does not go.
 *
 * OP_TOPIC_META is topic_op()'s, OP_STATS_WALK is here.
 */
#ifndef CORE_ADMIN_H
#define CORE_ADMIN_H

#include "core/op.h"

struct core;

/* Largest document, bytes. */
#define ADMIN_TEXT_MAX (1u << 20)

void admin_op(struct core *, struct op **);

#endif
