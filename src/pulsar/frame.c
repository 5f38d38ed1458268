/* SPDX-License-Identifier: Apache-2.0 */
#include "format/wire.h"
#include "pulsar/frame.h"

enum err
frame_size(struct span in, size_t max_bytes, size_t *size_bytes)
{
	size_t n;

	*size_bytes = 0;
	if (in.n < FRAME_LENGTH_SIZE)
		return ERR_OK;
	n = (size_t)wire_be32(in.p) + FRAME_LENGTH_SIZE;
	if (n > max_bytes)
		return ERR_TOO_BIG;
	/* the command's length, and at least its type */
	if (n < FRAME_LENGTH_SIZE + 4 + 2)
		return ERR_MALFORMED;
	*size_bytes = n;
	return ERR_OK;
}

/*
 * The field numbers of BaseCommand are the types' own, so the submessage that
 * counts is the one whose number is the type. Every writer puts the type first,
 * but protobuf doesn't ask for it: then a second pass finds the submessage.
 */
static bool
parse_command(struct span in, struct frame *fr)
{
	struct wire w = wire_of(in);
	struct span s;
	uint32_t tag;
	uint64_t v;
	bool has_type = false, early = false;

	while (wire_more(&w)) {
		if (!wire_tag(&w, &tag))
			return false;
		if (tag == WIRE_V(1)) {
			if (!wire_varint(&w, &v) || v > INT32_MAX)
				return false;
			fr->type = (uint32_t)v;
			has_type = true;
		} else if ((tag & 7) == WIRE_LEN) {
			if (!wire_bytes(&w, &s))
				return false;
			if (!has_type)
				early = true;
			else if (tag >> 3 == fr->type)
				fr->cmd = s;
		} else if (!wire_skip(&w, tag))
			return false;
	}
	if (!has_type)
		return false;
	if (early && fr->cmd.p == NULL) {
		w = wire_of(in);
		while (wire_more(&w)) {
			if (!wire_tag(&w, &tag))
				return false;
			if (tag == WIRE_L(fr->type)) {
				if (!wire_bytes(&w, &fr->cmd))
					return false;
			} else if (!wire_skip(&w, tag))
				return false;
		}
	}
	return true;
}

enum err
frame_parse(struct span in, struct frame *fr)
{
	uint32_t cmd_n;

	*fr = (struct frame){ 0 };
	if (in.n < FRAME_LENGTH_SIZE + 4 ||
	    (size_t)wire_be32(in.p) + FRAME_LENGTH_SIZE != in.n)
		return ERR_MALFORMED;
	cmd_n = wire_be32(in.p + 4);
	in.p += 8;
	in.n -= 8;
	if (cmd_n > in.n)
		return ERR_MALFORMED;
	if (!parse_command(span_of(in.p, cmd_n), fr))
		return ERR_MALFORMED;
	fr->body = span_of(in.p + cmd_n, in.n - cmd_n);
	return ERR_OK;
}
