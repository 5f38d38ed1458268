/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topic comes into memory: namespace, record (or a new one), the ledger that
 * takes appends, subscriptions. Ops wait in line meanwhile.
 *
 *	namespace -> record -> subscriptions' list -> log -> cursors -> ready
 *		        \-> partitioned? -> first ledger -> commit --^
 */
#include "core/reads.h"
#include "core/delay.h"
#include "core/sub_priv.h"
#include "core/topic_priv.h"

#define WAITERS_MAX 100000u

struct load_sub {
	struct str name;
	void *record;
	size_t len;
};

struct topic_load {
	unsigned magic;
#define TOPIC_LOAD_MAGIC 0x70b10ad1
	uint32_t waiters_n;
	struct load_sub *subs; /* as listed; names are owned */
	uint32_t subs_n;
	uint32_t opening_n; /* cursors */
	enum err err; /* of a cursor */
	uint64_t others_n; /* topics of the namespace, counted */
};

/* --- who waits ------------------------------------------------------------------ */

void
topic_load_wait(
    struct topic *t, struct op **opp, enum topic_create create, topic_go_f *go)
{
	struct topic_waiter *w;

	if (t->load == NULL)
		ALLOC_OBJ(t->load, TOPIC_LOAD_MAGIC);
	if (t->load->waiters_n >= WAITERS_MAX) {
		core_answer(t->co, opp, ERR_BUSY, NULL);
		return;
	}
	w = mem_zalloc(sizeof *w);
	w->op = *opp;
	*opp = NULL;
	w->create = create;
	w->go = go;
	STAILQ_INSERT_TAIL(&t->waiters, w, link);
	t->load->waiters_n++;
}

void
topic_load_cancel(struct topic *t, const struct op *by)
{
	struct topic_waiter *w, *next;

	for (w = STAILQ_FIRST(&t->waiters); w != NULL; w = next) {
		next = STAILQ_NEXT(w, link);
		if (!op_cancels(by, w->op))
			continue;
		STAILQ_REMOVE(&t->waiters, w, topic_waiter, link);
		t->load->waiters_n--;
		op_free(&w->op);
		mem_free(w);
	}
}

static void
load_free(struct topic *t)
{
	struct topic_load *ld = t->load;
	uint32_t i;

	for (i = 0; i < ld->subs_n; i++) {
		mem_free((void *)(uintptr_t)ld->subs[i].name.p);
		mem_free(ld->subs[i].record);
	}
	mem_free(ld->subs);
	FREE_OBJ(t->load);
}

/* Answers those that go no further than `upto`. */
static void
fail_waiters(
    struct topic *t, enum topic_create upto, enum err e, const char *diag)
{
	struct topic_waiter *w, *next;

	for (w = STAILQ_FIRST(&t->waiters); w != NULL; w = next) {
		next = STAILQ_NEXT(w, link);
		if (w->create > upto)
			continue;
		STAILQ_REMOVE(&t->waiters, w, topic_waiter, link);
		core_answer(t->co, &w->op, e, diag);
		mem_free(w);
	}
}

static void
load_failed(struct topic *t, enum err e, const char *diag)
{
	struct sub *s;

	topic_pin(t);
	t->state = TOPIC_CLOSING;
	fail_waiters(t, TOPIC_CREATE, e, diag);
	while ((s = TAILQ_FIRST(&t->subs)) != NULL)
		sub_free(&s);
	readers_end(t);
	tlog_finds_end(t, e, false);
	/* of a topic that was not made: nobody names its ledger */
	tlog_release(t, t->just_created);
	load_free(t);
	topic_leave(t);
	topic_unpin(t);
}

void
topic_load_drop(struct topic *t)
{
	struct topic_waiter *w;

	while ((w = STAILQ_FIRST(&t->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&t->waiters, link);
		op_free(&w->op);
		mem_free(w);
	}
	if (t->load != NULL)
		load_free(t);
}

static void
ready(struct topic *t)
{
	STAILQ_HEAD(, topic_waiter) line = STAILQ_HEAD_INITIALIZER(line);
	struct topic_waiter *w;

	topic_pin(t);
	t->state = TOPIC_READY;
	load_free(t);
	topic_limits_changed(t);
	if (t->just_created)
		topic_changed(t->co, t->name.full, true);
	STAILQ_CONCAT(&line, &t->waiters);
	topic_idle_start(t);
	while ((w = STAILQ_FIRST(&line)) != NULL) {
		STAILQ_REMOVE_HEAD(&line, link);
		if (t->state == TOPIC_READY)
			w->go(t, &w->op);
		else
			core_answer(t->co, &w->op, ERR_NOT_READY,
			    "Topic is temporarily unavailable");
		mem_free(w);
	}
	t->just_created = false;
	if (t->state == TOPIC_READY) {
		if (t->name.persistent && !tlog_is_mapped(t))
			tlog_commit(t, false, NULL);
		tlog_check_roll(t);
		topic_trim(t);
		if (t->co->draining)
			topic_unload(t, NULL, ERR_NOT_READY);
	}
	topic_unpin(t);
}

/* --- cursors ------------------------------------------------------------------------ */

static void
cursor_ready(void *priv, enum err e)
{
	struct topic *t;

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	if (t->load == NULL)
		return; /* failed already */
	if (e != ERR_OK)
		t->load->err = e;
	AN(t->load->opening_n);
	if (--t->load->opening_n > 0)
		return;
	if (t->load->err != ERR_OK)
		load_failed(t, t->load->err, "Failed to load a subscription");
	else
		ready(t);
}

static void
load_subs(struct topic *t)
{
	struct topic_load *ld = t->load;
	uint32_t i;

	/* one more, for this loop */
	ld->opening_n = ld->subs_n + 1;
	for (i = 0; i < ld->subs_n; i++)
		sub_load(t, ld->subs[i].name, ld->subs[i].record,
		    ld->subs[i].len, cursor_ready, t);
	cursor_ready(t, ERR_OK);
}

static void
created(struct topic *t, enum err e)
{
	if (e == ERR_CONFLICT)
		load_failed(t, ERR_NOT_READY, "Topic was made meanwhile");
	else if (e != ERR_OK)
		load_failed(t, ERR_METADATA, "Failed to create the topic");
	else
		load_subs(t);
}

void
topic_load_log_done(struct topic *t, enum err e)
{
	CHECK_OBJ_NOTNULL(t->load, TOPIC_LOAD_MAGIC);
	if (e == ERR_NO_SPACE)
		load_failed(t, e,
		    "Cannot create producer on topic with backlog quota exceeded");
	else if (e != ERR_OK)
		load_failed(t, e == ERR_AGAIN ? ERR_NOT_READY : ERR_PERSISTENCE,
		    "Failed to open the topic's ledger");
	else if (t->just_created)
		tlog_commit(t, true, created);
	else
		load_subs(t);
}

/* --- a new one ------------------------------------------------------------------------ */

/* Properties come from whoever asked first. */
static void
take_props(struct topic *t)
{
	struct topic_waiter *w;

	STAILQ_FOREACH(w, &t->waiters, link)
		if (w->op->type == OP_TOPIC_CREATE ||
		    w->op->type == OP_RESERVE) {
			t->props = props_dup(w->op->props, w->op->props_n);
			t->props_n = w->op->props_n;
			break;
		}
	topic_own_read(&t->own, t->props, t->props_n);
}

static void
create(struct topic *t)
{
	t->just_created = true;
	if (!t->name.persistent) {
		ready(t);
		return;
	}
	take_props(t);
	tlog_start(t);
}

static void
counted(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct topic *t;

	(void)keylen;
	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	if (key != NULL)
		t->load->others_n++;
	else if (e != ERR_OK)
		load_failed(t, ERR_METADATA, NULL);
	else if (topic_reaches(t, LIM_MAX_TOPICS, t->load->others_n))
		load_failed(t, ERR_TOO_MANY_TOPICS, NULL);
	else if (STAILQ_EMPTY(&t->waiters))
		load_failed(t, ERR_NO_TOPIC, NULL);
	else
		create(t);
}

/* Is there room for one more in the namespace? */
static void
count(struct topic *t)
{
	struct meta *meta = t->co->meta;
	uint8_t key[META_KEY_MAX];
	size_t n = key_text(key, META_TOPIC, t->name.ns);

	key[n++] = '/';
	meta->ops->list(meta, key, n, (size_t)topic_limit(t, LIM_MAX_TOPICS)->n,
	    false, counted, t);
}

/* Makes it, unless nobody who waits may. */
static void
create_if_may(struct topic *t, bool partition)
{
	char diag[128];

	/* a partition of a topic that was made is as good as made */
	if (!partition && !t->policy.auto_topic) {
		(void)snprintf(diag, sizeof diag, "Topic %.*s does not exist",
		    (int)t->name.full.len, t->name.full.p);
		fail_waiters(t, TOPIC_AUTO, ERR_NO_TOPIC, diag);
	}
	if (STAILQ_EMPTY(&t->waiters))
		load_failed(t, ERR_NO_TOPIC, NULL);
	else if (!partition && t->name.persistent &&
	    topic_limit(t, LIM_MAX_TOPICS)->n > 0 &&
	    !topic_name_is_system(&t->name))
		count(t);
	else
		create(t);
}

/* T-partition-N of no partitioned topic: is there a T? They would be one topic to
 * whoever counts partitions. */
static void
whole_got(void *priv, enum err e, const void *val, size_t len)
{
	struct topic *t;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	if (e == ERR_NO_KEY)
		create_if_may(t, false);
	else if (e == ERR_OK)
		load_failed(t, ERR_NOT_ALLOWED,
		    "Topic is not partitioned: it has no partitions to name");
	else
		load_failed(t, ERR_METADATA, NULL);
}

static void
partitioned_got(void *priv, enum err e, const void *val, size_t len)
{
	struct partitioned_record pr = { 0 };
	uint8_t key[META_KEY_MAX];
	char diag[128];
	struct topic *t;
	struct meta *meta;

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	meta = t->co->meta;
	if (e == ERR_OK)
		e = partitioned_record_read(&pr, val, len);
	if (e != ERR_OK && e != ERR_NO_KEY) {
		load_failed(t, ERR_METADATA, NULL);
		return;
	}
	if (e == ERR_OK && t->name.partition < 0) {
		load_failed(t, ERR_NOT_ALLOWED,
		    "Topic is a partitioned topic: name one of its partitions");
	} else if (e == ERR_OK &&
	    (uint32_t)t->name.partition >= pr.partitions) {
		(void)snprintf(diag, sizeof diag,
		    "Illegal topic partition name with max allowed %u partitions",
		    pr.partitions);
		load_failed(t, ERR_NOT_ALLOWED, diag);
	} else if (e == ERR_NO_KEY && t->name.partition >= 0 &&
	    t->name.persistent) {
		meta->ops->get(
		    meta, key, key_whole(key, &t->name), whole_got, t);
	} else {
		create_if_may(t, e == ERR_OK);
	}
	partitioned_record_fini(&pr);
}

static void
not_there(struct topic *t)
{
	struct meta *meta = t->co->meta;
	uint8_t key[META_KEY_MAX];
	char diag[128];
	size_t len;

	(void)snprintf(diag, sizeof diag, "Topic %.*s does not exist",
	    (int)t->name.full.len, t->name.full.p);
	fail_waiters(t, TOPIC_FIND, ERR_NO_TOPIC, diag);
	if (STAILQ_EMPTY(&t->waiters)) {
		load_failed(t, ERR_NO_TOPIC, diag);
		return;
	}
	len = key_partitioned(key, &t->name);
	meta->ops->get(meta, key, len, partitioned_got, t);
}

/* --- one that is there ------------------------------------------------------------------ */

static void
delayed_loaded(struct topic *t, enum err e)
{
	if (e != ERR_OK)
		load_failed(t, e, "Failed to load what is delayed");
	else
		tlog_start(t);
}

static void
subs_got(void *priv, enum err e, const void *key, size_t klen, const void *val,
    size_t len)
{
	struct topic_load *ld;
	struct load_sub *ls;
	struct topic *t;
	uint8_t pre[META_KEY_MAX];
	size_t n;

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	ld = t->load;
	CHECK_OBJ_NOTNULL(ld, TOPIC_LOAD_MAGIC);
	if (key == NULL) {
		if (e != ERR_OK)
			load_failed(t, ERR_METADATA, NULL);
		else
			delay_load(t, delayed_loaded);
		return;
	}
	n = key_subs(pre, &t->name);
	assert(klen >= n);
	ld->subs = mem_reallocarray(ld->subs, ld->subs_n + 1, sizeof *ls);
	ls = &ld->subs[ld->subs_n++];
	ls->name.p = mem_strndup((const char *)key + n, klen - n);
	ls->name.len = klen - n;
	ls->record = mem_dup(val, len);
	ls->len = len;
}

static void
record_got(void *priv, enum err e, const void *val, size_t len)
{
	struct topic_record r;
	struct topic *t;
	struct meta *meta;
	uint8_t key[META_KEY_MAX];

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	if (e == ERR_NO_KEY) {
		not_there(t);
		return;
	}
	if (e == ERR_OK)
		e = topic_record_read(&r, val, len);
	if (e != ERR_OK) {
		load_failed(t, ERR_METADATA, "Topic's record can't be read");
		return;
	}
	t->terminated = r.terminated;
	t->terminated_pos = r.terminated_pos;
	t->epoch = r.epoch;
	t->created_ms = r.created_ms;
	t->props = r.props;
	t->props_n = r.props_n;
	r.props = NULL;
	r.props_n = 0;
	topic_own_read(&t->own, t->props, t->props_n);
	tlog_adopt(t, &r);
	topic_record_fini(&r);
	meta = t->co->meta;
	meta->ops->list(
	    meta, key, key_subs(key, &t->name), 0, true, subs_got, t);
}

static void
get_record(struct topic *t)
{
	struct meta *meta = t->co->meta;
	uint8_t key[META_KEY_MAX];

	meta->ops->get(meta, key, key_topic(key, &t->name), record_got, t);
}

/* What a partition has from its partitioned topic. */
static void
base_got(void *priv, enum err e, const void *val, size_t len)
{
	struct partitioned_record pr = { 0 };
	struct topic *t;

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	if (e == ERR_OK)
		e = partitioned_record_read(&pr, val, len);
	if (e != ERR_OK && e != ERR_NO_KEY) {
		load_failed(t, ERR_METADATA, NULL);
		return;
	}
	topic_own_read(&t->own, pr.props, pr.props_n);
	partitioned_record_fini(&pr);
	get_record(t);
}

static void
namespace_got(void *priv, enum err e, const void *val, size_t len)
{
	uint8_t key[META_KEY_MAX];
	struct topic *t;
	struct meta *meta;
	char diag[128];

	CAST_OBJ_NOTNULL(t, priv, TOPIC_MAGIC);
	if (e == ERR_NO_KEY) {
		(void)snprintf(diag, sizeof diag,
		    "Policies not found for %.*s namespace",
		    (int)t->name.ns.len, t->name.ns.p);
		load_failed(t, ERR_NO_NAMESPACE, diag);
		return;
	}
	if (e != ERR_OK || !policy_apply(&t->policy, &t->co->conf, val, len)) {
		load_failed(t, ERR_METADATA, NULL);
		return;
	}
	if (!t->name.persistent) {
		not_there(t);
		return;
	}
	if (t->name.partition < 0) {
		get_record(t);
		return;
	}
	meta = t->co->meta;
	meta->ops->get(meta, key, key_partitioned(key, &t->name), base_got, t);
}

void
topic_load_start(struct topic *t)
{
	struct meta *meta = t->co->meta;
	uint8_t key[META_KEY_MAX];
	size_t len;

	assert(t->state == TOPIC_LOADING);
	if (t->load == NULL)
		ALLOC_OBJ(t->load, TOPIC_LOAD_MAGIC);
	len = key_text(key, META_NAMESPACE, t->name.ns);
	meta->ops->get(meta, key, len, namespace_got, t);
}
