/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Producers: opened by the rules of Pulsar's ServerCnx.handleProducer and
 * AbstractTopic.addProducer, in their order, and closed.
 */
#include "base/hash.h"
#include "core/sub_priv.h"
#include "core/pubrate.h"
#include "core/topic_priv.h"

#define NAME_SEED 0x940d
#define NAME_BYTES_MAX 4096u

static char *
text_dup(struct str s)
{
	return mem_strndup(s.len != 0 ? s.p : "", s.len);
}

/* --- close ---------------------------------------------------------------------- */

void
producer_close(struct producer *pr, enum err e)
{
	struct topic *t;
	struct core *co;
	struct fx *fx;

	CHECK_OBJ_NOTNULL(pr, PRODUCER_MAGIC);
	t = pr->t;
	co = t->co;
	if (e != ERR_OK && pr->closing == NULL) {
		fx = fx_new(FX_PRODUCER_CLOSED, pr->dest);
		fx->err = e;
		fx->handle = pr->handle;
		core_emit(co, &fx);
	}
	if (pr->closing != NULL)
		core_answer(co, &pr->closing, ERR_OK, NULL);
	publish_forget(t, pr);
	core_handle_del(co, pr->handle);
	pubrate_forget(pr);
	LIST_REMOVE(pr, link);
	t->producers_n--;
	props_free(&pr->props, pr->props_n);
	mem_free(pr->name);
	mem_free(pr->address);
	mem_free(pr->version);
	FREE_OBJ(pr);
	topic_touch(t);
}

void
producer_close_op(struct producer *pr, struct op **opp)
{
	CHECK_OBJ_NOTNULL(pr, PRODUCER_MAGIC);
	if (pr->closing != NULL) {
		/* asked again: its connection has gone meanwhile */
		core_answer(pr->t->co, opp, ERR_OK, NULL);
		return;
	}
	pr->closing = *opp;
	*opp = NULL;
	if (pr->pending_n == 0)
		producer_close(pr, ERR_OK);
}

void
producer_answered(struct producer *pr)
{
	CHECK_OBJ_NOTNULL(pr, PRODUCER_MAGIC);
	AN(pr->pending_n);
	if (--pr->pending_n == 0 && pr->closing != NULL)
		producer_close(pr, ERR_OK);
}

/* --- open ----------------------------------------------------------------------- */

static struct producer *
find(const struct topic *t, struct str name)
{
	uint64_t h = hash_bytes(NAME_SEED, name.p, name.len);
	struct producer *pr;

	LIST_FOREACH(pr, &t->producers, link)
		if (pr->name_hash == h && str_eq(str_of(pr->name), name))
			return pr;
	return NULL;
}

/* <cluster>-<boot>-<n>: n differs over the shards of a process, boot over its
 * lives. */
static char *
generate(struct core *co)
{
	uint64_t n = co->name_seq++ * co->conf.shards_n + co->conf.shard;

	return mem_printf("%s-%jd-%ju", co->conf.cluster, (intmax_t)co->boot_ms,
	    (uintmax_t)n);
}

static void
add(struct topic *t, struct op **opp)
{
	const struct op *op = *opp;
	const struct op_producer *po = &op->producer;
	struct core *co = t->co;
	struct producer *pr;
	struct fx *fx;

	ALLOC_OBJ(pr, PRODUCER_MAGIC);
	pr->t = t;
	pr->dest = op->dest;
	pr->name = po->name.len > 0 ? text_dup(po->name) : generate(co);
	pr->name_hash = hash_bytes(NAME_SEED, pr->name, strlen(pr->name));
	pr->epoch = po->epoch;
	pr->access = po->access;
	pr->late = po->late;
	pr->connected_ms = co->now_ms;
	pr->props = props_dup(po->props, po->props_n);
	pr->props_n = po->props_n;
	pr->address = text_dup(po->client_addr);
	pr->version = text_dup(po->client_version);
	pr->handle = core_handle_add(co, pr);
	LIST_INSERT_HEAD(&t->producers, pr, link);
	t->producers_n++;
	topic_touch(t);

	fx = core_answer_new(co, op, FX_PRODUCER_OPENED);
	fx->handle = pr->handle;
	fx->text = fx_str(fx, str_of(pr->name));
	fx->i64 = -1; /* no deduplication yet */
	fx->u64 = t->epoch;
	fx->flag = true;
	op_free(opp);
	core_emit(co, &fx);
}

/* --- the name is taken ------------------------------------------------------------- */

struct contest {
	unsigned magic;
#define CONTEST_MAGIC 0xc0473501
	struct topic *t;
	struct op *op;
	uint64_t holder; /* handle */
};

static void
busy(struct topic *t, struct op **opp)
{
	char diag[128];

	(void)snprintf(diag, sizeof diag,
	    "Producer with name '%.*s' is already connected to topic",
	    (int)(*opp)->producer.name.len, (*opp)->producer.name.p);
	core_answer(t->co, opp, ERR_PRODUCER_BUSY, diag);
}

static void
contest_end(struct core *co, void *priv, bool alive)
{
	struct contest *ct;
	struct producer *pr;
	struct topic *t;

	CAST_OBJ_NOTNULL(ct, priv, CONTEST_MAGIC);
	t = ct->t;
	pr = core_handle_get(co, ct->holder);
	if (t->state != TOPIC_READY)
		core_answer(co, &ct->op, ERR_NOT_READY,
		    "Topic is temporarily unavailable");
	else if (pr != NULL && alive)
		busy(t, &ct->op);
	else {
		if (pr != NULL)
			producer_close(pr, ERR_TIMEOUT);
		producer_open(t, &ct->op);
	}
	FREE_OBJ(ct);
	topic_unpin(t);
}

static void
contest(struct producer *pr, struct op **opp)
{
	struct topic *t = pr->t;
	struct contest *ct;

	ALLOC_OBJ(ct, CONTEST_MAGIC);
	ct->t = t;
	ct->op = *opp;
	*opp = NULL;
	ct->holder = pr->handle;
	topic_pin(t);
	probe_start(t->co, pr->dest, contest_end, ct);
}

static void
add_or_contest(struct topic *t, struct op **opp)
{
	const struct op *op = *opp;
	struct producer *pr = NULL;

	if (op->producer.name.len > 0)
		pr = find(t, op->producer.name);
	if (pr == NULL) {
		add(t, opp);
		return;
	}
	if (pr->dest.conn != op->dest.conn ||
	    pr->dest.shard != op->dest.shard ||
	    pr->dest.kind != op->dest.kind) {
		contest(pr, opp);
		return;
	}
	/* the same producer in a later life (Producer.isSuccessorTo): whose
	 * choice the name was has no say in it */
	if (pr->dest.tag == op->dest.tag && op->producer.epoch > pr->epoch) {
		producer_close(pr, ERR_OK);
		add(t, opp);
		return;
	}
	busy(t, opp);
}

/* --- initial subscription (dead letter producers) ---------------------------------- */

struct initial {
	unsigned magic;
#define INITIAL_MAGIC 0x141714a1
	struct topic *t;
	struct op *op;
};

static void
initial_done(void *priv, struct sub *s, enum err e)
{
	struct initial *in;
	struct topic *t;

	(void)s;
	CAST_OBJ_NOTNULL(in, priv, INITIAL_MAGIC);
	t = in->t;
	if (t->state != TOPIC_READY)
		e = ERR_NOT_READY;
	if (e != ERR_OK)
		core_answer(t->co, &in->op, e,
		    "Failed to create the initial subscription");
	else
		add_or_contest(t, &in->op);
	FREE_OBJ(in);
	topic_unpin(t);
}

static void
initial_create(struct topic *t, struct op **opp)
{
	struct op_start st = { .kind = START_EARLIEST };
	struct initial *in;

	ALLOC_OBJ(in, INITIAL_MAGIC);
	in->t = t;
	in->op = *opp;
	*opp = NULL;
	topic_pin(t);
	sub_create(
	    t, in->op->producer.initial_sub, &st, NULL, 0, 0, initial_done, in);
}

static uint32_t
of_address(const struct topic *t, struct str peer)
{
	const struct producer *pr;
	uint32_t n = 0;

	LIST_FOREACH(pr, &t->producers, link)
		n += same_address(str_of(pr->address), peer);
	return n;
}

/* --- all together -------------------------------------------------------------------- */

static enum err
check(const struct topic *t, const struct op_producer *po, const char **diag)
{
	const struct core *co = t->co;

	if (t->terminated) {
		*diag = "Topic was already terminated";
		return ERR_TOPIC_TERMINATED;
	}
	if (topic_reaches(t, LIM_MAX_PRODUCERS, t->producers_n)) {
		*diag = "Topic reached max producers limit";
		return ERR_PRODUCER_BUSY;
	}
	if (co->conf.max_producers_address > 0 &&
	    of_address(t, po->client_addr) >= co->conf.max_producers_address) {
		*diag = "Topic reached max same address producers limit";
		return ERR_PRODUCER_BUSY;
	}
	/* what Pulsar says under the policy producer_request_hold */
	if (co->no_space && t->name.persistent) {
		*diag =
		    "Cannot create producer on topic with backlog quota exceeded";
		return ERR_NO_SPACE;
	}
	if (co->io_failed && t->name.persistent) {
		*diag = "Storage refuses writes after an input/output error";
		return ERR_PERSISTENCE;
	}
	if (t->policy.encryption_required && !po->encrypted) {
		*diag = "Encryption is required in this namespace";
		return ERR_METADATA;
	}
	if (po->access != ACCESS_SHARED) {
		*diag =
		    "Producer access modes other than Shared are not supported";
		return ERR_NOT_ALLOWED;
	}
	if (reserve_any(t)) {
		*diag = "Places of this topic are reserved";
		return ERR_BUSY;
	}
	if (po->name.len > NAME_BYTES_MAX) {
		*diag = "Producer name is too long";
		return ERR_INVALID_ARG;
	}
	if (po->initial_sub.len > 0 && !co->conf.auto_sub) {
		*diag = "Could not create the initial subscription due to the "
			"auto subscription creation is not allowed.";
		return ERR_NOT_ALLOWED;
	}
	return ERR_OK;
}

void
producer_open(struct topic *t, struct op **opp)
{
	const struct op_producer *po = &(*opp)->producer;
	const char *diag = NULL;
	enum err e;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	e = check(t, po, &diag);
	if (e != ERR_OK)
		core_answer(t->co, opp, e, diag);
	else if (po->initial_sub.len > 0 && t->name.persistent &&
	    sub_find_any(t, po->initial_sub) == NULL)
		initial_create(t, opp);
	else
		add_or_contest(t, opp);
}
