/* SPDX-License-Identifier: Apache-2.0 */
#include "format/reference.h"
#include "rocketmq/job.h"
#include "rocketmq/light.h"
#include "rocketmq/pop.h"

/* Records are fetched a few at a time, and no more once there are so many bytes. */
#define WINDOW 8u
#define BYTES_MAX (4u << 20)

struct resolving {
	struct fx *fx;
	uint32_t next; /* the first that has not been asked for */
	uint32_t under_way;
	size_t bytes;
	bool *gone; /* of each entry */
};

static void
resolving_free(struct rmq_job *j)
{
	struct resolving *rs = j->priv;

	fx_free(&rs->fx);
	mem_free(rs->gone);
	mem_free(rs);
}

/* --- the answer as it goes on -------------------------------------------------- */

/* What stands behind n of them was not looked at. */
static void
cut_entries(struct fx *fx, uint32_t n)
{
	if (n == fx->entries_n)
		return;
	fx->u64 = fx->entries[n].index;
	while (fx->entries_n > n)
		slice_unref(&fx->entries[--fx->entries_n].body);
}

static void
cut_leases(struct rmq *rm, struct fx *fx, uint32_t n)
{
	struct lease_name name[READ_AT_MAX];
	uint32_t k = 0;

	while (fx->entries_n > n) {
		name[k++] =
		    (struct lease_name){ fx->entries[fx->entries_n - 1].index,
			    fx->i64 };
		slice_unref(&fx->entries[--fx->entries_n].body);
	}
	/* who only looked has leased nothing: i64 is 0 */
	if (k > 0 && fx->i64 != 0)
		rmq_lease_end(
		    rm, fx->text, fx->strings[0], name, k, LEASE_RETURN_UNUSED);
}

/* Those that have gone: out of a read, while a lease has to be ended by whoever
 * got it, as of a record that can't be read. */
static void
weed(struct fx *fx, const bool *gone)
{
	uint32_t i, n = 0;

	for (i = 0; i < fx->entries_n; i++) {
		if (gone[i]) {
			slice_unref(&fx->entries[i].body);
			if (fx->type != FX_LEASES)
				continue;
			fx->entries[i].attr.format = ENTRY_FORMAT_ROCKETMQ;
			fx->entries[i].body = slice_dup(slice_str("-"));
		}
		fx->entries[n++] = fx->entries[i];
	}
	fx->entries_n = n;
}

static void
finish(struct rmq_job *j)
{
	struct resolving *rs = j->priv;
	struct fx *fx = rs->fx;

	if (j->err != ERR_OK)
		rs->next = 0;
	if (fx->type == FX_LEASES)
		cut_leases(j->rm, fx, rs->next);
	else
		cut_entries(fx, rs->next);
	weed(fx, rs->gone);
	if (j->err != ERR_OK)
		fx->err = j->err;
	fx->flag = true;
	rmq_fx_give(j->rm, fx);
}

/* --- looking up ------------------------------------------------------------------ */

static void
ask(struct rmq_job *j)
{
	struct resolving *rs = j->priv;
	struct fx *fx = rs->fx;
	struct reference ref;
	struct op *op;

	while (rs->next < fx->entries_n && rs->under_way < WINDOW &&
	    rs->bytes < BYTES_MAX && j->err == ERR_OK) {
		if (reference_read(fx->entries[rs->next].body, &ref) !=
		    ERR_OK) {
			rs->gone[rs->next++] = true;
			continue;
		}
		op = rmq_job_op(j, OP_READ, rs->next++);
		op->topic = op_str(op, ref.topic);
		op->start.kind = START_POS;
		op->start.pos = ref.pos;
		rs->under_way++;
		rmq_job_route(j, &op);
	}
}

static bool
is_gone(enum err e)
{
	return e == ERR_NO_MESSAGE || e == ERR_NO_ENTRY || e == ERR_NO_TOPIC ||
	    e == ERR_NO_NAMESPACE || e == ERR_NO_LEDGER;
}

static void
came(struct resolving *rs, uint32_t i, const struct entry *ent)
{
	struct entry *to = &rs->fx->entries[i];

	slice_unref(&to->body);
	to->body = slice_ref(ent->body);
	to->attr = ent->attr;
	to->locator = ent->locator;
	rs->bytes += ent->body.len;
}

static void
step(struct rmq_job *j, struct rmq_session *s, struct fx *fx)
{
	struct resolving *rs = j->priv;

	(void)s;
	rs->under_way--;
	if (fx->err == ERR_OK)
		came(rs, (uint32_t)fx->req, &fx->ent);
	else if (is_gone(fx->err))
		rs->gone[fx->req] = true;
	else if (j->err == ERR_OK)
		j->err = fx->err;
	ask(j);
	if (rs->under_way == 0)
		finish(j);
}

bool
rmq_light_resolve(struct rmq *rm, struct fx **fxp)
{
	struct fx *fx = *fxp;
	struct resolving *rs;
	struct rmq_job *j;

	/* a light queue holds nothing else */
	if (likely(fx->entries_n == 0 ||
		fx->entries[0].attr.format != ENTRY_FORMAT_REFERENCE))
		return false;
	j = rmq_job_new_own(rm, step);
	rs = mem_zalloc(sizeof *rs);
	rs->fx = fx;
	*fxp = NULL;
	rs->gone = mem_calloc(fx->entries_n, sizeof *rs->gone);
	j->priv = rs;
	j->fini = resolving_free;
	rmq_job_hold(j);
	ask(j);
	if (rs->under_way == 0)
		finish(j);
	rmq_job_release(j);
	return true;
}
