/* SPDX-License-Identifier: Apache-2.0 */
#include <pb_decode.h>
#include <pb_encode.h>

#include "base/vas.h"
#include "pulsar/cmd.h"
#include "pulsar/wire.h"

static const struct {
	const char *name;
	uint32_t from;
} cmds[CMD__MAX] = {
#define CLIENT CMD_FROM_CLIENT
#define BROKER CMD_FROM_BROKER
#define EITHER CMD_FROM_EITHER
#define CMD(name, number, msg, from) [number] = { #name, from },
#include "pulsar/tbl/cmd.h"
#undef CLIENT
#undef BROKER
#undef EITHER
};

const char *
cmd_name(uint32_t type)
{
	return type < CMD__MAX ? cmds[type].name : NULL;
}

bool
cmd_from_client(uint32_t type)
{
	return type < CMD__MAX && (cmds[type].from & CMD_FROM_CLIENT) != 0;
}

/*
 * nanopb is lenient: it cuts tags to 32 bits and skips numbers of any length.
 * Refused here, so that a span_rep's walk and nanopb see the same fields.
 */
static bool
strict(struct span in)
{
	struct wire w = wire_of(in);
	uint32_t tag;

	while (wire_more(&w)) {
		if (!wire_tag(&w, &tag) || !wire_skip(&w, tag))
			return false;
	}
	return true;
}

enum err
cmd_decode_msg(
    struct span in, const pb_msgdesc_t *desc, void *msg, size_t msg_size)
{
	struct span_source src;
	pb_istream_t is;

	if (in.p == NULL || !strict(in))
		return ERR_MALFORMED;
	/* pb_decode sets defaults, but leaves the fields of span_field alone */
	memset(msg, 0, msg_size);
	is = span_istream(&src, in);
	return pb_decode(&is, desc, msg) ? ERR_OK : ERR_MALFORMED;
}

/* What stands before the submessage: lengths, type, its tag and length. */
static size_t
head_size(enum cmd_type type, size_t n)
{
	return 8 + 1 + wire_varint_len(type) + wire_varint_len(WIRE_L(type)) +
	    wire_varint_len(n);
}

size_t
cmd_size_frame(enum cmd_type type, const pb_msgdesc_t *desc, const void *msg)
{
	size_t n;
	bool ok;

	ok = pb_get_encoded_size(&n, desc, msg);
	assert(ok);
	return head_size(type, n) + n;
}

size_t
cmd_encode_frame(uint8_t *out, size_t room, enum cmd_type type,
    const pb_msgdesc_t *desc, const void *msg)
{
	pb_ostream_t os;
	size_t n, total;
	bool ok;

	ok = pb_get_encoded_size(&n, desc, msg);
	assert(ok);
	total = head_size(type, n) + n;
	if (total > room)
		return 0;
	assert(total - 8 <= UINT32_MAX - 4);
	out = wire_put_be32(out, (uint32_t)(total - 4));
	out = wire_put_be32(out, (uint32_t)(total - 8));
	out = wire_put_u64(out, 1, type);
	out = wire_put_varint(out, WIRE_L(type));
	out = wire_put_varint(out, n);
	os = pb_ostream_from_buffer(out, n);
	ok = pb_encode(&os, desc, msg);
	assert(ok && os.bytes_written == n);
	return total;
}
