/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "auth/rmq_sign.h"
#include "base/mem.h"
#include "bench/rmq.h"

#define SOME_SIGNATURE \
	"iiiiiiiiiiiiiiiiiiiiiiiiiiii" /* RMQ_SIGN_TEXT of them */

_Static_assert(sizeof SOME_SIGNATURE - 1 == RMQ_SIGN_TEXT,
    "what stands for a signature has another length");
_Static_assert(RHEADER_FIELDS_MAX <= RMQ_SIGN_FIELDS_MAX,
    "a header has more fields than can be signed");

void
rmq_sign_init(struct bench *b)
{
	struct rmq *rq = b->priv;

	if (b->o->secret_key != NULL)
		rq->sign_key = rmq_sign_key_new(str_of(b->o->secret_key));
}

void
rmq_sign_fini(struct bench *b)
{
	struct rmq *rq = b->priv;

	if (rq->sign_key != NULL)
		rmq_sign_key_free(&rq->sign_key);
}

void
rmq_sign_room(struct bench *b)
{
	struct rmq *rq = b->priv;

	if (rq->sign_key == NULL)
		return;
	rout_str(&rq->out, "AccessKey", str_of(b->o->access_key));
	rout_str(&rq->out, "Signature", STR_LIT(SOME_SIGNATURE));
}

/* The header is read again for it: what is signed is what is sent. */
void
rmq_sign_frame(struct bench *b, uint8_t *frame, size_t n)
{
	struct rmq_sign_field f[RMQ_SIGN_FIELDS_MAX];
	struct rmq *rq = b->priv;
	struct rheader h;
	struct rframe fr;
	char text[RMQ_SIGN_TEXT];
	struct str at;
	unsigned i;

	if (rq->sign_key == NULL)
		return;
	if (rframe_parse(frame, n, &fr) != RFRAME_OK)
		die("a request of ours is no frame");
	rmq_scratch(rq, fr.header_n);
	if (rheader_scan(&h, fr.type, fr.header, fr.header_n, &rq->scratch) !=
	    ERR_OK)
		die("a request of ours has no header");
	for (i = 0; i < h.fields_n; i++)
		f[i] = (struct rmq_sign_field){ h.f[i].name, h.f[i].value };
	rmq_sign(rq->sign_key, f, h.fields_n,
	    (struct str){ (const char *)fr.body, fr.body_n }, false, text);
	at = rheader_get(&h, "Signature");
	if (at.len != sizeof text)
		die("a request of ours has no room for a signature");
	/* it has no escapes, so it stands in the frame */
	memcpy(frame + ((const uint8_t *)at.p - frame), text, sizeof text);
}
