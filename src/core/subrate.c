/* SPDX-License-Identifier: Apache-2.0 */
#include "core/subrate.h"

#include "base/hash.h"
#include "core/topic_priv.h"

#define S_NS INT64_C(1000000000)

static void
forget(struct subrate *sr)
{
	struct bucket *b;

	while ((b = umap_pop(&sr->seen)) != NULL)
		mem_free(b);
	timer_cancel(sr->t->co->timers, &sr->timer);
}

static void
on_time(void *priv)
{
	struct subrate *sr;

	CAST_OBJ_NOTNULL(sr, priv, SUBRATE_MAGIC);
	forget(sr);
}

void
subrate_free(struct topic *t)
{
	struct subrate *sr;

	if (t->subrate == NULL)
		return;
	TAKE_OBJ_NOTNULL(sr, &t->subrate, SUBRATE_MAGIC);
	forget(sr);
	umap_fini(&sr->seen);
	FREE_OBJ(sr);
}

void
subrate_update(struct topic *t)
{
	const struct limit_value *l = topic_limit(t, LIM_SUBSCRIBE_RATE);
	int64_t period = (l->period_s > 0 ? l->period_s : 1) * S_NS;
	struct subrate *sr = t->subrate;

	if (l->n <= 0 || !t->name.persistent) {
		subrate_free(t);
		return;
	}
	if (sr == NULL) {
		ALLOC_OBJ(sr, SUBRATE_MAGIC);
		sr->t = t;
		umap_init(&sr->seen, t->co->conf.hash_seed, SUBRATE_MAX);
		timer_init(&sr->timer, on_time, sr);
		t->subrate = sr;
	}
	if (sr->n != l->n || sr->period_ns != period)
		forget(sr);
	sr->n = l->n;
	sr->period_ns = period;
}

/* Of a keyed hash: nobody finds another one that is counted with his. */
static uint64_t
who(const struct subrate *sr, const struct op *op)
{
	struct str ip = address_host(op->subscribe.client_addr);
	uint64_t h = sr->t->co->conf.hash_seed;

	h = hash_bytes(h, ip.p, ip.len);
	h = hash_bytes(h, op->subscribe.consumer.p, op->subscribe.consumer.len);
	return hash_u64(h, op->dest.tag);
}

bool
subrate_take(struct topic *t, struct op *op)
{
	struct subrate *sr = t->subrate;
	struct core *co = t->co;
	struct bucket *b;
	uint64_t key;

	if (sr == NULL || op->subscribe.rated ||
	    op->subscribe.client_addr.len == 0)
		return true;
	CHECK_OBJ_NOTNULL(sr, SUBRATE_MAGIC);
	op->subscribe.rated = true;
	key = who(sr, op);
	b = umap_get(&sr->seen, key);
	if (b == NULL) {
		b = mem_zalloc(sizeof *b);
		if (umap_add(&sr->seen, key, b) != ERR_OK) {
			mem_free(b);
			return true;
		}
		bucket_set(b, sr->n, sr->period_ns);
	}
	if (!timer_is_set(&sr->timer))
		timer_set(co->timers, &sr->timer, co->now_ns + sr->period_ns);
	if (!bucket_has(b, co->now_ns))
		return false;
	bucket_take(b, co->now_ns, 1);
	return true;
}
