/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of topics, as the name server and the broker give them. */
#include <stdio.h>

#include "rocketmq/lister.h"
#include "rocketmq/systopic.h"
#include "rocketmq/tell.h"
#include "rocketmq/topic_json.h"

#define UNIT_TOPIC 1u /* TopicSysFlag.FLAG_UNIT */
#define UNIT_SUB 2u /* FLAG_UNIT_SUB */

struct topics {
	struct lister l;
	struct strbuf sb; /* what has been written */
	struct jw w;
	uint32_t total;
	bool listed;
};

static void
topics_fini(struct rmq_job *j)
{
	struct topics *t = j->priv;

	lister_fini(&t->l);
	strbuf_fini(&t->sb);
	mem_free(t);
}

static struct rmq_job *
topics_job(struct rmq_session *s, const struct rmq_req *q, rmq_job_f *f)
{
	struct rmq_job *j = rmq_job_new(s, &q->ref, f);
	struct topics *t = mem_zalloc(sizeof *t);

	strbuf_init(&t->sb, RMQ_TEXT_MAX);
	jw_init(&t->w, &t->sb);
	j->priv = t;
	j->fini = topics_fini;
	return j;
}

static void
say(struct rmq_session *s, const struct rmq_ref *ref, struct topics *t)
{
	if (jw_err(&t->w) != ERR_OK) {
		rmq_answer_code(
		    s, ref, RC_SYSTEM_ERROR, "the answer is too large");
		return;
	}
	(void)rmq_answer(s, ref, RC_SUCCESS, NULL);
	if (ref->code == RQ_GET_ALL_TOPIC_CONFIG)
		rout_i64(&s->rm->out, "totalTopicNum", t->total);
	rmq_answer_end(s, ref, strbuf_str(&t->sb), t->sb.len);
}

/* --- names ------------------------------------------------------------------ */

/* The i-th of those that are ours, unless it is not listed or somebody has made
 * it in earnest, by which it is among the others. */
static bool
system_only(
    struct rmq *rm, const struct lister *l, unsigned i, struct systopic *st)
{
	uint32_t k;

	systopic_at(&rm->conf, i, st);
	for (k = 0; st->listed && k < l->n; k++)
		if (strcmp(l->v[k], st->name) == 0)
			return false;
	return st->listed;
}

static void
add_system(struct rmq *rm, struct lister *l, struct jw *w)
{
	struct systopic st;
	unsigned i;

	for (i = 0; i < systopic_count(); i++)
		if (system_only(rm, l, i, &st))
			jw_str(w, str_of(st.name));
}

static void
names_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct topics *t = j->priv;
	uint32_t i;

	if (!lister_step(j, s, fx))
		return;
	jw_object(&t->w);
	jw_key(&t->w, "topicList");
	jw_array(&t->w);
	for (i = 0; i < t->l.n; i++)
		jw_str(&t->w, str_of(t->l.v[i]));
	add_system(j->rm, &t->l, &t->w);
	jw_end(&t->w);
	jw_end(&t->w);
	say(s, &j->ref, t);
}

static void
empty_list(struct rmq_session *s, const struct rmq_ref *ref)
{
	strbuf_reset(&s->rm->text);
	strbuf_adds(&s->rm->text, "{\"topicList\":[]}");
	rmq_answer_text(s, ref);
}

/* GET_ALL_TOPIC_LIST_FROM_NAMESERVER, GET_TOPICS_BY_CLUSTER */
void
rmq_do_topic_list(struct rmq_session *s, struct rmq_req *q)
{
	struct str cluster = rheader_get(q->h, "cluster");

	if (q->ref.code == RQ_GET_TOPICS_BY_CLUSTER && cluster.p == NULL)
		rmq_answer_field(s, &q->ref, "cluster");
	else if (q->ref.code == RQ_GET_TOPICS_BY_CLUSTER &&
	    !str_eq(cluster, str_of(s->rm->conf.cluster)))
		empty_list(s, &q->ref);
	else
		lister_start(topics_job(s, q, names_step));
}

/* From the broker all names that are kept, from the name server those of the
 * cluster and its brokers. */
void
rmq_do_system_topics(struct rmq_session *s, struct rmq_req *q)
{
	bool all = q->ref.code == RQ_GET_SYSTEM_TOPIC_LIST_FROM_BROKER;
	const struct rmq_conf *conf = &s->rm->conf;
	struct systopic st;
	struct jw w;
	unsigned i;
	char addr[80];

	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	if (!all) {
		rmq_session_name(s);
		(void)snprintf(addr, sizeof addr, "%s:%u", s->ip, s->port);
		jw_key_str(&w, "brokerAddr", str_of(addr));
	}
	jw_key(&w, "topicList");
	jw_array(&w);
	for (i = 0; all && i < systopic_count(); i++) {
		systopic_at(conf, i, &st);
		jw_str(&w, str_of(st.name));
	}
	if (!all) {
		jw_str(&w, str_of(conf->broker));
		jw_str(&w, str_of(conf->cluster));
	}
	jw_end(&w);
	jw_end(&w);
	rmq_answer_text(s, &q->ref);
}

/* --- what each is ----------------------------------------------------------- */

static void
data_version(struct rmq *rm, struct jw *w, const char *key)
{
	jw_key(w, key);
	jw_object(w);
	jw_key_i64(w, "counter", 0);
	jw_key_i64(w, "stateVersion", 0);
	jw_key_i64(w, "timestamp", rm->boot_ms);
	jw_end(w);
}

static void
configs_begin(struct rmq *rm, struct topics *t)
{
	struct topic_conf tc;
	struct systopic st;
	unsigned i;

	jw_object(&t->w);
	data_version(rm, &t->w, "dataVersion");
	data_version(rm, &t->w, "mappingDataVersion");
	jw_key(&t->w, "topicConfigTable");
	jw_object(&t->w);
	for (i = 0; i < systopic_count(); i++) {
		if (!system_only(rm, &t->l, i, &st))
			continue;
		tc = (struct topic_conf){ .name = str_of(st.name),
			.read_n = st.queues,
			.write_n = st.queues,
			.perm = st.perm };
		jw_name(&t->w, tc.name);
		topic_conf_write(&t->w, &tc);
		t->total++;
	}
}

static void
config_write(struct topics *t, const struct fx *fx)
{
	struct rmq_topic rt = { .magic = RMQ_TOPIC_MAGIC };
	struct topic_conf tc;

	rmq_topic_adopt(&rt, fx);
	rt.name = t->l.v[fx->req];
	topic_conf_of(&tc, &rt);
	jw_name(&t->w, tc.name);
	topic_conf_write(&t->w, &tc);
	t->total++;
	mem_free(rt.attributes);
}

static void
configs_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct topics *t = j->priv;

	if (!t->listed) {
		if (!lister_step(j, s, fx))
			return;
		t->listed = true;
		configs_begin(j->rm, t);
	} else {
		t->l.asked--;
		/* one that was deleted meanwhile is left out */
		if (fx->err == ERR_OK)
			config_write(t, fx);
	}
	if (!lister_metas(j))
		return;
	jw_end(&t->w);
	jw_end(&t->w);
	say(s, &j->ref, t);
}

/* Paged requests (topicSeq, maxTopicNum) get everything in the first page, which
 * is what totalTopicNum says. */
void
rmq_do_topic_configs(struct rmq_session *s, struct rmq_req *q)
{
	lister_start(topics_job(s, q, configs_step));
}

/* --- units ------------------------------------------------------------------ */

static void
units_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct topics *t = j->priv;
	struct rmq_topic rt = { .magic = RMQ_TOPIC_MAGIC };
	bool unit, sub;

	if (!t->listed) {
		if (!lister_step(j, s, fx))
			return;
		t->listed = true;
		jw_object(&t->w);
		jw_key(&t->w, "topicList");
		jw_array(&t->w);
	} else {
		t->l.asked--;
		if (fx->err == ERR_OK)
			rmq_topic_adopt(&rt, fx);
		unit = (rt.sys_flag & UNIT_TOPIC) != 0;
		sub = (rt.sys_flag & UNIT_SUB) != 0;
		if (j->ref.code == RQ_GET_UNIT_TOPIC_LIST ? unit :
			j->ref.code == RQ_GET_HAS_UNIT_SUB_TOPIC_LIST ?
							    sub :
							    sub && !unit)
			jw_str(&t->w, str_of(t->l.v[fx->req]));
		mem_free(rt.attributes);
	}
	if (!lister_metas(j))
		return;
	jw_end(&t->w);
	jw_end(&t->w);
	say(s, &j->ref, t);
}

void
rmq_do_unit_topics(struct rmq_session *s, struct rmq_req *q)
{
	lister_start(topics_job(s, q, units_step));
}

/* --- write permission ------------------------------------------------------- */

void
rmq_wiped_told(struct rmq *rm, struct str text, struct strbuf *answer)
{
	(void)answer;
	rm->wiped = str_eq(text, STR_LIT("1"));
}

static void
wipe_step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct topics *t = j->priv;
	bool wipe = j->ref.code == RQ_WIPE_WRITE_PERM_OF_BROKER;
	struct systopic st;
	unsigned i;

	if (fx != NULL) {
		if (!lister_step(j, s, fx))
			return;
		t->total = t->l.n;
		for (i = 0; i < systopic_count(); i++)
			t->total += system_only(j->rm, &t->l, i, &st);
		rmq_job_tell(j, TELL_WIPED, wipe ? STR_LIT("1") : STR_LIT("0"));
		return;
	}
	rout_i64(rmq_answer(s, &j->ref, RC_SUCCESS, NULL),
	    wipe ? "wipeTopicCount" : "addTopicCount", t->total);
	rmq_answer_end(s, &j->ref, NULL, 0);
}

/* What routes say, until it is taken back or the broker starts again; who has a
 * route still sends, as with the reference. */
void
rmq_do_wipe(struct rmq_session *s, struct rmq_req *q)
{
	struct str broker = rheader_get(q->h, "brokerName");
	bool wipe = q->ref.code == RQ_WIPE_WRITE_PERM_OF_BROKER;

	if (broker.p == NULL) {
		rmq_answer_field(s, &q->ref, "brokerName");
		return;
	}
	if (str_eq(broker, str_of(s->rm->conf.broker))) {
		lister_start(topics_job(s, q, wipe_step));
		return;
	}
	rout_i64(rmq_answer(s, &q->ref, RC_SUCCESS, NULL),
	    wipe ? "wipeTopicCount" : "addTopicCount", 0);
	rmq_answer_end(s, &q->ref, NULL, 0);
}
