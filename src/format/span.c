/* SPDX-License-Identifier: Apache-2.0 */
#include "format/wire.h"

void
span_iter_init(struct span_iter *it, const struct span_rep *rep)
{
	*it = (struct span_iter){
		.cur = rep->first,
		.end = rep->end,
		.left = rep->n,
		.field = rep->field,
	};
}

bool
span_iter_next(struct span_iter *it, struct span *el)
{
	struct wire w;
	uint32_t tag;

	if (it->left == 0)
		return false;
	*el = it->cur;
	if (--it->left == 0)
		return true;
	w.p = el->p + el->n;
	w.end = it->end;
	while (wire_more(&w) && wire_tag(&w, &tag)) {
		if (tag == WIRE_L(it->field)) {
			if (wire_bytes(&w, &it->cur))
				return true;
			break;
		}
		if (!wire_skip(&w, tag))
			break;
	}
	/* nanopb takes some tags and numbers that wire.h calls malformed */
	it->left = 0;
	return true;
}
