/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic_json.h - the TopicConfig of the reference: what an admin asks a topic to
 * be, and what says what it is, as JSON and as text.
 */
#ifndef ROCKETMQ_TOPIC_JSON_H
#define ROCKETMQ_TOPIC_JSON_H

#include "rocketmq/json_body.h"
#include "rocketmq/jw.h"
#include "rocketmq/rmq_priv.h"

struct topic_conf {
	struct str name, attributes; /* "k=v,k=v" */
	int64_t read_n, write_n, perm, sys_flag;
	bool order;
};

void topic_conf_of(struct topic_conf *, const struct rmq_topic *);
void topic_conf_write(struct jw *, const struct topic_conf *);
/* Appends what TopicConfig.toString says, which remarks have. */
void topic_conf_text(struct strbuf *, const struct topic_conf *);

#endif
