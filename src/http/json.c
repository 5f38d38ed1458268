/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "http/http_priv.h"

void
json_add_text(struct strbuf *sb, struct str s)
{
	strbuf_addc(sb, '"');
	strbuf_add_json(sb, s.p, s.len);
	strbuf_addc(sb, '"');
}

void
json_add_str(struct strbuf *sb, const char *s)
{
	json_add_text(sb, str_of(s));
}

static int
dumped(const char *p, size_t n, void *priv)
{
	strbuf_add(priv, p, n);
	return 0;
}

void
json_add_json(struct strbuf *sb, const json_t *v)
{
	AZ(json_dump_callback(v, dumped, sb, JSON_COMPACT | JSON_ENCODE_ANY));
}

static int
cmp(const void *va, const void *vb)
{
	const struct str *a = va, *b = vb;
	size_t n = a->len < b->len ? a->len : b->len;
	int d = n > 0 ? memcmp(a->p, b->p, n) : 0;

	if (d != 0)
		return d;
	return a->len < b->len ? -1 : a->len > b->len;
}

void
json_sort_strings(struct str *s, size_t n)
{
	if (n > 1)
		qsort(s, n, sizeof(*s), cmp);
}

void
json_add_strings(struct strbuf *sb, struct str *s, size_t n)
{
	size_t i;

	json_sort_strings(s, n);
	strbuf_addc(sb, '[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			strbuf_addc(sb, ',');
		json_add_text(sb, s[i]);
	}
	strbuf_addc(sb, ']');
}

void
json_add_double(struct strbuf *sb, double d)
{
	char text[40];

	if (!isfinite(d))
		d = 0;
	(void)snprintf(text, sizeof(text), "%.15g", d);
	strbuf_adds(sb, text);
	if (strpbrk(text, ".e") == NULL)
		strbuf_adds(sb, ".0");
}

void
json_add_time(struct strbuf *sb, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char text[40];
	struct tm tm;

	if (ms < 0 || gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		strbuf_adds(sb, "null");
		return;
	}
	strbuf_addf(sb, "\"%s", text);
	if (ms % 1000 != 0)
		strbuf_addf(sb, ".%03d", (int)(ms % 1000));
	strbuf_adds(sb, "Z\"");
}

void
json_add_props(struct strbuf *sb, const struct prop *p, uint32_t n)
{
	uint32_t i;

	strbuf_addc(sb, '{');
	for (i = 0; i < n; i++) {
		if (i > 0)
			strbuf_addc(sb, ',');
		json_add_text(sb, p[i].key);
		strbuf_addc(sb, ':');
		json_add_text(sb, p[i].value);
	}
	strbuf_addc(sb, '}');
}

/* Pulsar's MessageIdImpl; BatchMessageIdImpl if the entry is a batch. */
void
json_add_message_id(
    struct strbuf *sb, struct pos pos, int32_t partition, const struct fx *fx)
{
	long long ledger = pos_eq(pos, POS_NONE) ? -1 : (long long)pos.ledger;

	strbuf_addf(sb,
	    "{\"ledgerId\":%lld,\"entryId\":%lld,\"partitionIndex\":%d", ledger,
	    (long long)pos.entry, partition);
	if (fx != NULL && fx->flag && fx->u32 > 0)
		strbuf_addf(sb,
		    ",\"batchIndex\":%u,\"batchSize\":0,"
		    "\"outstandingAcksInSameBatch\":0,\"originalBatchSize\":0}",
		    fx->u32 - 1);
	else
		strbuf_adds(sb, ",\"batchSize\":0,\"batchIndex\":-1}");
}
