/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - how much of something a topic may have: rates and numbers. A topic's own
 * limit stands above its namespace's, that above the broker's (struct core_conf). The
 * names and forms are those of Pulsar's policies; core/tbl/limit.h lists them.
 *
 * In a namespace's document a rate lies under the name of its cluster, a count by
 * itself. A topic keeps its limits among its properties, each as the JSON text that
 * the admin API was given, under "policy." and its name there: the record of a
 * partitioned topic has those of its partitions.
 *
 * A rate of which nothing is above 0 is none, as in the reference (normalize() of
 * PublishRate): what is above counts.
 */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum limit {
#define LIMIT(name, kind, member, ns, topic) LIM_##name,
#include "core/tbl/limit.h"
	LIM_N
};

enum limit_kind {
	LIMIT_PUBLISH, /* publishThrottlingRateInMsg, publishThrottlingRateInByte */
	/* dispatchThrottlingRateInMsg, dispatchThrottlingRateInByte,
	 * relativeToPublishRate, ratePeriodInSecond */
	LIMIT_DISPATCH,
	LIMIT_SUBSCRIBE, /* subscribeThrottlingRatePerConsumer, ratePeriodInSecond */
	LIMIT_COUNT, /* a number; 0: no limit, whatever is set above */
};

struct limit_value {
	bool set;
	int64_t n; /* messages, subscribes, or the count; <= 0: no limit */
	int64_t bytes; /* <= 0: no limit */
	int64_t period_s; /* <= 0: 1 */
	bool relative; /* the publish rate is added to it */
};

struct limits {
	struct limit_value v[LIM_N];
};

#define LIMIT_PROP "policy." /* before the name, of a topic's property */

struct json_t; /* jansson.h */

struct limit_info {
	enum limit_kind kind;
	const char *member, *ns, *topic;
};
extern const struct limit_info limit_infos[LIM_N];

/* By its name in the admin API; LIM_N: there is none. */
enum limit limit_of_ns(struct str name);
enum limit limit_of_topic(struct str name);
/* The value as JSON says it; false: that is no such value. What isn't given is
 * what the reference takes for it, and what it doesn't know is passed over. */
bool limit_read(struct limit_value *, enum limit_kind, const struct json_t *);
/* The same as a document with every member of the form. */
struct json_t *limit_write(const struct limit_value *, enum limit_kind);

/* What a namespace says over what the broker says; ns: NULL where it says nothing. */
static inline int64_t
limit_count(const struct limits *ns, const struct limits *broker, enum limit i)
{
	return ns != NULL && ns->v[i].set ? ns->v[i].n : broker->v[i].n;
}

/* Those of a namespace's document; NULL: it has none. The caller frees (mem_free). */
struct limits *limits_of_ns(const struct json_t *policies, const char *cluster);
/* A topic's property: *lp is made if it is a limit. false: it is one that can't be
 * read. */
bool limits_take_prop(struct limits **lp, struct str key, struct str value);

#endif
