/* SPDX-License-Identifier: Apache-2.0 */
/* Between header.c and header_json.c. */
#ifndef ROCKETMQ_HEADER_PRIV_H
#define ROCKETMQ_HEADER_PRIV_H

#include "rocketmq/header.h"

/* The last one of a name counts. ERR_TOO_BIG: no room for another. */
enum err rheader_add(
    struct rheader *, struct str name, struct str value) MUST_CHECK;
void rheader_drop(struct rheader *, struct str name);
uint8_t rlanguage_of(struct str name);
enum err rheader_scan_json(
    struct rheader *, const char *p, size_t len, struct rscratch *) MUST_CHECK;

static inline void
rheader_clear_fields(struct rheader *h)
{
	memset(h->letter, 0, sizeof h->letter);
	h->fields_n = 0;
}

#endif
