/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents that front-ends keep for themselves, and the question who subscribes
 * to what, which is answered from the subscriptions' keys.
 */
#include "core/admin_priv.h"

/* --- documents ---------------------------------------------------------------- */

static void
got(void *priv, enum err e, const void *val, size_t len)
{
	admin_got(priv, e, val, len, ERR_NO_KEY, "No such document");
}

static void
listed(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	admin_listed(ad, e, key, keylen, ad->prefix_len);
	if (key != NULL && ad->op->flag)
		admin_name(ad, val, len);
}

static void
list(struct admin *ad)
{
	struct meta *meta = ad->co->meta;
	uint8_t key[META_KEY_MAX];
	size_t n = key_text(key, META_DOC, ad->op->topic);

	ad->prefix_len = (uint32_t)n;
	meta->ops->list(meta, key, n, 0, ad->op->flag, listed, ad);
}

static void
written(void *priv, enum err e)
{
	struct admin *ad;

	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (e != ERR_CONFLICT)
		admin_end(ad, e == ERR_OK ? e : ERR_METADATA, NULL);
	else if (ad->op->type == OP_DOC_PUT)
		admin_end(ad, ERR_EXISTS, "The document exists already");
	else
		admin_end(ad, ERR_NO_KEY, "No such document");
}

static void
write_doc(struct admin *ad)
{
	struct meta_txn *tx = meta_txn_new();
	struct str doc = ad->op->text;
	uint8_t key[META_KEY_MAX];
	size_t n = key_text(key, META_DOC, ad->op->topic);

	if (ad->op->type == OP_DOC_DELETE) {
		meta_txn_expect(tx, key, n, true);
		meta_txn_del(tx, key, n);
	} else {
		if (ad->op->flag)
			meta_txn_expect(tx, key, n, false);
		meta_txn_put(tx, key, n, doc.len > 0 ? doc.p : "", doc.len);
	}
	admin_commit(ad, &tx, written);
}

void
admin_docs(struct core *co, struct op **opp)
{
	struct admin *ad = admin_new(co, opp);

	switch (ad->op->type) {
	case OP_DOC_GET:
		admin_get(ad, META_DOC, ad->op->topic, got);
		break;
	case OP_DOC_LIST:
		list(ad);
		break;
	case OP_DOC_PUT:
	case OP_DOC_DELETE:
		if (ad->op->topic.len == 0)
			admin_end(
			    ad, ERR_INVALID_NAME, "A document needs a name");
		else if (ad->op->text.len > ADMIN_TEXT_MAX)
			admin_end(ad, ERR_TOO_BIG, "The document is too large");
		else
			write_doc(ad);
		break;
	default:
		WRONG("not an op of documents");
	}
}

/* --- who subscribes to what --------------------------------------------------- */

#define FIND_KEYS 4096u /* a request to metadata */

static void find(struct admin *);

/* "sub/<topic's key>\0<sub>" */
static void
sub_key(struct admin *ad, const char *key, size_t len)
{
	const size_t head = sizeof META_SUB - 1;
	struct str want = ad->op->sub, sub;
	const char *end;
	char *name;

	end = memchr(key, 0, len);
	if (end == NULL || len < head)
		return;
	sub = (struct str){ end + 1, (size_t)(key + len - end) - 1 };
	if (want.len > 0 && !str_eq(want, sub))
		return;
	name = mem_printf("persistent://%s", key + head);
	admin_name(ad, name, strlen(name));
	mem_free(name);
	if (want.len == 0)
		admin_name(ad, sub.p, sub.len);
}

static void
found(void *priv, enum err e, const void *key, size_t keylen, const void *val,
    size_t len)
{
	struct admin *ad;

	(void)val;
	(void)len;
	CAST_OBJ_NOTNULL(ad, priv, ADMIN_MAGIC);
	if (key != NULL) {
		sub_key(ad, key, keylen);
		mem_free(ad->text);
		ad->text = mem_strndup(key, keylen);
		ad->prefix_len = (uint32_t)keylen;
		ad->n++;
	} else if (e != ERR_OK)
		admin_end(ad, ERR_METADATA, NULL);
	else if (ad->n == FIND_KEYS)
		find(ad);
	else
		admin_end_strings(ad);
}

/* In pieces, from behind the last key: there may be very many. */
static void
find(struct admin *ad)
{
	struct meta *meta = ad->co->meta;
	uint8_t key[META_KEY_MAX];
	size_t n = key_text(key, META_SUB, STR_NONE);

	ad->n = 0;
	if (ad->text == NULL)
		meta->ops->list(meta, key, n, FIND_KEYS, false, found, ad);
	else
		meta->ops->list_after(meta, key, n, ad->text, ad->prefix_len,
		    FIND_KEYS, found, ad);
}

void
admin_subs_find(struct core *co, struct op **opp)
{
	find(admin_new(co, opp));
}
