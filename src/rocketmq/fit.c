/* SPDX-License-Identifier: Apache-2.0 */
#include "format/rmq_body.h"
#include "rocketmq/fit.h"
#include "rocketmq/send.h"

/* V4_9_4 of the clients' MQVersion: the first that asks the record for the
 * compression. The clients of other languages never do, and ali-ons calls itself
 * a JAVA of version 121. */
#define VERSION_MODERN 401
#define VERSION_UNWRAPS 413 /* V5_0_0 */

static bool
is_modern(const struct rmq_session *s)
{
	return s->language == RLANG_JAVA && s->version >= VERSION_MODERN;
}

bool
rmq_unwraps(const struct rmq_session *s)
{
	return s->language == RLANG_JAVA && s->version >= VERSION_UNWRAPS;
}

uint8_t
rmq_fit_bits(const struct rmq_session *s)
{
	return RMQ_SYS_INNER_BATCH | (is_modern(s) ? 0 : RMQ_SYS_COMPRESSED);
}

/* As zlib; false: it can't be. */
static bool
recode(struct rmq *rm, struct rmq_fit *f, int32_t *sys_flag, struct str body,
    struct buf **out)
{
	size_t plain;

	if (rmq_body_to_zlib(sys_flag, body, rm->conf.frame_max, out, &plain) !=
	    ERR_OK) {
		/* one that ends behind its last byte has cost all of them */
		f->done += rm->conf.frame_max;
		rmq_gauge(rm, M_CONVERT_ZLIB_FAILED, 1);
		return false;
	}
	f->done += plain;
	rmq_gauge(rm, M_CONVERT_TO_ZLIB, 1);
	return true;
}

void
rmq_fit_record(struct rmq_session *s, struct rmq_fit *f, struct slice *record)
{
	struct rmq *rm = s->rm;
	struct rmq_record r;
	struct slice made;
	struct buf *b;
	size_t n;

	if (is_modern(s) || !rmq_body_is_modern(rmq_get_sys_flag(record->p)) ||
	    rmq_record_read(record->p, record->len, &r) != ERR_OK ||
	    !recode(rm, f, &r.sys_flag, r.body, &b))
		return;
	r.body = (struct str){ (const char *)b->data, b->len };
	r.body_crc = rmq_body_crc(b->data, b->len);
	n = rmq_record_size(&r);
	if (n > 0 && n <= rm->conf.frame_max - RMQ_HEAD_MAX &&
	    rmq_record_again(rm, &r, &made)) {
		slice_unref(record);
		*record = made;
	}
	buf_unref(&b);
}

struct slice
rmq_fit_copy(struct rmq_session *s, const char *record, size_t n)
{
	struct rmq_fit f = { 0 };
	struct slice copy = { 0 };

	if (n == 0)
		return copy;
	copy = slice_dup(slice_mem(record, (uint32_t)n));
	if (n >= RMQ_RECORD_MIN)
		rmq_fit_record(s, &f, &copy);
	return copy;
}

bool
rmq_fit_body(
    struct rmq_session *s, int32_t *sys_flag, struct str body, struct buf **out)
{
	struct rmq_fit f = { 0 };

	return !is_modern(s) && rmq_body_is_modern(*sys_flag) &&
	    recode(s->rm, &f, sys_flag, body, out);
}
