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
 *	body:
 *	+------+---+---------------------+  only from the broker, to a client
 *	|0x0e02| n | BrokerEntryMetadata |  that asked for it; not stored here
 *	+------+---+-----+---------------+
 *	|0x0e01| crc32c  |                  optional; over all that follows it
 *	+------+---------+---------------+
 *	|metadata length | MessageMetadata | payload to the end of the frame
 *	+----------------+---------------+--------
 *
 * What a producer sent after BaseCommand (less a 0x0e02 part, which it has no
 * business to send) is stored and given to consumers byte for byte.
 *
 * A frame is at most maxMessageSize + FRAME_PADDING bytes, its own length field
 * included (as the reference's decoder counts).
 *
 * Nothing is copied: every span points into the bytes that were given. Errors
 * are the peer's fault: close the connection, but for frame_body's, which
 * a SEND_ERROR can answer. Any thread: no state.
 */
#ifndef PULSAR_FRAME_H
#define PULSAR_FRAME_H

#include "base/cdefs.h"
#include "base/err.h"
#include "pulsar/span_pb.h"

#define FRAME_PADDING (10 * 1024)
#define FRAME_LENGTH_SIZE 4

#define FRAME_MAGIC_CRC 0x0e01
#define FRAME_MAGIC_BROKER 0x0e02

struct frame {
	uint32_t type; /* pp_BaseCommand_Type as sent; may be unknown */
	struct span cmd; /* the submessage of that type; absent if not sent */
	struct span body; /* what follows BaseCommand; n == 0 if nothing does */
};

struct frame_body {
	struct span stored; /* the body less its BrokerEntryMetadata */
	struct span broker; /* BrokerEntryMetadata, or absent */
	struct span summed; /* what crc covers */
	struct span meta; /* MessageMetadata */
	struct span payload;
	uint32_t crc;
	bool has_crc;
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

/* Take the body of a SEND or MESSAGE apart. Doesn't verify the checksum. */
enum err frame_body_parse(struct span body, struct frame_body *fb) MUST_CHECK;

/* true if the checksum is right, or none was sent */
bool frame_body_verify(const struct frame_body *fb);

#endif
