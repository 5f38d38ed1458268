/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/be.h"
#include "base/vas.h"
#include "rocketmq/frame.h"

#define TLS_HANDSHAKE 0x16
#define TELNET_IAC 0xff

/* first words of requests, four bytes of each, and of HTTP/2's preface */
static const char http_words[][5] = { "GET ", "POST", "PUT ", "HEAD", "DELE",
	"OPTI", "PATC", "TRAC", "CONN", "PRI " };

/* The length is over the limit: is it one at all? */
static enum rframe_verdict
not_length(const uint8_t *in)
{
	size_t i;

	for (i = 0; i < NELEM(http_words); i++)
		if (memcmp(in, http_words[i], 4) == 0)
			return RFRAME_HTTP;
	if (in[0] == TELNET_IAC)
		return RFRAME_TEXT;
	for (i = 0; i < 4; i++)
		if ((in[i] < 0x20 || in[i] > 0x7e) && in[i] != '\t' &&
		    in[i] != '\r' && in[i] != '\n')
			return RFRAME_TOO_BIG;
	return RFRAME_TEXT;
}

static enum rframe_verdict
check_header(const uint8_t *in, size_t frame_n)
{
	size_t header_n = be32_get(in + 4) & 0xffffff;

	if (in[4] != RHEADER_JSON && in[4] != RHEADER_BINARY)
		return RFRAME_BAD_TYPE;
	if (header_n == 0 || header_n > frame_n - RFRAME_PREFIX_SIZE)
		return RFRAME_BAD_HEADER_LENGTH;
	return RFRAME_OK;
}

bool
rframe_is_tls(const uint8_t *in, size_t n)
{
	return n > 0 && in[0] == TLS_HANDSHAKE;
}

enum rframe_verdict
rframe_size(const uint8_t *in, size_t n, size_t max_bytes, size_t *size_bytes)
{
	enum rframe_verdict v;
	size_t frame_n;

	*size_bytes = 0;
	/* longer than any limit in use, so it need not wait for more */
	if (rframe_is_tls(in, n))
		return RFRAME_TLS;
	if (n < 4)
		return RFRAME_MORE;
	frame_n = (size_t)be32_get(in) + 4;
	if (frame_n > max_bytes)
		return not_length(in);
	if (frame_n < RFRAME_PREFIX_SIZE + 1)
		return RFRAME_TOO_SHORT;
	if (n >= RFRAME_PREFIX_SIZE) {
		v = check_header(in, frame_n);
		if (v != RFRAME_OK)
			return v;
	}
	*size_bytes = frame_n;
	return RFRAME_OK;
}

enum rframe_verdict
rframe_parse(const uint8_t *in, size_t n, struct rframe *fr)
{
	enum rframe_verdict v;

	if (n < RFRAME_PREFIX_SIZE + 1)
		return RFRAME_TOO_SHORT;
	assert((size_t)be32_get(in) + 4 == n);
	v = check_header(in, n);
	if (v != RFRAME_OK)
		return v;
	fr->type = in[4];
	fr->header = in + RFRAME_PREFIX_SIZE;
	fr->header_n = be32_get(in + 4) & 0xffffff;
	fr->body = fr->header + fr->header_n;
	fr->body_n = n - RFRAME_PREFIX_SIZE - fr->header_n;
	return RFRAME_OK;
}

const char *
rframe_text(enum rframe_verdict v)
{
	switch (v) {
	case RFRAME_OK:
		return "a frame";
	case RFRAME_MORE:
		return "the beginning of a frame";
	case RFRAME_TLS:
		return "TLS";
	case RFRAME_HTTP:
		return "HTTP";
	case RFRAME_TEXT:
		return "text";
	case RFRAME_TOO_BIG:
		return "frame over the limit";
	case RFRAME_TOO_SHORT:
		return "frame without a header";
	case RFRAME_BAD_HEADER_LENGTH:
		return "header length does not fit into the frame";
	case RFRAME_BAD_TYPE:
		return "unknown encoding of the header";
	}
	WRONG("verdict");
}

enum close_reason
rframe_close(enum rframe_verdict v)
{
	switch (v) {
	case RFRAME_OK:
	case RFRAME_MORE:
		break;
	case RFRAME_TLS:
	case RFRAME_HTTP:
	case RFRAME_TEXT:
		return CLOSE_NOT_OURS;
	case RFRAME_TOO_BIG:
		return CLOSE_FRAME_TOO_BIG;
	case RFRAME_TOO_SHORT:
	case RFRAME_BAD_HEADER_LENGTH:
	case RFRAME_BAD_TYPE:
		return CLOSE_MALFORMED;
	}
	WRONG("no reason to close");
}
