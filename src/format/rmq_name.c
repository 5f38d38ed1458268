/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "format/rmq_name.h"

static const struct str retry_head = STR_LIT(RMQ_NAME_RETRY);
static const struct str dlq_head = STR_LIT(RMQ_NAME_DLQ);

bool
rmq_name_is_retry(struct str name)
{
	return str_starts(name, retry_head);
}

bool
rmq_name_is_dlq(struct str name)
{
	return str_starts(name, dlq_head);
}

size_t
rmq_name_group_at(struct str name)
{
	if (rmq_name_is_retry(name))
		return retry_head.len;
	return rmq_name_is_dlq(name) ? dlq_head.len : 0;
}

char *
rmq_name_make(struct str ns, struct str local, struct str own_ns)
{
	size_t at = rmq_name_group_at(local);

	if (str_eq(ns, own_ns))
		return mem_strndup(local.p, local.len);
	return mem_printf("%.*s%.*s%%%.*s", (int)at, local.p, (int)ns.len, ns.p,
	    (int)(local.len - at), local.p + at);
}
