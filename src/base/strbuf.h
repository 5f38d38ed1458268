/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that grow at the end, up to a size that the creator must name: text
 * for a reply, a line, a page of metrics.
 *
 * Adding what does not fit adds nothing, frees what was there and marks the
 * strbuf as over; further additions do nothing. So a caller builds without
 * looking and asks once at the end: strbuf_err is ERR_OK or ERR_TOO_BIG. The
 * content is always followed by a NUL that is not counted. One thread.
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/miniobj.h"

struct strbuf {
	unsigned magic;
#define STRBUF_MAGIC 0x57b0f001
	bool over;
	char *p; /* NULL until the first addition */
	size_t len, cap, max;
};

/* max: bytes of content, without the NUL */
void strbuf_init(struct strbuf *, size_t max);
void strbuf_fini(struct strbuf *);
/* empty and not over, memory kept */
void strbuf_reset(struct strbuf *);
/* cut to len, which is not more than there is */
void strbuf_trim(struct strbuf *, size_t len);

void strbuf_add(struct strbuf *, const void *, size_t len);
static inline void
strbuf_adds(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}
void strbuf_addc(struct strbuf *, char);
void strbuf_addf(struct strbuf *, const char *fmt, ...) PRINTF(2, 3);
void strbuf_add_u64(struct strbuf *, uint64_t);
void strbuf_add_i64(struct strbuf *, int64_t);
/* the inside of a JSON string: escaped, without the quotes around it, and UTF-8
 * whatever comes in: a byte that is not becomes U+FFFD */
void strbuf_add_json(struct strbuf *, const char *, size_t len);
/* strbuf_reserve(), where there is no room yet */
char *strbuf_grow(struct strbuf *, size_t len);
/* room for len more bytes, to be written by the caller; NULL if over */
static inline char *
strbuf_reserve(struct strbuf *sb, size_t len)
{
	CHECK_OBJ_NOTNULL(sb, STRBUF_MAGIC);
	return likely(len < sb->cap - sb->len) ? sb->p + sb->len :
						 strbuf_grow(sb, len);
}
/* len bytes of the room are in use now */
static inline void
strbuf_commit(struct strbuf *sb, size_t len)
{
	assert(len < sb->cap - sb->len);
	sb->len += len;
	sb->p[sb->len] = '\0';
}

enum err strbuf_err(const struct strbuf *) MUST_CHECK;
/* the content, "" if there is none; until the next call on the strbuf */
const char *strbuf_str(const struct strbuf *);
/* hands the content over (mem_free it) and leaves the strbuf empty */
char *strbuf_take(struct strbuf *);

#endif
