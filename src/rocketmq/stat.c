/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/stat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rocketmq/job.h"
#include "rocketmq/jw.h"
#include "rocketmq/tell.h"

#define STATS_MAX (1u << 20)
#define KEY_MAX 700u
#define WINDOWS 3u

static const struct {
	const char *name;
	unsigned every_s, samples;
} windows[WINDOWS] = {
	{ "statsMinute", 10, 7 },
	{ "statsHour", 600, 7 },
	{ "statsDay", 3600, 25 },
};

#define SAMPLES_MAX 25u

struct sample {
	int64_t value, times, at_ms;
};

struct stat {
	char *key; /* "NAME\nkey" */
	int64_t value, times;
	int64_t used_ns;
	struct {
		unsigned head, n;
		struct sample v[SAMPLES_MAX];
	} w[WINDOWS];
};

void
rmq_stats_init(struct rmq *rm)
{
	map_init(&rm->counts, rm->seed, STATS_MAX);
}

static void
stat_free(struct stat *st)
{
	mem_free(st->key);
	mem_free(st);
}

void
rmq_stats_fini(struct rmq *rm)
{
	struct stat *st;

	while ((st = map_pop(&rm->counts)) != NULL)
		stat_free(st);
	map_fini(&rm->counts);
}

static void
sample(struct stat *st, unsigned w, int64_t now_ms)
{
	struct sample *s;

	if (st->w[w].n == 0) { /* it began with nothing */
		st->w[w].head = 1;
		st->w[w].n = 1;
		st->w[w].v[1].at_ms =
		    now_ms - (int64_t)windows[w].every_s * 1000;
	}
	st->w[w].head = (st->w[w].head + 1) % windows[w].samples;
	if (st->w[w].n < windows[w].samples)
		st->w[w].n++;
	s = &st->w[w].v[st->w[w].head];
	*s = (struct sample){ st->value, st->times, now_ms };
}

static void
count(struct rmq *rm, const char *name, const char *what, int64_t value,
    int64_t times)
{
	char key[KEY_MAX];
	struct stat *st;
	size_t n;

	n = str_join(key, sizeof key, str_of(name), '\n', str_of(what));
	if (n == 0)
		return; /* no topic and group have such names */
	st = map_get(&rm->counts, key, n);
	if (unlikely(st == NULL)) {
		st = mem_zalloc(sizeof *st);
		st->key = mem_strndup(key, n);
		if (map_add(&rm->counts, st->key, n, st) != ERR_OK) {
			stat_free(st);
			return; /* STATS_MAX others */
		}
	}
	st->value += value;
	st->times += times;
	st->used_ns = loop_mono_ns(rm->lp);
}

void
rmq_stat_put(struct rmq *rm, const char *topic, const struct rmq_counted *c)
{
	count(rm, "TOPIC_PUT_NUMS", topic, c->messages, c->times);
	count(rm, "TOPIC_PUT_SIZE", topic, c->bytes, c->times);
	count(rm, "BROKER_PUT_NUMS", rm->conf.cluster, c->messages, c->times);
}

void
rmq_stat_get(struct rmq *rm, const char *who, const struct rmq_counted *c)
{
	count(rm, "GROUP_GET_NUMS", who, c->messages, c->times);
	count(rm, "GROUP_GET_SIZE", who, c->bytes, c->times);
	count(rm, "BROKER_GET_NUMS", rm->conf.cluster, c->messages, c->times);
}

/* --- time ------------------------------------------------------------------- */

void
rmq_stats_tick(struct rmq *rm)
{
	int64_t now = loop_mono_ns(rm->lp), wall = loop_wall_ms(rm->lp);
	int64_t second = now / 1000000000;
	struct stat *st, *gone = NULL;
	unsigned w;
	size_t it;

	if (second / windows[0].every_s == rm->counted_s / windows[0].every_s)
		return;
	MAP_FOREACH(st, &rm->counts, it) {
		for (w = 0; w < WINDOWS; w++)
			if (second / windows[w].every_s !=
			    rm->counted_s / windows[w].every_s)
				sample(st, w, wall);
		if (now - st->used_ns > INT64_C(86400000000000))
			gone = st;
	}
	rm->counted_s = second;
	if (gone != NULL) { /* one at a time: nobody hurries */
		AN(map_del(&rm->counts, gone->key, strlen(gone->key)));
		stat_free(gone);
	}
}

/* --- VIEW_BROKER_STATS_DATA ------------------------------------------------- */

/* "sum times ms" of each window */
void
rmq_stats_told(struct rmq *rm, struct str key, struct strbuf *answer)
{
	const struct stat *st = map_get(&rm->counts, key.p, key.len);
	const struct sample *last, *first;
	unsigned w, n;

	for (w = 0; st != NULL && w < WINDOWS; w++) {
		n = st->w[w].n;
		if (n == 0) {
			strbuf_adds(answer, "0 0 0 ");
			continue;
		}
		last = &st->w[w].v[st->w[w].head];
		first = &st->w[w].v[n < windows[w].samples ?
			1 % windows[w].samples :
			(st->w[w].head + 1) % windows[w].samples];
		strbuf_addf(answer, "%" PRId64 " %" PRId64 " %" PRId64 " ",
		    last->value - first->value, last->times - first->times,
		    last->at_ms - first->at_ms);
	}
}

/* Of the last minute, per second, x 1000 */
static int64_t
milli_tps(const struct stat *st)
{
	const struct sample *last = &st->w[0].v[st->w[0].head], *first;
	unsigned n = st->w[0].n;

	if (n < 2)
		return 0;
	first = &st->w[0].v[n < windows[0].samples ?
		1 :
		(st->w[0].head + 1) % windows[0].samples];
	if (last->at_ms <= first->at_ms)
		return 0;
	return (last->value - first->value) * 1000000 /
	    (last->at_ms - first->at_ms);
}

static bool
ends_with(struct str s, struct str tail)
{
	return s.len >= tail.len &&
	    memcmp(s.p + s.len - tail.len, tail.p, tail.len) == 0;
}

static void
tell_tps(const struct stat *st, size_t head_n, struct strbuf *answer)
{
	int64_t n = milli_tps(st);

	if (n > 0)
		strbuf_addf(answer, "%s\n%" PRId64 "\n", st->key + head_n, n);
}

/* "NAME\nkey" of one, "NAME\n@group" of all topics of the group, "NAME\n" of all */
void
rmq_tps_told(struct rmq *rm, struct str text, struct strbuf *answer)
{
	const char *nl = memchr(text.p, '\n', text.len);
	struct str head, tail;
	const struct stat *st;
	size_t it;

	AN(nl);
	head = (struct str){ text.p, (size_t)(nl + 1 - text.p) };
	tail = (struct str){ nl + 1, text.len - head.len };
	if (tail.len > 0 && tail.p[0] != '@') {
		st = map_get(&rm->counts, text.p, text.len);
		if (st != NULL)
			tell_tps(st, head.len, answer);
		return;
	}
	MAP_FOREACH(st, &rm->counts, it)
		if (str_starts(str_of(st->key), head) &&
		    ends_with(str_of(st->key), tail))
			tell_tps(st, head.len, answer);
}

static void
said(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	int64_t v[WINDOWS][3] = { { 0 } }, ms;
	bool any = false;
	struct jw w;
	unsigned i, k;
	char *at, *key;

	AZ(fx);
	for (i = 0; i < j->parts_n; i++) {
		at = j->parts[i];
		any |= *at != '\0';
		for (k = 0; k < WINDOWS; k++) {
			v[k][0] += strtoll(at, &at, 10);
			v[k][1] += strtoll(at, &at, 10);
			ms = strtoll(at, &at, 10);
			if (ms > v[k][2])
				v[k][2] = ms;
		}
	}
	if (!any) {
		key = strchr(j->text, '\n');
		rmq_answer_codef(s, &j->ref, RC_SYSTEM_ERROR,
		    "The stats <%.*s> <%s> not exist", (int)(key - j->text),
		    j->text, key + 1);
		return;
	}
	strbuf_reset(&s->rm->text);
	jw_init(&w, &s->rm->text);
	jw_object(&w);
	for (k = WINDOWS; k-- > 0;) {
		jw_key(&w,
		    k == 2     ? "statsDay" :
			k == 1 ? "statsHour" :
				 "statsMinute");
		jw_object(&w);
		jw_key(&w, "avgpt");
		jw_double(
		    &w, v[k][1] > 0 ? (double)v[k][0] / (double)v[k][1] : 0.0);
		jw_key_i64(&w, "sum", v[k][0]);
		jw_key(&w, "tps");
		jw_double(&w,
		    v[k][2] > 0 ? (double)v[k][0] * 1000 / (double)v[k][2] :
				  0.0);
		jw_end(&w);
	}
	jw_end(&w);
	rmq_answer_text(s, &j->ref);
}

void
rmq_do_view_stats(struct rmq_session *s, struct rmq_req *q)
{
	struct str name = rheader_get(q->h, "statsName"),
		   key = rheader_get(q->h, "statsKey");
	struct rmq_job *j;

	if (name.p == NULL || key.p == NULL ||
	    memchr(name.p, '\n', name.len) != NULL) {
		rmq_answer_field(
		    s, &q->ref, key.p == NULL ? "statsKey" : "statsName");
		return;
	}
	j = rmq_job_new(s, &q->ref, said);
	j->text = mem_printf(
	    "%.*s\n%.*s", (int)name.len, name.p, (int)key.len, key.p);
	rmq_job_tell(j, TELL_STATS, str_of(j->text));
}
