/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/systopic.h"

#include <stdio.h>

#define RW (PERM_READ | PERM_WRITE)

static const struct {
	const char
	    *head; /* what stands before the cluster's or broker's name */
	char whose; /* c: cluster, b: broker, 0: neither */
	const char *tail;
	uint16_t queues;
	uint8_t perm;
	bool listed;
} table[] = {
	{ "TBW102", 0, "", 0, RW | PERM_INHERIT, true },
	{ "SELF_TEST_TOPIC", 0, "", 1, RW, true },
	{ "BenchmarkTest", 0, "", 1024, RW, true },
	{ "OFFSET_MOVED_EVENT", 0, "", 1, RW, true },
	{ "", 'c', "", 16, RW | PERM_INHERIT, true },
	{ "", 'b', "", 1, RW | PERM_INHERIT, true },
	{ "SCHEDULE_TOPIC_XXXX", 0, "", 18, RW, true },
	{ "RMQ_SYS_TRACE_TOPIC", 0, "", 1, RW, true },
	{ "", 'c', "_REPLY_TOPIC", 1, RW, true },
	{ "RMQ_SYS_TRANS_HALF_TOPIC", 0, "", 1, RW, true },
	{ "RMQ_SYS_TRANS_OP_HALF_TOPIC", 0, "", 1, RW, true },
	{ "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC", 0, "", 1, RW, true },
	{ "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC", 0, "", 1, RW, true },
	{ "rmq_sys_REVIVE_LOG_", 'c', "", 8, RW, true },
	{ "rmq_sys_wheel_timer", 0, "", 1, RW, true },
	{ "rmq_sys_SYNC_BROKER_MEMBER_", 'b', "", 1, PERM_INHERIT, true },
	{ "TRANS_CHECK_MAX_TIME_TOPIC", 0, "", 1, RW, false },
	{ "CHECKPOINT_TOPIC", 0, "", 1, RW, false },
};

#define TABLE_N (sizeof table / sizeof table[0])

static const struct str sys_head = STR_LIT("rmq_sys_");

static const char *const groups[] = { "TOOLS_CONSUMER", "FILTERSRV_CONSUMER",
	"SELF_TEST_C_GROUP", "CID_ONS-HTTP-PROXY", "CID_ONSAPI_PULL",
	"CID_ONSAPI_PERMISSION", "CID_ONSAPI_OWNER", "CID_RMQ_SYS_TRANS" };

#define GROUPS_N (sizeof groups / sizeof groups[0])

unsigned
systopic_count(void)
{
	return TABLE_N;
}

static void
name_at(const struct rmq_conf *conf, unsigned i, char *buf, size_t size)
{
	const char *whose = table[i].whose == 'c' ? conf->cluster :
	    table[i].whose == 'b'		  ? conf->broker :
						    "";

	(void)snprintf(
	    buf, size, "%s%s%s", table[i].head, whose, table[i].tail);
}

void
systopic_at(const struct rmq_conf *conf, unsigned i, struct systopic *t)
{
	assert(i < TABLE_N);
	name_at(conf, i, t->name, sizeof t->name);
	t->queues = table[i].queues;
	t->perm = table[i].perm;
	t->listed = table[i].listed;
	if (i == 0) { /* TBW102: the topic that others are made like */
		t->queues = conf->default_queues;
		t->listed = conf->auto_topic;
	}
}

bool
systopic_is(const struct rmq_conf *conf, struct str name)
{
	char text[SYSTOPIC_NAME_MAX];
	unsigned i;

	if (str_starts(name, sys_head))
		return true;
	for (i = 0; i < TABLE_N; i++) {
		name_at(conf, i, text, sizeof text);
		if (str_eq(name, str_of(text)))
			return true;
	}
	return false;
}

const char *
sysgroup_at(unsigned i)
{
	return i < GROUPS_N ? groups[i] : NULL;
}

bool
sysgroup_is(struct str group)
{
	unsigned i;

	for (i = 0; i < GROUPS_N; i++)
		if (str_eq(group, str_of(groups[i])))
			return true;
	return false;
}
