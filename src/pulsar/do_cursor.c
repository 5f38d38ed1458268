/* SPDX-License-Identifier: Apache-2.0 */
/* REDELIVER, SEEK, GET_LAST_MESSAGE_ID, CONSUMER_STATS. */
#include <stdio.h>

#include "core/stats.h"
#include "pulsar/session_priv.h"

/* --- REDELIVER -------------------------------------------------------------- */

static bool
copy_ids(struct op *op, const struct span_rep *rep)
{
	struct core_ack_id *ids;
	struct span_iter it;
	struct msgid mi;
	struct span el;

	if (rep->n == 0)
		return true;
	ids = op_mem(op, rep->n * sizeof *ids);
	op->ids = ids;
	span_iter_init(&it, rep);
	while (op->ids_n < rep->n && span_iter_next(&it, &el)) {
		if (msgid_decode(el, &mi) != ERR_OK)
			return false;
		ids[op->ids_n].pos.ledger = mi.ledger;
		ids[op->ids_n].pos.entry = (int64_t)mi.entry;
		op->ids_n++;
	}
	return true;
}

void
do_redeliver(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandRedeliverUnacknowledgedMessages m;
	struct cons *c;
	struct op *op;

	(void)b;
	if (cmd_decode_REDELIVER_UNACKNOWLEDGED_MESSAGES(fr->cmd, &m) !=
	    ERR_OK) {
		session_malformed(s);
		return;
	}
	c = cons_get(s, m.consumer_id);
	if (c == NULL)
		return;
	op = pulsar_op_new(s->p, OP_REDELIVER);
	op->handle = c->handle;
	op->u32 = m.consumer_epoch < UINT32_MAX ? (uint32_t)m.consumer_epoch :
						  UINT32_MAX;
	if (!copy_ids(op, &m.message_ids)) {
		op_free(&op);
		session_malformed(s);
		return;
	}
	route_op(s->p->router, &op);
}

/* --- SEEK ------------------------------------------------------------------- */

static enum err
seek_to(struct op *op, const pp_CommandSeek *m)
{
	struct op_start *st = &op->start;
	struct msgid mi;
	uint64_t *words;

	if (m->message_id.p == NULL) {
		st->kind = START_TIME;
		st->time_ms = m->message_publish_time <= INT64_MAX ?
		    (int64_t)m->message_publish_time :
		    INT64_MAX;
		return ERR_OK;
	}
	if (msgid_decode(m->message_id, &mi) != ERR_OK ||
	    mi.ack_words_n > ACK_SET_MAX)
		return ERR_MALFORMED;
	if ((int64_t)mi.ledger < 0) {
		st->kind = START_EARLIEST;
		return ERR_OK;
	}
	if (mi.ledger == INT64_MAX && mi.entry == INT64_MAX) {
		st->kind = START_LATEST;
		return ERR_OK;
	}
	st->kind = START_POS;
	st->pos.ledger = mi.ledger;
	st->pos.entry = (int64_t)mi.entry;
	/* the entry named is the next one to be delivered */
	st->inclusive = (int64_t)mi.entry >= 0;
	if (mi.ack_words_n > 0) {
		words = op_mem(op, mi.ack_words_n * sizeof *words);
		st->words_n = msgid_ack_set(&mi, words, mi.ack_words_n);
		st->words = words;
	}
	return ERR_OK;
}

void
do_seek(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandSeek m;
	struct cons *c;
	struct op *op;

	(void)b;
	if (cmd_decode_SEEK(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	if (m.message_id.p == NULL && !m.has_message_publish_time) {
		session_error(s, m.request_id, pp_ServerError_MetadataError,
		    "Message id and message publish time were not present");
		return;
	}
	c = cons_get(s, m.consumer_id);
	if (c == NULL) {
		session_error(s, m.request_id, pp_ServerError_MetadataError,
		    "Consumer not found");
		return;
	}
	op = session_op_new(s, OP_SEEK, c->id, m.request_id);
	op->handle = c->handle;
	if (seek_to(op, &m) != ERR_OK) {
		op_free(&op);
		session_malformed(s);
		return;
	}
	session_route(s, &op);
}

void
consumer_seek_answer(struct session *s, const struct fx *fx)
{
	char text[192];

	if (fx->err == ERR_OK) {
		session_success(s, fx->req);
		return;
	}
	(void)snprintf(text, sizeof text,
	    "Error when resetting subscription: %s", fx_message(fx));
	session_error(s, fx->req, pp_ServerError_UnknownError, text);
}

/* --- GET_LAST_MESSAGE_ID ---------------------------------------------------- */

void
do_get_last_message_id(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandGetLastMessageId m;
	struct cons *c;
	struct op *op;

	(void)b;
	if (cmd_decode_GET_LAST_MESSAGE_ID(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	c = cons_get(s, m.consumer_id);
	if (c == NULL) {
		session_error(s, m.request_id, pp_ServerError_MetadataError,
		    "Consumer not found");
		return;
	}
	op = session_op_new(s, OP_LAST_ID, c->id, m.request_id);
	op->handle = c->handle;
	session_route(s, &op);
}

void
consumer_last_id_answer(struct session *s, const struct fx *fx)
{
	pp_CommandGetLastMessageIdResponse m = { .request_id = fx->req };
	pp_MessageIdData *id = &m.last_message_id;
	struct cons *c = cons_get(s, fx->dest.tag);
	bool empty = fx->pos.entry < 0;

	if (fx->err != ERR_OK) {
		session_error_fx(s, fx);
		return;
	}
	id->ledgerId = empty ? HOT_NO_ID : fx->pos.ledger;
	id->entryId = empty ? HOT_NO_ID : (uint64_t)fx->pos.entry;
	id->has_partition = true;
	id->partition = c != NULL ? c->partition : -1;
	id->has_batch_index = true;
	id->batch_index =
	    !empty && fx->flag && fx->u32 > 0 ? (int32_t)fx->u32 - 1 : -1;
	m.has_consumer_mark_delete_position = true;
	id = &m.consumer_mark_delete_position;
	if (pos_eq(fx->pos2, POS_NONE))
		id->ledgerId = id->entryId = HOT_NO_ID;
	else {
		id->ledgerId = fx->pos2.ledger;
		id->entryId = (uint64_t)fx->pos2.entry;
	}
	SESSION_SEND(s, GET_LAST_MESSAGE_ID_RESPONSE,
	    CommandGetLastMessageIdResponse, &m);
}

/* --- CONSUMER_STATS --------------------------------------------------------- */

static void
stats_fail(struct session *s, uint64_t req, int error, const char *text)
{
	pp_CommandConsumerStatsResponse m = {
		.request_id = req,
		.has_error_code = true,
		.error_code = (pp_ServerError)error,
		.error_message = span_str(text),
	};

	SESSION_SEND(
	    s, CONSUMER_STATS_RESPONSE, CommandConsumerStatsResponse, &m);
}

static void
stats_not_found(struct session *s, uint64_t req, uint64_t id)
{
	char text[64];

	(void)snprintf(text, sizeof text, "Consumer %llu not found",
	    (unsigned long long)id);
	stats_fail(s, req, pp_ServerError_ConsumerNotFound, text);
}

void
do_consumer_stats(struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandConsumerStats m;
	struct cons *c;
	struct op *op;

	(void)b;
	if (cmd_decode_CONSUMER_STATS(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	c = cons_get(s, m.consumer_id);
	if (c == NULL) {
		stats_not_found(s, m.request_id, m.consumer_id);
		return;
	}
	op = session_op_new(s, OP_CONSUMER_STATS, c->id, m.request_id);
	op->handle = c->handle;
	session_route(s, &op);
}

static const char *
type_text(const struct sub_stats *ss)
{
	static const char *const texts[] = {
		[SUB_EXCLUSIVE] = "Exclusive",
		[SUB_FAILOVER] = "Failover",
		[SUB_SHARED] = "Shared",
		[SUB_KEY_SHARED] = "Key_Shared",
	};

	return ss->has_type ? texts[ss->type] : "None";
}

static void
stats_say(struct session *s, uint64_t req, const struct sub_stats *ss,
    const struct consumer_stats *cs)
{
	char since[32];
	pp_CommandConsumerStatsResponse m = {
		.request_id = req,
		.has_msgRateOut = true,
		.msgRateOut = cs->out.msg,
		.has_msgThroughputOut = true,
		.msgThroughputOut = cs->out.bytes,
		.has_msgRateRedeliver = true,
		.msgRateRedeliver = cs->rate_redeliver,
		.consumerName = span_str(cs->name),
		.has_availablePermits = true,
		.availablePermits = (uint64_t)cs->permits,
		.has_unackedMessages = true,
		.unackedMessages = cs->unacked,
		.has_blockedConsumerOnUnackedMsgs = true,
		.blockedConsumerOnUnackedMsgs = cs->blocked_unacked,
		.address = span_str(cs->address),
		.type = span_str(type_text(ss)),
		.has_msgRateExpired = true,
		.msgRateExpired = ss->rate_expired,
		.has_msgBacklog = true,
		.msgBacklog = ss->backlog_entries,
		.has_messageAckRate = true,
		.messageAckRate = cs->rate_ack,
	};

	pulsar_time_text(cs->connected_ms, since);
	m.connectedSince = span_str(since);
	SESSION_SEND(
	    s, CONSUMER_STATS_RESPONSE, CommandConsumerStatsResponse, &m);
}

void
consumer_stats_answer(struct session *s, const struct fx *fx)
{
	const struct consumer_stats *cs;
	const struct sub_stats *ss;
	uint32_t i, j;

	if (fx->err != ERR_OK || fx->stats == NULL) {
		stats_fail(s, fx->req,
		    err_pulsar(fx->err != ERR_OK ? fx->err : ERR_NO_CONSUMER),
		    fx_message(fx));
		return;
	}
	for (i = 0; i < fx->stats->subs_n; i++) {
		ss = &fx->stats->subs[i];
		for (j = 0; j < ss->consumers_n; j++) {
			cs = &ss->consumers[j];
			if (cs->conn == s->id && cs->tag == fx->dest.tag) {
				stats_say(s, fx->req, ss, cs);
				return;
			}
		}
	}
	stats_not_found(s, fx->req, fx->dest.tag);
}
