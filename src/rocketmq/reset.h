/* SPDX-License-Identifier: Apache-2.0 */
/* reset.h - offsets that an admin has moved and that pulls are to be told of. */
#ifndef ROCKETMQ_RESET_H
#define ROCKETMQ_RESET_H

#include "rocketmq/rmq_priv.h"

void rmq_resets_init(struct rmq *);
void rmq_resets_fini(struct rmq *);
/* Was the group's queue reset since somebody was told so? Then *index is where
 * to, and nobody is told again. */
bool rmq_reset_take(struct rmq *, struct str group, const char *topic,
    uint32_t queue, uint64_t *index);
/* It was, and nobody has been told yet: what the group commits is of before. */
bool rmq_reset_pending(
    struct rmq *, struct str group, const char *topic, uint32_t queue);

#endif
