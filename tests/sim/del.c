/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics are deleted, and made again by whoever comes. Between the question and the
 * answer nothing is needed any more; a delete that a crash left without an answer
 * was done if the topic's record is gone.
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "core/core_priv.h"

void
del_topic(struct sim *w, struct m_topic *t)
{
	t->deleting++;
	w->st.deletes++;
	trace(w, "delete t%u", t->i);
	net_admin(w, t, OP_TOPIC_DELETE, true);
}

/* Clients have still what they were sent: entries live on, but none is the
 * topic's. */
static void
gone(struct sim *w, struct m_topic *t)
{
	struct m_sub *s;
	unsigned k;
	uint32_t i;

	trace(w, "t%u is gone", t->i);
	t->gen++;
	t->deleting = 0;
	for (i = 0; i < t->n; i++)
		t->e[i]->gone = true;
	for (k = 0; k < SUBS_MAX; k++) {
		s = &t->subs[k];
		model_sub_ended(w, s);
		s->ack_n = 0;
	}
	t->n = 0;
	for (i = 0; i < w->producers_n; i++)
		if (w->p[i].t == t)
			w->p[i].last_pos = POS_NONE;
	reads_topic_gone(t);
	leases_topic_gone(t);
	stager_topic_gone(t);
	claims_topic_gone(t);
}

void
del_answered(struct sim *w, const struct fx *fx)
{
	struct m_topic *t;

	if (fx->op != OP_TOPIC_DELETE)
		return;
	t = sess_of(w, fx->dest.tag)->t;
	if (fx->err == ERR_OK)
		gone(w, t);
	else if (fx->err == ERR_NO_TOPIC && t->deleting > 0)
		t->deleting--;
	/* else it may be half done */
}

void
del_started(struct sim *w)
{
	struct meta *m = w->sh[0].meta;
	struct m_topic *t;
	char key[64];
	unsigned i;
	size_t len;
	void *val;
	enum err e;

	for (i = 0; i < w->topics_n; i++) {
		t = &w->t[i];
		if (t->deleting == 0)
			continue;
		t->deleting = 0;
		(void)snprintf(key, sizeof key, "%s%s", META_TOPIC,
		    t->name + strlen("persistent://"));
		e = m->ops->get_now(m, key, strlen(key), &val, &len);
		if (e == ERR_NO_KEY)
			gone(w, t);
		else if (e == ERR_OK)
			mem_free(val);
		else
			violation(w, "t%u: %s", i, err_text(e));
	}
}
