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

char *
rmq_name_make(struct str ns, struct str local, struct str own_ns)
{
	struct str head = STR_NONE;

	if (str_eq(ns, own_ns))
		return mem_strndup(local.p, local.len);
	if (rmq_name_is_retry(local))
		head = retry_head;
	else if (rmq_name_is_dlq(local))
		head = dlq_head;
	return mem_printf("%.*s%.*s%%%.*s", (int)head.len,
	    head.len > 0 ? head.p : "", (int)ns.len, ns.p,
	    (int)(local.len - head.len), local.p + head.len);
}
