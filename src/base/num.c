/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

/* any number of 18 digits fits */
#define SAFE_DIGITS 18

static inline enum err
read_i64(struct str s, int64_t *out)
{
	const char *p = s.p, *end = s.p + s.len;
	bool minus, safe;
	uint64_t v = 0;
	unsigned d;

	minus = s.len > 0 && *p == '-';
	if (minus || (s.len > 0 && *p == '+'))
		p++;
	if (p == end)
		return ERR_INVALID_ARG;
	safe = end - p <= SAFE_DIGITS;
	do {
		d = (unsigned)(unsigned char)*p - '0';
		if (d > 9 || (!safe && v > INT64_MAX / 10))
			return ERR_INVALID_ARG;
		v = v * 10 + d;
	} while (++p != end);
	if (v > (uint64_t)INT64_MAX + minus)
		return ERR_INVALID_ARG;
	*out = (int64_t)(minus ? 0 - v : v);
	return ERR_OK;
}

enum err
num_i64(struct str s, int64_t *out)
{
	return read_i64(s, out);
}

enum err
num_i32(struct str s, int32_t *out)
{
	int64_t v;
	enum err e;

	e = read_i64(s, &v);
	if (e != ERR_OK)
		return e;
	if (v < INT32_MIN || v > INT32_MAX)
		return ERR_INVALID_ARG;
	*out = (int32_t)v;
	return ERR_OK;
}

size_t
num_put(char *p, int64_t v)
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	char tmp[NUM_MAX];
	size_t i = sizeof tmp;

	do {
		tmp[--i] = (char)('0' + u % 10);
		u /= 10;
	} while (u != 0);
	if (v < 0)
		tmp[--i] = '-';
	memcpy(p, tmp + i, sizeof tmp - i);
	return sizeof tmp - i;
}
