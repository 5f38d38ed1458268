/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction is one block of items, each a head and the bytes of its key
 * and value, unaligned: heads are copied out.
 */
#include "base/miniobj.h"
#include "store/meta.h"

struct meta_txn {
	unsigned magic;
#define META_TXN_MAGIC 0x3e7a7100
	uint8_t *p;
	size_t len, cap, n;
};

struct head {
	uint32_t op;
	uint32_t keylen;
	uint32_t len;
};

struct meta_txn *
meta_txn_new(void)
{
	struct meta_txn *mt;

	ALLOC_OBJ(mt, META_TXN_MAGIC);
	return mt;
}

void
meta_txn_free(struct meta_txn **mtp)
{
	struct meta_txn *mt;

	TAKE_OBJ_NOTNULL(mt, mtp, META_TXN_MAGIC);
	mem_free(mt->p);
	FREE_OBJ(mt);
}

static void
add(struct meta_txn *mt, enum meta_txn_op op, const void *key, size_t keylen,
    const void *val, size_t len)
{
	struct head h = { .op = op };
	size_t want;

	CHECK_OBJ_NOTNULL(mt, META_TXN_MAGIC);
	assert(keylen >= 1 && keylen <= META_KEY_MAX);
	assert(len <= META_VALUE_MAX);
	h.keylen = (uint32_t)keylen;
	h.len = (uint32_t)len;
	want = mt->len + sizeof h + keylen + len;
	if (want > mt->cap) {
		mt->cap = want > 2 * mt->cap ? want : 2 * mt->cap;
		mt->p = mem_realloc(mt->p, mt->cap);
	}
	memcpy(mt->p + mt->len, &h, sizeof h);
	mt->len += sizeof h;
	memcpy(mt->p + mt->len, key, keylen);
	mt->len += keylen;
	if (len > 0)
		memcpy(mt->p + mt->len, val, len);
	mt->len += len;
	mt->n++;
}

void
meta_txn_put(struct meta_txn *mt, const void *key, size_t keylen,
    const void *val, size_t len)
{
	add(mt, META_PUT, key, keylen, val, len);
}

void
meta_txn_del(struct meta_txn *mt, const void *key, size_t keylen)
{
	add(mt, META_DEL, key, keylen, NULL, 0);
}

void
meta_txn_del_prefix(struct meta_txn *mt, const void *prefix, size_t len)
{
	add(mt, META_DEL_PREFIX, prefix, len, NULL, 0);
}

void
meta_txn_expect(
    struct meta_txn *mt, const void *key, size_t keylen, bool exists)
{
	add(mt, exists ? META_EXPECT : META_EXPECT_NOT, key, keylen, NULL, 0);
}

void
meta_txn_expect_none(struct meta_txn *mt, const void *prefix, size_t len)
{
	add(mt, META_EXPECT_NONE, prefix, len, NULL, 0);
}

bool
meta_txn_next(
    const struct meta_txn *mt, size_t *iter, struct meta_txn_item *item)
{
	struct head h;

	CHECK_OBJ_NOTNULL(mt, META_TXN_MAGIC);
	if (*iter == mt->len)
		return false;
	assert(*iter + sizeof h <= mt->len);
	memcpy(&h, mt->p + *iter, sizeof h);
	*iter += sizeof h;
	item->op = h.op;
	item->key = mt->p + *iter;
	item->keylen = h.keylen;
	*iter += h.keylen;
	item->val = mt->p + *iter;
	item->len = h.len;
	*iter += h.len;
	assert(*iter <= mt->len);
	return true;
}

size_t
meta_txn_items(const struct meta_txn *mt)
{
	CHECK_OBJ_NOTNULL(mt, META_TXN_MAGIC);
	return mt->n;
}

size_t
meta_txn_bytes(const struct meta_txn *mt)
{
	CHECK_OBJ_NOTNULL(mt, META_TXN_MAGIC);
	return mt->len;
}

size_t
meta_key_id(uint8_t key[static META_KEY_MAX], const char *prefix, uint64_t id)
{
	size_t n = strlen(prefix);
	int i;

	assert(n + sizeof id <= META_KEY_MAX);
	memcpy(key, prefix, n);
	for (i = 0; i < 8; i++)
		key[n + (size_t)i] = (uint8_t)(id >> (56 - 8 * i));
	return n + sizeof id;
}
