/* SPDX-License-Identifier: Apache-2.0 */
/* Topics: lists, create, delete, unload, terminate, the last message. */
#include "base/json.h"
#include "http/handlers.h"
#include "http/parts.h"

/* --- lists -------------------------------------------------------------------- */

static bool
listed(struct req *rq, struct str name, bool system)
{
	struct topic_name tn;
	bool ok;

	(void)rq;
	if (system)
		return true;
	if (topic_name_parse(&tn, name) != ERR_OK)
		return false;
	ok = !topic_name_is_hidden(&tn);
	topic_name_fini(&tn);
	return ok;
}

/* The strings of all answers as one list. */
static void
answer_list(struct req *rq)
{
	bool system = req_query_bool(rq, "includeSystemTopic", false);
	struct str *all;
	size_t n = 0;
	unsigned i;
	uint32_t k;

	i = req_failed(rq);
	if (i < rq->ans_n && rq->ans[i]->err == ERR_NO_NAMESPACE)
		req_error(rq, 404, "Namespace does not exist");
	else if (i < rq->ans_n)
		req_fail_ans(rq, i);
	if (rq->status != 0)
		return;
	for (i = 0; i < rq->ans_n; i++)
		n += rq->ans[i]->strings_n;
	all = mem_calloc(n + 1, sizeof(*all));
	for (n = i = 0; i < rq->ans_n; i++)
		for (k = 0; k < rq->ans[i]->strings_n; k++)
			if (listed(rq, rq->ans[i]->strings[k], system))
				all[n++] = rq->ans[i]->strings[k];
	json_add_strings(&rq->out, all, n);
	mem_free(all);
	req_json(rq);
}

static void
send_list(struct req *rq, struct str ns, bool persistent, bool other)
{
	struct op *op;
	unsigned i;

	if (persistent) {
		op = req_op(rq, OP_TOPIC_LIST, ns);
		op->flag = true;
		req_send(rq, &op);
	}
	for (i = 0; other && i < rq->h->router->shards_n; i++) {
		op = req_op(rq, OP_TOPIC_LIST, ns);
		op->flag2 = true;
		req_send_to(rq, i, &op);
	}
	req_then(rq, answer_list);
}

void
h_topics_list(struct req *rq)
{
	bool persistent = strcmp(rq->var[VAR_DOMAIN], "persistent") == 0;
	struct str ns;

	if (req_ns(rq, &ns))
		send_list(rq, ns, persistent, !persistent);
}

void
h_namespace_topics(struct req *rq)
{
	char *mode;
	struct str ns;
	bool persistent = true, other = false;

	if (!req_ns(rq, &ns))
		return;
	if (mhd_query(rq, "mode", &mode) != ERR_OK) {
		req_error(rq, 400, "Bad escape in mode");
		return;
	}
	if (mode == NULL || mode[0] == '\0' ||
	    strcmp(mode, "PERSISTENT") == 0) {
		;
	} else if (strcmp(mode, "NON_PERSISTENT") == 0) {
		persistent = false;
		other = true;
	} else if (strcmp(mode, "ALL") == 0) {
		other = true;
	} else {
		req_error(rq, 400,
		    "mode is none of PERSISTENT, NON_PERSISTENT and ALL");
	}
	mem_free(mode);
	if (rq->status == 0)
		send_list(rq, ns, persistent, other);
}

static void
answer_partitioned(struct req *rq)
{
	bool system = req_query_bool(rq, "includeSystemTopic", false);
	struct str want, *all;
	struct fx *fx = rq->ans[0];
	uint32_t i, n = 0;

	if (fx->err == ERR_NO_NAMESPACE) {
		req_error(rq, 404, "Namespace does not exist");
		return;
	}
	if (req_any_failed(rq))
		return;
	want = str_of(strcmp(rq->var[VAR_DOMAIN], "persistent") == 0 ?
		"persistent://" :
		"non-persistent://");
	all = mem_calloc(fx->strings_n + 1, sizeof(*all));
	for (i = 0; i < fx->strings_n; i++)
		if (str_starts(fx->strings[i], want) &&
		    listed(rq, fx->strings[i], system))
			all[n++] = fx->strings[i];
	json_add_strings(&rq->out, all, n);
	mem_free(all);
	req_json(rq);
}

void
h_topics_partitioned(struct req *rq)
{
	struct op *op;
	struct str ns;

	if (!req_ns(rq, &ns))
		return;
	op = req_op(rq, OP_PARTITIONED_LIST, ns);
	req_send(rq, &op);
	req_then(rq, answer_partitioned);
}

/* --- one topic ---------------------------------------------------------------- */

/* {"key": "text", ...} of a body to op's properties; false: it is not one. */
bool
parts_props(struct op *op, json_t *obj)
{
	const char *key;
	struct prop *p;
	json_t *val;

	if (json_is_null(obj))
		return true;
	if (!json_is_object(obj))
		return false;
	p = op_mem(op, (json_object_size(obj) + 1) * sizeof(*p));
	op->props = p;
	json_object_foreach(obj, key, val)
	{
		if (!json_is_string(val))
			return false;
		p[op->props_n++] = (struct prop){
			.key = op_str(op, str_of(key)),
			.value = op_str(op, json_text(val)),
		};
	}
	return true;
}

static void
created(struct req *rq)
{
	enum err e = rq->ans[0]->err;

	if (e == ERR_EXISTS)
		req_error(rq, 409, "This topic already exists");
	else if (e == ERR_NOT_ALLOWED && rq->tn.partition >= 0)
		/* one that its partitioned topic doesn't have */
		req_error(rq, 412,
		    "Can't create topic %s with \"-partition-\" followed by "
		    "a number smaller than number of partition of "
		    "partitioned topic %.*s",
		    rq->tn.local.p,
		    (int)(rq->tn.local.len -
			(rq->tn.full.len - rq->tn.base.len)),
		    rq->tn.local.p);
	else
		req_done_empty(rq);
}

void
h_topic_create(struct req *rq)
{
	struct op *op;

	if (!req_topic(rq) || !req_parse(rq))
		return;
	op = req_op(rq, OP_TOPIC_CREATE, rq->tn.full);
	if (!parts_props(op, rq->json)) {
		op_free(&op);
		req_error(rq, 400, "The properties are not an object of texts");
		return;
	}
	req_send(rq, &op);
	req_then(rq, created);
}

static void
fill_force(struct req *rq, struct op *op)
{
	op->flag = req_query_bool(rq, "force", false);
}

static void
deleted(struct req *rq)
{
	/* so does Pulsar: there is nothing to be found */
	if (rq->ans[0]->err == ERR_NO_TOPIC && !rq->tn.persistent)
		req_empty(rq);
	else
		req_done_empty(rq);
}

static void
delete_it(struct req *rq)
{
	/* whatever META says of a topic that isn't there, DELETE knows */
	if (rq->ans_n > 0 && rq->ans[0]->err == ERR_NO_TOPIC)
		req_clear(rq);
	if (!parts_resolved(rq))
		return;
	if (rq->partitions > 0) {
		req_error(rq, 409,
		    "%s is a partitioned topic, instead of calling delete "
		    "topic, please call delete-partitioned-topic.",
		    rq->tn.text);
		return;
	}
	parts_each(rq, OP_TOPIC_DELETE, fill_force);
	req_then(rq, deleted);
}

void
h_topic_delete(struct req *rq)
{
	parts_resolve(rq, delete_it);
}

static void
unload_it(struct req *rq)
{
	if (!parts_resolved(rq))
		return;
	parts_each(rq, OP_TOPIC_UNLOAD, NULL);
	req_then(rq, parts_done);
}

void
h_topic_unload(struct req *rq)
{
	parts_resolve(rq, unload_it);
}

/* --- terminate, last id ------------------------------------------------------- */

static void
answer_id(struct req *rq)
{
	struct fx *fx = rq->ans[0];

	if (req_any_failed(rq))
		return;
	if (fx->op == OP_TOPIC_LAST_ID)
		json_add_message_id(&rq->out, fx->pos, rq->tn.partition, fx);
	else
		json_add_message_id(&rq->out, fx->pos, -1, NULL);
	req_json(rq);
}

static void
terminate_it(struct req *rq)
{
	if (!parts_resolved(rq) || !parts_is_single(rq, "Termination of"))
		return;
	parts_each(rq, OP_TOPIC_TERMINATE, NULL);
	req_then(rq, answer_id);
}

void
h_topic_terminate(struct req *rq)
{
	if (req_topic(rq) && parts_is_persistent(rq, "Termination of"))
		parts_resolve(rq, terminate_it);
}

static void
answer_ids(struct req *rq)
{
	unsigned i;

	if (req_any_failed(rq))
		return;
	strbuf_addc(&rq->out, '{');
	for (i = 0; i < rq->ans_n; i++) {
		strbuf_addf(&rq->out, "%s\"%u\":", i > 0 ? "," : "", i);
		json_add_message_id(&rq->out, rq->ans[i]->pos, -1, NULL);
	}
	strbuf_addc(&rq->out, '}');
	req_json(rq);
}

static void
terminate_each(struct req *rq)
{
	if (!parts_resolved(rq))
		return;
	if (rq->partitions == 0) {
		req_error(rq, 405,
		    "Termination of a non-partitioned topic is not allowed "
		    "using partitioned-terminate, please use terminate "
		    "commands");
		return;
	}
	parts_each(rq, OP_TOPIC_TERMINATE, NULL);
	req_then(rq, answer_ids);
}

void
h_topic_terminate_partitions(struct req *rq)
{
	if (req_topic(rq) && parts_is_persistent(rq, "Termination of"))
		parts_resolve(rq, terminate_each);
}

void
h_topic_last_id(struct req *rq)
{
	struct op *op;

	if (!req_topic(rq) || !parts_is_persistent(rq, "GetLastMessageId on"))
		return;
	op = req_op(rq, OP_TOPIC_LAST_ID, rq->tn.full);
	req_send(rq, &op);
	req_then(rq, answer_id);
}
