/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What topics hold and how far groups are: GET_TOPIC_STATS_INFO,
 * GET_CONSUME_STATS and what belongs to them. All are a progress job
 * (progress.h), after the topics are found where none is named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rocketmq/gconf.h"
#include "rocketmq/jw.h"
#include "rocketmq/progress.h"
#include "rocketmq/systopic.h"

struct stats {
	struct progress p;
	char *group; /* NULL: all */
	bool finding; /* the topics are being looked for */
	bool only_order;
	char **groups; /* GET_BROKER_CONSUME_STATS: those that there are */
	uint32_t groups_n;
	int64_t diff, inflight;
	char *tps_of; /* what is asked for last; NULL: nothing */
	double *tps; /* of each topic of p */
};

static void
stats_free(struct progress *p)
{
	struct stats *st = (struct stats *)p;
	uint32_t i;

	for (i = 0; i < st->groups_n; i++)
		mem_free(st->groups[i]);
	mem_free(st->groups);
	mem_free(st->group);
	mem_free(st->tps_of);
	mem_free(st->tps);
}

static struct stats *
stats_new(struct rmq_session *s, const struct rmq_req *q, rmq_job_f *f,
    struct str group, struct rmq_job **jp)
{
	struct rmq_job *j = rmq_job_new(s, &q->ref, f);
	struct stats *st = (struct stats *)progress_new(j, sizeof *st);

	st->p.free_more = stats_free;
	if (group.p != NULL)
		st->group = mem_strndup(group.p, group.len);
	*jp = j;
	return st;
}

/* --- writing ---------------------------------------------------------------- */

static void
queue_key(struct jw *w, const struct rmq *rm, const struct progress_topic *t,
    uint32_t queue)
{
	jw_object(w);
	jw_key_str(w, "brokerName", str_of(rm->conf.broker));
	jw_key_i64(w, "queueId", queue);
	jw_key_str(w, "topic", str_of(t->name));
	jw_end(w);
}

static void
topic_offsets(
    struct jw *w, const struct rmq *rm, const struct progress_topic *t)
{
	const struct progress_row *r;
	uint32_t i;

	for (i = 0; i < t->write_n && i < t->rows_n; i++) {
		r = &t->rows[i];
		jw_map_key(w);
		queue_key(w, rm, t, i);
		jw_object(w);
		jw_key_i64(w, "lastUpdateTimestamp", r->last_ms);
		jw_key_i64(w, "maxOffset", (int64_t)r->max);
		jw_key_i64(w, "minOffset", (int64_t)r->min);
		jw_end(w);
	}
}

static void
group_offsets(struct jw *w, const struct rmq *rm, struct stats *st,
    const struct progress_topic *t)
{
	const struct progress_row *r;
	uint64_t index;
	uint32_t i;

	for (i = 0; i < t->read_n && i < t->rows_n; i++) {
		r = &t->rows[i];
		index = r->has ? r->index : 0;
		jw_map_key(w);
		queue_key(w, rm, t, i);
		jw_object(w);
		jw_key_i64(w, "brokerOffset", (int64_t)r->max);
		jw_key_i64(w, "consumerOffset", (int64_t)index);
		jw_key_i64(w, "lastTimestamp", r->before_ms);
		jw_key_i64(w, "pullOffset", (int64_t)index);
		jw_end(w);
		if (r->max > index)
			st->diff += (int64_t)(r->max - index);
	}
}

static struct jw
begin(struct rmq_session *s)
{
	struct jw w;

	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	return w;
}

/* --- finding topics, then asking -------------------------------------------- */

typedef void say_f(struct rmq_job *, struct rmq_session *, struct stats *);

static void
say_or_err(struct rmq_job *j, struct rmq_session *s, say_f *say)
{
	struct stats *st = j->priv;
	char *text = st->tps_of;

	st->tps_of = NULL;
	if (j->err != ERR_OK)
		rmq_answer_err(s, &j->ref, j->err, NULL);
	else if (text != NULL)
		rmq_job_tell(j, TELL_TPS, str_of(text));
	else
		say(j, s, st);
	mem_free(text);
}

/* Of a shard's answer: a key and a number, a line each */
static void
add_part(const struct map *by_key, const char *at)
{
	const char *key, *end;
	double *tps;

	while (*at != '\0') {
		key = at;
		end = strchr(key, '\n');
		AN(end);
		at = strchr(end + 1, '\n');
		AN(at);
		at++;
		tps = map_get(by_key, key, (size_t)(end - key));
		if (tps != NULL)
			*tps += (double)strtoll(end + 1, NULL, 10) / 1000;
	}
}

/* Statistics have the key "topic", or "topic@group" where there is a group. */
static void
add_tps(struct rmq_job *j)
{
	struct stats *st = j->priv;
	char **keys = mem_calloc(st->p.n + 1, sizeof *keys);
	const struct progress_topic *t;
	struct map by_key;
	uint32_t i;

	st->tps = mem_calloc(st->p.n + 1, sizeof *st->tps);
	map_init(&by_key, j->rm->seed, st->p.n + 1);
	for (i = 0; i < st->p.n; i++) {
		t = &st->p.v[i];
		keys[i] = t->group != NULL ?
		    mem_printf("%s@%s", t->name, t->group) :
		    mem_strdup(t->name);
		/* one that was named twice has its figure once */
		if (map_get(&by_key, keys[i], strlen(keys[i])) == NULL &&
		    map_add(&by_key, keys[i], strlen(keys[i]), &st->tps[i]) !=
			ERR_OK)
			WRONG("more than there is room for");
	}
	for (i = 0; i < j->parts_n; i++)
		add_part(&by_key, j->parts[i]);
	map_fini(&by_key);
	for (i = 0; i < st->p.n; i++)
		mem_free(keys[i]);
	mem_free(keys);
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx, say_f *say)
{
	struct stats *st = j->priv;

	if (fx == NULL) {
		add_tps(j);
		say_or_err(j, s, say);
	} else if (st->finding) {
		st->finding = false;
		if (fx->err != ERR_OK) {
			rmq_answer_err(s, &j->ref, fx->err, fx->diag);
			return;
		}
		progress_add_found(j->rm, &st->p, fx,
		    st->group != NULL ? str_of(st->group) : STR_NONE);
		if (!progress_start(j))
			say_or_err(j, s, say);
	} else if (progress_step(j, fx))
		say_or_err(j, s, say);
}

static void
find(struct rmq_job *j)
{
	struct stats *st = j->priv;
	struct op *op = rmq_job_op(j, OP_SUB_FIND, 0);

	st->finding = true;
	if (st->group != NULL)
		op->sub = op_str(op, str_of(st->group));
	rmq_job_route_to(j, j->rm->router->shard, &op);
}

/* --- GET_TOPIC_STATS_INFO --------------------------------------------------- */

static void
no_topic(struct rmq_session *s, const struct rmq_ref *ref, const char *name)
{
	rmq_answer_codef(
	    s, ref, RC_TOPIC_NOT_EXIST, "topic[%s] not exist", name);
}

static void
topic_say(struct rmq_job *j, struct rmq_session *s, struct stats *st)
{
	struct progress_topic *t = &st->p.v[0];
	uint32_t perm;
	struct jw w;

	if (!t->there) {
		t->write_n = t->rows_n =
		    rmq_topic_builtin(s->rm, str_of(t->name), &perm);
		if (t->rows_n == 0) {
			no_topic(s, &j->ref, t->name);
			return;
		}
		t->rows = mem_calloc(t->rows_n, sizeof *t->rows);
	}
	w = begin(s);
	jw_key(&w, "offsetTable");
	jw_object(&w);
	topic_offsets(&w, s->rm, t);
	jw_end(&w);
	jw_key(&w, "topicPutTps");
	jw_double(&w, st->tps[0]);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

static void
topic_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	step(j, s, fx, topic_say);
}

void
rmq_do_topic_stats(struct rmq_session *s, struct rmq_req *q)
{
	struct str topic = rheader_get(q->h, "topic");
	struct rmq_job *j;
	struct stats *st;

	if (topic.p == NULL) {
		rmq_answer_field(s, &q->ref, "topic");
		return;
	}
	st = stats_new(s, q, topic_step, STR_NONE, &j);
	st->tps_of =
	    mem_printf("TOPIC_PUT_NUMS\n%.*s", (int)topic.len, topic.p);
	progress_add(&st->p, topic, STR_NONE);
	rmq_job_hold(j);
	if (!progress_start(j))
		say_or_err(j, s, topic_say);
	rmq_job_release(j);
}

/* --- GET_CONSUME_STATS ------------------------------------------------------ */

static void
group_say(struct rmq_job *j, struct rmq_session *s, struct stats *st)
{
	struct jw w = begin(s);
	double tps = 0;
	uint32_t i;

	for (i = 0; i < st->p.n; i++)
		tps += st->tps[i];
	jw_key(&w, "consumeTps");
	jw_double(&w, tps);
	jw_key(&w, "offsetTable");
	jw_object(&w);
	for (i = 0; i < st->p.n; i++)
		group_offsets(&w, s->rm, st, &st->p.v[i]);
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

static void
group_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	step(j, s, fx, group_say);
}

/* "a;b" */
static void
add_list(struct progress *p, struct str list, struct str group)
{
	const char *end;
	struct str one;

	while (list.len > 0) {
		end = memchr(list.p, ';', list.len);
		one = list;
		if (end != NULL)
			one.len = (size_t)(end - list.p);
		if (one.len > 0)
			progress_add(p, one, group);
		list.p += end != NULL ? one.len + 1 : one.len;
		list.len -= end != NULL ? one.len + 1 : one.len;
	}
}

void
rmq_do_group_stats(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "consumerGroup"),
		   topic = rheader_get(q->h, "topic"),
		   list = rheader_get(q->h, "topicList");
	struct rmq_job *j;
	struct stats *st;

	if (group.len == 0) {
		rmq_answer_field(s, &q->ref, "consumerGroup");
		return;
	}
	st = stats_new(s, q, group_step, group, &j);
	st->p.times = true;
	st->tps_of =
	    mem_printf("GROUP_GET_NUMS\n@%.*s", (int)group.len, group.p);
	rmq_job_hold(j);
	if (topic.len > 0)
		progress_add(&st->p, topic, group);
	else
		add_list(&st->p, list, group);
	if (st->p.n == 0)
		find(j);
	else if (!progress_start(j))
		say_or_err(j, s, group_say);
	rmq_job_release(j);
}

/* --- QUERY_CONSUME_TIME_SPAN ------------------------------------------------ */

static void
time_text(struct jw *w, const char *key, const char *key_text, int64_t ms)
{
	char text[64], whole[80];
	time_t at = (time_t)(ms / 1000);
	struct tm tm;

	if (ms < 0)
		at = -1;
	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%d#%H:%M:%S", &tm) == 0)
		text[0] = '\0';
	(void)snprintf(whole, sizeof whole, "%s:%03d", text,
	    ms < 0 ? 999 : (int)(ms % 1000));
	jw_key_i64(w, key, ms);
	jw_key_str(w, key_text, str_of(whole));
}

static void
span_row(struct jw *w, const struct rmq *rm, const struct progress_topic *t,
    uint32_t queue)
{
	const struct progress_row *r = &t->rows[queue];
	bool some = r->max > r->min;
	int64_t first = some ? r->first_ms : -1;

	jw_object(w);
	time_text(w, "consumeTimeStamp", "consumeTimeStampStr",
	    r->before_ms > 0 ? r->before_ms : first);
	jw_key_i64(
	    w, "delayTime", r->at_ms > 0 ? loop_wall_ms(rm->lp) - r->at_ms : 0);
	time_text(w, "maxTimeStamp", "maxTimeStampStr", some ? r->last_ms : -1);
	jw_key(w, "messageQueue");
	queue_key(w, rm, t, queue);
	time_text(w, "minTimeStamp", "minTimeStampStr", first);
	jw_end(w);
}

static void
span_say(struct rmq_job *j, struct rmq_session *s, struct stats *st)
{
	const struct progress_topic *t = &st->p.v[0];
	struct jw w;
	uint32_t i;

	if (!t->there) {
		no_topic(s, &j->ref, t->name);
		return;
	}
	w = begin(s);
	jw_key(&w, "consumeTimeSpanSet");
	jw_array(&w);
	for (i = 0; i < t->write_n && i < t->rows_n; i++)
		span_row(&w, s->rm, t, i);
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

static void
span_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	step(j, s, fx, span_say);
}

void
rmq_do_time_span(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "group"),
		   topic = rheader_get(q->h, "topic");
	struct rmq_job *j;
	struct stats *st;

	if (topic.p == NULL || group.p == NULL) {
		rmq_answer_field(
		    s, &q->ref, topic.p == NULL ? "topic" : "group");
		return;
	}
	st = stats_new(s, q, span_step, group, &j);
	st->p.times = true;
	progress_add(&st->p, topic, group);
	rmq_job_hold(j);
	if (!progress_start(j))
		span_say(j, s, st);
	rmq_job_release(j);
}

/* --- GET_ALL_CONSUMER_OFFSET ------------------------------------------------ */

static void
all_say(struct rmq_job *j, struct rmq_session *s, struct stats *st)
{
	const struct progress_topic *t;
	struct jw w = begin(s);
	uint32_t i, k;
	char *name;

	jw_key(&w, "dataVersion");
	jw_object(&w);
	jw_key_i64(&w, "counter", 0);
	jw_key_i64(&w, "stateVersion", 0);
	jw_key_i64(&w, "timestamp", s->rm->boot_ms);
	jw_end(&w);
	jw_key(&w, "offsetTable");
	jw_object(&w);
	for (i = 0; i < st->p.n; i++) {
		t = &st->p.v[i];
		name = mem_printf("%s@%s", t->name, t->group);
		jw_name(&w, str_of(name));
		mem_free(name);
		jw_object(&w);
		for (k = 0; k < t->rows_n; k++)
			if (t->rows[k].has) {
				jw_name_i64(&w, k);
				jw_i64(&w, (int64_t)t->rows[k].index);
			}
		jw_end(&w);
	}
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

static void
all_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	step(j, s, fx, all_say);
}

void
rmq_do_all_offsets(struct rmq_session *s, struct rmq_req *q)
{
	struct rmq_job *j;

	(void)stats_new(s, q, all_step, STR_NONE, &j);
	find(j);
}

/* --- QUERY_TOPICS_BY_CONSUMER ----------------------------------------------- */

static void
topics_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct stats *st = j->priv;
	char addr[80];
	struct jw w;
	uint32_t i;

	if (fx->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
		return;
	}
	progress_add_found(j->rm, &st->p, fx, str_of(st->group));
	rmq_session_name(s);
	(void)snprintf(addr, sizeof addr, "%s:%u", s->ip, s->port);
	w = begin(s);
	jw_key_str(&w, "brokerAddr", str_of(addr));
	jw_key(&w, "topicList");
	jw_array(&w);
	for (i = 0; i < st->p.n; i++)
		jw_str(&w, str_of(st->p.v[i].name));
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

void
rmq_do_topics_of_group(struct rmq_session *s, struct rmq_req *q)
{
	struct str group = rheader_get(q->h, "group");
	struct rmq_job *j;

	if (group.len == 0) {
		rmq_answer_field(s, &q->ref, "group");
		return;
	}
	(void)stats_new(s, q, topics_step, group, &j);
	find(j);
}

static void
add_group(struct stats *st, struct str group)
{
	uint32_t i;

	for (i = 0; i < st->groups_n; i++)
		if (str_eq(str_of(st->groups[i]), group))
			return;
	st->groups =
	    mem_reallocarray(st->groups, st->groups_n + 1, sizeof(char *));
	st->groups[st->groups_n++] = mem_strndup(group.p, group.len);
}

/* --- GET_BROKER_CONSUME_STATS ----------------------------------------------- */

static void
broker_group(
    struct jw *w, const struct rmq *rm, struct stats *st, const char *group)
{
	const struct progress_topic *t;
	uint32_t i;

	jw_object(w);
	jw_name(w, str_of(group));
	jw_array(w);
	for (i = 0; i < st->p.n; i++) {
		t = &st->p.v[i];
		if (!t->there || strcmp(t->group, group) != 0 ||
		    (st->only_order && !t->order))
			continue;
		jw_object(w);
		jw_key(w, "consumeTps");
		jw_double(w, st->tps[i]);
		jw_key(w, "offsetTable");
		jw_object(w);
		group_offsets(w, rm, st, t);
		jw_end(w);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
}

static void
broker_say(struct rmq_job *j, struct rmq_session *s, struct stats *st)
{
	struct jw w = begin(s);
	char addr[80];
	uint32_t i;

	rmq_session_name(s);
	(void)snprintf(addr, sizeof addr, "%s:%u", s->ip, s->port);
	jw_key_str(&w, "brokerAddr", str_of(addr));
	jw_key(&w, "consumeStatsList");
	jw_array(&w);
	for (i = 0; i < st->groups_n; i++)
		broker_group(&w, s->rm, st, st->groups[i]);
	jw_end(&w);
	jw_key_i64(&w, "totalDiff", st->diff);
	jw_key_i64(&w, "totalInflightDiff", st->inflight);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

static void
broker_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct stats *st = j->priv;
	uint32_t i;

	if (fx == NULL || fx->op != OP_DOC_LIST) {
		step(j, s, fx, broker_say);
		return;
	}
	if (fx->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
		return;
	}
	st->groups = mem_calloc(fx->strings_n + 1, sizeof(char *));
	for (i = 0; i < fx->strings_n; i++)
		st->groups[st->groups_n++] =
		    mem_strndup(fx->strings[i].p, fx->strings[i].len);
	for (i = 0; sysgroup_at(i) != NULL; i++)
		add_group(st, str_of(sysgroup_at(i)));
	find(j);
}

void
rmq_do_broker_stats(struct rmq_session *s, struct rmq_req *q)
{
	struct rmq_job *j;
	struct stats *st;
	struct op *op;
	bool order = false;

	if (rheader_bool(q->h, "isOrder", &order) == ERR_INVALID_ARG) {
		rmq_answer_field(s, &q->ref, "isOrder");
		return;
	}
	st = stats_new(s, q, broker_step, STR_NONE, &j);
	st->p.times = true;
	st->tps_of = mem_strdup("GROUP_GET_NUMS\n");
	st->only_order = order;
	op = rmq_job_op(j, OP_DOC_LIST, 0);
	op->topic = op_str(op, STR_LIT(GCONF_DOC));
	rmq_job_route_to(j, j->rm->router->shard, &op);
}

/* --- QUERY_TOPIC_CONSUME_BY_WHO --------------------------------------------- */

static void
who_say(struct rmq_job *j, struct rmq_session *s, struct stats *st)
{
	struct jw w = begin(s);
	char *at, *end;
	uint32_t i;

	/* names, a line each */
	for (i = 0; i < j->parts_n; i++)
		for (at = j->parts[i]; *at != '\0'; at = end) {
			end = strchr(at, '\n');
			AN(end);
			add_group(st, (struct str){ at, (size_t)(end - at) });
			end++;
		}
	jw_key(&w, "groupList");
	jw_array(&w);
	for (i = 0; i < st->groups_n; i++)
		jw_str(&w, str_of(st->groups[i]));
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

static void
who_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct stats *st = j->priv;
	uint32_t i;

	if (fx == NULL && j->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, j->err, NULL);
		return;
	}
	if (fx == NULL) {
		who_say(j, s, st);
		return;
	}
	if (fx->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, fx->err, fx->diag);
		return;
	}
	progress_add_found(j->rm, &st->p, fx, STR_NONE);
	for (i = 0; i < st->p.n; i++)
		if (strcmp(st->p.v[i].name, j->text) == 0)
			add_group(st, str_of(st->p.v[i].group));
	rmq_job_tell(j, TELL_SUBSCRIBERS, str_of(j->text));
}

/* Who has an offset in the topic, and who subscribes to it */
void
rmq_do_groups_of_topic(struct rmq_session *s, struct rmq_req *q)
{
	struct str topic = rheader_get(q->h, "topic");
	struct rmq_job *j;

	if (topic.len == 0) {
		rmq_answer_field(s, &q->ref, "topic");
		return;
	}
	(void)stats_new(s, q, who_step, STR_NONE, &j);
	j->text = mem_strndup(topic.p, topic.len);
	find(j);
}
