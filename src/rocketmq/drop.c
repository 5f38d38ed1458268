/* SPDX-License-Identifier: Apache-2.0 */
#include "rocketmq/drop.h"

#include "rocketmq/job.h"

struct drop {
	rmq_drop_f *f;
	void *priv;
	char *name, *full;
	bool partitioned;
	uint32_t left; /* queues that are being deleted */
};

static void
drop_fini(struct rmq_job *j)
{
	struct drop *d = j->priv;

	mem_free(d->name);
	mem_free(d->full);
	mem_free(d);
}

static void
delete_queues(struct rmq_job *j, uint32_t partitions)
{
	struct drop *d = j->priv;
	uint32_t i, n = partitions > 0 ? partitions : 1;
	struct op *op;
	char *name;

	d->partitioned = partitions > 0;
	d->left = n;
	rmq_job_hold(j);
	for (i = 0; i < n; i++) {
		name = d->partitioned ?
		    mem_printf("%s-partition-%u", d->full, i) :
		    mem_strdup(d->full);
		op = rmq_job_op(j, OP_TOPIC_DELETE, 0);
		op->topic = op_str(op, str_of(name));
		op->flag = true;
		mem_free(name);
		rmq_job_route(j, &op);
	}
	rmq_job_release(j);
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct drop *d = j->priv;
	struct op *op;

	(void)s;
	if (fx == NULL) {
		d->f(j->rm, d->priv, j->err);
		return;
	}
	if (fx->op == OP_TOPIC_META && fx->err == ERR_OK) {
		delete_queues(j, fx->u32);
		return;
	}
	if (fx->err != ERR_OK && fx->err != ERR_NO_TOPIC &&
	    fx->err != ERR_NO_NAMESPACE && j->err == ERR_OK)
		j->err = fx->err;
	if (fx->op == OP_TOPIC_DELETE && --d->left > 0)
		return;
	if (fx->op == OP_TOPIC_DELETE && d->partitioned && j->err == ERR_OK) {
		op = rmq_job_op(j, OP_PARTITIONED_DELETE, 0);
		op->topic = op_str(op, str_of(d->full));
		rmq_job_route(j, &op);
		return;
	}
	rmq_job_tell(j, TELL_TOPIC_STALE, str_of(d->name));
}

void
rmq_topic_drop(struct rmq *rm, struct str name, rmq_drop_f *f, void *priv)
{
	struct rmq_job *j = rmq_job_new_own(rm, step);
	struct drop *d = mem_zalloc(sizeof *d);
	struct op *op;

	d->f = f;
	d->priv = priv;
	d->name = mem_strndup(name.p, name.len);
	j->priv = d;
	j->fini = drop_fini;
	if (rmq_topic_full(rm, name, &d->full) != ERR_OK) {
		rmq_job_tell(j, TELL_TOPIC_STALE, name);
		return;
	}
	op = rmq_job_op(j, OP_TOPIC_META, 0);
	op->topic = op_str(op, str_of(d->full));
	rmq_job_route(j, &op);
}
