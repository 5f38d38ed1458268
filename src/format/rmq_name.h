/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RocketMQ's name of a topic that lies in a namespace: "T" in the one that is
 * RocketMQ's own, else "ns%T", behind "%RETRY%" and "%DLQ%". Any thread.
 */
#ifndef FORMAT_RMQ_NAME_H
#define FORMAT_RMQ_NAME_H

#include <stdbool.h>

#include "base/str.h"

#define RMQ_NAME_RETRY "%RETRY%"
#define RMQ_NAME_DLQ "%DLQ%"

/* local: the topic's name without tenant, namespace and partition. mem_free it. */
char *rmq_name_make(struct str ns, struct str local, struct str own_ns);
bool rmq_name_is_retry(struct str name);
bool rmq_name_is_dlq(struct str name);
/* Bytes before the name of the group whose retries or dead letters a topic of this
 * name has; 0: it has none. */
size_t rmq_name_group_at(struct str name);

#endif
