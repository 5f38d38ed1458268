/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows the command in Pulsar's SEND and MESSAGE, and is stored as the
 * body of an entry (less its 0x0e02 part). Big-endian:
 *
 *	+------+---+---------------------+  only from the broker, to a client
 *	|0x0e02| n | BrokerEntryMetadata |  that asked for it; not stored here
 *	+------+---+-----+---------------+
 *	|0x0e01| crc32c  |                  optional; over all that follows it
 *	+------+---------+---------------+
 *	|metadata length | MessageMetadata | payload to the end
 *	+----------------+---------------+--------
 *
 * Nothing is copied. Any thread: no state.
 */
#ifndef FORMAT_PULSAR_BODY_H
#define FORMAT_PULSAR_BODY_H

#include "base/cdefs.h"
#include "base/err.h"
#include "format/span.h"

#define PULSAR_MAGIC_CRC 0x0e01
#define PULSAR_MAGIC_BROKER 0x0e02

struct pulsar_body {
	struct span stored; /* the body less its BrokerEntryMetadata */
	struct span broker; /* BrokerEntryMetadata, or absent */
	struct span summed; /* what crc covers */
	struct span meta; /* MessageMetadata */
	struct span payload;
	uint32_t crc;
	bool has_crc;
};

/* Take the body of a SEND or MESSAGE apart. Doesn't verify the checksum. */
enum err pulsar_body_parse(struct span body, struct pulsar_body *fb) MUST_CHECK;

/* true if the checksum is right, or none was sent */
bool pulsar_body_verify(const struct pulsar_body *fb);

#endif
