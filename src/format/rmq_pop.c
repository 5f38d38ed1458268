/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"
#include "format/rmq_pop.h"

void
rmq_handle_put(struct strbuf *sb, const struct rmq_handle *h)
{
	strbuf_add_i64(sb, h->first_offset);
	strbuf_addc(sb, ' ');
	strbuf_add_i64(sb, h->pop_ms);
	strbuf_addc(sb, ' ');
	strbuf_add_i64(sb, h->invisible_ms);
	strbuf_addc(sb, ' ');
	strbuf_add_i64(sb, h->revive_queue);
	strbuf_addc(sb, ' ');
	strbuf_addc(sb, h->retry);
	strbuf_addc(sb, ' ');
	strbuf_add(sb, h->broker.p, h->broker.len);
	strbuf_addc(sb, ' ');
	strbuf_add_i64(sb, h->queue_id);
	if (h->queue_offset < 0)
		return;
	strbuf_addc(sb, ' ');
	strbuf_add_i64(sb, h->queue_offset);
}

static bool
retry_of(struct str s, char *retry)
{
	if (s.len != 1 || s.p[0] < RMQ_POP_NORMAL || s.p[0] > RMQ_POP_RETRY_V2)
		return false;
	*retry = s.p[0];
	return true;
}

enum err
rmq_handle_read(struct str s, struct rmq_handle *h)
{
	if (num_i64(str_word(&s, ' '), &h->first_offset) != ERR_OK ||
	    num_i64(str_word(&s, ' '), &h->pop_ms) != ERR_OK ||
	    num_i64(str_word(&s, ' '), &h->invisible_ms) != ERR_OK ||
	    num_i32(str_word(&s, ' '), &h->revive_queue) != ERR_OK ||
	    !retry_of(str_word(&s, ' '), &h->retry))
		return ERR_INVALID_ARG;
	h->broker = str_word(&s, ' ');
	if (h->broker.len == 0 ||
	    num_i32(str_word(&s, ' '), &h->queue_id) != ERR_OK)
		return ERR_INVALID_ARG;
	h->queue_offset = -1;
	if (s.len == 0)
		return ERR_OK;
	return num_i64(str_word(&s, ' '), &h->queue_offset);
}

char
rmq_pop_retry_of(struct str topic)
{
	if (!str_starts(topic, STR_LIT("%RETRY%")))
		return RMQ_POP_NORMAL;
	return memchr(topic.p, '+', topic.len) != NULL ? RMQ_POP_RETRY_V2 :
							 RMQ_POP_RETRY;
}

static void
begin_group(struct strbuf *sb, char retry)
{
	if (sb->len != 0)
		strbuf_addc(sb, ';');
	strbuf_addc(sb, retry);
	strbuf_addc(sb, ' ');
}

void
rmq_pop_put_start(
    struct strbuf *sb, char retry, int32_t queue_id, int64_t first_offset)
{
	begin_group(sb, retry);
	strbuf_add_i64(sb, queue_id);
	strbuf_addc(sb, ' ');
	strbuf_add_i64(sb, first_offset);
}

void
rmq_pop_put_offsets(struct strbuf *sb, char retry, int32_t queue_id,
    const int64_t *offsets, size_t n)
{
	size_t i;

	begin_group(sb, retry);
	strbuf_add_i64(sb, queue_id);
	for (i = 0; i < n; i++) {
		strbuf_addc(sb, i == 0 ? ' ' : ',');
		strbuf_add_i64(sb, offsets[i]);
	}
}

void
rmq_pop_put_count(
    struct strbuf *sb, char retry, int32_t queue_id, int32_t count)
{
	rmq_pop_put_start(sb, retry, queue_id, count);
}

void
rmq_pop_put_count_at(struct strbuf *sb, char retry, int32_t queue_id,
    int64_t queue_offset, int32_t count)
{
	begin_group(sb, retry);
	strbuf_adds(sb, "qo");
	strbuf_add_i64(sb, queue_id);
	strbuf_addc(sb, '%');
	strbuf_add_i64(sb, queue_offset);
	strbuf_addc(sb, ' ');
	strbuf_add_i64(sb, count);
}

enum err
rmq_pop_next(struct str *field, struct rmq_pop_group *g)
{
	struct str s;

	if (field->len == 0)
		return ERR_EOF;
	s = str_word(field, ';');
	if (!retry_of(str_word(&s, ' '), &g->retry))
		return ERR_MALFORMED;
	g->queue = str_word(&s, ' ');
	g->value = str_word(&s, ' ');
	if (g->queue.len == 0 || g->value.len == 0 || s.len != 0)
		return ERR_MALFORMED;
	return ERR_OK;
}

enum err
rmq_pop_next_offset(struct str *list, int64_t *offset)
{
	if (list->len == 0)
		return ERR_EOF;
	if (num_i64(str_word(list, ','), offset) != ERR_OK)
		return ERR_MALFORMED;
	return ERR_OK;
}
