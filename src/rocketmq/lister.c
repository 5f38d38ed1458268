/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/lister.h"

#include <stdlib.h>

#define WINDOW 256u

void
lister_fini(struct lister *l)
{
	uint32_t i;

	for (i = 0; i < l->n; i++)
		mem_free(l->v[i]);
	mem_free(l->v);
}

void
lister_start(struct rmq_job *j)
{
	struct op *op = rmq_job_op(j, OP_NS_LIST, 0);

	op->topic = op_str(op, str_of(j->rm->conf.tenant));
	rmq_job_route_to(j, j->rm->router->shard, &op);
}

static void
add(struct rmq *rm, struct lister *l, struct str full)
{
	struct topic_name tn;
	char *name = NULL;
	bool ours;

	if (topic_name_parse(&tn, full) == ERR_OK) {
		if (tn.partition < 0)
			name = rmq_name_of(rm, &tn, &ours);
		topic_name_fini(&tn);
	}
	if (name != NULL && rmq_topic_is_light(rm, str_of(name))) {
		/* there may be very many, and no list of RocketMQ's has them */
		mem_free(name);
		return;
	}
	if (name == NULL)
		return;
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 64 : l->cap * 2;
		l->v = mem_reallocarray(l->v, l->cap, sizeof(char *));
	}
	l->v[l->n++] = name;
}

static void
list_namespaces(struct rmq_job *j, struct lister *l, const struct fx *fx)
{
	static const enum op_type types[] = { OP_PARTITIONED_LIST,
		OP_TOPIC_LIST };
	struct op *op;
	uint32_t i, k;

	rmq_job_hold(j);
	for (i = 0; i < fx->strings_n; i++)
		for (k = 0; k < 2; k++) {
			op = rmq_job_op(j, types[k], 0);
			op->topic = op_str(op, fx->strings[i]);
			op->flag = true;
			l->left++;
			rmq_job_route_to(j, j->rm->router->shard, &op);
		}
	rmq_job_release(j);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool
lister_step(struct rmq_job *j, struct rmq_session *s, const struct fx *fx)
{
	struct lister *l = j->priv;
	uint32_t i;

	if (fx->op == OP_NS_LIST && fx->err == ERR_OK) {
		list_namespaces(j, l, fx);
		return l->left == 0;
	}
	/* a namespace that has gone meanwhile has no topics */
	if (fx->err != ERR_OK && fx->err != ERR_NO_NAMESPACE &&
	    l->err == ERR_OK)
		l->err = fx->err;
	for (i = 0; fx->err == ERR_OK && i < fx->strings_n; i++)
		add(j->rm, l, fx->strings[i]);
	if (fx->op != OP_NS_LIST && --l->left > 0)
		return false;
	if (l->err != ERR_OK) {
		rmq_answer_err(s, &j->ref, l->err, fx->diag);
		return false;
	}
	if (l->n > 0)
		qsort(l->v, l->n, sizeof *l->v, compare);
	return true;
}

bool
lister_metas(struct rmq_job *j)
{
	struct lister *l = j->priv;
	struct op *op;
	char *full;

	rmq_job_hold(j);
	while (l->next < l->n && l->asked < WINDOW) {
		if (rmq_topic_full(j->rm, str_of(l->v[l->next]), &full) !=
		    ERR_OK) {
			l->next++; /* a name that RocketMQ can't have */
			continue;
		}
		op = rmq_job_op(j, OP_TOPIC_META, l->next++);
		op->topic = op_str(op, str_of(full));
		mem_free(full);
		l->asked++;
		rmq_job_route(j, &op);
	}
	rmq_job_release(j);
	return l->next == l->n && l->asked == 0;
}
