/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/miniobj.h"
#include "pulsar/pattern.h"

#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT_KIB 256

struct pattern {
	unsigned magic;
#define PATTERN_MAGIC 0x9a77e401
	pcre2_code *code;
	pcre2_match_data *md;
	pcre2_match_context *mc;
};

/* "://" in s, or NULL */
static const char *
scheme_end(struct str s)
{
	size_t i;

	for (i = 0; i + 3 <= s.len; i++)
		if (memcmp(s.p + i, "://", 3) == 0)
			return s.p + i;
	return NULL;
}

static bool
ends_in(struct str s, struct str end)
{
	return s.len >= end.len &&
	    memcmp(s.p + s.len - end.len, end.p, end.len) == 0;
}

/* What stands before the domain (a "^", an opening bracket) stays. */
static enum err
drop_domain(struct str in, char **out, struct diag *diag)
{
	const char *q = scheme_end(in);
	struct str head, tail;

	if (q == NULL) {
		*out = mem_strndup(in.len > 0 ? in.p : "", in.len);
		return ERR_OK;
	}
	head = (struct str){ in.p, (size_t)(q - in.p) };
	tail = (struct str){ q + 3, in.len - head.len - 3 };
	if (ends_in(head, STR_LIT("non-persistent")))
		head.len -= strlen("non-persistent");
	else if (ends_in(head, STR_LIT("persistent")))
		head.len -= strlen("persistent");
	else
		return diag_set(diag, ERR_INVALID_ARG,
		    "Does not support topic domain: %.*s",
		    head.len < 64 ? (int)head.len : 64, head.p);
	*out = mem_alloc(head.len + tail.len + 1);
	memcpy(*out, head.p, head.len);
	memcpy(*out + head.len, tail.p, tail.len);
	(*out)[head.len + tail.len] = '\0';
	return ERR_OK;
}

enum err
pattern_new(struct pattern **pp, struct str in, struct diag *diag)
{
	struct pattern *pt;
	PCRE2_UCHAR msg[160];
	PCRE2_SIZE off;
	char *text;
	int rc;
	enum err e;

	*pp = NULL;
	e = drop_domain(in, &text, diag);
	if (e != ERR_OK)
		return e;
	ALLOC_OBJ(pt, PATTERN_MAGIC);
	pt->code = pcre2_compile((PCRE2_SPTR)text, strlen(text),
	    PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF |
		PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
		PCRE2_DOLLAR_ENDONLY,
	    &rc, &off, NULL);
	mem_free(text);
	if (pt->code == NULL) {
		FREE_OBJ(pt);
		if (pcre2_get_error_message(rc, msg, sizeof msg) < 0)
			msg[0] = '\0';
		return diag_set(diag, ERR_INVALID_ARG,
		    "error parsing regexp at %zu: %s", (size_t)off,
		    (const char *)msg);
	}
	pt->md = pcre2_match_data_create(1, NULL);
	pt->mc = pcre2_match_context_create(NULL);
	AN(pt->md);
	AN(pt->mc);
	(void)pcre2_set_match_limit(pt->mc, MATCH_LIMIT);
	(void)pcre2_set_depth_limit(pt->mc, DEPTH_LIMIT);
	(void)pcre2_set_heap_limit(pt->mc, HEAP_LIMIT_KIB);
	*pp = pt;
	return ERR_OK;
}

void
pattern_free(struct pattern **pp)
{
	struct pattern *pt;

	TAKE_OBJ_NOTNULL(pt, pp, PATTERN_MAGIC);
	pcre2_match_context_free(pt->mc);
	pcre2_match_data_free(pt->md);
	pcre2_code_free(pt->code);
	FREE_OBJ(pt);
}

bool
pattern_matches(const struct pattern *pt, struct str base)
{
	const char *q = scheme_end(base);
	size_t skip = q != NULL ? (size_t)(q + 3 - base.p) : 0;

	CHECK_OBJ_NOTNULL(pt, PATTERN_MAGIC);
	return pcre2_match(pt->code, (PCRE2_SPTR)(base.p + skip),
		   base.len - skip, 0, 0, pt->md, pt->mc) >= 0;
}

size_t
pattern_length(struct str s)
{
	size_t i, n = 0;
	unsigned char c;

	for (i = 0; i < s.len; i++) {
		c = (unsigned char)s.p[i];
		if ((c & 0xc0) != 0x80)
			n += c >= 0xf0 ? 2 : 1;
	}
	return n;
}

void
topics_hash(char *const *names, size_t n, char out[TOPICS_HASH_SIZE])
{
	uint32_t crc = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (i > 0)
			crc = crc32c(crc, ",", 1);
		crc = crc32c(crc, names[i], strlen(names[i]));
	}
	(void)snprintf(out, TOPICS_HASH_SIZE, "%02x%02x%02x%02x", crc & 0xff,
	    crc >> 8 & 0xff, crc >> 16 & 0xff, crc >> 24);
}
