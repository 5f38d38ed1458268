/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACK. Ids are read into the shard's scratch memory and go to the core in
 * slices; the last one asks for the answer, which then covers all before it.
 */
#include "pulsar/session_priv.h"

struct ack_run {
	struct session *s;
	struct core_ack a;
	uint32_t words_n; /* of the scratch in use */
};

static void
response(
    struct session *s, const struct hot_ack *ack, int error, const char *text)
{
	struct hot_ack_response r = {
		.consumer_id = ack->consumer_id,
		.request_id = ack->request_id,
		.has_request_id = true,
		.has_txn = ack->has_txn,
		.txn_least = ack->txn_least,
		.txn_most = ack->txn_most,
		.error = error,
		.text = text,
	};

	if (ack->has_request_id)
		conn_commit(s->cn,
		    hot_ack_response_encode(
			conn_reserve(s->cn, HOT_ACK_RESPONSE_MAX), &r));
}

static void
flush(struct ack_run *run)
{
	run->a.ids = run->s->p->ack_ids;
	route_ack(run->s->p->router, &run->a);
	run->a.n = 0;
	run->words_n = 0;
}

static bool
add(struct ack_run *run, struct span el)
{
	struct pulsar *p = run->s->p;
	struct core_ack_id *id;
	struct msgid mi;

	if (msgid_decode(el, &mi) != ERR_OK || mi.ack_words_n > ACK_SET_MAX)
		return false;
	if (run->a.n == ACK_IDS_MAX ||
	    run->words_n + mi.ack_words_n > ACK_WORDS_MAX)
		flush(run);
	id = &p->ack_ids[run->a.n++];
	*id = (struct core_ack_id){
		.pos = { .ledger = mi.ledger, .entry = (int64_t)mi.entry },
		.batch_size = mi.batch_size > 0 ? (uint32_t)mi.batch_size : 0,
	};
	if (mi.ack_words_n > 0) {
		id->words = p->ack_words + run->words_n;
		id->words_n = msgid_ack_set(
		    &mi, p->ack_words + run->words_n, mi.ack_words_n);
		run->words_n += id->words_n;
	}
	return true;
}

static void
run_ids(struct session *s, const struct hot_ack *ack, const struct cons *c)
{
	struct ack_run run = {
		.s = s,
		.a = { .consumer = c->handle,
		    .cumulative = ack->type == HOT_ACK_CUMULATIVE },
	};
	struct span_iter it;
	struct span el;

	/* a cumulative ack of several ids says nothing and is not applied */
	if (!run.a.cumulative || ack->ids.n == 1) {
		span_iter_init(&it, &ack->ids);
		while (span_iter_next(&it, &el))
			if (!add(&run, el)) {
				session_malformed(s);
				return;
			}
	}
	if (ack->has_request_id) {
		run.a.want_reply = true;
		run.a.req = ack->request_id;
		if (++s->requests_n >= s->p->conf.requests_max)
			session_pause(s, PAUSE_REQUESTS);
	} else if (run.a.n == 0)
		return;
	flush(&run);
}

void
do_ack(struct session *s, const struct frame *fr, struct buf *b)
{
	struct hot_ack ack;
	struct cons *c;

	(void)b;
	if (hot_ack_decode(fr->cmd, &ack) != ERR_OK ||
	    ack.type > HOT_ACK_CUMULATIVE) {
		session_malformed(s);
		return;
	}
	c = cons_get(s, ack.consumer_id);
	if (c == NULL)
		response(s, &ack, pp_ServerError_ConsumerNotFound,
		    "Consumer not found");
	else if (ack.has_txn)
		response(s, &ack, pp_ServerError_NotAllowedError,
		    "Transactions are not enabled.");
	else
		run_ids(s, &ack, c);
}

void
ack_answer(struct session *s, const struct fx *fx)
{
	const struct hot_ack ack = {
		.consumer_id = fx->dest.tag,
		.request_id = fx->req,
		.has_request_id = true,
	};

	if (fx->err == ERR_OK)
		response(s, &ack, -1, NULL);
	else
		response(s, &ack, err_pulsar(fx->err), fx_message(fx));
}
