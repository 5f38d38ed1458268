/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The open ledger of a topic: made, ended, followed by the next; trimming; and
 * the topic's record, which names them all.
 *
 * Rolling: close the old one (its appends end first), make the next one with the
 * index that follows, write the record, go on. A crash in between leaves a
 * record whose last ledger the engine says is closed: loading makes the next.
 * A record that could not be written is tried again, with the same ledger, since
 * another one that names it may have been queued behind it.
 */
#include "core/sub_priv.h"
#include "core/topic_priv.h"

#define RETRY_NS INT64_C(1000000000)
/* below 2^28 messages, with room for what is under way (architecture: locator) */
#define LEDGER_MESSAGES_MAX ((UINT64_C(1) << 28) - (UINT64_C(1) << 24))

static void make_next(struct topic *);
static void next_recorded(struct topic *, enum err);

/* --- the record ----------------------------------------------------------------- */

struct commit {
	unsigned magic;
#define COMMIT_MAGIC 0xc0331701
	struct topic *t;
	void (*done)(struct topic *, enum err);
	uint32_t dead_n;
	uint64_t dead[];
};

static void
committed(void *priv, enum err e)
{
	struct commit *cm;
	struct topic *t;
	struct ledgers *lgs;
	struct tlog *log;
	uint32_t i;

	CAST_OBJ_NOTNULL(cm, priv, COMMIT_MAGIC);
	t = cm->t;
	log = &t->log;
	lgs = t->co->ledgers;
	AN(log->commits);
	log->commits--;
	if (e == ERR_OK)
		for (i = 0; i < cm->dead_n; i++)
			lgs->ops->del(lgs, cm->dead[i]);
	else
		for (i = 0; i < log->ledgers_n; i++)
			log->ledgers[i]->mapped = false;
	if (e != ERR_OK && cm->dead_n > 0) {
		log->dead = mem_reallocarray(
		    log->dead, log->dead_n + cm->dead_n, sizeof *log->dead);
		memcpy(log->dead + log->dead_n, cm->dead,
		    cm->dead_n * sizeof *log->dead);
		log->dead_n += cm->dead_n;
	}
	if (cm->done != NULL)
		cm->done(t, e);
	FREE_OBJ(cm);
	if (t->state == TOPIC_CLOSING || t->state == TOPIC_DELETING)
		topic_close_step(t);
	topic_unpin(t);
}

static uint8_t *
write_record(const struct topic *t, size_t *len)
{
	struct topic_record r = {
		.terminated = t->terminated,
		.mapped = true,
		.terminated_pos = t->terminated_pos,
		.epoch = t->epoch,
		.created_ms = t->created_ms,
		.ledgers_n = t->log.ledgers_n,
		.props_n = t->props_n,
		.props = t->props,
	};
	uint32_t i;
	uint8_t *p;

	r.ledgers = mem_calloc(r.ledgers_n, sizeof *r.ledgers);
	for (i = 0; i < r.ledgers_n; i++)
		r.ledgers[i] = t->log.ledgers[i]->info;
	p = topic_record_write(&r, len);
	mem_free(r.ledgers);
	return p;
}

/* Who has a ledger (OP_LOCATE); those that were made by an older version come with
 * the first record that this one writes. */
static void
put_owners(struct topic *t, struct meta_txn *tx)
{
	uint8_t key[META_KEY_MAX];
	struct tledger *tl;
	uint32_t i;
	size_t len;

	for (i = 0; i < t->log.ledgers_n; i++) {
		tl = t->log.ledgers[i];
		if (tl->mapped)
			continue;
		tl->mapped = true;
		len = meta_key_id(key, META_OWNER, tl->info.id);
		meta_txn_put(tx, key, len, t->name.full.p, t->name.full.len);
	}
}

void
tlog_bury(struct meta_txn *tx, uint64_t id)
{
	uint8_t key[META_KEY_MAX];
	size_t len;

	len = meta_key_id(key, META_DEAD_LEDGER, id);
	meta_txn_put(tx, key, len, "", 0);
	len = meta_key_id(key, META_OWNER, id);
	meta_txn_del(tx, key, len);
}

bool
tlog_is_mapped(const struct topic *t)
{
	uint32_t i;

	for (i = 0; i < t->log.ledgers_n; i++)
		if (!t->log.ledgers[i]->mapped)
			return false;
	return true;
}

void
tlog_commit(struct topic *t, bool fresh, void (*done)(struct topic *, enum err))
{
	struct tlog *log = &t->log;
	struct meta *meta = t->co->meta;
	struct meta_txn *tx = meta_txn_new();
	uint8_t key[META_KEY_MAX], *val;
	struct commit *cm;
	size_t klen, len;
	uint32_t i;

	cm = mem_zalloc(sizeof *cm + log->dead_n * sizeof cm->dead[0]);
	cm->magic = COMMIT_MAGIC;
	cm->t = t;
	cm->done = done;
	cm->dead_n = log->dead_n;
	if (log->dead_n > 0)
		memcpy(cm->dead, log->dead, log->dead_n * sizeof *log->dead);
	log->dead_n = 0;
	if (fresh) {
		/* it may be deleted meanwhile */
		klen = key_text(key, META_NAMESPACE, t->name.ns);
		meta_txn_expect(tx, key, klen, true);
	}
	klen = key_topic(key, &t->name);
	meta_txn_expect(tx, key, klen, !fresh);
	val = write_record(t, &len);
	meta_txn_put(tx, key, klen, val, len);
	mem_free(val);
	put_owners(t, tx);
	for (i = 0; i < cm->dead_n; i++)
		tlog_bury(tx, cm->dead[i]);
	log->commits++;
	topic_pin(t);
	meta->ops->commit(meta, &tx, committed, cm);
}

bool
tlog_is_busy(const struct topic *t)
{
	return t->log.rolling || t->log.ending || t->log.commits > 0;
}

/* --- loading ----------------------------------------------------------------------- */

void
tlog_start(struct topic *t)
{
	struct tledger *tl = tlog_last(t);

	if (t->terminated) {
		topic_load_log_done(t, ERR_OK);
		return;
	}
	t->log.rolling = true;
	if (tl == NULL)
		make_next(t);
	else
		tledger_want(t, tl);
}

static void
loaded(struct topic *t, enum err e)
{
	t->log.rolling = false;
	topic_load_log_done(t, e);
}

/* --- rolling ------------------------------------------------------------------------ */

static void
later(struct topic *t)
{
	timer_set(t->co->timers, &t->log.retry, t->co->now_ns + RETRY_NS);
}

static bool
closing(const struct topic *t)
{
	return t->state != TOPIC_READY && t->state != TOPIC_LOADING;
}

/* The next ledger could not be had. */
static void
roll_failed(struct topic *t, enum err e)
{
	void (*ended)(struct topic *, enum err) = t->log.ended;

	t->log.ended = NULL;
	if (ended != NULL)
		ended(t, e);
	if (t->load != NULL) {
		loaded(t, e);
		return;
	}
	if (closing(t)) {
		t->log.rolling = false;
		topic_close_step(t);
		return;
	}
	if (e == ERR_IO || e == ERR_NO_SPACE)
		publish_fail_held(t, e);
	later(t);
}

void
tlog_roll_retry(struct topic *t)
{
	if (t->state != TOPIC_READY || !t->log.rolling) {
		t->log.rolling = false;
		return;
	}
	if (t->log.unrecorded)
		tlog_commit(t, false, next_recorded);
	else
		make_next(t);
}

static void
make_next(struct topic *t)
{
	struct ledgers *lgs = t->co->ledgers;
	struct tledger *tl;

	AZ(t->log.next);
	ALLOC_OBJ(tl, TLEDGER_MAGIC);
	tl->t = t;
	tl->opening = true;
	t->log.next = tl;
	topic_pin(t);
	lgs->ops->create(lgs, t->log.next_index, tl);
}

static void
next_recorded(struct topic *t, enum err e)
{
	struct ledgers *lgs = t->co->ledgers;
	struct tlog *log = &t->log;
	struct tledger *tl;
	uint64_t id;

	if (e != ERR_OK && t->load == NULL &&
	    (!closing(t) || log->commits > 0 || log->unrecorded)) {
		/* a record written behind this one may name it: it stays */
		log->unrecorded = true;
		roll_failed(t, e);
		return;
	}
	if (e != ERR_OK) {
		tl = tlog_last(t);
		id = tl->info.id;
		log->ledgers_n--;
		tl->lg = NULL;
		FREE_OBJ(tl);
		lgs->ops->del(lgs, id);
		roll_failed(t, e);
		return;
	}
	if (t->load != NULL) {
		loaded(t, ERR_OK);
		return;
	}
	log->rolling = log->unrecorded = false;
	/* the one before it may have nobody who reads it */
	if (log->ledgers_n > 1) {
		tl = log->ledgers[log->ledgers_n - 2];
		tl->users++;
		tledger_unuse(t, &tl);
	}
	if (closing(t))
		return; /* the commit's end goes on with it */
	topic_notify(t); /* readers at the old one's end go on */
	publish_release(t);
	topic_trim(t);
	if (log->ended != NULL)
		tlog_end(t, log->ended);
}

void
tlog_resume(struct topic *t)
{
	const struct tledger *tl = tlog_last(t);

	if (!t->name.persistent || t->terminated || t->log.rolling ||
	    (tl != NULL && tl->info.open && !t->log.unrecorded))
		return;
	t->log.rolling = true;
	tlog_roll_retry(t);
}

static void
next_opened(struct topic *t, struct tledger *tl, enum err e)
{
	struct ledgers *lgs = t->co->ledgers;
	uint64_t id;

	t->log.next = NULL;
	if (e == ERR_OK && closing(t)) {
		id = tl->info.id;
		tl->lg = NULL;
		lgs->ops->del(lgs, id);
		e = ERR_NOT_READY;
	}
	if (e != ERR_OK) {
		FREE_OBJ(tl);
		roll_failed(t, e);
		return;
	}
	tlog_add(t, tl);
	tlog_recount(t);
	if (t->load != NULL && t->just_created)
		loaded(t, ERR_OK); /* its first record is the loader's */
	else
		tlog_commit(t, false, next_recorded);
}

void
tlog_roll_opened(struct topic *t, struct tledger *tl, enum err e)
{
	if (tl == t->log.next) {
		next_opened(t, tl, e);
		return;
	}
	/* loading: the last ledger of the record */
	if (e != ERR_OK) {
		loaded(t, e);
		return;
	}
	tlog_recount(t);
	if (tl->info.open)
		loaded(t, ERR_OK);
	else
		make_next(t);
}

void
tlog_ledger_closed(
    void *owner, struct ledger *lg, const struct ledger_info *info, enum err e)
{
	struct tledger *tl;
	struct topic *t;

	(void)lg;
	CAST_OBJ_NOTNULL(tl, owner, TLEDGER_MAGIC);
	t = tl->t;
	/* An error means that the engine could not write down that it is closed.
	 * It takes no more appends, and the record says where it ends. */
	(void)e;
	tl->info = *info;
	tl->info.open = false;
	tlog_recount(t);
	if (t->log.ending)
		tlog_ended(t);
	else if (closing(t)) {
		t->log.rolling = false;
		topic_close_step(t);
	} else
		make_next(t);
}

void
tlog_check_roll(struct topic *t)
{
	const struct core_conf *conf = &t->co->conf;
	struct ledgers *lgs = t->co->ledgers;
	struct tledger *tl = tlog_open(t);
	const struct ledger_info *li;
	int64_t age;

	if (tl == NULL || tl->info.last_entry < 0 || t->state != TOPIC_READY)
		return;
	li = &tl->info;
	age = t->co->now_ms - li->created_ms;
	if ((uint64_t)li->last_entry + 1 >= conf->ledger_max_entries &&
	    age >= conf->ledger_min_roll_ms)
		goto roll;
	if (li->bytes >= conf->ledger_max_bytes ||
	    li->next_index - li->first_index >= LEDGER_MESSAGES_MAX)
		goto roll;
	if (conf->ledger_max_roll_ms > 0 && age >= conf->ledger_max_roll_ms)
		goto roll;
	return;
roll:
	t->log.rolling = true;
	lgs->ops->close(lgs, tl->lg);
}

/* --- terminating ------------------------------------------------------------------------ */

static void
end_recorded(struct topic *t, enum err e)
{
	void (*done)(struct topic *, enum err) = t->log.ended;

	t->log.ending = false;
	t->log.ended = NULL;
	if (e != ERR_OK)
		t->terminated = false; /* not kept; the ledger stays closed */
	if (done != NULL)
		done(t, e);
	if (e != ERR_OK && !closing(t)) {
		t->log.rolling = true;
		make_next(t);
	}
}

void
tlog_ended(struct topic *t)
{
	t->terminated = true;
	t->terminated_pos = t->log.last;
	tlog_commit(t, false, end_recorded);
}

void
tlog_end(struct topic *t, void (*done)(struct topic *, enum err))
{
	struct ledgers *lgs = t->co->ledgers;
	struct tledger *tl = tlog_open(t);

	t->log.ended = done;
	if (t->log.rolling)
		return; /* when the next ledger stands */
	AN(tl);
	t->log.ending = true;
	lgs->ops->close(lgs, tl->lg);
}

/* --- trimming ---------------------------------------------------------------------------- */

/* Pulsar's internalTrimLedgers: gone when older than the retention time or when
 * what would be left is still over the retention size. */
static bool
retained(const struct topic *t, const struct ledger_info *li, uint64_t left)
{
	const struct topic_own *own = &t->own;
	bool any = own->has_ms || own->has_bytes;
	int64_t ms = t->policy.retention_ms, bytes = t->policy.retention_bytes;
	int64_t age = t->co->now_ms -
	    (li->last_store_ms != 0 ? li->last_store_ms : li->created_ms);

	/* what a topic says of one of them is no limit of the other */
	if (any) {
		ms = own->has_ms ? own->ms : -1;
		bytes = own->has_bytes ? own->bytes : -1;
	}
	if (ms >= 0 && (ms == 0 || age > ms))
		return false;
	if (bytes >= 0 && left >= (uint64_t)bytes)
		return false;
	return true;
}

void
topic_trim(struct topic *t)
{
	struct tlog *log = &t->log;
	const struct ledger_info *li;
	struct pos slowest, upto = POS_NONE;
	uint64_t left = log->bytes;
	uint32_t n, may;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	if (t->state != TOPIC_READY || !t->name.persistent ||
	    log->ledgers_n == 0)
		return;
	slowest = subs_slowest(t);
	may =
	    log->ledgers_n - 1; /* Pulsar keeps a terminated topic's last one */
	for (n = 0; n < may; n++) {
		li = &log->ledgers[n]->info;
		if (li->open)
			break;
		if (pos_cmp((struct pos){ li->id, li->last_entry }, slowest) >
		    0)
			break;
		left -= li->bytes;
		if (retained(t, li, left))
			break;
		upto = (struct pos){ li->id, li->last_entry };
	}
	if (n == 0)
		return;
	tlog_cut(t, n);
	sub_entries_deleted(t, upto);
	tlog_commit(t, false, NULL);
}
