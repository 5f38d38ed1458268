/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An item that was added is in `fresh` until a batch takes it to `sent`, and in
 * the window as well if it comes before the window's end. `gone` has the keys that
 * the next batch deletes.
 */
#include <stdlib.h>

#include "core/due_priv.h"

#define WINDOW 65536u
#define WINDOW_MIN 256u
#define WINDOWS 262144u /* of all indexes of a core */
#define FLUSH_MAX 16384u
#define HEAP_KEPT 1024u
/* What may wait for the disk; and where rows lie apart (their due times do by more
 * than APART_MS), so that each touches a page of its own, of which LMDB has a copy
 * in memory until the batch is written, and keeps that memory for the next one: with
 * ten million items on disk it were 600 MB for FULL, and are 80 MB. */
#define FULL (16u * FLUSH_MAX)
#define FULL_APART (2u * FLUSH_MAX)
#define APART_MS 1000
#define GONE_DENSE (4u * FLUSH_MAX)
#define FLUSH_NS INT64_C(1000000000)
#define RETRY_NS INT64_C(1000000000)
#define WAIT_MAX_MS INT64_C(60000)
#define MS_NS INT64_C(1000000)

static void
items_add(struct items *l, const struct due_item *it)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : l->cap * 2;
		l->v = mem_reallocarray(l->v, l->cap, sizeof *l->v);
	}
	l->v[l->n++] = *it;
}

/* --- life ------------------------------------------------------------------------- */

static void timer_over(void *priv);
static void flush_over(void *priv);

/* The more indexes there are, the less each has in memory. */
static uint32_t
window_size(const struct due *d)
{
	uint32_t n = WINDOWS / d->co->dues_n;

	if (d->co->conf.due_window != 0)
		return d->co->conf.due_window;
	if (n < WINDOW_MIN)
		return WINDOW_MIN;
	return n < WINDOW ? n : WINDOW;
}

struct due *
due_new(struct core *co, uint64_t id, const struct due_client *cl, void *priv)
{
	struct due *d;

	CHECK_OBJ_NOTNULL(co, CORE_MAGIC);
	ALLOC_OBJ(d, DUE_MAGIC);
	d->co = co;
	d->meta = co->due_meta;
	d->id = id;
	d->client = cl;
	d->priv = priv;
	co->dues_n++;
	d->window = window_size(d);
	umap_init(&d->skip, co->conf.hash_seed, 1u << 30);
	umap_init(&d->fresh_at, co->conf.hash_seed, 1u << 30);
	umap_init(&d->counts, co->conf.hash_seed, 1u << 30);
	timer_init(&d->timer, timer_over, d);
	timer_init(&d->flush_timer, flush_over, d);
	LIST_INSERT_HEAD(&co->dues, d, link);
	return d;
}

static void
destroy(struct due *d)
{
	struct find *fd;

	LIST_REMOVE(d, link);
	d->co->dues_n--;
	due_heap_fini(&d->win);
	mem_free(d->fresh.v);
	mem_free(d->sent.v);
	mem_free(d->gone.v);
	mem_free(d->sent_gone.v);
	while ((fd = LIST_FIRST(&d->finds)) != NULL) {
		LIST_REMOVE(fd, link);
		mem_free(fd);
	}
	due_counts_fini(d);
	umap_fini(&d->fresh_at);
	umap_fini(&d->skip);
	FREE_OBJ(d);
}

void
due_free(struct due **dp)
{
	struct due *d;

	TAKE_OBJ_NOTNULL(d, dp, DUE_MAGIC);
	timer_cancel(d->co->timers, &d->timer);
	timer_cancel(d->co->timers, &d->flush_timer);
	d->dead = true;
	if (d->requests == 0)
		destroy(d);
}

void
dues_free(struct core *co)
{
	struct due *d;

	while ((d = LIST_FIRST(&co->dues)) != NULL) {
		assert(d->dead);
		destroy(d);
	}
}

bool
due_answered(struct due *d)
{
	AN(d->requests);
	d->requests--;
	if (!d->dead)
		return true;
	if (d->requests == 0)
		destroy(d);
	return false;
}

/* --- the window ------------------------------------------------------------------- */

static bool
in_window(const struct due *d, const struct due_item *it)
{
	return d->whole || due_cmp(it, &d->end) <= 0;
}

static void
arm(struct due *d)
{
	int64_t ms;

	if (d->win.n == 0) {
		timer_cancel(d->co->timers, &d->timer);
		return;
	}
	ms = d->win.v[0].due_ms - d->co->now_ms;
	if (ms < 0)
		ms = 0;
	if (ms > WAIT_MAX_MS)
		ms = WAIT_MAX_MS;
	timer_set(d->co->timers, &d->timer, d->co->now_ns + ms * MS_NS);
}

/* What comes behind the first ones is on disk only. Not below what was taken: its
 * rows may still be there, and a scan would bring them back. */
static void
window_cut(struct due *d)
{
	uint32_t keep, i;

	d->window = keep = window_size(d);
	due_heap_cut(&d->win, d->win.n); /* sorts */
	while (keep < d->win.n && due_cmp(&d->win.v[keep], &d->taken) <= 0)
		keep++;
	d->cut_n = keep + (keep > d->window ? keep : d->window);
	if (keep >= d->win.n)
		return;
	for (i = keep; i < d->win.n && d->skip.n > 0; i++)
		(void)umap_del(&d->skip, d->win.v[i].at);
	d->win.n = keep;
	d->end = d->win.v[keep - 1];
	if (due_cmp(&d->end, &d->taken) < 0)
		d->end = d->taken;
	d->whole = false;
	d->scan_void = d->scanning;
	/* rows that are about to be deleted may lie behind it now */
	d->gone_far = d->gone.n > 0;
}

static void
window_add(struct due *d, const struct due_item *it)
{
	due_heap_push(&d->win, it);
	if (d->win.n >= 2 * d->window && d->win.n >= d->cut_n)
		window_cut(d);
}

static void next_request(struct due *);

static void
timer_over(void *priv)
{
	struct due *d;

	CAST_OBJ_NOTNULL(d, priv, DUE_MAGIC);
	if (d->win.n > 0 && d->win.v[0].due_ms > d->co->now_ms)
		arm(d);
	else
		d->client->ready(d->priv);
}

int64_t
due_first_ms(const struct due *d)
{
	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	if (d->win.n > 0)
		return d->win.v[0].due_ms;
	return d->whole ? INT64_MAX : d->end.due_ms;
}

bool
due_may_have_more(const struct due *d)
{
	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	return d->win.n == 0 && !d->whole && d->end.due_ms <= d->co->now_ms;
}

bool
due_next(struct due *d, struct due_item *it)
{
	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	while (d->win.n > 0 && d->win.v[0].due_ms <= d->co->now_ms) {
		*it = due_heap_pop(&d->win);
		if (due_cmp(it, &d->taken) > 0)
			d->taken = *it;
		if (d->skip.n == 0 || umap_del(&d->skip, it->at) == NULL) {
			next_request(d);
			return true;
		}
	}
	if (d->win.n == 0 && d->win.cap > HEAP_KEPT)
		due_heap_fini(&d->win);
	next_request(d);
	arm(d);
	return false;
}

/* --- adding, ending ----------------------------------------------------------------- */

static void
flush_within(struct due *d, int64_t ns)
{
	if (!timer_is_set(&d->flush_timer) ||
	    d->flush_timer.due_ns > d->co->now_ns + ns)
		timer_set(d->co->timers, &d->flush_timer, d->co->now_ns + ns);
}

void
due_add(struct due *d, const struct due_item *it)
{
	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	assert(it->due_ms >= 0);
	items_add(&d->fresh, it);
	d->fresh_live++;
	if (umap_add(&d->fresh_at, it->at, (void *)(uintptr_t)d->fresh.n) !=
	    ERR_OK)
		WRONG("an item is added once");
	due_counted(d, it, 1);
	if (in_window(d, it)) {
		window_add(d, it);
		arm(d);
	}
	flush_within(d, d->fresh.n >= FLUSH_MAX ? 0 : FLUSH_NS);
}

/* true: it was never written */
static bool
fresh_remove(struct due *d, const struct due_item *it)
{
	uintptr_t i = (uintptr_t)umap_del(&d->fresh_at, it->at);

	if (i == 0)
		return false;
	d->fresh.v[i - 1].due_ms = FRESH_DONE;
	d->fresh_live--;
	return true;
}

/* So many are deleted at once; the rest goes with the next batch. Of a burst, any few
 * lie all over its pages: the more at once, the fewer pages are written again. */
static uint32_t
gone_max(const struct due *d)
{
	return d->gone_dense ? GONE_DENSE : FLUSH_MAX;
}

static void
row_gone(struct due *d, const struct due_item *it)
{
	items_add(&d->gone, it);
	if (!in_window(d, it))
		d->gone_far = true;
	flush_within(d, d->gone.n >= gone_max(d) ? 0 : FLUSH_NS);
}

void
due_done(struct due *d, const struct due_item *it)
{
	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	due_counted(d, it, -1);
	if (!fresh_remove(d, it))
		row_gone(d, it);
}

void
due_cancel(struct due *d, const struct due_item *it)
{
	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	due_counted(d, it, -1);
	if (in_window(d, it) && umap_add(&d->skip, it->at, d) != ERR_OK)
		WRONG("an item is cancelled once");
	if (!fresh_remove(d, it))
		row_gone(d, it);
}

void
due_flush_soon(struct due *d)
{
	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	d->flush = true;
	flush_within(d, FLUSH_NS);
}

bool
due_is_full(const struct due *d)
{
	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	return d->fresh_live + d->sent.n >= (d->apart ? FULL_APART : FULL);
}

/* --- batches ------------------------------------------------------------------------ */

/* What is done already goes nowhere. */
static void
fresh_take(struct due *d)
{
	uint32_t i;

	for (i = 0; i < d->fresh.n; i++)
		if (d->fresh.v[i].due_ms != FRESH_DONE)
			items_add(&d->sent, &d->fresh.v[i]);
	d->fresh.n = 0;
	d->fresh_live = 0;
	umap_fini(&d->fresh_at);
	umap_init(&d->fresh_at, d->co->conf.hash_seed, 1u << 30);
}

/* in the order of their rows: neighbours find their page in the caches */
static int
item_cmp(const void *va, const void *vb)
{
	const struct due_item *a = va, *b = vb;

	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms ? -1 : 1;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

/* Sorts them; how many lie apart from the one before. */
static uint32_t
items_sort(struct items *l)
{
	uint32_t i, apart_n = 0;

	if (l->n < 2)
		return 0;
	qsort(l->v, l->n, sizeof *l->v, item_cmp);
	for (i = 1; i < l->n; i++)
		apart_n += l->v[i].due_ms - l->v[i - 1].due_ms > APART_MS;
	return apart_n;
}

/* Some of what is done. */
static void
gone_take(struct due *d)
{
	struct items *l = &d->gone;
	uint32_t i, n = l->n < gone_max(d) ? l->n : gone_max(d);

	for (i = 0; i < n; i++)
		items_add(&d->sent_gone, &l->v[i]);
	l->n -= n;
	if (l->n > 0)
		memmove(l->v, l->v + n, l->n * sizeof *l->v);
	else
		d->gone_far = false;
	d->gone_dense = items_sort(&d->sent_gone) < n / 4 && n >= FLUSH_MAX;
}

static void
retry_later(struct due *d)
{
	d->not_before_ns = d->co->now_ns + RETRY_NS;
	timer_set(d->co->timers, &d->flush_timer, d->not_before_ns);
}

static void
committed(void *priv, enum err e)
{
	struct due *d;

	CAST_OBJ_NOTNULL(d, priv, DUE_MAGIC);
	d->busy = false;
	due_counts_end(d, e == ERR_OK);
	if (e == ERR_OK) {
		d->sent.n = 0;
		d->sent_gone.n = 0;
	}
	if (!due_answered(d))
		return;
	if (e != ERR_OK) {
		retry_later(d);
		return;
	}
	if (d->client->added != NULL)
		d->client->added(d->priv);
	next_request(d);
}

static void
batch(struct due *d)
{
	uint8_t key[META_KEY_MAX], val[16];
	struct meta_txn *tx = meta_txn_new();
	const struct due_item *it;
	size_t klen, len;
	uint32_t i;

	/* behind those of a batch that failed */
	fresh_take(d);
	gone_take(d);
	if (d->sent.n > 1)
		d->apart = items_sort(&d->sent) >= FLUSH_MAX / 2;
	for (i = 0; i < d->sent.n; i++) {
		it = &d->sent.v[i];
		klen = due_key_item(key, d->id, it);
		len = due_put64(val, it->hash);
		len += due_put64(val + len, it->target);
		if (it->hash == 0 && it->target == 0)
			len = 0;
		meta_txn_put(tx, key, klen, val, len);
		due_count_change(d, it, 1);
	}
	for (i = 0; i < d->sent_gone.n; i++) {
		it = &d->sent_gone.v[i];
		meta_txn_del(tx, key, due_key_item(key, d->id, it));
		due_count_change(d, it, -1);
	}
	due_counts_write(d, tx);
	d->flush = false;
	if (d->client->add != NULL)
		d->client->add(d->priv, tx);
	d->busy = true;
	d->requests++;
	d->meta->ops->commit(d->meta, &tx, committed, d);
}

static bool
has_batch(const struct due *d)
{
	return d->loaded &&
	    (d->fresh_live > 0 || d->gone.n > 0 || d->flush || d->sent.n > 0 ||
		d->sent_gone.n > 0);
}

static void
flush_over(void *priv)
{
	struct due *d;

	CAST_OBJ_NOTNULL(d, priv, DUE_MAGIC);
	if (d->busy || d->co->draining) /* looked at again when it ends */
		return;
	if (d->co->now_ns < d->not_before_ns)
		timer_set(d->co->timers, &d->flush_timer, d->not_before_ns);
	else if (!d->loaded)
		due_load(d);
	else if (has_batch(d))
		batch(d);
	else
		next_request(d);
}

/* --- scans ---------------------------------------------------------------------------- */

/* Those that were cancelled behind the window while the scan was under way: it has
 * brought their rows. */
static void
scan_cancelled(struct due *d, const struct due_item *was)
{
	const struct due_item *it;
	uint32_t i;

	for (i = d->scan_gone; i < d->gone.n; i++) {
		it = &d->gone.v[i];
		if (due_cmp(it, was) > 0 && in_window(d, it) &&
		    umap_add(&d->skip, it->at, d) != ERR_OK)
			WRONG("an item is cancelled once");
	}
}

static void
scan_end(struct due *d)
{
	const struct due_item *it;
	struct due_item was = d->end;
	uint32_t i;

	d->end = d->scan_end;
	d->whole = d->scanned_n < d->window || due_cmp(&d->end, &was) == 0;
	scan_cancelled(d, &was);
	/* what has come since: not on disk, and now in the window */
	for (i = 0; i < d->fresh.n; i++) {
		it = &d->fresh.v[i];
		if (it->due_ms != FRESH_DONE && due_cmp(it, &was) > 0 &&
		    in_window(d, it))
			window_add(d, it);
	}
}

static void
scanned(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct due_item it;
	struct due *d;

	CAST_OBJ_NOTNULL(d, priv, DUE_MAGIC);
	if (key != NULL) {
		d->scanned_n++;
		if (d->dead || d->scan_void)
			return;
		if (!due_item_read(&it, key, keylen, val, len)) {
			d->co->damaged++;
			return;
		}
		due_heap_push(&d->win, &it);
		d->scan_end = it;
		return;
	}
	d->busy = d->scanning = false;
	if (!due_answered(d))
		return;
	if (e != ERR_OK) {
		retry_later(d);
		return;
	}
	if (!d->scan_void)
		scan_end(d);
	arm(d);
	next_request(d);
}

static void
scan(struct due *d)
{
	uint8_t key[META_KEY_MAX], pre[META_KEY_MAX];
	size_t plen = due_key_head(pre, 'i', d->id), len;

	len = due_key_item(key, d->id, &d->end);
	d->busy = d->scanning = true;
	d->scan_void = false;
	d->scan_gone = d->gone.n;
	d->requests++;
	d->scanned_n = 0;
	d->window = window_size(d);
	d->scan_end = d->end;
	d->meta->ops->list_after(
	    d->meta, pre, plen, key, len, d->window, scanned, d);
}

/* One at a time: a batch that is due goes first, since a scan must not bring back
 * what is about to be deleted. */
static void
next_request(struct due *d)
{
	bool low = !d->whole && d->win.n <= d->window / 4;

	if (d->busy || !d->loaded || d->co->draining ||
	    d->co->now_ns < d->not_before_ns)
		return;
	if (d->fresh.n >= FLUSH_MAX || d->gone.n >= gone_max(d) ||
	    d->sent.n > 0 || d->sent_gone.n > 0 || (low && d->gone_far))
		batch(d);
	else if (low)
		scan(d);
	else if (has_batch(d) && !timer_is_set(&d->flush_timer))
		flush_within(d, FLUSH_NS);
}

/* --- loading ----------------------------------------------------------------------------- */

static void
count_got(void *priv, enum err e, const void *key, size_t keylen,
    const void *val, size_t len)
{
	const uint8_t *k = key;
	struct due *d;

	CAST_OBJ_NOTNULL(d, priv, DUE_MAGIC);
	if (key != NULL) {
		if (d->dead || keylen != 2 + 16 || len != 8)
			return;
		due_count_loaded(d, due_get64(k + 2 + 8), due_get64(val));
		return;
	}
	d->busy = false;
	if (!due_answered(d))
		return;
	if (e != ERR_OK) {
		retry_later(d);
		return;
	}
	d->loaded = true;
	d->client->loaded(d->priv);
	next_request(d);
}

void
due_load(struct due *d)
{
	uint8_t key[META_KEY_MAX];
	size_t len;

	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	assert(!d->loaded && !d->busy);
	/* a list that broke off is read again from its beginning */
	due_counts_reset(d);
	len = due_key_head(key, 'c', d->id);
	d->busy = true;
	d->requests++;
	d->meta->ops->list(d->meta, key, len, 0, true, count_got, d);
}

void
due_clock_jumped(struct core *co)
{
	struct due *d;

	LIST_FOREACH(d, &co->dues, link)
		if (!d->dead && d->win.n > 0)
			timer_set(co->timers, &d->timer, co->now_ns);
}
