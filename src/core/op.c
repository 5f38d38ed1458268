/* SPDX-License-Identifier: Apache-2.0 */
#include "core/op.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/miniobj.h"
#include "base/vas.h"
#include "core/stats.h"

/*
 * What an op or fx carries beside itself: a list of blocks, the newest first.
 * Most carry a name or two, which fit the first.
 */
#define ARENA_BLOCK 480

struct op_arena {
	struct op_arena *next;
	size_t used, cap;
	_Alignas(16) uint8_t mem[];
};

/* Freed operations of this thread, for the hot ones that cross shards; and
 * effects, of which every answer is one. */
#define FREE_OPS_MAX 4096
#define FREE_FXS_MAX 1024
static _Thread_local struct op *free_ops;
static _Thread_local unsigned free_ops_n;
static _Thread_local struct fx *free_fxs;
static _Thread_local unsigned free_fxs_n;

static void *
arena_alloc(struct op_arena **ap, size_t n)
{
	struct op_arena *a = *ap;
	size_t cap;
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (a == NULL || a->cap - a->used < n) {
		cap = n > ARENA_BLOCK ? n : ARENA_BLOCK;
		a = mem_alloc(sizeof(*a) + cap);
		a->next = *ap;
		a->used = 0;
		a->cap = cap;
		*ap = a;
	}
	p = a->mem + a->used;
	a->used += n;
	memset(p, 0, n);
	return p;
}

static struct str
arena_str(struct op_arena **ap, struct str s)
{
	char *p;

	p = arena_alloc(ap, s.len + 1);
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return (struct str){ .p = p, .len = s.len };
}

static void
arena_free(struct op_arena **ap)
{
	struct op_arena *a, *next;

	for (a = *ap; a != NULL; a = next) {
		next = a->next;
		mem_free(a);
	}
	*ap = NULL;
}

struct op *
op_new(enum op_type type, struct dest dest)
{
	struct op *op = free_ops;

	if (op != NULL) {
		free_ops = (struct op *)op->link.next;
		free_ops_n--;
	} else {
		op = mem_alloc(sizeof(*op));
	}
	*op = (struct op){ .magic = OP_MAGIC, .type = type, .dest = dest };
	return op;
}

void
op_free(struct op **opp)
{
	struct op *op;

	TAKE_OBJ_NOTNULL(op, opp, OP_MAGIC);
	if ((op->type == OP_PUBLISH || op->type == OP_STAGE ||
		op->type == OP_STAGE_RESOLVE || op->type == OP_FILL) &&
	    op->publish.body.buf != NULL)
		slice_unref(&op->publish.body);
	if (op->hold != NULL)
		buf_unref(&op->hold);
	arena_free(&op->arena);
	op->magic = 0;
	if (free_ops_n >= FREE_OPS_MAX) {
		mem_free(op);
		return;
	}
	op->link.next = (struct mbox_msg *)free_ops;
	free_ops = op;
	free_ops_n++;
}

void
op_thread_fini(void)
{
	struct op *op;
	struct fx *fx;

	while ((op = free_ops) != NULL) {
		free_ops = (struct op *)op->link.next;
		mem_free(op);
	}
	while ((fx = free_fxs) != NULL) {
		free_fxs = (struct fx *)fx->link.next;
		mem_free(fx);
	}
	free_ops_n = free_fxs_n = 0;
}

void *
op_mem(struct op *op, size_t n)
{
	CHECK_OBJ_NOTNULL(op, OP_MAGIC);
	return arena_alloc(&op->arena, n);
}

struct str
op_str(struct op *op, struct str s)
{
	CHECK_OBJ_NOTNULL(op, OP_MAGIC);
	return arena_str(&op->arena, s);
}

const char *
op_type_name(enum op_type t)
{
	static const char *const names[OP_TYPES_N] = {
#define OP_TYPE(name) [OP_##name] = #name,
#include "core/tbl/op_type.h"
	};

	assert(t < OP_TYPES_N);
	AN(names[t]);
	return names[t];
}

struct fx *
fx_new(enum fx_type type, struct dest dest)
{
	struct fx *fx = free_fxs;

	if (fx != NULL) {
		free_fxs = (struct fx *)fx->link.next;
		free_fxs_n--;
	} else {
		fx = mem_alloc(sizeof(*fx));
	}
	*fx = (struct fx){ .magic = FX_MAGIC, .type = type, .dest = dest };
	return fx;
}

void
fx_free(struct fx **fxp)
{
	struct fx *fx;
	uint32_t i;

	TAKE_OBJ_NOTNULL(fx, fxp, FX_MAGIC);
	if (fx->stats != NULL)
		topic_stats_free(&fx->stats);
	for (i = 0; i < fx->stats_n; i++)
		topic_stats_free(&fx->stats_list[i]);
	if (fx->ent.body.buf != NULL)
		slice_unref(&fx->ent.body);
	for (i = 0; i < fx->entries_n; i++)
		slice_unref(&fx->entries[i].body);
	arena_free(&fx->arena);
	fx->magic = 0;
	if (free_fxs_n >= FREE_FXS_MAX) {
		mem_free(fx);
		return;
	}
	fx->link.next = (struct mbox_msg *)free_fxs;
	free_fxs = fx;
	free_fxs_n++;
}

void *
fx_mem(struct fx *fx, size_t n)
{
	CHECK_OBJ_NOTNULL(fx, FX_MAGIC);
	return arena_alloc(&fx->arena, n);
}

struct str
fx_str(struct fx *fx, struct str s)
{
	CHECK_OBJ_NOTNULL(fx, FX_MAGIC);
	return arena_str(&fx->arena, s);
}
