/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/claim.h"
#include "rocketmq/job.h"
#include "rocketmq/pop.h"

#define CLAIM_MS 120000
#define AGAIN_NS INT64_C(40000000000) /* while it lasts */
#define SOON_NS \
	INT64_C(1000000000) /* it was refused, or there is no topic yet */

struct rmq_claim {
	LIST_ENTRY(rmq_claim) link;
	char *topic; /* RocketMQ's name */
	bool shared; /* by members that pop only */
	bool wanted;
	int64_t due_ns;
};

struct claiming { /* a job's */
	char *group, *topic, *full;
	bool on, shared, refused;
};

/* --- saying it --------------------------------------------------------------- */

static struct rmq_claim *
claim_get(const struct rmq_group *g, const char *topic)
{
	struct rmq_claim *c;

	LIST_FOREACH(c, &g->claims, link)
		if (strcmp(c->topic, topic) == 0)
			return c;
	return NULL;
}

static void
claiming_free(struct rmq_job *j)
{
	struct claiming *cl = j->priv;
	struct rmq_group *g =
	    map_get(&j->rm->groups, cl->group, strlen(cl->group));
	struct rmq_claim *c = g != NULL ? claim_get(g, cl->topic) : NULL;

	if (cl->refused && c != NULL)
		c->due_ns = loop_mono_ns(j->rm->lp) + SOON_NS;
	mem_free(cl->group);
	mem_free(cl->topic);
	mem_free(cl->full);
	mem_free(cl);
}

static void
ask_meta(struct rmq_job *j)
{
	const struct claiming *cl = j->priv;
	struct op *op = rmq_job_op(j, OP_TOPIC_META, 0);

	op->topic = op_str(op, str_of(cl->full));
	rmq_job_route(j, &op);
}

static void
claim_queue(struct rmq_job *j, const struct rmq_topic *t, uint32_t queue)
{
	const struct claiming *cl = j->priv;
	char name[NAME_MAX_BYTES + 32];
	struct op *op = rmq_job_op(j, OP_CURSOR_CLAIM, queue);

	op->topic = op_str(op, rmq_queue_full(t, queue, name, sizeof name));
	op->sub = op_str(op, str_of(cl->group));
	op->flag = cl->on;
	op->u64 = (uint64_t)(loop_wall_ms(j->rm->lp) + CLAIM_MS);
	op->u32 = cl->shared;
	rmq_job_route(j, &op);
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct claiming *cl = j->priv;
	struct rmq_topic t = { .full = cl->full, .partitioned = fx->u32 > 0 };
	uint32_t i, n = fx->u32 > 0 ? fx->u32 : 1;

	(void)s;
	switch (fx->op) {
	case OP_DOC_GET:
		if (fx->err == ERR_OK && rmq_mode_is_pop(fx->text))
			cl->shared = true;
		ask_meta(j);
		break;
	case OP_TOPIC_META:
		cl->refused = fx->err != ERR_OK;
		for (i = 0; fx->err == ERR_OK && i < n; i++)
			claim_queue(j, &t, i);
		break;
	default:
		if (fx->err != ERR_OK)
			cl->refused = true;
	}
}

static void
say(struct rmq_group *g, struct rmq_claim *c, bool on)
{
	struct rmq *rm = g->rm;
	struct claiming *cl;
	struct rmq_job *j;
	struct op *op;
	char *full;

	c->due_ns = loop_mono_ns(rm->lp) + AGAIN_NS;
	if (rmq_topic_full(rm, str_of(c->topic), &full) != ERR_OK)
		return; /* nobody can have such a topic */
	j = rmq_job_new_own(rm, step);
	cl = mem_zalloc(sizeof *cl);
	cl->group = mem_strdup(g->name);
	cl->topic = mem_strdup(c->topic);
	cl->full = full;
	cl->on = on;
	cl->shared = c->shared;
	j->priv = cl;
	j->fini = claiming_free;
	/* who "pushes" may be told by the broker to pop */
	op = rmq_mode_op(j, OP_DOC_GET, str_of(c->topic), str_of(g->name));
	rmq_job_route_to(j, rm->router->shard, &op);
}

/* --- what is wanted ------------------------------------------------------------ */

static void
claim_free(struct rmq_claim *c)
{
	LIST_REMOVE(c, link);
	mem_free(c->topic);
	mem_free(c);
}

static void
want(struct rmq_group *g, const char *topic, bool pops)
{
	struct rmq_claim *c;
	bool shared;

	if (rmq_topic_is_retry(str_of(topic)))
		return; /* a topic of the group's own */
	c = claim_get(g, topic);
	if (c == NULL) {
		c = mem_zalloc(sizeof *c);
		c->topic = mem_strdup(topic);
		c->shared = pops;
		LIST_INSERT_HEAD(&g->claims, c, link);
	}
	shared = pops && (c->shared || !c->wanted);
	if (shared != c->shared) {
		c->shared = shared;
		c->due_ns = 0;
	}
	c->wanted = true;
}

void
rmq_claims_update(struct rmq_group *g, const struct rmq_interests *all)
{
	const struct rmq_interest *in;
	struct rmq_claim *c, *next;
	uint32_t i, k;

	LIST_FOREACH(c, &g->claims, link)
		c->wanted = false;
	for (i = 0; i < all->n; i++) {
		in = all->v[i];
		for (k = 0; k < in->subs_n && !in->broadcast; k++)
			want(g, in->subs[k].topic, in->type == RMQ_POP);
	}
	for (c = LIST_FIRST(&g->claims); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (!c->wanted) {
			say(g, c, false);
			claim_free(c);
		} else if (c->due_ns == 0)
			say(g, c, true);
	}
}

void
rmq_claims_tick(struct rmq_group *g, int64_t now_ns)
{
	struct rmq_claim *c;

	LIST_FOREACH(c, &g->claims, link)
		if (c->due_ns <= now_ns)
			say(g, c, true);
}

void
rmq_claims_free(struct rmq_group *g)
{
	struct rmq_claim *c;

	while ((c = LIST_FIRST(&g->claims)) != NULL)
		claim_free(c);
}
