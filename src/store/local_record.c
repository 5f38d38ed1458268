/* SPDX-License-Identifier: Apache-2.0 */
/* Codec of the log's bytes; see record.h. */
#include "store/record.h"

#include "base/vas.h"

#define BLOCK 4096u

static uint32_t
pad_put(uint8_t *p, uint32_t head_len, uint32_t body_len)
{
	uint32_t used = head_len + body_len,
		 len = record_len(head_len, body_len);

	memset(p + used, 0, len - used);
	return len;
}

uint32_t
record_put_entry(uint8_t *p, uint32_t seed, const struct entry_place *at,
    const struct attr *a, const struct entry_format_ops *fmt, const void *body,
    uint32_t body_len)
{
	uint32_t crc;

	le32_put(p + RECORD_OFF(body_len), body_len);
	p[RECORD_OFF(type)] = RECORD_ENTRY;
	p[RECORD_OFF(format)] = a->format;
	p[RECORD_OFF(aux)] = a->aux;
	p[RECORD_OFF(head_len)] = RECORD_HEAD_ENTRY;
	le16_put(p + RECORD_OFF(flags), a->flags);
	le16_put(p + RECORD_OFF(reserved), 0);
	le64_put(p + RECORD_OFF(ledger), at->pos.ledger);
	le64_put(p + RECORD_OFF(entry), (uint64_t)at->pos.entry);
	le64_put(p + RECORD_OFF(index), at->index);
	le64_put(p + RECORD_OFF(publish_time_ms), (uint64_t)a->publish_time_ms);
	le64_put(p + RECORD_OFF(store_time_ms), (uint64_t)at->store_time_ms);
	le64_put(p + RECORD_OFF(deliver_at_ms), (uint64_t)a->deliver_at_ms);
	le32_put(p + RECORD_OFF(messages_n), a->messages_n);
	le32_put(p + RECORD_OFF(key_hash), a->key_hash);
	le32_put(p + RECORD_OFF(tag_hash), a->tag_hash);
	le32_put(p + RECORD_OFF(chunk_hash), a->chunk_hash);
	le64_put(p + RECORD_OFF(producer_hash), a->producer_hash);
	le64_put(p + RECORD_OFF(sequence), (uint64_t)a->sequence);
	if (body_len != 0)
		memcpy(p + RECORD_HEAD_ENTRY, body, body_len);
	if (fmt != NULL && fmt->stamp != NULL)
		fmt->stamp(p + RECORD_HEAD_ENTRY, body_len, at);
	crc = crc32c(seed, p + 4, RECORD_HEAD_ENTRY - 4 + body_len);
	le32_put(p + RECORD_OFF(crc), crc);
	return pad_put(p, RECORD_HEAD_ENTRY, body_len);
}

uint32_t
record_put_cursor(uint8_t *p, uint32_t seed, uint64_t journal, const void *body,
    uint32_t body_len)
{
	uint32_t crc;

	memset(p, 0, RECORD_HEAD_CURSOR);
	le32_put(p + RECORD_OFF(body_len), body_len);
	p[RECORD_OFF(type)] = RECORD_CURSOR;
	p[RECORD_OFF(head_len)] = RECORD_HEAD_CURSOR;
	le64_put(p + RECORD_OFF(ledger), journal);
	if (body_len != 0)
		memcpy(p + RECORD_HEAD_CURSOR, body, body_len);
	crc = crc32c(seed, p + 4, RECORD_HEAD_CURSOR - 4 + body_len);
	le32_put(p + RECORD_OFF(crc), crc);
	return pad_put(p, RECORD_HEAD_CURSOR, body_len);
}

bool
record_head(const uint8_t *p, size_t avail, struct record_head *h)
{
	uint64_t used;

	if (avail < RECORD_HEAD_CURSOR)
		return false;
	h->crc = le32_get(p + RECORD_OFF(crc));
	h->body_len = le32_get(p + RECORD_OFF(body_len));
	h->type = p[RECORD_OFF(type)];
	h->head_len = p[RECORD_OFF(head_len)];
	if (h->head_len < RECORD_HEAD_CURSOR)
		return false;
	used = ((uint64_t)h->head_len + h->body_len + 7) & ~(uint64_t)7;
	if (used > avail)
		return false;
	h->len = (uint32_t)used;
	h->format = p[RECORD_OFF(format)];
	h->ledger = le64_get(p + RECORD_OFF(ledger));
	h->entry = 0;
	h->index = 0;
	h->messages_n = 0;
	h->store_time_ms = 0;
	if (h->type == RECORD_ENTRY) {
		if (h->head_len < RECORD_HEAD_ENTRY)
			return false;
		h->entry = (int64_t)le64_get(p + RECORD_OFF(entry));
		h->index = le64_get(p + RECORD_OFF(index));
		h->messages_n = le32_get(p + RECORD_OFF(messages_n));
		h->store_time_ms =
		    (int64_t)le64_get(p + RECORD_OFF(store_time_ms));
		if (h->entry < 0)
			return false;
	}
	return true;
}

bool
record_check(const uint8_t *p, const struct record_head *h, uint32_t seed)
{
	return crc32c(seed, p + 4, (size_t)h->head_len - 4 + h->body_len) ==
	    h->crc;
}

void
record_entry(const uint8_t *p, struct buf *b, struct entry *e)
{
	struct attr *a = &e->attr;

	e->pos.ledger = le64_get(p + RECORD_OFF(ledger));
	e->pos.entry = (int64_t)le64_get(p + RECORD_OFF(entry));
	e->index = le64_get(p + RECORD_OFF(index));
	a->format = p[RECORD_OFF(format)];
	a->aux = p[RECORD_OFF(aux)];
	a->flags = le16_get(p + RECORD_OFF(flags));
	a->messages_n = le32_get(p + RECORD_OFF(messages_n));
	a->publish_time_ms = (int64_t)le64_get(p + RECORD_OFF(publish_time_ms));
	a->store_time_ms = (int64_t)le64_get(p + RECORD_OFF(store_time_ms));
	a->deliver_at_ms = (int64_t)le64_get(p + RECORD_OFF(deliver_at_ms));
	a->key_hash = le32_get(p + RECORD_OFF(key_hash));
	a->tag_hash = le32_get(p + RECORD_OFF(tag_hash));
	a->producer_hash = le64_get(p + RECORD_OFF(producer_hash));
	a->sequence = (int64_t)le64_get(p + RECORD_OFF(sequence));
	a->chunk_hash = le32_get(p + RECORD_OFF(chunk_hash));
	e->body.buf = b;
	e->body.p = p + p[RECORD_OFF(head_len)];
	e->body.len = le32_get(p + RECORD_OFF(body_len));
}

void
group_head_put(uint8_t *p, const struct group_head *h)
{
	le32_put(p + GROUP_OFF(magic), GROUP_MAGIC32);
	le16_put(p + GROUP_OFF(version), LOG_VERSION);
	le16_put(p + GROUP_OFF(head_len), GROUP_HEAD);
	le32_put(p + GROUP_OFF(epoch), h->epoch);
	le64_put(p + GROUP_OFF(generation), h->generation);
	le64_put(p + GROUP_OFF(number), h->number);
	le64_put(p + GROUP_OFF(synced), h->synced);
	le32_put(p + GROUP_OFF(len), h->len);
	le32_put(p + GROUP_OFF(records_n), h->records_n);
	le32_put(p + GROUP_OFF(records_crc), h->records_crc);
	le32_put(p + GROUP_OFF(shard), h->shard);
	le64_put(p + GROUP_OFF(store_time_ms), (uint64_t)h->store_time_ms);
	le32_put(p + GROUP_OFF(head_crc),
	    crc32c(record_seed(h->generation), p + 8, GROUP_HEAD - 8));
}

enum group_verdict
group_head_get(
    const uint8_t *p, size_t avail, uint64_t generation, struct group_head *h)
{
	if (avail < GROUP_HEAD ||
	    le32_get(p + GROUP_OFF(magic)) != GROUP_MAGIC32)
		return GROUP_NONE;
	h->generation = le64_get(p + GROUP_OFF(generation));
	if (h->generation != generation)
		return GROUP_NONE;
	if (le32_get(p + GROUP_OFF(head_crc)) !=
	    crc32c(record_seed(generation), p + 8, GROUP_HEAD - 8))
		return GROUP_NONE;
	h->version = le16_get(p + GROUP_OFF(version));
	if (h->version != LOG_VERSION)
		return GROUP_NEWER;
	h->epoch = le32_get(p + GROUP_OFF(epoch));
	h->number = le64_get(p + GROUP_OFF(number));
	h->synced = le64_get(p + GROUP_OFF(synced));
	h->len = le32_get(p + GROUP_OFF(len));
	h->records_n = le32_get(p + GROUP_OFF(records_n));
	h->records_crc = le32_get(p + GROUP_OFF(records_crc));
	h->shard = le32_get(p + GROUP_OFF(shard));
	h->store_time_ms = (int64_t)le64_get(p + GROUP_OFF(store_time_ms));
	if (h->len < GROUP_HEAD)
		return GROUP_NONE;
	return GROUP_OK;
}

enum group_verdict
group_check(
    const uint8_t *p, size_t avail, uint64_t generation, struct group_head *h)
{
	enum group_verdict v;
	struct record_head r;
	uint32_t seed = record_seed(generation), crc, off, n;
	bool bad = false;

	v = group_head_get(p, avail, generation, h);
	if (v != GROUP_OK)
		return v;
	if (h->len > avail)
		return GROUP_BAD;
	crc = seed;
	for (off = GROUP_HEAD, n = 0; n < h->records_n; n++) {
		if (!record_head(p + off, h->len - off, &r))
			return GROUP_BAD;
		crc = crc32c(crc, p + off, 8);
		if (!bad && !record_check(p + off, &r, seed))
			bad = true;
		off += r.len;
	}
	if (off != h->len || crc != h->records_crc)
		return GROUP_BAD;
	return bad ? GROUP_BAD_RECORDS : GROUP_OK;
}

void
run_row_put(uint8_t *p, const struct run_row *r)
{
	le64_put(p, r->ledger);
	le64_put(p + 8, (uint64_t)r->first_entry);
	le64_put(p + 16, r->first_index);
	le64_put(p + 24, (uint64_t)r->store_time_ms);
	le32_put(p + 32, r->off);
	le32_put(p + 36, r->bytes);
	le32_put(p + 40, r->n);
	le32_put(p + 44, r->messages_n);
}

void
run_row_get(const uint8_t *p, struct run_row *r)
{
	r->ledger = le64_get(p);
	r->first_entry = (int64_t)le64_get(p + 8);
	r->first_index = le64_get(p + 16);
	r->store_time_ms = (int64_t)le64_get(p + 24);
	r->off = le32_get(p + 32);
	r->bytes = le32_get(p + 36);
	r->n = le32_get(p + 40);
	r->messages_n = le32_get(p + 44);
}

void
trailer_put(uint8_t *p, const struct trailer *t)
{
	memset(p, 0, FOOTER_TRAILER);
	le32_put(p + TRAILER_OFF(magic), FOOTER_MAGIC32);
	le16_put(p + TRAILER_OFF(version), LOG_VERSION);
	le16_put(p + TRAILER_OFF(kind), t->kind);
	le32_put(p + TRAILER_OFF(epoch), t->epoch);
	le64_put(p + TRAILER_OFF(generation), t->generation);
	le64_put(p + TRAILER_OFF(first_group), t->first_group);
	le64_put(p + TRAILER_OFF(last_group), t->last_group);
	le32_put(p + TRAILER_OFF(data_end), t->data_end);
	le32_put(p + TRAILER_OFF(footer_off), t->footer_off);
	le32_put(p + TRAILER_OFF(rows_n), t->rows_n);
	le32_put(p + TRAILER_OFF(rows_crc), t->rows_crc);
	le32_put(p + TRAILER_OFF(shard), t->shard);
	le32_put(p + TRAILER_OFF(keys_n), t->keys_n);
	le32_put(p + TRAILER_OFF(crc),
	    crc32c(record_seed(t->generation), p + 8, FOOTER_TRAILER - 8));
}

enum group_verdict
trailer_get(const uint8_t *p, uint64_t generation, struct trailer *t)
{
	if (le32_get(p + TRAILER_OFF(magic)) != FOOTER_MAGIC32)
		return GROUP_NONE;
	t->generation = le64_get(p + TRAILER_OFF(generation));
	if (t->generation != generation)
		return GROUP_NONE;
	if (le32_get(p + TRAILER_OFF(crc)) !=
	    crc32c(record_seed(generation), p + 8, FOOTER_TRAILER - 8))
		return GROUP_NONE;
	if (le16_get(p + TRAILER_OFF(version)) != LOG_VERSION)
		return GROUP_NEWER;
	t->kind = le16_get(p + TRAILER_OFF(kind));
	t->epoch = le32_get(p + TRAILER_OFF(epoch));
	t->first_group = le64_get(p + TRAILER_OFF(first_group));
	t->last_group = le64_get(p + TRAILER_OFF(last_group));
	t->data_end = le32_get(p + TRAILER_OFF(data_end));
	t->footer_off = le32_get(p + TRAILER_OFF(footer_off));
	t->rows_n = le32_get(p + TRAILER_OFF(rows_n));
	t->rows_crc = le32_get(p + TRAILER_OFF(rows_crc));
	t->shard = le32_get(p + TRAILER_OFF(shard));
	t->keys_n = le32_get(p + TRAILER_OFF(keys_n));
	return GROUP_OK;
}

uint32_t
footer_len(uint32_t rows_n)
{
	uint64_t n = (uint64_t)rows_n * RUN_ROW + FOOTER_TRAILER;

	n = (n + BLOCK - 1) / BLOCK * BLOCK;
	assert(n <= UINT32_MAX);
	return (uint32_t)n;
}

/* --- key index ------------------------------------------------------------ */

uint32_t
key_hash(uint64_t ledger, uint64_t hash)
{
	uint64_t h = hash ^ ledger * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return (uint32_t)(h >> 32);
}

uint32_t
key_blocks(uint32_t keys_n)
{
	return (uint32_t)(((uint64_t)keys_n + KEY_BLOCK_PAIRS - 1) /
	    KEY_BLOCK_PAIRS);
}

uint32_t
keys_len(uint32_t keys_n)
{
	uint64_t n = (uint64_t)key_blocks(keys_n) * KEY_BLOCK;

	assert(n <= UINT32_MAX);
	return (uint32_t)n;
}

void
key_block_put(uint8_t *p, uint32_t seed, const uint64_t *pair, uint32_t n)
{
	assert(n > 0 && n <= KEY_BLOCK_PAIRS);
	le32_put(p + 4, n);
	for (uint32_t i = 0; i < n; i++)
		le64_put(p + KEY_BLOCK_HEAD + (size_t)i * 8, pair[i]);
	memset(p + KEY_BLOCK_HEAD + (size_t)n * 8, 0,
	    (size_t)(KEY_BLOCK_PAIRS - n) * 8);
	le32_put(p, crc32c(seed, p + 4, KEY_BLOCK - 4));
}

uint32_t
key_block_check(const uint8_t *p, uint32_t seed)
{
	uint32_t n = le32_get(p + 4);

	if (n > KEY_BLOCK_PAIRS ||
	    le32_get(p) != crc32c(seed, p + 4, KEY_BLOCK - 4))
		return 0;
	return n;
}
