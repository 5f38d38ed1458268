/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transaction commands of clients, answered as the reference answers them
 * with transactionCoordinatorEnabled=false: a plain ERROR. Those that only
 * brokers send each other have their own answers.
 */
#include "pulsar/session_priv.h"

#define TEXT "Transactions are not enabled."

#define DO_TXN(name, type, f)                                            \
	void f(struct session *s, const struct frame *fr, struct buf *b) \
	{                                                                \
		pp_Command##type m;                                      \
                                                                         \
		(void)b;                                                 \
		if (cmd_decode_##name(fr->cmd, &m) != ERR_OK)            \
			session_malformed(s);                            \
		else                                                     \
			session_error(s, m.request_id,                   \
			    pp_ServerError_NotAllowedError, TEXT);       \
	}

DO_TXN(NEW_TXN, NewTxn, do_new_txn)
DO_TXN(ADD_PARTITION_TO_TXN, AddPartitionToTxn, do_add_partition_to_txn)
DO_TXN(
    ADD_SUBSCRIPTION_TO_TXN, AddSubscriptionToTxn, do_add_subscription_to_txn)
DO_TXN(END_TXN, EndTxn, do_end_txn)
DO_TXN(TC_CLIENT_CONNECT_REQUEST, TcClientConnectRequest, do_tc_client_connect)

void
do_end_txn_on_partition(
    struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandEndTxnOnPartition m;
	pp_CommandEndTxnOnPartitionResponse r = {
		.has_error = true,
		.error = pp_ServerError_NotAllowedError,
		.message = span_str(TEXT),
	};

	(void)b;
	if (cmd_decode_END_TXN_ON_PARTITION(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	r.request_id = m.request_id;
	SESSION_SEND(s, END_TXN_ON_PARTITION_RESPONSE,
	    CommandEndTxnOnPartitionResponse, &r);
}

void
do_end_txn_on_subscription(
    struct session *s, const struct frame *fr, struct buf *b)
{
	pp_CommandEndTxnOnSubscription m;
	pp_CommandEndTxnOnSubscriptionResponse r = {
		.has_error = true,
		.error = pp_ServerError_NotAllowedError,
		.message = span_str(TEXT),
	};

	(void)b;
	if (cmd_decode_END_TXN_ON_SUBSCRIPTION(fr->cmd, &m) != ERR_OK) {
		session_malformed(s);
		return;
	}
	r.request_id = m.request_id;
	SESSION_SEND(s, END_TXN_ON_SUBSCRIPTION_RESPONSE,
	    CommandEndTxnOnSubscriptionResponse, &r);
}
