/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name.h - names of topics, tenants, namespaces and subscriptions, as Pulsar's
 * TopicName and NamedEntity define them:
 * [persistent|non-persistent]://tenant/namespace/local, short `local` =
 * persistent://public/default/local, `tenant/ns/local` = persistent. Four-part
 * V1 names (property/cluster/ns/local) are refused. -partition-N marks partition
 * N of a partitioned topic. Pure functions, any thread.
 */
#ifndef CORE_NAME_H
#define CORE_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* full name; so that every metadata key fits META_KEY_MAX */
#define NAME_MAX_BYTES 400

struct topic_name {
	/* full canonical name, owned, NUL-terminated; the strs lie in it */
	char *text;
	struct str full; /* persistent://t/n/local */
	struct str tenant, ns /* t/n */, ns_local /* n */, local;
	struct str base; /* full without -partition-N */
	struct str key; /* t/n/local: key of the metadata records */
	int32_t partition; /* -1: none */
	bool persistent;
};

enum err topic_name_parse(struct topic_name *, struct str any_form);
void topic_name_fini(struct topic_name *);
/* A full or local name without the partition that it ends in, if it does. */
struct str topic_name_base(struct str);
/* tenant, namespace, cluster, subscription: [-=:.\w]+ (tenants and namespaces) */
bool name_is_valid_entity(struct str);
bool name_is_valid_namespace(struct str t_slash_n);
/* What the broker keeps for itself, in no list: system topics and the pulsar/system
 * namespace. */
bool topic_name_is_system(const struct topic_name *);
/* These, and those by which one front-end does its clients' retries, dead letters
 * and the like: no topic of the users, so other front-ends don't list it. */
bool topic_name_is_hidden(const struct topic_name *);
/* Made of references by a front-end that has light queues: nobody else reads or
 * writes it. */
bool topic_name_is_light(const struct topic_name *);

/* Whose shard a topic is. Partitions go in runs of TOPIC_RUN: 0 to 7 of a topic to
 * one shard, 8 to 15 to the next. A client that goes round its queues then fills
 * one group of the log instead of one on each shard, and a topic that needs more
 * than one processor gets more partitions. A topic without partitions lies where its
 * partition 0 would. Where ledgers lie follows from it: another rule takes
 * another TOPIC_PLACEMENT, which the data directory keeps (store/local.h). A staging
 * log (core/stage.h) lies on the shard of the number in its name. */
#define TOPIC_STAGING "persistent://pulsar/system/__staging-"
#define TOPIC_RUN 8u
#define TOPIC_PLACEMENT 1u
unsigned topic_shard(struct str full, unsigned shards_n);

#endif
