/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "base/num.h"
#include "base/vas.h"
#include "format/rmq_id.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define RECALL_MAX 4096 /* characters of a handle's inside */

#define EACH(byte) (0x0101010101010101U * (byte))

/* The digits of four bytes, all at once: each digit has a byte of d. */
static char *
put_hex4(char *p, const uint8_t *from)
{
	uint64_t d = be32_get(from);

	d = (d << 16 | d) & 0x0000ffff0000ffffU;
	d = (d << 8 | d) & 0x00ff00ff00ff00ffU;
	d = (d << 4 | d) & EACH(0x0f);
	/* 10 and more, of which adding 6 makes 16 and more */
	d += EACH('0') + (((d + EACH(6)) >> 4) & EACH(1)) * ('A' - '0' - 10);
	be64_put(p, d);
	return p + 8;
}

/* n is a multiple of 4. */
static char *
put_hex(char *p, const uint8_t *from, size_t n)
{
	for (; n > 0; n -= 4, from += 4)
		p = put_hex4(p, from);
	return p;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* An id of either length into 28 bytes, how many of them are the ip. */
static enum err
read_hex(struct str s, uint8_t out[RMQ_ID_MAX / 2], size_t *ip_n)
{
	size_t i;
	int a, b;

	if (s.len != 32 && s.len != RMQ_ID_MAX)
		return ERR_INVALID_ARG;
	*ip_n = s.len == 32 ? 4 : 16;
	for (i = 0; i < s.len / 2; i++) {
		a = hex_digit(s.p[2 * i]);
		b = hex_digit(s.p[2 * i + 1]);
		if (a < 0 || b < 0)
			return ERR_INVALID_ARG;
		out[i] = (uint8_t)(a << 4 | b);
	}
	return ERR_OK;
}

static void
host_of(struct rmq_host *h, const uint8_t *ip, size_t ip_n)
{
	memset(h, 0, sizeof *h);
	memcpy(h->ip, ip, ip_n);
	h->v6 = ip_n == 16;
}

size_t
rmq_offset_id_put(
    char p[RMQ_ID_MAX], const struct rmq_host *h, int64_t phys_offset)
{
	uint8_t b[12];
	char *q = p;

	be32_put(b, h->port);
	be64_put(b + 4, (uint64_t)phys_offset);
	q = put_hex(q, h->ip, h->v6 ? 16 : 4);
	q = put_hex(q, b, sizeof b);
	return (size_t)(q - p);
}

enum err
rmq_offset_id_read(struct str s, struct rmq_host *h, int64_t *phys_offset)
{
	uint8_t b[RMQ_ID_MAX / 2];
	size_t ip_n;
	enum err e;

	e = read_hex(s, b, &ip_n);
	if (e != ERR_OK)
		return e;
	host_of(h, b, ip_n);
	h->port = be32_get(b + ip_n);
	*phys_offset = (int64_t)be64_get(b + ip_n + 4);
	return ERR_OK;
}

/* The day of the month, from 0, of a day since 1970 in the civil calendar. */
static int64_t
day_of_month(int64_t days)
{
	int64_t era, doe, yoe, doy, mp;

	/* from 1 March of year 0, in eras of 400 years */
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	return doy - (153 * mp + 2) / 5;
}

static int64_t
floor_day(int64_t wall_ms)
{
	return (wall_ms >= 0 ? wall_ms : wall_ms - DAY_MS + 1) / DAY_MS;
}

uint32_t
rmq_month_ms(int64_t wall_ms)
{
	int64_t day = floor_day(wall_ms);

	return (uint32_t)(day_of_month(day) * DAY_MS + wall_ms - day * DAY_MS);
}

size_t
rmq_uniq_put(char p[RMQ_ID_MAX], const struct rmq_uniq *u)
{
	uint8_t b[12];
	char *q = p;

	be16_put(b, u->pid);
	be32_put(b + 2, u->loader);
	be32_put(b + 6, u->month_ms);
	be16_put(b + 10, u->counter);
	q = put_hex(q, u->host.ip, u->host.v6 ? 16 : 4);
	q = put_hex(q, b, sizeof b);
	return (size_t)(q - p);
}

enum err
rmq_uniq_read(struct str s, struct rmq_uniq *u)
{
	uint8_t b[RMQ_ID_MAX / 2];
	size_t ip_n;
	enum err e;

	e = read_hex(s, b, &ip_n);
	if (e != ERR_OK)
		return e;
	host_of(&u->host, b, ip_n);
	u->pid = be16_get(b + ip_n);
	u->loader = be32_get(b + ip_n + 2);
	u->month_ms = be32_get(b + ip_n + 6);
	u->counter = be16_get(b + ip_n + 10);
	return ERR_OK;
}

int64_t
rmq_uniq_time(const struct rmq_uniq *u, int64_t now_ms)
{
	int64_t start = now_ms - rmq_month_ms(now_ms);

	/* of this month, or of the one before */
	if (start + u->month_ms > now_ms)
		start -= (int64_t)rmq_month_ms(start - 1) + 1;
	return start + u->month_ms;
}

/* ---- recall handles */

void
rmq_recall_put(struct strbuf *out, const struct rmq_recall *r)
{
	struct strbuf in;
	char *to;

	strbuf_init(&in, RECALL_MAX);
	strbuf_adds(&in, "v1 ");
	strbuf_add(&in, r->topic.p, r->topic.len);
	strbuf_addc(&in, ' ');
	strbuf_add(&in, r->broker.p, r->broker.len);
	strbuf_addc(&in, ' ');
	strbuf_add_i64(&in, r->deliver_ms);
	strbuf_addc(&in, ' ');
	strbuf_add(&in, r->uniq_key.p, r->uniq_key.len);
	to = strbuf_reserve(out, BASE64_ENCODED(in.len));
	if (to != NULL)
		strbuf_commit(
		    out, base64_encode(to, strbuf_str(&in), in.len, true));
	strbuf_fini(&in);
}

enum err
rmq_recall_read(struct str handle, char *mem, size_t cap, struct rmq_recall *r)
{
	struct str s = { mem, 0 };
	size_t n;

	if (base64_decode(handle, (uint8_t *)mem, cap, &n) != ERR_OK)
		return ERR_INVALID_ARG;
	s.len = n;
	if (!str_eq(str_word(&s, ' '), STR_LIT("v1")))
		return ERR_INVALID_ARG;
	r->topic = str_word(&s, ' ');
	r->broker = str_word(&s, ' ');
	if (num_i64(str_word(&s, ' '), &r->deliver_ms) != ERR_OK)
		return ERR_INVALID_ARG;
	r->uniq_key = str_word(&s, ' ');
	return r->topic.len != 0 && r->uniq_key.len != 0 ? ERR_OK :
							   ERR_INVALID_ARG;
}
