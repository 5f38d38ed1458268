/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions: list, create, delete, skip, reset, expire. */
#include <errno.h>

#include "http/handlers.h"
#include "http/parts.h"

/* What a body says about a position (ResetCursorData). */
struct wanted {
	struct op_start start;
	int64_t batch_index; /* -1: none */
	bool excluded; /* from behind it */
	json_t *props; /* borrowed of rq->json */
	int64_t number; /* of the path */
};

static struct wanted *
wanted(struct req *rq)
{
	struct wanted *w = rq->keep;

	if (w == NULL) {
		w = mem_zalloc(sizeof(*w));
		w->batch_index = -1;
		req_keep(rq, w, mem_free);
	}
	return w;
}

/* The number in the path; false: answered 400. */
static bool
take_number(struct req *rq)
{
	struct wanted *w = wanted(rq);

	errno = 0;
	w->number = strtoll(rq->var[VAR_NUM], NULL, 10);
	if (errno == 0 && w->number >= 0)
		return true;
	req_error(rq, 400, "%s is out of bounds", rq->var[VAR_NUM]);
	return false;
}

static void
set_sub(struct req *rq, struct op *op)
{
	op->sub = op_str(op, str_of(rq->var[VAR_SUB]));
}

/* 204, if no partition failed but by not having the subscription or not being
 * there yet, and one did it. */
static void
each_done(struct req *rq)
{
	unsigned i, missing = 0;

	for (i = 0; i < rq->ans_n; i++) {
		if (rq->ans[i]->err == ERR_OK)
			continue;
		if (rq->ans[i]->err != ERR_NO_SUBSCRIPTION &&
		    rq->ans[i]->err != ERR_NO_TOPIC) {
			req_fail_ans(rq, i);
			return;
		}
		missing++;
	}
	if (missing < rq->ans_n)
		req_empty(rq);
	else if (rq->partitions == 0)
		req_fail_ans(rq, 0);
	else
		req_fail(rq, ERR_NO_SUBSCRIPTION, NULL);
}

/* --- list ------------------------------------------------------------------------- */

static void
answer_list(struct req *rq)
{
	struct str *all;
	size_t n = 0, i, k, u = 0;
	struct fx *fx;

	for (i = 0; i < rq->ans_n; i++) {
		fx = rq->ans[i];
		if (fx->err != ERR_OK &&
		    (rq->partitions == 0 || fx->err != ERR_NO_TOPIC)) {
			req_fail_ans(rq, (unsigned)i);
			return;
		}
		n += fx->strings_n;
	}
	all = mem_calloc(n + 1, sizeof(*all));
	for (n = i = 0; i < rq->ans_n; i++)
		for (k = 0; k < rq->ans[i]->strings_n; k++)
			all[n++] = rq->ans[i]->strings[k];
	/* partitions have the same ones: sort, then once each */
	json_sort_strings(all, n);
	for (i = 0; i < n; i++)
		if (u == 0 || !str_eq(all[u - 1], all[i]))
			all[u++] = all[i];
	json_add_strings(&rq->out, all, u);
	mem_free(all);
	req_json(rq);
}

static void
list_each(struct req *rq)
{
	if (!parts_resolved(rq))
		return;
	parts_each(rq, OP_SUB_LIST, NULL);
	req_then(rq, answer_list);
}

void
h_subs_list(struct req *rq)
{
	parts_resolve(rq, list_each);
}

/* --- positions -------------------------------------------------------------------- */

static bool
int_of(json_t *o, const char *key, int64_t def, int64_t *v)
{
	json_t *e = json_object_get(o, key);

	*v = def;
	if (e == NULL || json_is_null(e))
		return true;
	if (!json_is_integer(e))
		return false;
	*v = json_integer_value(e);
	return true;
}

static bool
take_object(struct wanted *w, json_t *o)
{
	int64_t ledger, entry;

	if (!int_of(o, "ledgerId", 0, &ledger) ||
	    !int_of(o, "entryId", 0, &entry) ||
	    !int_of(o, "batchIndex", -1, &w->batch_index) || ledger < -1 ||
	    entry < -1 || w->batch_index > UINT16_MAX * 16)
		return false;
	w->excluded = json_is_true(json_object_get(o, "isExcluded")) ||
	    json_is_true(json_object_get(o, "excluded"));
	w->props = json_object_get(o, "properties");
	if (ledger == -1)
		w->start.kind = START_EARLIEST;
	else if (ledger == INT64_MAX)
		w->start.kind = START_LATEST;
	else
		w->start = (struct op_start){ .kind = START_POS,
			.pos = { .ledger = (uint64_t)ledger, .entry = entry },
			.inclusive = !w->excluded };
	return true;
}

/* A MessageId, "earliest" or "latest"; false: answered 400. */
static bool
take_position(struct req *rq)
{
	struct wanted *w = wanted(rq);
	const char *s;
	bool ok;

	if (!req_parse(rq))
		return false;
	s = json_string_value(rq->json);
	ok = true;
	w->start.kind = START_LATEST;
	if (s != NULL && strcmp(s, "earliest") == 0)
		w->start.kind = START_EARLIEST;
	else if (s != NULL)
		ok = strcmp(s, "latest") == 0;
	else if (json_is_object(rq->json))
		ok = take_object(w, rq->json);
	else
		ok = json_is_null(rq->json);
	if (!ok)
		req_error(rq, 400, "The body is not a message id");
	return ok;
}

static void
fill_start(struct req *rq, struct op *op)
{
	const struct wanted *w = rq->keep;
	uint64_t *words;

	set_sub(rq, op);
	op->start = w->start;
	if (w->start.words_n == 0)
		return;
	words = op_mem(op, w->start.words_n * sizeof(*words));
	memcpy(words, w->start.words, w->start.words_n * sizeof(*words));
	op->start.words = words;
}

/* --- create ----------------------------------------------------------------------- */

static void
created(struct req *rq)
{
	if (req_all(rq, ERR_EXISTS))
		req_error(rq, 409, "Subscription already exists for topic");
	else if (!parts_any_failed(rq, ERR_EXISTS))
		req_empty(rq);
}

static void
fill_create(struct req *rq, struct op *op)
{
	const struct wanted *w = rq->keep;

	fill_start(rq, op);
	op->flag = req_query_bool(rq, "replicated", false);
	/* they have been looked at */
	if (w->props != NULL && !parts_props(op, w->props))
		WRONG("properties changed");
}

static void
create_each(struct req *rq)
{
	if (req_any_failed(rq))
		return;
	req_clear(rq);
	parts_each(rq, OP_SUB_CREATE, fill_create);
	req_then(rq, created);
}

/* Pulsar makes the topic, if it makes topics by itself. */
static void
touch_each(struct req *rq)
{
	if (!parts_resolved(rq))
		return;
	parts_each(rq, OP_TOPIC_TOUCH, NULL);
	req_then(rq, create_each);
}

void
h_sub_create(struct req *rq)
{
	struct op *op;

	if (!req_topic(rq) || !take_position(rq))
		return;
	if (!rq->tn.persistent) {
		req_error(rq, 405,
		    "Create subscription on non-persistent topic can only be "
		    "done through client");
		return;
	}
	op = req_op(rq, OP_TOPIC_META, rq->tn.full);
	op->flag = true;
	if (wanted(rq)->props != NULL && !parts_props(op, wanted(rq)->props)) {
		op_free(&op);
		req_error(rq, 400, "The properties are not an object of texts");
		return;
	}
	op->props_n = 0; /* only looked at */
	if (rq->tn.partition < 0)
		req_send(rq, &op);
	else
		op_free(&op);
	req_then(rq, touch_each);
}

/* --- delete ----------------------------------------------------------------------- */

static void
fill_delete(struct req *rq, struct op *op)
{
	set_sub(rq, op);
	op->flag = req_query_bool(rq, "force", false);
}

static void
deleted(struct req *rq)
{
	if (rq->partitions > 0 && req_all(rq, ERR_NO_SUBSCRIPTION))
		req_error(rq, 404, "Subscription not found");
	else
		each_done(rq);
}

static void
delete_each(struct req *rq)
{
	if (!parts_resolved(rq))
		return;
	parts_each(rq, OP_SUB_DELETE, fill_delete);
	req_then(rq, deleted);
}

void
h_sub_delete(struct req *rq)
{
	parts_resolve(rq, delete_each);
}

/* --- skip ------------------------------------------------------------------------- */

static void
fill_skip(struct req *rq, struct op *op)
{
	const struct wanted *w = rq->keep;

	set_sub(rq, op);
	op->u64 = w != NULL ? (uint64_t)w->number : UINT64_MAX;
}

static void
skip_each(struct req *rq)
{
	if (!parts_resolved(rq))
		return;
	if (rq->keep != NULL && !parts_is_single(rq, "Skip messages on"))
		return;
	parts_each(rq, OP_SUB_SKIP, fill_skip);
	req_then(rq, each_done);
}

void
h_sub_skip(struct req *rq)
{
	if (req_topic(rq) && parts_is_persistent(rq, "Skip messages on") &&
	    take_number(rq))
		parts_resolve(rq, skip_each);
}

void
h_sub_skip_all(struct req *rq)
{
	parts_resolve(rq, skip_each);
}

/* --- reset ------------------------------------------------------------------------ */

static void
reset_each(struct req *rq)
{
	if (!parts_resolved(rq))
		return;
	parts_each(rq, OP_SUB_RESET, fill_start);
	req_then(rq, each_done);
}

void
h_sub_reset_time(struct req *rq)
{
	struct wanted *w = wanted(rq);

	if (!req_topic(rq) || !parts_is_persistent(rq, "Reset-cursor on") ||
	    !take_number(rq))
		return;
	w->start.kind = START_TIME;
	w->start.time_ms = w->number;
	parts_resolve(rq, reset_each);
}

/* The messages of the batch that are still wanted: PersistentTopicsBase,
 * calculatePositionAckSet. */
static void
batch_known(struct req *rq)
{
	struct wanted *w = rq->keep;
	uint64_t *words;
	uint32_t n, i, from;

	/* an entry that is gone is not looked into */
	n = rq->ans[0]->err == ERR_OK ? rq->ans[0]->ent.attr.messages_n : 0;
	req_clear(rq);
	if (n == 0) {
		parts_each(rq, OP_SUB_RESET, fill_start);
		req_then(rq, each_done);
		return;
	}
	from = (uint32_t)w->batch_index + (w->excluded ? 1 : 0);
	if (from >= n) {
		w->start.inclusive = false;
	} else {
		w->start.inclusive = true;
		w->start.words_n = (n + 63) / 64;
		words = mem_calloc(w->start.words_n, sizeof(*words));
		for (i = from; i < n; i++)
			words[i / 64] |= UINT64_C(1) << (i % 64);
		mem_free(rq->words);
		rq->words = words;
		w->start.words = words;
	}
	parts_each(rq, OP_SUB_RESET, fill_start);
	req_then(rq, each_done);
}

static void
reset_one(struct req *rq)
{
	const struct wanted *w = rq->keep;
	struct op *op;

	if (!parts_resolved(rq))
		return;
	if (rq->partitions > 0) {
		req_error(rq, 405,
		    "Reset-cursor at position is not allowed for "
		    "partitioned-topic");
		return;
	}
	if (w->start.kind != START_POS || w->batch_index < 0) {
		parts_each(rq, OP_SUB_RESET, fill_start);
		req_then(rq, each_done);
		return;
	}
	op = req_op(rq, OP_READ, rq->tn.full);
	op->start = (struct op_start){
		.kind = START_POS, .pos = w->start.pos, .inclusive = true
	};
	req_send(rq, &op);
	req_then(rq, batch_known);
}

void
h_sub_reset_position(struct req *rq)
{
	if (!req_topic(rq) || !parts_is_persistent(rq, "Reset-cursor on"))
		return;
	if (rq->body.len == 0) {
		req_error(rq, 400, "The body is not a message id");
		return;
	}
	if (take_position(rq))
		parts_resolve(rq, reset_one);
}

/* --- expire ----------------------------------------------------------------------- */

static void
fill_expire(struct req *rq, struct op *op)
{
	const struct wanted *w = rq->keep;

	if (rq->var[VAR_SUB] != NULL)
		set_sub(rq, op);
	op->u64 = (uint64_t)w->number;
}

static void
expire_each(struct req *rq)
{
	if (!parts_resolved(rq))
		return;
	parts_each(rq, OP_SUB_EXPIRE, fill_expire);
	req_then(rq, rq->var[VAR_SUB] != NULL ? each_done : parts_done);
}

void
h_sub_expire(struct req *rq)
{
	if (req_topic(rq) && parts_is_persistent(rq, "Expire messages on") &&
	    take_number(rq))
		parts_resolve(rq, expire_each);
}

void
h_subs_expire(struct req *rq)
{
	h_sub_expire(rq);
}
