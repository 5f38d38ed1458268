/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

enum err
num_i64(struct str s, int64_t *out)
{
	size_t i = 0;
	bool minus;
	int64_t v = 0;
	int d;

	minus = s.len > 0 && s.p[0] == '-';
	if (minus || (s.len > 0 && s.p[0] == '+'))
		i++;
	if (i == s.len)
		return ERR_INVALID_ARG;
	/* downwards, for the least number has no positive */
	for (; i < s.len; i++) {
		d = s.p[i] - '0';
		if (d < 0 || d > 9 || v < INT64_MIN / 10 ||
		    v * 10 < INT64_MIN + d)
			return ERR_INVALID_ARG;
		v = v * 10 - d;
	}
	if (!minus) {
		if (v == INT64_MIN)
			return ERR_INVALID_ARG;
		v = -v;
	}
	*out = v;
	return ERR_OK;
}

enum err
num_i32(struct str s, int32_t *out)
{
	int64_t v;
	enum err e;

	e = num_i64(s, &v);
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
