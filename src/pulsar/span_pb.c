/* SPDX-License-Identifier: Apache-2.0 */
#include <pb_decode.h>
#include <pb_encode.h>

#include "base/vas.h"
#include "pulsar/span_pb.h"

static bool
source_read(pb_istream_t *in, pb_byte_t *buf, size_t n)
{
	struct span_source *src = in->state;

	memcpy(buf, src->p, n);
	src->p += n;
	return true;
}

pb_istream_t
span_istream(struct span_source *src, struct span in)
{
	pb_istream_t is = {
		.callback = source_read,
		.state = src,
		.bytes_left = in.n,
	};

	src->p = in.p;
	return is;
}

/*
 * nanopb gives the callback a stream over this one element's bytes. If the peer
 * sent a number where a string belongs, that is a stream over nanopb's own
 * stack: told by its reader, and refused.
 */
static bool
decode(pb_istream_t *in, const pb_field_iter_t *field)
{
	struct span_source *src;
	struct span_rep *rep;
	struct span *one, s;

	if (in->callback != source_read)
		return false;
	src = in->state;
	s = span_of(src->p, in->bytes_left);
	src->p += s.n;
	in->bytes_left = 0;
	if (PB_HTYPE(field->type) != PB_HTYPE_REPEATED) {
		assert(field->data_size == sizeof *one);
		one = field->pData;
		*one = s;
		return true;
	}
	assert(field->data_size == sizeof *rep);
	rep = field->pData;
	if (rep->n++ == 0) {
		rep->first = s;
		rep->field = field->tag;
	}
	rep->end = s.p + s.n;
	return true;
}

static bool
put(pb_ostream_t *out, const pb_field_iter_t *field, struct span s)
{
	return pb_encode_tag(out, PB_WT_STRING, field->tag) &&
	    pb_encode_string(out, s.p, s.n);
}

static bool
encode(pb_ostream_t *out, const pb_field_iter_t *field)
{
	const struct span_rep *rep;
	const struct span *one;
	struct span_iter it;
	struct span el;
	uint32_t i;

	if (PB_HTYPE(field->type) != PB_HTYPE_REPEATED) {
		assert(field->data_size == sizeof *one);
		one = field->pData;
		if (one->p == NULL &&
		    PB_HTYPE(field->type) != PB_HTYPE_REQUIRED)
			return true;
		return put(out, field, *one);
	}
	assert(field->data_size == sizeof *rep);
	rep = field->pData;
	if (rep->v == NULL) {
		span_iter_init(&it, rep);
		while (span_iter_next(&it, &el)) {
			if (!put(out, field, el))
				return false;
		}
		return true;
	}
	for (i = 0; i < rep->n; i++) {
		if (!put(out, field, rep->v[i]))
			return false;
	}
	return true;
}

bool
span_field(pb_istream_t *in, pb_ostream_t *out, const pb_field_iter_t *field)
{
	/* repeated numbers are FT_IGNORE in the options; the rest has bytes */
	switch (PB_LTYPE(field->type)) {
	case PB_LTYPE_BYTES:
	case PB_LTYPE_STRING:
	case PB_LTYPE_SUBMESSAGE:
	case PB_LTYPE_SUBMSG_W_CB:
		break;
	default:
		WRONG("a number as a span");
	}
	return in != NULL ? decode(in, field) : encode(out, field);
}
