/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"
#include "format/pulsar_body.h"
#include "format/wire.h"

enum err
pulsar_body_parse(struct span body, struct pulsar_body *fb)
{
	const uint8_t *p = body.p, *end = body.p + body.n;
	uint32_t n;

	*fb = (struct pulsar_body){ 0 };
	if (body.n >= 6 && wire_be16(p) == PULSAR_MAGIC_BROKER) {
		n = wire_be32(p + 2);
		p += 6;
		if (n > (size_t)(end - p))
			return ERR_MALFORMED;
		fb->broker = span_of(p, n);
		p += n;
	}
	fb->stored = span_of(p, (size_t)(end - p));
	if (fb->stored.n >= 6 && wire_be16(p) == PULSAR_MAGIC_CRC) {
		fb->has_crc = true;
		fb->crc = wire_be32(p + 2);
		p += 6;
	}
	fb->summed = span_of(p, (size_t)(end - p));
	if (fb->summed.n < 4)
		return ERR_MALFORMED;
	n = wire_be32(p);
	p += 4;
	if (n > (size_t)(end - p))
		return ERR_MALFORMED;
	fb->meta = span_of(p, n);
	p += n;
	fb->payload = span_of(p, (size_t)(end - p));
	return ERR_OK;
}

bool
pulsar_body_verify(const struct pulsar_body *fb)
{
	if (!fb->has_crc)
		return true;
	return crc32c(0, fb->summed.p, fb->summed.n) == fb->crc;
}
