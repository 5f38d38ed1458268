/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - an entry as an HTTP answer: its metadata as headers, its payload,
 * decompressed unless it is encrypted, as the body. One of RocketMQ's is shown as
 * a Pulsar consumer would get it.
 *
 * The metadata is walked by hand, field by field in the order of the wire:
 * there is nothing to allocate and what is unknown is skipped. What a producer
 * wrote is not trusted: every length is checked, the decompressed size too.
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include "http/http_priv.h"

/* Answers with the entry; 500 if it cannot be read. */
void message_answer(struct req *, const struct entry *);

#endif
