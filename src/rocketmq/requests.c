/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler carries out which request. */
#include "rocketmq/pop.h"
#include "rocketmq/rmq_priv.h"

static const struct {
	int32_t code;
	const char *name;
	rmq_do_f *f;
} requests[] = {
#define REQUEST(code, name, f) { (code), #name, (f) },
#include "rocketmq/tbl/request.h"
};

#define N (sizeof requests / sizeof requests[0])

void
rmq_requests_check(void)
{
	size_t i;

	for (i = 1; i < N; i++)
		assert(requests[i - 1].code < requests[i].code);
}

/* The table is in order of codes: a binary search. */
static size_t
find(int32_t code)
{
	size_t lo = 0, hi = N, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (requests[mid].code == code)
			return mid;
		if (requests[mid].code < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return N;
}

rmq_do_f *
rmq_handler(int32_t code)
{
	size_t i = find(code);

	return i < N ? requests[i].f : NULL;
}

const char *
rmq_request_name(int32_t code)
{
	size_t i = find(code);

	return i < N ? requests[i].name : NULL;
}
