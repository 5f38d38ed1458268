/* SPDX-License-Identifier: Apache-2.0 */
/* stats, partitioned-stats, internalStats, partitioned-internalStats. */
#include "http/address.h"
#include "http/handlers.h"
#include "http/stats_json.h"
#include "http/parts.h"

/* Without it Pulsar spares itself the work and says -1 (of a partitioned topic the
 * sum of that); it costs us nothing. */
static void
hide_backlog_sizes(struct req *rq)
{
	struct topic_stats *t;
	unsigned i;
	uint32_t k;

	if (req_query_bool(rq, "subscriptionBacklogSize", true))
		return;
	for (i = 0; i < rq->ans_n; i++) {
		t = rq->ans[i]->stats;
		if (t == NULL || !t->persistent)
			continue;
		for (k = 0; k < t->subs_n; k++)
			t->subs[k].backlog_bytes = -1;
	}
}

static void
answer_stats(struct req *rq)
{
	char owner[ADDRESS_MAX];

	if (req_any_failed(rq))
		return;
	hide_backlog_sizes(rq);
	address_http(rq, owner, sizeof(owner));
	stats_json_topic(&rq->out, rq->ans[0]->stats, owner);
	strbuf_addc(&rq->out, '}');
	req_json(rq);
}

static void
answer_internal(struct req *rq)
{
	if (req_any_failed(rq))
		return;
	stats_json_internal(&rq->out, rq->ans[0]->stats);
	req_json(rq);
}

static void
ask(struct req *rq, req_step_f *next)
{
	struct op *op;

	if (!req_topic(rq))
		return;
	op = req_op(rq, OP_TOPIC_STATS, rq->tn.full);
	req_send(rq, &op);
	req_then(rq, next);
}

void
h_topic_stats_get(struct req *rq)
{
	ask(rq, answer_stats);
}

void
h_topic_internal_stats(struct req *rq)
{
	ask(rq, answer_internal);
}

/* --- partitioned ------------------------------------------------------------------ */

typedef void add_part_f(struct req *, const struct topic_stats *);

static void
add_part(struct req *rq, const struct topic_stats *t)
{
	char owner[ADDRESS_MAX];

	address_http(rq, owner, sizeof(owner));
	stats_json_topic(&rq->out, t, owner);
	strbuf_addc(&rq->out, '}');
}

static void
add_part_internal(struct req *rq, const struct topic_stats *t)
{
	stats_json_internal(&rq->out, t);
}

/* "metadata": ..., "partitions": {name: figures}; those without a topic yet
 * are left out, as with Pulsar. */
static void
add_parts(struct req *rq, add_part_f *add)
{
	char name[PARTITION_NAME_MAX];
	bool first = true;
	unsigned i;

	strbuf_addf(&rq->out,
	    "\"metadata\":{\"partitions\":%u,\"deleted\":false},"
	    "\"partitions\":{",
	    rq->partitions);
	for (i = 0; add != NULL && i < rq->ans_n; i++) {
		if (rq->ans[i]->stats == NULL)
			continue;
		if (!first)
			strbuf_addc(&rq->out, ',');
		first = false;
		json_add_text(
		    &rq->out, req_partition(rq, i, name, sizeof(name)));
		strbuf_addc(&rq->out, ':');
		add(rq, rq->ans[i]->stats);
	}
	strbuf_adds(&rq->out, "}}");
}

static bool
parts_failed(struct req *rq)
{
	unsigned i;

	for (i = 0; i < rq->ans_n; i++) {
		if (rq->ans[i]->err == ERR_OK ||
		    rq->ans[i]->err == ERR_NO_TOPIC)
			continue;
		req_fail_ans(rq, i);
		return true;
	}
	return false;
}

static void
answer_sum(struct req *rq)
{
	struct topic_stats *sum;
	bool each = req_query_bool(rq, "perPartition", true);

	if (parts_failed(rq))
		return;
	hide_backlog_sizes(rq);
	sum = stats_sum(rq->ans, rq->ans_n);
	stats_json_topic(&rq->out, sum, NULL);
	stats_sum_free(&sum);
	strbuf_addc(&rq->out, ',');
	add_parts(rq, each ? add_part : NULL);
	req_json(rq);
}

static void
answer_internals(struct req *rq)
{
	if (parts_failed(rq))
		return;
	strbuf_addc(&rq->out, '{');
	add_parts(rq, add_part_internal);
	req_json(rq);
}

static bool
resolved(struct req *rq)
{
	if (rq->ans_n == 0 || rq->ans[0]->err == ERR_NO_TOPIC ||
	    (rq->ans[0]->err == ERR_OK && rq->ans[0]->u32 == 0)) {
		req_error(
		    rq, 404, "Partitioned Topic %s not found", rq->tn.text);
		return false;
	}
	return parts_resolved(rq);
}

static void
ask_each(struct req *rq)
{
	if (!resolved(rq))
		return;
	parts_each(rq, OP_TOPIC_STATS, NULL);
	req_then(rq, answer_sum);
}

static void
ask_each_internal(struct req *rq)
{
	if (!resolved(rq))
		return;
	parts_each(rq, OP_TOPIC_STATS, NULL);
	req_then(rq, answer_internals);
}

void
h_topic_partitioned_stats(struct req *rq)
{
	parts_resolve(rq, ask_each);
}

void
h_topic_parts_internal_stats(struct req *rq)
{
	parts_resolve(rq, ask_each_internal);
}
