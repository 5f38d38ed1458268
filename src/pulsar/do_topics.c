/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET_TOPICS_OF_NAMESPACE, WATCH_TOPIC_LIST and WATCH_TOPIC_LIST_CLOSE.
 *
 * The list of persistent topics is in the metadata, which any shard reads; the
 * non-persistent ones are known to the shards that have them, and each is
 * asked. A job collects the answers. A watcher is there before its first list
 * comes, so that it misses no change; a change that comes in between is
 * applied to the list afterwards, whether or not the list has it already.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulsar/pattern.h"
#include "pulsar/may.h"
#include "pulsar/session_priv.h"

#define BUSY_TEXT "Failed due to too many pending lookup requests"
#define NAMESPACE_MAX 512

struct names { /* sorted, without doubles, once names_sort() was called */
	char **v;
	size_t n, cap;
};

struct change {
	STAILQ_ENTRY(change) link;
	bool created;
	char name[];
};

struct watcher {
	unsigned magic;
#define WATCHER_MAGIC 0x3a7c4e01
	LIST_ENTRY(watcher) link;
	uint64_t id;
	char *ns; /* tenant/namespace */
	struct pattern *pattern;
	bool listed; /* the first list has come */
	struct names names;
	STAILQ_HEAD(, change) early; /* before it */
};

struct topics_job {
	unsigned magic;
#define TOPICS_JOB_MAGIC 0x70b50b01
	LIST_ENTRY(topics_job) link;
	struct pulsar *p;
	uint64_t id;
	uint64_t conn, req;
	bool watch;
	uint64_t watcher_id;
	struct pattern *pattern; /* NULL: unfiltered */
	char *hash; /* that the client has; NULL: none */
	unsigned left; /* answers to come */
	enum err err;
	char diag[128];
	struct names names;
};

/* --- names ------------------------------------------------------------------ */

static void
names_fini(struct names *ns)
{
	size_t i;

	for (i = 0; i < ns->n; i++)
		mem_free(ns->v[i]);
	MEM_FREE(ns->v);
	ns->n = ns->cap = 0;
}

static void
names_push(struct names *ns, const char *p, size_t len)
{
	if (ns->n == ns->cap) {
		ns->cap = ns->cap > 0 ? 2 * ns->cap : 16;
		ns->v = mem_reallocarray(ns->v, ns->cap, sizeof *ns->v);
	}
	ns->v[ns->n++] = mem_strndup(p, len);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
names_sort(struct names *ns)
{
	size_t i, n = 0;

	if (ns->n == 0)
		return;
	qsort(ns->v, ns->n, sizeof *ns->v, compare);
	for (i = 0; i < ns->n; i++) {
		if (n > 0 && strcmp(ns->v[n - 1], ns->v[i]) == 0)
			mem_free(ns->v[i]);
		else
			ns->v[n++] = ns->v[i];
	}
	ns->n = n;
}

/* Where name is, or belongs. */
static size_t
names_find(const struct names *ns, const char *name, bool *found)
{
	size_t lo = 0, hi = ns->n, mid;
	int c;

	*found = false;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = strcmp(ns->v[mid], name);
		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* False: nothing changed. */
static bool
names_change(struct names *ns, const char *name, bool created)
{
	bool found;
	size_t i = names_find(ns, name, &found);
	char *s;

	if (found == created)
		return false;
	if (!created) {
		mem_free(ns->v[i]);
		memmove(
		    ns->v + i, ns->v + i + 1, (--ns->n - i) * sizeof *ns->v);
		return true;
	}
	names_push(ns, name, strlen(name));
	s = ns->v[ns->n - 1];
	memmove(ns->v + i + 1, ns->v + i, (ns->n - 1 - i) * sizeof *ns->v);
	ns->v[i] = s;
	return true;
}

static struct span *
names_spans(const struct names *ns)
{
	struct span *v;
	size_t i;

	v = mem_calloc(ns->n + 1, sizeof *v);
	for (i = 0; i < ns->n; i++)
		v[i] = span_str(ns->v[i]);
	return v;
}

/* --- watchers --------------------------------------------------------------- */

static struct watcher *
watcher_get(struct session *s, uint64_t id)
{
	struct watcher *w;

	LIST_FOREACH(w, &s->watchers, link)
		if (w->id == id)
			return w;
	return NULL;
}

static void
watcher_free(struct session *s, struct watcher *w)
{
	struct change *ch;

	LIST_REMOVE(w, link);
	if (--s->watchers_n == 0)
		LIST_REMOVE(s, watching_link);
	while ((ch = STAILQ_FIRST(&w->early)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->early, link);
		mem_free(ch);
	}
	names_fini(&w->names);
	pattern_free(&w->pattern);
	mem_free(w->ns);
	FREE_OBJ(w);
}

static struct watcher *
watcher_new(struct session *s, const pp_CommandWatchTopicList *m,
    struct pattern **pattern)
{
	struct watcher *w;

	ALLOC_OBJ(w, WATCHER_MAGIC);
	w->id = m->watcher_id;
	w->ns = mem_strndup((const char *)m->namespace.p, m->namespace.n);
	w->pattern = *pattern;
	*pattern = NULL;
	STAILQ_INIT(&w->early);
	LIST_INSERT_HEAD(&s->watchers, w, link);
	if (s->watchers_n++ == 0)
		LIST_INSERT_HEAD(&s->p->watching, s, watching_link);
	return w;
}

static void
watcher_update(
    struct session *s, struct watcher *w, const char *name, bool created)
{
	struct span el = span_str(name);
	struct span_rep rep = { .v = &el, .n = 1 };
	char hash[TOPICS_HASH_SIZE];
	pp_CommandWatchTopicUpdate m = { .watcher_id = w->id };

	if (!names_change(&w->names, name, created))
		return;
	topics_hash(w->names.v, w->names.n, hash);
	m.topics_hash = span_str(hash);
	if (created)
		m.new_topics = rep;
	else
		m.deleted_topics = rep;
	SESSION_SEND(s, WATCH_TOPIC_UPDATE, CommandWatchTopicUpdate, &m);
}

static void
watcher_changed(struct session *s, struct watcher *w,
    const struct topic_name *tn, bool created)
{
	struct change *ch;

	if (!str_eq(tn->ns, str_of(w->ns)) ||
	    !pattern_matches(w->pattern, tn->base))
		return;
	if (w->listed) {
		watcher_update(s, w, tn->text, created);
		return;
	}
	ch = mem_alloc(sizeof *ch + tn->full.len + 1);
	ch->created = created;
	memcpy(ch->name, tn->text, tn->full.len + 1);
	STAILQ_INSERT_TAIL(&w->early, ch, link);
}

/* Only persistent topics are watched, and none of the system's. */
void
topics_changed(struct pulsar *p, const struct fx *fx)
{
	struct topic_name tn;
	struct session *s;
	struct watcher *w;

	if (LIST_EMPTY(&p->watching) ||
	    topic_name_parse(&tn, fx->text) != ERR_OK)
		return;
	if (tn.persistent && !topic_name_is_hidden(&tn))
		LIST_FOREACH(s, &p->watching, watching_link)
			LIST_FOREACH(w, &s->watchers, link)
				watcher_changed(s, w, &tn, fx->flag);
	topic_name_fini(&tn);
}

static void
say_watching(
    struct session *s, const struct watcher *w, uint64_t req, const char *known)
{
	pp_CommandWatchTopicListSuccess m = {
		.request_id = req,
		.watcher_id = w->id,
	};
	char hash[TOPICS_HASH_SIZE];
	struct span *v;

	topics_hash(w->names.v, w->names.n, hash);
	m.topics_hash = span_str(hash);
	v = names_spans(&w->names);
	if (known == NULL || strcmp(known, hash) != 0) {
		m.topic.v = v;
		m.topic.n = (uint32_t)w->names.n;
	}
	SESSION_SEND(
	    s, WATCH_TOPIC_LIST_SUCCESS, CommandWatchTopicListSuccess, &m);
	mem_free(v);
}

/* --- jobs ------------------------------------------------------------------- */

static void
job_free(struct topics_job *job)
{
	LIST_REMOVE(job, link);
	if (job->pattern != NULL)
		pattern_free(&job->pattern);
	names_fini(&job->names);
	mem_free(job->hash);
	FREE_OBJ(job);
}

static struct topics_job *
job_new(struct session *s, uint64_t req, struct span hash)
{
	struct topics_job *job;

	ALLOC_OBJ(job, TOPICS_JOB_MAGIC);
	job->p = s->p;
	job->id = ++s->p->job_seq;
	job->conn = s->id;
	job->req = req;
	if (hash.p != NULL)
		job->hash = mem_strndup(
		    (const char *)hash.p, hash.n < 64 ? hash.n : 64);
	LIST_INSERT_HEAD(&s->p->jobs, job, link);
	return job;
}

static void
job_ask(struct topics_job *job, struct str ns, bool persistent, unsigned shard)
{
	struct pulsar *p = job->p;
	struct op *op;

	op = pulsar_op_new(p, OP_TOPIC_LIST);
	op->dest.conn = job->conn;
	op->req = job->id;
	op->topic = op_str(op, ns);
	op->flag = persistent;
	op->flag2 = !persistent;
	route_op_to(p->router, shard, &op);
}

/* The job may be gone when this returns. */
static void
job_run(struct topics_job *job, struct str ns, bool persistent, bool volatiles)
{
	unsigned i, n = job->p->router->shards_n, own = job->p->router->shard;

	job->left = (persistent ? 1 : 0) + (volatiles ? n : 0);
	AN(job->left);
	/* the last answer frees it: nothing of it is used after the last ask */
	for (i = 0; volatiles && i < n; i++) {
		if (i == n - 1 && !persistent) {
			job_ask(job, ns, false, i);
			return;
		}
		job_ask(job, ns, false, i);
	}
	if (persistent)
		job_ask(job, ns, true, own);
}

static void
job_collect(struct topics_job *job, const struct fx *fx)
{
	struct topic_name tn;
	uint32_t i;

	for (i = 0; i < fx->strings_n; i++) {
		if (topic_name_parse(&tn, fx->strings[i]) != ERR_OK)
			continue;
		if (!topic_name_is_hidden(&tn) &&
		    (job->pattern == NULL ||
			pattern_matches(job->pattern, tn.base)))
			names_push(&job->names, tn.full.p, tn.full.len);
		topic_name_fini(&tn);
	}
}

static void
say_topics(struct session *s, const struct topics_job *job)
{
	pp_CommandGetTopicsOfNamespaceResponse m = {
		.request_id = job->req,
		.has_filtered = true,
		.filtered = job->pattern != NULL,
		.has_changed = true,
		.changed = true,
	};
	char hash[TOPICS_HASH_SIZE];
	struct span *v;

	topics_hash(job->names.v, job->names.n, hash);
	m.topics_hash = span_str(hash);
	v = names_spans(&job->names);
	if (job->hash != NULL && strcmp(job->hash, hash) == 0)
		m.changed = false;
	else {
		m.topics.v = v;
		m.topics.n = (uint32_t)job->names.n;
	}
	SESSION_SEND(s, GET_TOPICS_OF_NAMESPACE_RESPONSE,
	    CommandGetTopicsOfNamespaceResponse, &m);
	mem_free(v);
}

/* The watcher gets the names and what has changed meanwhile. */
static void
watcher_listed(struct session *s, struct watcher *w, struct topics_job *job)
{
	struct change *ch;
	size_t i;

	for (i = 0; i < job->names.n; i++)
		(void)names_change(&w->names, job->names.v[i], true);
	while ((ch = STAILQ_FIRST(&w->early)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->early, link);
		(void)names_change(&w->names, ch->name, ch->created);
		mem_free(ch);
	}
	w->listed = true;
	say_watching(s, w, job->req, job->hash);
}

static void
job_done(struct topics_job *job)
{
	struct session *s = session_get(job->p, job->conn);
	struct watcher *w = NULL;

	pulsar_lookup_end(job->p);
	if (s == NULL || s->state != SESSION_CONNECTED)
		return;
	names_sort(&job->names);
	if (job->watch) {
		w = watcher_get(s, job->watcher_id);
		if (w == NULL || w->listed) {
			/* closed meanwhile */
			session_error(s, job->req, pp_ServerError_MetadataError,
			    "Topic list watcher was closed");
			return;
		}
	}
	if (job->err != ERR_OK) {
		session_error(
		    s, job->req, pp_ServerError_MetadataError, job->diag);
		if (w != NULL)
			watcher_free(s, w);
	} else if (job->watch)
		watcher_listed(s, w, job);
	else
		say_topics(s, job);
}

void
topics_answer(struct pulsar *p, struct fx *fx)
{
	struct topics_job *job;

	LIST_FOREACH(job, &p->jobs, link)
		if (job->id == fx->req)
			break;
	CHECK_OBJ_NOTNULL(job, TOPICS_JOB_MAGIC);
	/* a namespace that isn't there has no topics, says the reference */
	if (fx->err == ERR_OK)
		job_collect(job, fx);
	else if (fx->err != ERR_NO_NAMESPACE && fx->err != ERR_NO_TENANT) {
		job->err = fx->err;
		(void)snprintf(
		    job->diag, sizeof job->diag, "%s", fx_message(fx));
	}
	AN(job->left);
	if (--job->left > 0)
		return;
	job_done(job);
	job_free(job);
}

void
topics_drop(struct session *s)
{
	struct watcher *w;

	while ((w = LIST_FIRST(&s->watchers)) != NULL)
		watcher_free(s, w);
}

void
topics_fini(struct pulsar *p)
{
	struct topics_job *job;

	while ((job = LIST_FIRST(&p->jobs)) != NULL)
		job_free(job);
}

/* --- commands --------------------------------------------------------------- */

static bool
namespace_ok(struct session *s, uint64_t req, struct span ns)
{
	char text[160];

	if (ns.n <= NAMESPACE_MAX && name_is_valid_namespace(str_of_span(ns)))
		return true;
	(void)snprintf(text, sizeof text, "Invalid namespace name: %.*s",
	    ns.n < 96 ? (int)ns.n : 96, ns.n > 0 ? (const char *)ns.p : "");
	text_clean(text);
	session_error(s, req, pp_ServerError_MetadataError, text);
	return false;
}

void
do_get_topics_of_namespace(
    struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandGetTopicsOfNamespace m;
	struct pattern *pattern = NULL;
	struct topics_job *job;
	struct str pt;
	struct diag diag;

	(void)b;
	if (cmd_decode_GET_TOPICS_OF_NAMESPACE(fr->cmd, &m) != ERR_OK ||
	    (unsigned)m.mode > pp_CommandGetTopicsOfNamespace_Mode_ALL) {
		session_malformed(s);
		return;
	}
	if (!namespace_ok(s, m.request_id, m.namespace))
		return;
	if (!session_may_list(s, str_of_span(m.namespace))) {
		session_error(s, m.request_id,
		    pp_ServerError_AuthorizationError,
		    "Client is not authorized to GetTopicsOfNamespace");
		return;
	}
	pt = str_of_span(m.topics_pattern);
	diag_clear(&diag);
	/* too long: the list comes unfiltered, and says so */
	if (pt.p != NULL && s->p->conf.topic_watchers &&
	    pattern_length(pt) <= s->p->conf.pattern_max &&
	    pattern_new(&pattern, pt, &diag) != ERR_OK) {
		session_error(s, m.request_id, pp_ServerError_MetadataError,
		    diag_text(&diag, ERR_INVALID_ARG));
		return;
	}
	if (!pulsar_lookup_begin(s->p)) {
		if (pattern != NULL)
			pattern_free(&pattern);
		session_error(
		    s, m.request_id, pp_ServerError_TooManyRequests, BUSY_TEXT);
		return;
	}
	job = job_new(s, m.request_id, m.topics_hash);
	job->pattern = pattern;
	job_run(job, str_of_span(m.namespace),
	    m.mode != pp_CommandGetTopicsOfNamespace_Mode_NON_PERSISTENT,
	    m.mode != pp_CommandGetTopicsOfNamespace_Mode_PERSISTENT);
}

/* False: answered. */
static bool
watch_allowed(struct session *s, const pp_CommandWatchTopicList *m)
{
	char text[128];

	if (!namespace_ok(s, m->request_id, m->namespace))
		return false;
	if (!session_may_list(s, str_of_span(m->namespace))) {
		session_error(s, m->request_id,
		    pp_ServerError_AuthorizationError,
		    "Proxy Client is not authorized to watchTopicList");
		return false;
	}
	if (!s->p->conf.topic_watchers) {
		session_error(s, m->request_id, pp_ServerError_NotAllowedError,
		    "Unable to create topic list watcher: Evaluating "
		    "subscription patterns is disabled.");
		return false;
	}
	if (pattern_length(str_of_span(m->topics_pattern)) >
	    s->p->conf.pattern_max) {
		(void)snprintf(text, sizeof text,
		    "Unable to create topic list watcher: Pattern longer than "
		    "maximum: %u",
		    s->p->conf.pattern_max);
		session_error(
		    s, m->request_id, pp_ServerError_NotAllowedError, text);
		return false;
	}
	return true;
}

static void
watch_again(struct session *s, const struct watcher *w,
    const pp_CommandWatchTopicList *m)
{
	char known[16] = "";

	if (!w->listed) {
		session_error(s, m->request_id, pp_ServerError_ServiceNotReady,
		    "Topic list watcher is already present on the connection");
		return;
	}
	if (m->topics_hash.n > 0 && m->topics_hash.n < sizeof known)
		memcpy(known, m->topics_hash.p, m->topics_hash.n);
	say_watching(s, w, m->request_id, known);
}

void
do_watch_topic_list(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandWatchTopicList m;
	struct pattern *pattern;
	struct topics_job *job;
	struct diag diag;
	struct watcher *w;

	(void)b;
	if (cmd_decode_WATCH_TOPIC_LIST(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	if (!watch_allowed(s, &m))
		return;
	w = watcher_get(s, m.watcher_id);
	if (w != NULL) {
		watch_again(s, w, &m);
		return;
	}
	diag_clear(&diag);
	if (pattern_new(&pattern, str_of_span(m.topics_pattern), &diag) !=
	    ERR_OK) {
		session_error(s, m.request_id, pp_ServerError_MetadataError,
		    diag_text(&diag, ERR_INVALID_ARG));
		return;
	}
	if (s->watchers_n >= WATCHERS_MAX || !pulsar_lookup_begin(s->p)) {
		pattern_free(&pattern);
		session_error(
		    s, m.request_id, pp_ServerError_TooManyRequests, BUSY_TEXT);
		return;
	}
	w = watcher_new(s, &m, &pattern);
	job = job_new(s, m.request_id, m.topics_hash);
	job->watch = true;
	job->watcher_id = w->id;
	if (pattern_new(&job->pattern, str_of_span(m.topics_pattern), NULL) !=
	    ERR_OK)
		WRONG("a pattern that was right a moment ago");
	job_run(job, str_of_span(m.namespace), true, false);
}

void
do_watch_topic_list_close(
    struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandWatchTopicListClose m;
	struct watcher *w;

	(void)b;
	if (cmd_decode_WATCH_TOPIC_LIST_CLOSE(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	w = watcher_get(s, m.watcher_id);
	if (w != NULL)
		watcher_free(s, w);
	session_success(s, m.request_id);
}
