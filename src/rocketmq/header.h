/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a remoting command, in its two encodings: JSON, as most clients
 * send it, and RocketMQ's own binary one. JSON is scanned and written by hand,
 * in one pass and without a tree.
 *
 * Reading. rheader_scan fills a struct rheader. Strings point into the frame,
 * or, when they had escapes, into the scratch; they live as long as both, and
 * the scratch until the next scan with it. Un-escaped text is never longer than
 * its escapes: a scratch as long as the header cannot overflow.
 *
 * Taken as the clients' libraries take it: members in any order, unknown
 * ones of any type skipped (to RHEADER_DEPTH levels), the last of two that have
 * the same name counts, extFields may be null or absent, its values may be
 * numbers and booleans (their text counts), a null is no field. The codes of
 * the POP family, which the binary header's 16 bits cut, are put right.
 *
 * Fields keep the order and the bytes of the frame: a signature of the request
 * is over them and the body. Numbers are parsed when they are asked for.
 *
 * Writing. A struct rout is one frame under construction, kept from one to the
 * next so that its memory is:
 *
 *	rout_begin(o, type, code, opaque, flag, remark);
 *	rout_i64(o, "offset", 7);
 *	e = rout_end(o, body_n);
 *	send o->sb.p, o->sb.len, then the body_n bytes of the body
 *
 * Whatever the strings hold, what comes out is JSON; in it a byte that is not
 * UTF-8 becomes U+FFFD. extFields is always there, even empty: clients
 * don't look whether it is.
 *
 * Any thread, one at a time per object. Allocates nothing but the rout's memory.
 */
#ifndef ROCKETMQ_HEADER_H
#define ROCKETMQ_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cdefs.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "rocketmq/frame.h"

#define RHEADER_FIELDS_MAX 64
#define RHEADER_DEPTH 32 /* of members that nobody knows */
#define RHEADER_LETTERS 16 /* one-letter names with a fast lookup: a to p */

#define RHEADER_RESPONSE 1 /* flag: an answer */
#define RHEADER_ONEWAY 2 /* flag: never answered, not even by an error */

/* what we say that we are: MQVersion.V5_3_3 */
#define RHEADER_VERSION 479

enum rlanguage {
#define LANG(name, number) RLANG_##name = (number),
#include "rocketmq/tbl/language.h"
};

struct rfield {
	struct str name, value;
};

/* Filled from its start to f[fields_n]; the rest is left as it was. */
struct rheader {
	int32_t code;
	int32_t version;
	int32_t opaque;
	int32_t flag;
	uint8_t language; /* enum rlanguage; unknown names are OTHER */
	uint8_t type; /* enum rheader_type, of the frame: answer in it */
	/* 1 + the field of this name, 0: none */
	uint8_t letter[RHEADER_LETTERS];
	unsigned fields_n;
	struct str remark; /* STR_NONE if absent */
	struct rfield f[RHEADER_FIELDS_MAX];
};

/* The caller's memory for what had escapes. */
struct rscratch {
	char *p;
	size_t cap, used;
};

/*
 * ERR_MALFORMED: not a header of this type; ERR_TOO_BIG: more than
 * RHEADER_FIELDS_MAX fields, or the scratch is too small. *h is then undefined.
 */
enum err rheader_scan(struct rheader *h, unsigned type, const uint8_t *p,
    size_t len, struct rscratch *scratch) MUST_CHECK;

struct str rheader_find(const struct rheader *, const char *name, size_t len);

/* The field's text; STR_NONE (p is NULL) if there is none, else p is not. */
static inline struct str
rheader_get(const struct rheader *h, const char *name)
{
	return rheader_find(h, name, strlen(name));
}

/* The same for the names of SEND_MESSAGE_V2, without a search; 'a' to 'p'. */
static inline struct str
rheader_letter(const struct rheader *h, char name)
{
	unsigned i = h->letter[name - 'a'];

	return i == 0 ? STR_NONE : h->f[i - 1].value;
}

static inline bool
rheader_is_response(const struct rheader *h)
{
	return (h->flag & RHEADER_RESPONSE) != 0;
}

static inline bool
rheader_is_oneway(const struct rheader *h)
{
	return (h->flag & RHEADER_ONEWAY) != 0;
}

/*
 * Numbers as Java reads them: an optional sign, digits, nothing else.
 * ERR_NO_KEY: no such field (str_*: an absent text), ERR_INVALID_ARG: not a
 * number, or out of range. *out is set on ERR_OK only, so that a default may
 * stand there. A boolean is true if its text is "true" in any case.
 */
enum err rheader_i64(
    const struct rheader *, const char *name, int64_t *out) MUST_CHECK;
enum err rheader_i32(
    const struct rheader *, const char *name, int32_t *out) MUST_CHECK;
enum err rheader_bool(
    const struct rheader *, const char *name, bool *out) MUST_CHECK;
enum err rtext_i64(struct str, int64_t *out) MUST_CHECK;
enum err rtext_i32(struct str, int32_t *out) MUST_CHECK;
enum err rtext_bool(struct str, bool *out) MUST_CHECK;

/* "JAVA"; for a number that is none of enum rlanguage "OTHER" */
const char *rlanguage_name(unsigned language);

/* ---- writing */

struct rout {
	unsigned magic;
#define ROUT_MAGIC 0x70c70a11
	uint8_t type; /* enum rheader_type */
	unsigned fields_n;
	size_t ext_at; /* binary: where the length of extFields stands */
	struct strbuf sb; /* the frame, less its body */
};

/* max_bytes: of a frame without its body */
void rout_init(struct rout *, size_t max_bytes);
void rout_fini(struct rout *);

/* Forgets what was there. remark may be STR_NONE. */
void rout_begin(struct rout *, unsigned type, int32_t code, int32_t opaque,
    int32_t flag, struct str remark);
/* The answer to a request, in its encoding. */
static inline void
rout_answer(
    struct rout *o, const struct rheader *req, int32_t code, struct str remark)
{
	rout_begin(o, req->type, code, req->opaque, RHEADER_RESPONSE, remark);
}

/* name is plain text, that is, needs no escapes; an absent value adds nothing. */
void rout_put_str(struct rout *, struct str name, struct str value);
void rout_put_i64(struct rout *, struct str name, int64_t);
static inline void
rout_str(struct rout *o, const char *name, struct str value)
{
	rout_put_str(o, str_of(name), value);
}
static inline void
rout_i64(struct rout *o, const char *name, int64_t v)
{
	rout_put_i64(o, str_of(name), v);
}
static inline void
rout_i32(struct rout *o, const char *name, int32_t v)
{
	rout_i64(o, name, v);
}
static inline void
rout_bool(struct rout *o, const char *name, bool v)
{
	rout_str(o, name, v ? STR_LIT("true") : STR_LIT("false"));
}

/* n fields that are the same each time, as they stand in a frame */
struct rout_ready {
	struct str json; /* without a comma at its ends */
	struct str binary;
	unsigned n;
};
void rout_put_ready(struct rout *, const struct rout_ready *);

/* ERR_TOO_BIG: over max_bytes, there is no frame. */
enum err rout_end(struct rout *, size_t body_n) MUST_CHECK;

#endif
