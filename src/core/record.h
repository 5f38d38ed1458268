/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - the metadata records of topics (record.c has the bytes)
 * and the keys under which they lie. Versioned, little-endian; what is read is
 * checked against its length, so a damaged record is an error and never more.
 *
 * _write returns memory of the caller's (mem_free). _read fills a record whose
 * arrays are given back by _fini. Pure functions, any thread.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/name.h"
#include "core/op.h"
#include "store/ledger.h"
#include "store/meta.h"

#define RECORD_LEDGERS_MAX (1u << 20)
#define RECORD_PROPS_MAX 1024u

struct topic_record {
	bool terminated;
	bool mapped; /* META_OWNER has every ledger of it */
	struct pos terminated_pos;
	uint64_t epoch;
	int64_t created_ms;
	uint32_t ledgers_n;
	struct ledger_info *ledgers; /* ascending; only the last may be open */
	uint32_t props_n;
	struct prop *props; /* texts are NUL-terminated */
};

struct partitioned_record {
	uint32_t partitions;
	int64_t created_ms;
	uint32_t props_n;
	struct prop *props;
};

uint8_t *topic_record_write(const struct topic_record *, size_t *len);
enum err topic_record_read(
    struct topic_record *, const void *, size_t) MUST_CHECK;
void topic_record_fini(struct topic_record *);

uint8_t *partitioned_record_write(
    const struct partitioned_record *, size_t *len);
enum err partitioned_record_read(
    struct partitioned_record *, const void *, size_t) MUST_CHECK;
void partitioned_record_fini(struct partitioned_record *);

/* Keys; every name that topic_name_parse() takes fits. Return the length. */
size_t key_text(
    uint8_t key[static META_KEY_MAX], const char *prefix, struct str);
size_t key_topic(uint8_t key[static META_KEY_MAX], const struct topic_name *);
/* of the partitioned topic that this one is, or is a partition of */
/* of the topic that its name without a partition is */
size_t key_whole(uint8_t key[static META_KEY_MAX], const struct topic_name *);
size_t key_partitioned(
    uint8_t key[static META_KEY_MAX], const struct topic_name *);
/* prefix of the subscriptions' records */
size_t key_subs(uint8_t key[static META_KEY_MAX], const struct topic_name *);

#endif
