/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How nanopb fills spans (format/span.h) without a copy: they point into the
 * frame that was decoded and are valid as long as the frame's buffer is.
 *
 * Decode from a span_istream only: span_field refuses every other stream.
 *
 * span_field is the callback that proto/pulsar.options names for every message.
 * A required string that is absent is written as the empty string, since
 * proto2 wants it on the wire; an optional one is left out.
 *
 * Any thread: no state.
 */
#ifndef PULSAR_SPAN_PB_H
#define PULSAR_SPAN_PB_H

#include <pb.h>

#include "format/span.h"

/* where a decoding stream is; lives as long as the stream */
struct span_source {
	const uint8_t *p;
};

/* A stream that span_field can point into. in.p may not be NULL. */
pb_istream_t span_istream(struct span_source *src, struct span in);

bool span_field(
    pb_istream_t *in, pb_ostream_t *out, const pb_field_iter_t *field);

#endif
