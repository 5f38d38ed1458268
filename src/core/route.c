/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route.h"

#include "base/buf.h"
#include "base/miniobj.h"
#include "base/vas.h"
#include "core/name.h"

unsigned
route_shard_of(const struct router *r, struct str topic)
{
	CHECK_OBJ_NOTNULL(r, ROUTER_MAGIC);
	return topic_shard(topic, r->shards_n);
}

/* Shard of a handle; one that no core gave (0, or what a peer made up) goes to
 * the own core, which does not know it. */
static unsigned
shard_of_handle(const struct router *r, uint64_t handle)
{
	unsigned n = HANDLE_SHARD(handle);

	return n < r->shards_n ? n : r->shard;
}

void
route_op_to(struct router *r, unsigned shard, struct op **opp)
{
	CHECK_OBJ_NOTNULL(r, ROUTER_MAGIC);
	CHECK_OBJ_NOTNULL(*opp, OP_MAGIC);
	assert(shard < r->shards_n);
	if (shard == r->shard)
		core_op(r->core, opp);
	else
		r->ops->post(r, shard, opp);
}

void
route_op(struct router *r, struct op **opp)
{
	struct op *op = *opp;

	CHECK_OBJ_NOTNULL(op, OP_MAGIC);
	if (op->type == OP_PROBED)
		route_op_to(r, op->u32, opp);
	else if (op->handle != 0)
		route_op_to(r, shard_of_handle(r, op->handle), opp);
	else
		route_op_to(r, route_shard_of(r, op->topic), opp);
}

static struct op *
hot_op(struct router *r, enum op_type type, uint64_t handle)
{
	struct op *op;

	op = op_new(type, (struct dest){ .shard = (uint16_t)r->shard });
	op->handle = handle;
	return op;
}

void
route_publish(struct router *r, const struct core_publish *p)
{
	unsigned to = shard_of_handle(r, p->producer);
	struct op *op;

	CHECK_OBJ_NOTNULL(r, ROUTER_MAGIC);
	if (to == r->shard) {
		core_publish(r->core, p);
		return;
	}
	op = hot_op(r, OP_PUBLISH, p->producer);
	op->publish.attr = p->attr;
	op->publish.body =
	    p->body.buf != NULL ? slice_ref(p->body) : slice_dup(p->body);
	op->publish.sequence = p->sequence;
	op->publish.highest_sequence = p->highest_sequence;
	op->publish.dropped_n = p->dropped_n;
	op->publish.flush = p->flush;
	r->ops->post(r, to, &op);
}

void
route_flow(struct router *r, uint64_t consumer, uint32_t permits)
{
	unsigned to = shard_of_handle(r, consumer);
	struct op *op;

	CHECK_OBJ_NOTNULL(r, ROUTER_MAGIC);
	if (to == r->shard) {
		core_flow(r->core, consumer, permits);
		return;
	}
	op = hot_op(r, OP_FLOW, consumer);
	op->u32 = permits;
	r->ops->post(r, to, &op);
}

void
route_block(struct router *r, uint64_t consumer, bool blocked)
{
	unsigned to = shard_of_handle(r, consumer);
	struct op *op;

	CHECK_OBJ_NOTNULL(r, ROUTER_MAGIC);
	if (to == r->shard) {
		core_block(r->core, consumer, blocked);
		return;
	}
	op = hot_op(r, OP_BLOCK, consumer);
	op->flag = blocked;
	r->ops->post(r, to, &op);
}

void
route_ack(struct router *r, const struct core_ack *a)
{
	unsigned to = shard_of_handle(r, a->consumer);
	struct core_ack_id *ids;
	uint64_t *words;
	struct op *op;
	uint32_t i;

	CHECK_OBJ_NOTNULL(r, ROUTER_MAGIC);
	if (to == r->shard) {
		core_ack(r->core, a);
		return;
	}
	op = hot_op(r, OP_ACK, a->consumer);
	op->flag = a->cumulative;
	op->flag2 = a->want_reply;
	op->req = a->req;
	ids = op_mem(op, a->n * sizeof(*ids));
	for (i = 0; i < a->n; i++) {
		ids[i] = a->ids[i];
		if (ids[i].words_n == 0)
			continue;
		words = op_mem(op, ids[i].words_n * sizeof(*words));
		memcpy(words, a->ids[i].words, ids[i].words_n * sizeof(*words));
		ids[i].words = words;
	}
	op->ids_n = a->n;
	op->ids = ids;
	r->ops->post(r, to, &op);
}

static void
unpack(struct core *co, const struct op *op)
{
	struct core_publish p;
	struct core_ack a;

	switch (op->type) {
	case OP_PUBLISH:
		p = (struct core_publish){ .producer = op->handle,
			.attr = op->publish.attr,
			.body = op->publish.body,
			.sequence = op->publish.sequence,
			.highest_sequence = op->publish.highest_sequence,
			.dropped_n = op->publish.dropped_n,
			.flush = op->publish.flush };
		core_publish(co, &p);
		break;
	case OP_FLOW:
		core_flow(co, op->handle, op->u32);
		break;
	case OP_BLOCK:
		core_block(co, op->handle, op->flag);
		break;
	case OP_ACK:
		a = (struct core_ack){ .consumer = op->handle,
			.cumulative = op->flag,
			.want_reply = op->flag2,
			.req = op->req,
			.n = op->ids_n,
			.ids = op->ids };
		core_ack(co, &a);
		break;
	default:
		WRONG("not a hot operation");
	}
}

void
route_receive(struct router *r, struct op **opp)
{
	CHECK_OBJ_NOTNULL(r, ROUTER_MAGIC);
	CHECK_OBJ_NOTNULL(*opp, OP_MAGIC);
	switch ((*opp)->type) {
	case OP_PUBLISH:
	case OP_FLOW:
	case OP_BLOCK:
	case OP_ACK:
		unpack(r->core, *opp);
		op_free(opp);
		break;
	default:
		core_op(r->core, opp);
	}
}
