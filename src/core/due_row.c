/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of an index, META_DUE and then:
 *	i id due order [at]     an item; at is left out where it is the order
 *	c id target             how many items of this target there are
 *	u, v id ...             the client's
 * Numbers are 8 bytes, big-endian in keys.
 */
#include "core/due_priv.h"

#define FIND_PAGE 4096u

/* --- rows ---------------------------------------------------------------------- */

size_t
due_put64(uint8_t *p, uint64_t v)
{
	int i;

	for (i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
	return 8;
}

uint64_t
due_get64(const uint8_t *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

size_t
due_key_head(uint8_t *key, char kind, uint64_t id)
{
	key[0] = META_DUE[0];
	key[1] = (uint8_t)kind;
	return 2 + due_put64(key + 2, id);
}

size_t
due_key(uint8_t key[static META_KEY_MAX], uint64_t id, char kind, uint64_t n)
{
	size_t len = due_key_head(key, kind, id);

	return len + due_put64(key + len, n);
}

size_t
due_key_item(uint8_t *key, uint64_t id, const struct due_item *it)
{
	size_t len = due_key_head(key, 'i', id);

	len += due_put64(key + len, (uint64_t)it->due_ms);
	len += due_put64(key + len, it->order);
	if (it->at != it->order)
		len += due_put64(key + len, it->at);
	return len;
}

bool
due_item_read(struct due_item *it, const uint8_t *key, size_t keylen,
    const uint8_t *val, size_t len)
{
	const size_t head = 2 + 8;

	if ((keylen != head + 16 && keylen != head + 24) ||
	    (len != 0 && len != 16))
		return false;
	*it = (struct due_item){ .due_ms = (int64_t)due_get64(key + head),
		.order = due_get64(key + head + 8) };
	it->at = keylen == head + 24 ? due_get64(key + head + 16) : it->order;
	if (len == 16) {
		it->hash = due_get64(val);
		it->target = due_get64(val + 8);
	}
	return it->due_ms >= 0;
}

void
due_forget(struct meta_txn *tx, uint64_t id)
{
	static const char kinds[] = { 'i', 'c', 'u', 'v' };
	uint8_t key[META_KEY_MAX];
	size_t i;

	for (i = 0; i < sizeof kinds; i++)
		meta_txn_del_prefix(tx, key, due_key_head(key, kinds[i], id));
}

/* --- counts ---------------------------------------------------------------------- */

static struct count *
count_of(struct due *d, uint64_t target)
{
	struct count *c = umap_get(&d->counts, target);

	if (c != NULL)
		return c;
	c = mem_zalloc(sizeof *c);
	c->target = target;
	if (umap_add(&d->counts, target, c) != ERR_OK)
		WRONG("it is not there, and as large as there are topics");
	return c;
}

static void
count_drop(struct due *d, struct count *c)
{
	if (c->live > 0 || c->disk > 0 || c->listed)
		return;
	AN(umap_del(&d->counts, c->target));
	mem_free(c);
}

void
due_counted(struct due *d, const struct due_item *it, int by)
{
	struct count *c;

	if (by > 0 || d->total > 0)
		d->total += (uint64_t)by;
	if (it->target == 0)
		return;
	c = count_of(d, it->target);
	if (by > 0 || c->live > 0)
		c->live += (uint64_t)by;
	if (d->loaded)
		count_drop(d, c);
}

void
due_count_change(struct due *d, const struct due_item *it, int by)
{
	struct count *c;

	if (it->target == 0)
		return;
	c = count_of(d, it->target);
	c->change += by;
	if (c->listed)
		return;
	c->listed = true;
	if (d->touched_n == d->touched_cap) {
		d->touched_cap = d->touched_cap == 0 ? 16 : d->touched_cap * 2;
		d->touched = mem_reallocarray(
		    d->touched, d->touched_cap, sizeof(struct count *));
	}
	d->touched[d->touched_n++] = c;
}

void
due_counts_write(struct due *d, struct meta_txn *tx)
{
	uint8_t key[META_KEY_MAX], val[8];
	struct count *c;
	size_t len;
	uint64_t n;
	uint32_t i;

	/* A row that was cancelled under another due time than it has (stage.c)
	 * is counted twice: it ends at 0, not below. */

	for (i = 0; i < d->touched_n; i++) {
		c = d->touched[i];
		if (c->change < 0 && (uint64_t)-c->change > c->disk)
			c->change = -(int64_t)c->disk;
		n = c->disk + (uint64_t)c->change;
		len = due_key(key, d->id, 'c', c->target);
		if (n == 0)
			meta_txn_del(tx, key, len);
		else
			meta_txn_put(tx, key, len, val, due_put64(val, n));
	}
}

void
due_counts_end(struct due *d, bool ok)
{
	struct count *c;
	uint32_t i;

	for (i = 0; i < d->touched_n; i++) {
		c = d->touched[i];
		if (ok)
			c->disk += (uint64_t)c->change;
		c->change = 0;
		c->listed = false;
		count_drop(d, c);
	}
	d->touched_n = 0;
}

void
due_counts_reset(struct due *d)
{
	struct count *c;
	size_t it;

	UMAP_FOREACH(c, &d->counts, it)
	{
		c->live -= c->disk;
		d->total -= c->disk;
		c->disk = 0;
	}
}

void
due_count_loaded(struct due *d, uint64_t target, uint64_t n)
{
	struct count *c = count_of(d, target);

	c->disk += n;
	c->live += n;
	d->total += n;
}

void
due_counts_fini(struct due *d)
{
	struct count *c;

	while ((c = umap_pop(&d->counts)) != NULL)
		mem_free(c);
	umap_fini(&d->counts);
	mem_free(d->touched);
}

uint64_t
due_count(const struct due *d, uint64_t target)
{
	const struct count *c;

	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	c = umap_get(&d->counts, target);
	return c != NULL ? c->live : 0;
}

uint64_t
due_total(const struct due *d)
{
	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	return d->total;
}

/* --- finding ------------------------------------------------------------------------------ */

static void find_page(struct find *);

static bool
matches(const struct find *fd, const struct due_item *it)
{
	return it->due_ms == fd->due_ms && it->hash == fd->hash;
}

static void
found(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct find *fd = priv;
	struct due *d = fd->d;
	struct due_item it;

	if (key != NULL) {
		memcpy(fd->key, key, keylen);
		fd->keylen = keylen;
		fd->n++;
		if (!d->dead && due_item_read(&it, key, keylen, val, len) &&
		    matches(fd, &it))
			fd->f(fd->priv, &it);
		return;
	}
	if (!d->dead && e == ERR_OK && fd->n == FIND_PAGE) {
		AN(due_answered(d));
		find_page(fd);
		return;
	}
	LIST_REMOVE(fd, link);
	if (due_answered(d))
		fd->f(fd->priv, NULL);
	mem_free(fd);
}

static void
find_page(struct find *fd)
{
	struct due *d = fd->d;
	uint8_t pre[META_KEY_MAX];
	size_t len = due_key_head(pre, 'i', d->id);

	len += due_put64(pre + len, (uint64_t)fd->due_ms);
	if (fd->keylen == 0) {
		memcpy(fd->key, pre, len);
		fd->keylen = len;
	}
	fd->n = 0;
	d->requests++;
	d->meta->ops->list_after(
	    d->meta, pre, len, fd->key, fd->keylen, FIND_PAGE, found, fd);
}

void
due_find(
    struct due *d, int64_t due_ms, uint64_t hash, due_found_f *f, void *priv)
{
	const struct items *l[] = { &d->fresh, &d->sent };
	struct find *fd;
	uint32_t i;
	size_t k;

	CHECK_OBJ_NOTNULL(d, DUE_MAGIC);
	fd = mem_zalloc(sizeof *fd);
	*fd = (struct find){
		.d = d, .due_ms = due_ms, .hash = hash, .f = f, .priv = priv
	};
	LIST_INSERT_HEAD(&d->finds, fd, link);
	for (k = 0; k < 2; k++)
		for (i = 0; i < l[k]->n; i++)
			if (matches(fd, &l[k]->v[i]))
				f(priv, &l[k]->v[i]);
	find_page(fd);
}
