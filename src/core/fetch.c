/* SPDX-License-Identifier: Apache-2.0 */
/* One entry on behalf of an op, with a reader of its own. */
#include "core/sub_priv.h"

struct fetch {
	unsigned magic;
#define FETCH_MAGIC 0xfe7c4001
	struct topic *t;
	struct reader *rd;
	bool running, woken;
	fetch_done_f *done;
	void *priv;
};

static void
finish(struct fetch *f, const struct entry *ent)
{
	struct topic *t = f->t;

	f->done(t, f->priv, ent);
	reader_free(&f->rd);
	FREE_OBJ(f);
	topic_unpin(t);
}

static void
step(void *priv)
{
	struct entry ent;
	struct fetch *f;

	CAST_OBJ_NOTNULL(f, priv, FETCH_MAGIC);
	switch (reader_peek(f->rd, &ent)) {
	case READER_ENTRY:
		finish(f, &ent);
		break;
	case READER_END:
		finish(f, NULL);
		break;
	case READER_WAIT:
		break;
	}
}

void
fetch_entry(struct topic *t, struct pos p, fetch_done_f *done, void *priv)
{
	struct fetch *f;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	ALLOC_OBJ(f, FETCH_MAGIC);
	f->t = t;
	f->done = done;
	f->priv = priv;
	topic_pin(t);
	f->rd = reader_new(t, p, step, f);
	step(f);
}

/* --- by index --------------------------------------------------------------------- */

struct fetch_at {
	unsigned magic;
#define FETCH_AT_MAGIC 0xfe7c4002
	struct topic *t;
	uint64_t index;
	struct reader *rd;
	fetch_index_f *done;
	void *priv;
};

static void
at_end(struct fetch_at *fa, const struct entry *ent, enum err e)
{
	struct topic *t = fa->t;

	fa->done(t, fa->priv, ent, e);
	if (fa->rd != NULL)
		reader_free(&fa->rd);
	FREE_OBJ(fa);
	topic_unpin(t);
}

static void
at_look(void *priv)
{
	enum reader_result r;
	struct fetch_at *fa;
	struct entry ent;

	CAST_OBJ_NOTNULL(fa, priv, FETCH_AT_MAGIC);
	while ((r = reader_peek(fa->rd, &ent)) == READER_ENTRY &&
	    ent.index + ent.attr.messages_n <= fa->index)
		reader_advance(fa->rd);
	if (r == READER_ENTRY)
		at_end(fa, &ent, ERR_OK);
	else if (r == READER_END)
		at_end(fa, NULL,
		    fa->t->state == TOPIC_READY ? ERR_OK : ERR_NOT_READY);
}

static void
at_found(void *priv, struct pos p, enum err e)
{
	struct fetch_at *fa;

	CAST_OBJ_NOTNULL(fa, priv, FETCH_AT_MAGIC);
	if (e != ERR_OK) {
		at_end(fa, NULL, e);
		return;
	}
	fa->rd = reader_new(fa->t, p, at_look, fa);
	at_look(fa);
}

void
fetch_index(struct topic *t, uint64_t index, fetch_index_f *done, void *priv)
{
	struct fetch_at *fa;
	struct pos p;

	CHECK_OBJ_NOTNULL(t, TOPIC_MAGIC);
	ALLOC_OBJ(fa, FETCH_AT_MAGIC);
	fa->t = t;
	fa->index = index;
	fa->done = done;
	fa->priv = priv;
	topic_pin(t);
	if (tlog_place(t, index, &p))
		at_found(fa, p, ERR_OK);
	else
		tlog_find_index(t, index, at_found, fa);
}

/* --- the last one ----------------------------------------------------------------- */

struct last_id {
	struct op *op;
	struct pos md;
};

static void
last_id_done(struct topic *t, void *priv, const struct entry *ent)
{
	struct last_id *li = priv;
	struct fx *fx;

	fx = core_answer_new(t->co, li->op, FX_LAST_ID);
	fx->pos2 = li->md;
	fx->pos = t->log.last;
	if (ent != NULL) {
		fx->pos = ent->pos;
		fx->u32 = ent->attr.messages_n;
		fx->flag = (ent->attr.flags & ATTR_BATCH) != 0;
	}
	core_emit(t->co, &fx);
	op_free(&li->op);
	mem_free(li);
}

void
fetch_last_id(struct topic *t, struct op **opp, const struct sub *s)
{
	struct last_id *li;

	if (!t->name.persistent) {
		core_answer(t->co, opp, ERR_NOT_ALLOWED,
		    "GetLastMessageId not supported on non-persistent topic");
		return;
	}
	li = mem_zalloc(sizeof *li);
	li->op = *opp;
	*opp = NULL;
	li->md = POS_NONE;
	if (s != NULL && s->cur != NULL)
		li->md = cursor_mark_delete(s->cur);
	if (t->log.last.entry < 0)
		last_id_done(t, li, NULL);
	else
		fetch_entry(t, t->log.last, last_id_done, li);
}
