/* SPDX-License-Identifier: Apache-2.0 */
/* Partitioned topics: their number of partitions, making, growing, deleting. */
#include "http/handlers.h"
#include "http/limits.h"
#include "http/parts.h"

#define TYPE_METADATA "application/vnd.partitioned-topic-metadata+json"

/* What a request asks for. */
struct wanted {
	uint32_t n;
	uint32_t before; /* there already */
	json_t *props; /* borrowed of rq->json; NULL: none */
};

static bool
number_of(json_t *v, json_int_t *n)
{
	const char *s;
	char *end;

	if (json_is_integer(v)) {
		*n = json_integer_value(v);
		return true;
	}
	if (!json_is_string(v))
		return false;
	/* the Rust client quotes it */
	s = json_string_value(v);
	if (s[0] == '\0' || strlen(s) > 12)
		return false;
	*n = strtoll(s, &end, 10);
	return *end == '\0';
}

/* The body: a number, a number in quotes, or an object with both. False:
 * answered 400 or 406. */
static bool
take_body(struct req *rq)
{
	const char *type = mhd_header(rq, "Content-Type");
	struct wanted *w;
	json_int_t n;
	json_t *v;

	if (!req_parse(rq))
		return false;
	w = mem_zalloc(sizeof(*w));
	req_keep(rq, w, mem_free);
	v = rq->json;
	if (type != NULL &&
	    strncasecmp(type, TYPE_METADATA, strlen(TYPE_METADATA)) == 0) {
		if (!json_is_object(v)) {
			req_error(rq, 400,
			    "The body is not partitioned topic metadata");
			return false;
		}
		w->props = json_object_get(v, "properties");
		v = json_object_get(v, "partitions");
	}
	if (v == NULL || !number_of(v, &n)) {
		req_error(rq, 400, "The number of partitions is not a number");
		return false;
	}
	if (n <= 0) {
		req_error(
		    rq, 406, "Number of partitions should be more than 0");
		return false;
	}
	if (n > PARTITIONS_MAX) {
		req_error(rq, 406,
		    "Number of partitions should be less than or equal to %u",
		    PARTITIONS_MAX);
		return false;
	}
	w->n = (uint32_t)n;
	return true;
}

/* --- get ----------------------------------------------------------------------- */

static void
answer_meta(struct req *rq)
{
	struct fx *fx = rq->ans[0];
	json_t *props;

	if (req_any_failed(rq))
		return;
	strbuf_addf(&rq->out, "{\"partitions\":%u,\"deleted\":false", fx->u32);
	props = json_loadb(fx->text.p, fx->text.len, 0, NULL);
	limits_hide(props);
	if (json_object_size(props) > 0) {
		strbuf_adds(&rq->out, ",\"properties\":");
		json_add_json(&rq->out, props);
	}
	json_decref(props);
	strbuf_addc(&rq->out, '}');
	req_json(rq);
}

void
h_partitions_get(struct req *rq)
{
	struct op *op;

	if (!req_topic(rq))
		return;
	op = req_op(rq, OP_TOPIC_META, rq->tn.full);
	op->flag = req_query_bool(rq, "checkAllowAutoCreation", false);
	req_send(rq, &op);
	req_then(rq, answer_meta);
}

/* --- create -------------------------------------------------------------------- */

static void
record_made(struct req *rq)
{
	if (rq->ans[0]->err == ERR_TOO_MANY_TOPICS) {
		req_error(rq, 412, "%s", err_text(ERR_TOO_MANY_TOPICS));
		return;
	}
	if (rq->ans[0]->err == ERR_EXISTS) {
		req_error(rq, 409, "This topic already exists");
		return;
	}
	req_done_empty(rq);
}

void
h_partitions_create(struct req *rq)
{
	struct wanted *w;
	struct op *op;

	if (!req_topic(rq) || !take_body(rq))
		return;
	if (strstr(rq->var[VAR_TOPIC], "-partition-") != NULL) {
		req_error(rq, 412,
		    "Partitioned Topic Name should not contain '-partition-'");
		return;
	}
	w = rq->keep;
	op = req_op(rq, OP_PARTITIONED_CREATE, rq->tn.full);
	op->u32 = w->n;
	if (w->props != NULL && !parts_props(op, w->props)) {
		op_free(&op);
		req_error(rq, 400, "The properties are not an object of texts");
		return;
	}
	req_send(rq, &op);
	req_then(rq, record_made);
}

/* --- grow ---------------------------------------------------------------------- */

/* One that is there already is as good as a new one. */
static void
subs_made(struct req *rq)
{
	unsigned i;

	for (i = 0; i < rq->ans_n; i++) {
		if (rq->ans[i]->err == ERR_OK || rq->ans[i]->err == ERR_EXISTS)
			continue;
		req_fail_ans(rq, i);
		return;
	}
	req_empty(rq);
}

/* The new partitions get the durable subscriptions of the first one, from the
 * beginning, so that a consumer which hasn't noticed them yet misses nothing. */
static void
first_known(struct req *rq)
{
	struct wanted *w = rq->keep;
	char name[PARTITION_NAME_MAX];
	struct fx *fx = rq->ans[0];
	const struct sub_stats *s;
	struct op *op;
	uint32_t i, k;

	if (fx->err != ERR_OK && fx->err != ERR_NO_TOPIC) {
		req_fail_ans(rq, 0);
		return;
	}
	rq->ans[0] = NULL;
	req_clear(rq);
	for (i = 0; fx->stats != NULL && i < fx->stats->subs_n; i++) {
		s = &fx->stats->subs[i];
		if (!s->durable)
			continue;
		for (k = w->before; k < w->n; k++) {
			op = req_op(rq, OP_SUB_CREATE,
			    req_partition(rq, k, name, sizeof(name)));
			op->sub = op_str(op, str_of(s->name));
			op->start.kind = START_EARLIEST;
			req_send(rq, &op);
		}
	}
	fx_free(&fx);
	req_then(rq, subs_made);
}

static void
record_grown(struct req *rq)
{
	struct wanted *w = rq->keep;

	if (req_any_failed(rq))
		return;
	req_clear(rq);
	rq->partitions = w->n;
	parts_each_from(rq, OP_TOPIC_STATS, NULL, 0, 1);
	req_then(rq, first_known);
}

static void
grow(struct req *rq)
{
	struct wanted *w = rq->keep;
	struct op *op;

	if (rq->ans_n == 0 || rq->ans[0]->err == ERR_NO_TOPIC ||
	    (rq->ans[0]->err == ERR_OK && rq->ans[0]->u32 == 0)) {
		req_error(rq, 409, "Topic %s is not the partitioned topic.",
		    rq->tn.text);
		return;
	}
	if (!parts_resolved(rq))
		return;
	w->before = rq->partitions;
	if (w->n < w->before) {
		req_error(rq, 422,
		    "Desired partitions %u can't be less than the current "
		    "partitions %u.",
		    w->n, w->before);
		return;
	}
	op = req_op(rq, OP_PARTITIONED_UPDATE, rq->tn.full);
	op->u32 = w->n;
	req_send(rq, &op);
	req_then(rq, record_grown);
}

void
h_partitions_update(struct req *rq)
{
	if (req_topic(rq) && take_body(rq))
		parts_resolve(rq, grow);
}

/* --- delete -------------------------------------------------------------------- */

static void
partitions_gone(struct req *rq)
{
	struct op *op;
	unsigned i;

	for (i = 0; i < rq->ans_n; i++) {
		if (rq->ans[i]->err == ERR_OK ||
		    rq->ans[i]->err == ERR_NO_TOPIC)
			continue;
		req_fail_ans(rq, i);
		return;
	}
	req_clear(rq);
	op = req_op(rq, OP_PARTITIONED_DELETE, rq->tn.full);
	req_send(rq, &op);
	req_then(rq, req_done_empty);
}

static void
fill_force(struct req *rq, struct op *op)
{
	op->flag = req_query_bool(rq, "force", false);
}

static void
delete_each(struct req *rq)
{
	if (rq->ans_n > 0 && rq->ans[0]->err == ERR_NO_TOPIC) {
		req_error(rq, 404, "Topic %s not found.", rq->tn.text);
		return;
	}
	if (!parts_resolved(rq))
		return;
	if (rq->partitions == 0) {
		req_error(rq, 409,
		    "%s is a non-partitioned topic. Instead of calling "
		    "delete-partitioned-topic please call delete.",
		    rq->tn.text);
		return;
	}
	parts_each(rq, OP_TOPIC_DELETE, fill_force);
	req_then(rq, partitions_gone);
}

void
h_partitions_delete(struct req *rq)
{
	parts_resolve(rq, delete_each);
}
