/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - the codec of the local log's bytes: records, group headers,
 * segment footers. doc/format-log.md draws them.
 *
 * All numbers are little endian and written by explicit helpers. Every block
 * that can be read back carries a CRC32C which starts from the segment's
 * generation, so that what a recycled file held before is never taken for
 * ours. The generation of a segment is its id: ids are used once.
 *
 * Plain functions on bytes: any thread, no memory of their own. Encoders
 * assert their input (it is ours); decoders and checks take any bytes.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/crc32c.h"
#include "store/entry.h"

#define LOG_VERSION 1u

static inline uint16_t
le16_get(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return le16toh(v);
}

static inline uint32_t
le32_get(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static inline uint64_t
le64_get(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

static inline void
le16_put(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof v);
}

static inline void
le32_put(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof v);
}

static inline void
le64_put(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof v);
}

/* --- records ------------------------------------------------------------- */

enum record_type {
	RECORD_ENTRY = 1,
	RECORD_CURSOR = 2, /* deltas of one cursor journal, head is short */
};

/* A record: the head, the body, zeroes up to a multiple of 8 bytes. The layout
 * is never used as a struct; it is here for its offsets. */
struct record_layout {
	uint8_t crc[4]; /* of everything from body_len to the body's end */
	uint8_t body_len[4]; /* bytes behind the head, without padding */
	uint8_t type;
	uint8_t format; /* enum entry_format */
	uint8_t aux;
	uint8_t head_len; /* bytes; a newer writer may have a longer head */
	uint8_t flags[2];
	uint8_t reserved[2];
	uint8_t ledger[8]; /* RECORD_CURSOR: id of the journal */
	/* RECORD_CURSOR's head ends here */
	uint8_t entry[8];
	uint8_t index[8];
	uint8_t publish_time_ms[8];
	uint8_t store_time_ms[8];
	uint8_t deliver_at_ms[8];
	uint8_t messages_n[4];
	uint8_t key_hash[4];
	uint8_t tag_hash[4];
	uint8_t chunk_hash[4];
	uint8_t producer_hash[8];
	uint8_t sequence[8];
};
#define RECORD_OFF(f) offsetof(struct record_layout, f)
#define RECORD_HEAD_ENTRY 96u
#define RECORD_HEAD_CURSOR 24u
_Static_assert(RECORD_OFF(crc) == 0, "record");
_Static_assert(RECORD_OFF(body_len) == 4, "record");
_Static_assert(RECORD_OFF(type) == 8, "record");
_Static_assert(RECORD_OFF(format) == 9, "record");
_Static_assert(RECORD_OFF(aux) == 10, "record");
_Static_assert(RECORD_OFF(head_len) == 11, "record");
_Static_assert(RECORD_OFF(flags) == 12, "record");
_Static_assert(RECORD_OFF(reserved) == 14, "record");
_Static_assert(RECORD_OFF(ledger) == 16, "record");
_Static_assert(RECORD_OFF(entry) == RECORD_HEAD_CURSOR, "record");
_Static_assert(RECORD_OFF(index) == 32, "record");
_Static_assert(RECORD_OFF(publish_time_ms) == 40, "record");
_Static_assert(RECORD_OFF(store_time_ms) == 48, "record");
_Static_assert(RECORD_OFF(deliver_at_ms) == 56, "record");
_Static_assert(RECORD_OFF(messages_n) == 64, "record");
_Static_assert(RECORD_OFF(key_hash) == 68, "record");
_Static_assert(RECORD_OFF(tag_hash) == 72, "record");
_Static_assert(RECORD_OFF(chunk_hash) == 76, "record");
_Static_assert(RECORD_OFF(producer_hash) == 80, "record");
_Static_assert(RECORD_OFF(sequence) == 88, "record");
_Static_assert(sizeof(struct record_layout) == RECORD_HEAD_ENTRY, "record");

/* CRC start value of everything in a segment */
static inline uint32_t
record_seed(uint64_t generation)
{
	uint8_t b[8];

	le64_put(b, generation);
	return crc32c(0x4d61676e, b, sizeof b);
}

/* bytes of a record with its padding */
static inline uint32_t
record_len(uint32_t head_len, uint32_t body_len)
{
	return (head_len + body_len + 7u) & ~7u;
}

/* Write a whole record at p (8-byte aligned, record_len() bytes); its length.
 * The copy of the body is stamped by fmt (NULL: stays as it is). */
uint32_t record_put_entry(uint8_t *p, uint32_t seed, const struct entry_place *,
    const struct attr *, const struct entry_format_ops *fmt, const void *body,
    uint32_t body_len);
uint32_t record_put_cursor(uint8_t *p, uint32_t seed, uint64_t journal,
    const void *body, uint32_t body_len);

struct record_head {
	uint32_t crc, body_len;
	uint8_t type, head_len;
	uint8_t format; /* RECORD_ENTRY only, as what follows but ledger */
	uint64_t ledger;
	int64_t entry; /* RECORD_ENTRY only, as what follows */
	uint64_t index;
	uint32_t messages_n;
	int64_t store_time_ms;
	uint32_t len; /* with padding */
};

/* Reads the head of the record at p, of which avail bytes are there. False:
 * not a record that fits (the CRC is not looked at). */
bool record_head(const uint8_t *p, size_t avail, struct record_head *);
/* The CRC of a record that record_head() has accepted */
bool record_check(const uint8_t *p, const struct record_head *, uint32_t seed);
/* Fill an entry from a checked record; its body points into b (not referenced) */
void record_entry(const uint8_t *p, struct buf *b, struct entry *);

/* --- groups -------------------------------------------------------------- */

#define GROUP_MAGIC32 0x3147474du /* "MGG1" */
#define GROUP_HEAD 64u

struct group_layout {
	uint8_t magic[4];
	uint8_t head_crc[4]; /* of bytes 8 to 64 */
	uint8_t version[2];
	uint8_t head_len[2];
	uint8_t epoch[4]; /* starts of this log so far; falls never */
	uint8_t generation[8];
	uint8_t number[8]; /* consecutive over the segments of a shard */
	uint8_t synced[8]; /* newest group known to be on the medium */
	uint8_t len[4]; /* head and records, without padding */
	uint8_t records_n[4];
	uint8_t records_crc[4]; /* of the first 8 bytes of every record */
	uint8_t shard[4];
	uint8_t store_time_ms[8];
};
#define GROUP_OFF(f) offsetof(struct group_layout, f)
_Static_assert(GROUP_OFF(head_crc) == 4, "group");
_Static_assert(GROUP_OFF(version) == 8, "group");
_Static_assert(GROUP_OFF(head_len) == 10, "group");
_Static_assert(GROUP_OFF(epoch) == 12, "group");
_Static_assert(GROUP_OFF(generation) == 16, "group");
_Static_assert(GROUP_OFF(number) == 24, "group");
_Static_assert(GROUP_OFF(synced) == 32, "group");
_Static_assert(GROUP_OFF(len) == 40, "group");
_Static_assert(GROUP_OFF(records_n) == 44, "group");
_Static_assert(GROUP_OFF(records_crc) == 48, "group");
_Static_assert(GROUP_OFF(shard) == 52, "group");
_Static_assert(GROUP_OFF(store_time_ms) == 56, "group");
_Static_assert(sizeof(struct group_layout) == GROUP_HEAD, "group");

struct group_head {
	uint64_t generation, number, synced;
	uint32_t epoch, len, records_n, records_crc, shard;
	uint16_t version;
	int64_t store_time_ms;
};

void group_head_put(uint8_t *p, const struct group_head *);
enum group_verdict {
	GROUP_NONE, /* no head of this generation, or a damaged one */
	GROUP_NEWER, /* written by a newer version */
	GROUP_OK,
	GROUP_BAD_RECORDS, /* lengths are trusted, at least one record is damaged */
	GROUP_BAD, /* head is right, what follows isn't */
};
/* Only the head: GROUP_NONE, GROUP_NEWER or GROUP_OK */
enum group_verdict group_head_get(
    const uint8_t *p, size_t avail, uint64_t generation, struct group_head *);
/* Head and every record */
enum group_verdict group_check(
    const uint8_t *p, size_t avail, uint64_t generation, struct group_head *);

/* --- footers ------------------------------------------------------------- */

/* A run: consecutive entries of one ledger in one group. */
struct run_row {
	uint64_t ledger;
	int64_t first_entry;
	uint64_t first_index;
	int64_t store_time_ms;
	uint32_t off; /* of the first record, in the segment */
	uint32_t bytes; /* of the records */
	uint32_t n; /* entries */
	uint32_t messages_n;
};
#define RUN_ROW 48u
void run_row_put(uint8_t *p, const struct run_row *);
void run_row_get(const uint8_t *p, struct run_row *);

/* Groups of a rewritten segment have number 0: they are not of the log, which
 * begins with 1. */
#define SEGMENT_LOG 0u
#define SEGMENT_REWRITTEN 1u

#define FOOTER_MAGIC32 0x3146474du /* "MGF1" */
#define FOOTER_TRAILER 64u /* the segment's last bytes */

struct trailer_layout {
	uint8_t magic[4];
	uint8_t crc[4]; /* of bytes 8 to 64 */
	uint8_t version[2];
	uint8_t kind[2]; /* SEGMENT_ */
	uint8_t epoch[4];
	uint8_t generation[8];
	uint8_t first_group[8];
	uint8_t last_group[8];
	uint8_t data_end[4]; /* behind the last group */
	uint8_t footer_off[4]; /* where the rows begin */
	uint8_t rows_n[4];
	uint8_t rows_crc[4];
	uint8_t shard[4];
	uint8_t keys_n[4]; /* pairs in front of the rows */
};
#define TRAILER_OFF(f) offsetof(struct trailer_layout, f)
_Static_assert(TRAILER_OFF(crc) == 4, "trailer");
_Static_assert(TRAILER_OFF(version) == 8, "trailer");
_Static_assert(TRAILER_OFF(epoch) == 12, "trailer");
_Static_assert(TRAILER_OFF(generation) == 16, "trailer");
_Static_assert(TRAILER_OFF(first_group) == 24, "trailer");
_Static_assert(TRAILER_OFF(last_group) == 32, "trailer");
_Static_assert(TRAILER_OFF(data_end) == 40, "trailer");
_Static_assert(TRAILER_OFF(footer_off) == 44, "trailer");
_Static_assert(TRAILER_OFF(rows_n) == 48, "trailer");
_Static_assert(TRAILER_OFF(rows_crc) == 52, "trailer");
_Static_assert(TRAILER_OFF(shard) == 56, "trailer");
_Static_assert(TRAILER_OFF(keys_n) == 60, "trailer");
_Static_assert(sizeof(struct trailer_layout) == FOOTER_TRAILER, "trailer");

struct trailer {
	uint64_t generation, first_group, last_group;
	uint16_t kind;
	uint32_t epoch, data_end, footer_off, rows_n, rows_crc, shard, keys_n;
};
void trailer_put(uint8_t *p, const struct trailer *);
/* p: the last FOOTER_TRAILER bytes of a segment */
enum group_verdict trailer_get(
    const uint8_t *p, uint64_t generation, struct trailer *);

/* bytes of a footer with rows_n rows, trailer and padding, whole blocks */
uint32_t footer_len(uint32_t rows_n);

/*
 * The key index of a sealed segment lies in front of the footer: pairs of 32
 * bits of a key's hash, mixed with the ledger's id, and the low 32 bits of the
 * entry's number, sorted by hash and, of one ledger, by entry. In blocks that
 * are checked by themselves: u32 CRC of what follows, u32 pairs, the pairs.
 */
#define KEY_BLOCK 4096u
#define KEY_BLOCK_HEAD 8u
#define KEY_BLOCK_PAIRS ((KEY_BLOCK - KEY_BLOCK_HEAD) / 8)
/* A record has a key for each so many of its body's bytes, at most: so what a
 * segment's index takes is bounded before its keys are known. */
#define KEY_BODY_BYTES 16u
uint32_t key_hash(uint64_t ledger, uint64_t hash);
uint32_t key_blocks(uint32_t keys_n);
uint32_t keys_len(uint32_t keys_n); /* bytes */
void key_block_put(uint8_t *p, uint32_t seed, const uint64_t *pair, uint32_t n);
/* Number of its pairs; 0: damaged */
uint32_t key_block_check(const uint8_t *p, uint32_t seed);

#endif
