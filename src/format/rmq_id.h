/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts by which RocketMQ clients name a message.
 *
 * Offset id: hex of the store host's ip (4 or 16 bytes), port (u32) and physical
 * offset (u64). Clients make it themselves, out of the record they got.
 *
 * Unique key: hex of ip (4 or 16), process (u16), class loader (u32), time in
 * ms since the month began (u32), counter (u16); made by the sender, or by the
 * broker for one that doesn't. The month is that of the maker's time zone, so
 * what is read out of it is right to some hours.
 *
 * Recall handle: base64url of "v1 topic broker time uniquekey".
 *
 * Any thread; no allocation but by the strbuf.
 */
#ifndef FORMAT_RMQ_ID_H
#define FORMAT_RMQ_ID_H

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "format/rmq_record.h"

#define RMQ_ID_MAX 56 /* characters of an offset id or unique key with v6 */

/* Without a NUL; how many characters: 32, or 56 for v6. */
size_t rmq_offset_id_put(
    char p[RMQ_ID_MAX], const struct rmq_host *, int64_t phys_offset);
/* ERR_INVALID_ARG: isn't one */
enum err rmq_offset_id_read(
    struct str, struct rmq_host *, int64_t *phys_offset) MUST_CHECK;

struct rmq_uniq {
	struct rmq_host host; /* the port is not in it */
	uint16_t pid;
	uint32_t loader; /* any number that tells processes apart */
	uint32_t month_ms; /* since the month began */
	uint16_t counter;
};

/* ms since the month of this wall time began, in UTC */
uint32_t rmq_month_ms(int64_t wall_ms);
/* Without a NUL; how many characters: 32, or 56 for v6. */
size_t rmq_uniq_put(char p[RMQ_ID_MAX], const struct rmq_uniq *);
/* ERR_INVALID_ARG: isn't one, as may well be: senders choose it */
enum err rmq_uniq_read(struct str, struct rmq_uniq *) MUST_CHECK;
/* When was it made, if not later than now_ms and less than a month ago? */
int64_t rmq_uniq_time(const struct rmq_uniq *, int64_t now_ms);

struct rmq_recall {
	struct str topic, broker, uniq_key;
	int64_t deliver_ms;
};

void rmq_recall_put(struct strbuf *, const struct rmq_recall *);
/*
 * The strings point into mem, which needs three quarters of the handle's
 * length. ERR_INVALID_ARG: isn't one, or too long.
 */
enum err rmq_recall_read(
    struct str handle, char *mem, size_t cap, struct rmq_recall *) MUST_CHECK;

#endif
