/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors. A function that can fail returns enum err, 0 (ERR_OK) when it did
 * not, and is MUST_CHECK. The table tbl/err.h gives each error one text and
 * its number in every protocol spoken here. errno becomes an enum err in
 * src/os only.
 *
 * What a person should read beyond the text goes into a struct diag that the
 * caller may pass (or NULL): the lowest layer writes it, each layer above may
 * put its own words in front with diag_wrap. Messages are cut at the size of
 * the struct. Any thread.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/cdefs.h"

enum err {
	ERR_OK = 0,
#define ERR(name, text, pulsar, rocketmq, http, grpc) ERR_##name,
#include "base/tbl/err.h"
	ERR__MAX
};

struct diag {
	char msg[256];
};

/* "NO_TOPIC", for logs and metrics; ERR_OK is "OK" */
const char *err_name(enum err);
/* "Topic not found", for people */
const char *err_text(enum err);
/* Pulsar's ServerError; not for ERR_OK, which has none */
int err_pulsar(enum err);
/* RocketMQ's ResponseCode; ERR_OK is 0 */
int err_rocketmq(enum err);
/* HTTP status; ERR_OK is 200 */
int err_http(enum err);
/* apache.rocketmq.v2.Code; ERR_OK is 20000 */
int err_grpc(enum err);

void diag_clear(struct diag *);
/* Sets the message and returns e, so that `return diag_set(d, ERR_X, ...)`. */
enum err diag_set(struct diag *, enum err e, const char *fmt, ...) PRINTF(3, 4);
/* Puts "<fmt>: " in front of the message. */
void diag_wrap(struct diag *, const char *fmt, ...) PRINTF(2, 3);
/* The message, or the error's text when there is none (or no diag). */
const char *diag_text(const struct diag *, enum err);

#endif
