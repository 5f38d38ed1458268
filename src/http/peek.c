/* SPDX-License-Identifier: Apache-2.0 */
/* Single messages: the nth of a subscription, one by its id. */
#include <errno.h>

#include "http/handlers.h"
#include "http/message.h"
#include "http/parts.h"

static bool
take_number(struct req *rq, enum var v, int64_t min, int64_t *n)
{
	errno = 0;
	*n = strtoll(rq->var[v], NULL, 10);
	if (errno == 0 && *n >= min)
		return true;
	req_error(rq, 400, "%s is out of bounds", rq->var[v]);
	return false;
}

static void
answer_peek(struct req *rq)
{
	enum err e = rq->ans[0]->err;

	/* Pulsar says the same of a subscription that isn't there */
	if (e == ERR_NO_SUBSCRIPTION || e == ERR_NO_MESSAGE ||
	    e == ERR_NO_ENTRY)
		req_error(rq, 404, "Message not found");
	else if (!req_any_failed(rq))
		message_answer(rq, &rq->ans[0]->ent);
}

static void
peek_it(struct req *rq)
{
	struct op *op;

	if (!parts_resolved(rq) || !parts_is_single(rq, "Peek messages on"))
		return;
	op = req_op(rq, OP_SUB_PEEK, rq->tn.full);
	op->sub = op_str(op, str_of(rq->var[VAR_SUB]));
	op->u64 = strtoull(rq->var[VAR_NUM], NULL, 10);
	req_send(rq, &op);
	req_then(rq, answer_peek);
}

void
h_sub_peek(struct req *rq)
{
	int64_t n;

	if (req_topic(rq) && parts_is_persistent(rq, "Peek messages on") &&
	    take_number(rq, VAR_NUM, 1, &n))
		parts_resolve(rq, peek_it);
}

static void
answer_read(struct req *rq)
{
	enum err e = rq->ans[0]->err;

	if (e == ERR_NO_MESSAGE || e == ERR_NO_ENTRY || e == ERR_NO_LEDGER)
		req_error(rq, 404, "Message id not found");
	else if (!req_any_failed(rq))
		message_answer(rq, &rq->ans[0]->ent);
}

void
h_topic_read(struct req *rq)
{
	int64_t ledger, entry;
	struct op *op;

	if (!req_topic(rq) || !parts_is_persistent(rq, "GetMessageById on") ||
	    !take_number(rq, VAR_NUM, 0, &ledger) ||
	    !take_number(rq, VAR_NUM2, 0, &entry))
		return;
	op = req_op(rq, OP_READ, rq->tn.full);
	op->start = (struct op_start){ .kind = START_POS,
		.pos = { .ledger = (uint64_t)ledger, .entry = entry },
		.inclusive = true };
	req_send(rq, &op);
	req_then(rq, answer_read);
}
