/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope of the Pulsar protocol: bytes to frames, frames to a command
 * and, for SEND and MESSAGE, its body. Big-endian.
 *
 *	 0     4     8
 *	+-----+-----+-------------+------------------------------------+
 *	|total| cmd | BaseCommand | body (SEND, MESSAGE only)          |
 *	+-----+-----+-------------+------------------------------------+
 *	total = all that follows it, cmd = length of BaseCommand
 *
 * What a producer sent after BaseCommand (format/pulsar_body.h), less a 0x0e02
 * part, which it has no business to send, is stored and given to consumers byte
 * for byte.
 *
 * A frame is at most maxMessageSize + FRAME_PADDING bytes, its own length field
 * included (as the reference's decoder counts).
 *
 * Nothing is copied: every span points into the bytes that were given. Errors
 * are the peer's fault: close the connection, but for the body's, which
 * a SEND_ERROR can answer. Any thread: no state.
 */
#ifndef PULSAR_FRAME_H
#define PULSAR_FRAME_H

#include "base/cdefs.h"
#include "base/err.h"
#include "format/pulsar_body.h"
#include "format/span.h"

#define FRAME_PADDING (10 * 1024)
#define FRAME_LENGTH_SIZE 4

struct frame {
	uint32_t type; /* pp_BaseCommand_Type as sent; may be unknown */
	struct span cmd; /* the submessage of that type; absent if not sent */
	struct span body; /* what follows BaseCommand; n == 0 if nothing does */
};

/*
 * How long is the frame at the start of in? *size_bytes counts the length field
 * too and may be more than there is yet; 0: not even the length is there.
 * ERR_TOO_BIG: longer than max_bytes; ERR_MALFORMED: too short to be one.
 */
enum err frame_size(
    struct span in, size_t max_bytes, size_t *size_bytes) MUST_CHECK;

/*
 * Take one whole frame, of exactly the length that frame_size gave, apart.
 * ERR_MALFORMED: lengths that contradict each other, or no readable type.
 */
enum err frame_parse(struct span in, struct frame *fr) MUST_CHECK;

#endif
