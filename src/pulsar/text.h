/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text from clients is UTF-8 or isn't taken: names are shown in JSON, and a
 * string that we send must be UTF-8 again. (The reference reads what isn't as
 * U+FFFD, and so as another name than the one it was given.) Any thread.
 */
#ifndef PULSAR_TEXT_H
#define PULSAR_TEXT_H

#include <stdbool.h>

#include "pulsar/span_pb.h"

/* Well-formed: no overlong forms, no surrogates, nothing over U+10FFFF. */
bool text_is_utf8(struct span);
/* In place: what is malformed, or was cut in the middle, becomes '?'. */
void text_clean(char *);

#endif
