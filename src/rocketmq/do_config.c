/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's and the name server's configuration, as admins read and change it
 * over the wire. Keys are RocketMQ's. A key that has a meaning here and can be
 * changed while the broker runs is in the table `live`; what is set is kept as a
 * document, goes to all shards, and stands above the file from then on. Any other
 * key is taken without effect, as the reference takes it, and logged.
 */
#include <stddef.h>
#include <stdio.h>

#include "base/log.h"
#include "rocketmq/job.h"
#include "rocketmq/runtime.h"
#include "rocketmq/tell.h"

#define CONF_DOC "rocketmq/conf/"
#define KEYS_MAX 1000u /* of a request */
#define HOUR_MS INT64_C(3600000)

enum live_type {
	LIVE_BOOL,
	LIVE_UINT,
	LIVE_INT,
	LIVE_I64,
	LIVE_HOURS /* kept in ms */
};

static const struct live {
	const char *key;
	enum live_type type;
	size_t at; /* in struct rmq_conf */
	int64_t min, max;
} live[] = {
#define AT(member) offsetof(struct rmq_conf, member)
	{ "autoCreateSubscriptionGroup", LIVE_BOOL, AT(auto_group), 0, 1 },
	{ "autoCreateTopicEnable", LIVE_BOOL, AT(auto_topic), 0, 1 },
	{ "brokerPermission", LIVE_UINT, AT(broker_perm), 0, 7 },
	{ "defaultTopicQueueNums", LIVE_UINT, AT(default_queues), 1, 1024 },
	{ "enableLmq", LIVE_BOOL, AT(lmq), 0, 1 },
	{ "enableMultiDispatch", LIVE_BOOL, AT(multi_dispatch), 0, 1 },
	{ "fileReservedTime", LIVE_HOURS, AT(retention_ms), 1, 876000 },
	{ "maxMessageSize", LIVE_UINT, AT(max_message_bytes), 1024, 16777216 },
	{ "transactionCheckInterval", LIVE_I64, AT(txn_check_ms), 1,
	    INT32_MAX },
	{ "transactionCheckMax", LIVE_INT, AT(txn_check_max), 1, INT32_MAX },
	{ "transactionTimeOut", LIVE_I64, AT(txn_timeout_ms), 1, INT32_MAX },
#undef AT
};

#define LIVE_N (sizeof live / sizeof live[0])

static const char *const forbidden[] = { "configBlackList", "brokerConfigPath",
	"configStorePath", "kvConfigPath" };

static const struct live *
live_of(struct str key)
{
	size_t i;

	for (i = 0; i < LIVE_N; i++)
		if (str_eq(key, str_of(live[i].key)))
			return &live[i];
	return NULL;
}

/* False: not a value of this key */
static bool
live_set(struct rmq_conf *c, const struct live *l, struct str value)
{
	void *p = (char *)c + l->at;
	int64_t v;
	bool b;

	if (l->type == LIVE_BOOL) {
		if (!str_eq(value, STR_LIT("true")) &&
		    !str_eq(value, STR_LIT("false")))
			return false;
		b = value.len == 4;
		memcpy(p, &b, sizeof b);
		return true;
	}
	if (rtext_i64(value, &v) != ERR_OK || v < l->min || v > l->max)
		return false;
	switch (l->type) {
	case LIVE_BOOL:
		break;
	case LIVE_UINT:
		*(unsigned *)p = (unsigned)v;
		break;
	case LIVE_INT:
		*(int *)p = (int)v;
		break;
	case LIVE_I64:
		*(int64_t *)p = v;
		break;
	case LIVE_HOURS:
		*(int64_t *)p = v * HOUR_MS;
		break;
	}
	return true;
}

static void
live_text(struct strbuf *sb, const struct rmq_conf *c, const struct live *l)
{
	const void *p = (const char *)c + l->at;
	int64_t v = 0;
	bool b;

	switch (l->type) {
	case LIVE_BOOL:
		memcpy(&b, p, sizeof b);
		strbuf_adds(sb, b ? "true" : "false");
		return;
	case LIVE_UINT:
		v = *(const unsigned *)p;
		break;
	case LIVE_INT:
		v = *(const int *)p;
		break;
	case LIVE_I64:
		v = *(const int64_t *)p;
		break;
	case LIVE_HOURS:
		v = *(const int64_t *)p / HOUR_MS;
		break;
	}
	strbuf_addf(sb, "%lld", (long long)v);
}

/* --- properties ------------------------------------------------------------- */

static struct str
trim(struct str s)
{
	while (s.len > 0 && (*s.p == ' ' || *s.p == '\t' || *s.p == '\r')) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 &&
	    (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t' ||
		s.p[s.len - 1] == '\r'))
		s.len--;
	return s;
}

/* The next "key=value" of a properties text; false at the end. */
static bool
next_prop(struct str *rest, struct str *key, struct str *value)
{
	const char *end, *eq;
	struct str line;

	while (rest->len > 0) {
		end = memchr(rest->p, '\n', rest->len);
		line = *rest;
		if (end != NULL)
			line.len = (size_t)(end - rest->p);
		rest->p += line.len + (end != NULL);
		rest->len -= line.len + (end != NULL);
		line = trim(line);
		if (line.len == 0 || line.p[0] == '#')
			continue;
		eq = memchr(line.p, '=', line.len);
		*key = line;
		*value = STR_LIT("");
		if (eq != NULL) {
			key->len = (size_t)(eq - line.p);
			*value = trim(
			    (struct str){ eq + 1, line.len - key->len - 1 });
		}
		*key = trim(*key);
		return true;
	}
	return false;
}

static bool
is_forbidden(struct str text)
{
	struct str key, value;
	size_t i;

	while (next_prop(&text, &key, &value))
		for (i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
			if (str_eq(key, str_of(forbidden[i])))
				return true;
	return false;
}

static void
log_ignored(struct rmq *rm, struct str key, const char *why)
{
	char text[128];

	(void)snprintf(text, sizeof text, "%.*s", (int)key.len, key.p);
	LOG(LOG_WARN, (int)rm->router->shard, "rocketmq_config_ignored",
	    LOG_S("key", text), LOG_S("why", why));
}

/* --- changing --------------------------------------------------------------- */

void
rmq_conf_told(struct rmq *rm, struct str text, struct strbuf *answer)
{
	const struct live *l;
	struct str key, value;

	(void)answer;
	while (next_prop(&text, &key, &value)) {
		l = live_of(key);
		if (l != NULL && !live_set(&rm->conf, l, value))
			log_ignored(rm, key, "not a value of this key");
	}
}

static void
loaded(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	const struct live *l;
	uint32_t i;

	(void)s;
	if (fx->err != ERR_OK)
		LOG(LOG_ERROR, (int)j->rm->router->shard,
		    "rocketmq_config_not_read",
		    LOG_S("err", err_text(fx->err)));
	for (i = 0; fx->err == ERR_OK && i + 1 < fx->strings_n; i += 2) {
		l = live_of(fx->strings[i]);
		if (l == NULL || !live_set(&j->rm->conf, l, fx->strings[i + 1]))
			log_ignored(j->rm, fx->strings[i], "kept, unknown");
	}
}

void
rmq_config_load(struct rmq *rm)
{
	struct rmq_job *j = rmq_job_new_own(rm, loaded);
	struct op *op = rmq_job_op(j, OP_DOC_LIST, 0);

	op->topic = op_str(op, STR_LIT(CONF_DOC));
	op->flag = true;
	rmq_job_route_to(j, rm->router->shard, &op);
}

/* u64: documents under way; text: what all shards are told then */
static void
update_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	(void)s;
	if (fx == NULL) {
		rmq_job_say(j, RC_SUCCESS, NULL);
		return;
	}
	if (fx->err != ERR_OK && j->err == ERR_OK)
		j->err = fx->err;
	if (--j->u64 > 0)
		return;
	if (j->err == ERR_OK)
		rmq_job_tell(j, TELL_CONF, str_of(j->text));
	else
		rmq_job_err(j, j->err, fx->diag);
}

static void
keep(struct rmq_job *j, struct str key, struct str value)
{
	struct op *op = rmq_job_op(j, OP_DOC_PUT, 0);
	char *name = mem_printf(CONF_DOC "%.*s", (int)key.len, key.p);

	op->topic = op_str(op, str_of(name));
	op->text = op_str(op, value);
	mem_free(name);
	j->u64++;
	rmq_job_route_to(j, j->rm->router->shard, &op);
}

void
rmq_do_config_update(struct rmq_session *s, struct rmq_req *q)
{
	struct str rest = { (const char *)q->body.p, q->body.len }, key, value;
	const struct live *l;
	struct rmq_conf try = s->rm->conf;
	struct rmq_job *j;
	unsigned n = 0;

	if (is_forbidden(rest)) {
		rmq_answer_code(s, &q->ref, RC_NO_PERMISSION,
		    "Can not update config in black list.");
		return;
	}
	j = rmq_job_new(s, &q->ref, update_step);
	j->always = true;
	j->text = mem_strndup((const char *)q->body.p, q->body.len);
	rmq_job_hold(j);
	j->u64 = 1;
	while (n++ < KEYS_MAX && next_prop(&rest, &key, &value)) {
		l = q->ref.code == RQ_UPDATE_BROKER_CONFIG ? live_of(key) :
							     NULL;
		if (l == NULL)
			log_ignored(s->rm, key, "no effect here");
		else if (!live_set(&try, l, value))
			log_ignored(s->rm, key, "not a value of this key");
		else
			keep(j, key, value);
	}
	if (--j->u64 == 0)
		rmq_answer_code(s, &q->ref, RC_SUCCESS, NULL);
	rmq_job_release(j);
}

/* --- told ------------------------------------------------------------------- */

static void
line(struct strbuf *sb, const char *key, const char *value)
{
	strbuf_addf(sb, "%s=%s\n", key, value);
}

void
rmq_do_config_get(struct rmq_session *s, struct rmq_req *q)
{
	const struct rmq_conf *c = &s->rm->conf;
	struct strbuf *sb = &s->rm->text;
	char version[96];
	size_t i;

	rmq_session_name(s);
	strbuf_reset(sb);
	line(sb, "brokerClusterName", c->cluster);
	line(sb, "brokerIP1", s->ip);
	line(sb, "brokerId", "0");
	line(sb, "brokerName", c->broker);
	line(sb, "brokerRole", "ASYNC_MASTER");
	line(sb, "enablePropertyFilter", "true");
	line(
	    sb, "flushDiskType", c->flush_async ? "ASYNC_FLUSH" : "SYNC_FLUSH");
	strbuf_addf(sb, "listenPort=%u\n", s->port);
	line(sb, "msgTraceTopicName", "RMQ_SYS_TRACE_TOPIC");
	line(sb, "recallMessageEnable", "true");
	line(sb, "slaveReadEnable", "false");
	line(sb, "traceTopicEnable", "true");
	for (i = 0; i < LIVE_N; i++) {
		strbuf_addf(sb, "%s=", live[i].key);
		live_text(sb, c, &live[i]);
		strbuf_addc(sb, '\n');
	}
	(void)snprintf(version, sizeof version,
	    "{\"counter\":0,\"stateVersion\":0,\"timestamp\":%lld}",
	    (long long)s->rm->boot_ms);
	rout_str(rmq_answer(s, &q->ref, RC_SUCCESS, NULL), "version",
	    str_of(version));
	rmq_answer_end(s, &q->ref, strbuf_str(sb), sb->len);
}

void
rmq_do_namesrv_config_get(struct rmq_session *s, struct rmq_req *q)
{
	struct strbuf *sb = &s->rm->text;

	strbuf_reset(sb);
	line(sb, "configBlackList",
	    "configBlackList;configStorePath;kvConfigPath");
	line(sb, "deleteTopicWithBrokerRegistration", "false");
	line(sb, "enableAllTopicList", "true");
	line(sb, "enableControllerInNamesrv", "false");
	line(sb, "enableTopicList", "true");
	line(sb, "orderMessageEnable", "false");
	strbuf_addf(sb, "serverChannelMaxIdleTimeSeconds=%lld\n",
	    (long long)(s->rm->conf.idle_ns / 1000000000));
	line(sb, "supportActingMaster", "false");
	rmq_answer_text(s, &q->ref);
}
