/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of RocketMQ's remoting protocol. Big-endian.
 *
 *	 0     4              8
 *	+-----+----+---------+--------------------+---------------+
 *	|total|type|header   | header             | body          |
 *	|     | u8 |length 24|                    |               |
 *	+-----+----+---------+--------------------+---------------+
 *	total = all that follows it; type = encoding of the header
 *
 * A frame is at most max_bytes long, its length field included, as the
 * reference's decoder counts (RFRAME_MAX_DEFAULT is its default).
 *
 * What is no frame tells the caller what it is, as far as that can be seen, so
 * that the connection is closed for a reason that is counted: a browser or a
 * person with telnet end up on this port by mistake. TLS is served, but only
 * from the first byte of a connection on (rframe_is_tls).
 *
 * Nothing is copied: a struct rframe points into the bytes that were given. Any
 * thread: no state.
 */
#ifndef ROCKETMQ_FRAME_H
#define ROCKETMQ_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cdefs.h"
#include "net/net.h"

#define RFRAME_MAX_DEFAULT (16U << 20)
#define RFRAME_PREFIX_SIZE 8 /* both length fields */

enum rheader_type {
	RHEADER_JSON = 0,
	RHEADER_BINARY = 1 /* SerializeType.ROCKETMQ */
};

enum rframe_verdict {
	RFRAME_OK,
	RFRAME_MORE, /* too few bytes to tell */
	RFRAME_TLS, /* a TLS record of type handshake */
	RFRAME_HTTP, /* a request line, or the preface of HTTP/2 */
	RFRAME_TEXT, /* other text, or telnet's options */
	RFRAME_TOO_BIG, /* over max_bytes */
	RFRAME_TOO_SHORT, /* no room for a header */
	RFRAME_BAD_HEADER_LENGTH, /* 0, or longer than the frame */
	RFRAME_BAD_TYPE /* an encoding that is not known */
};

struct rframe {
	uint8_t type; /* enum rheader_type */
	const uint8_t *header, *body;
	size_t header_n, body_n;
};

/* Of the first bytes of a connection, n > 0: TLS, not a frame? */
bool rframe_is_tls(const uint8_t *in, size_t n);

/*
 * What is at the start of the n bytes at in? RFRAME_OK: a frame of *size_bytes,
 * the length field included, which may be more than there is yet. RFRAME_MORE:
 * not known yet, *size_bytes is 0. Anything else: close the connection. TLS is
 * told by its first byte, the rest as soon as it cannot be a frame.
 */
enum rframe_verdict rframe_size(const uint8_t *in, size_t n, size_t max_bytes,
    size_t *size_bytes) MUST_CHECK;

/* Take a whole frame, of exactly the length that rframe_size gave, apart. */
enum rframe_verdict rframe_parse(
    const uint8_t *in, size_t n, struct rframe *fr) MUST_CHECK;

/* for a log line */
const char *rframe_text(enum rframe_verdict);
/* for conn_close; not for RFRAME_OK and RFRAME_MORE */
enum close_reason rframe_close(enum rframe_verdict);

#endif
