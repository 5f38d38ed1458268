/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/topic_json.h"

#include "rocketmq/attrs.h"

void
topic_conf_of(struct topic_conf *tc, const struct rmq_topic *t)
{
	*tc = (struct topic_conf){
		.name = str_of(t->name),
		.attributes =
		    t->attributes != NULL ? str_of(t->attributes) : STR_NONE,
		.read_n = t->read_n,
		.write_n = t->write_n,
		.perm = t->perm,
		.sys_flag = t->sys_flag,
		.order = t->order,
	};
}

void
topic_conf_write(struct jw *w, const struct topic_conf *tc)
{
	struct str rest = tc->attributes, key, value;

	jw_object(w);
	jw_key(w, "attributes");
	jw_object(w);
	while (rmq_attrs_next(&rest, &key, &value)) {
		jw_name(w, key);
		jw_str(w, value);
	}
	jw_end(w);
	jw_key_bool(w, "order", tc->order);
	jw_key_i64(w, "perm", tc->perm);
	jw_key_i64(w, "readQueueNums", tc->read_n);
	jw_key_str(w, "topicFilterType", STR_LIT("SINGLE_TAG"));
	jw_key_str(w, "topicName", tc->name);
	jw_key_i64(w, "topicSysFlag", tc->sys_flag);
	jw_key_i64(w, "writeQueueNums", tc->write_n);
	jw_end(w);
}

void
topic_conf_text(struct strbuf *sb, const struct topic_conf *tc)
{
	struct str rest = tc->attributes, key, value;
	const char *comma = "";

	strbuf_addf(sb,
	    "TopicConfig [topicName=%.*s, readQueueNums=%lld, "
	    "writeQueueNums=%lld, perm=%c%c%c, topicFilterType=SINGLE_TAG, "
	    "topicSysFlag=%lld, order=%s, attributes={",
	    (int)tc->name.len, tc->name.p, (long long)tc->read_n,
	    (long long)tc->write_n, tc->perm & PERM_READ ? 'R' : '-',
	    tc->perm & PERM_WRITE ? 'W' : '-',
	    tc->perm & PERM_INHERIT ? 'X' : '-', (long long)tc->sys_flag,
	    tc->order ? "true" : "false");
	while (rmq_attrs_next(&rest, &key, &value)) {
		strbuf_addf(sb, "%s%.*s=%.*s", comma, (int)key.len, key.p,
		    (int)value.len, value.p);
		comma = ", ";
	}
	strbuf_adds(sb, "}]");
}
