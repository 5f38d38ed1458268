/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests that are served: REQUEST(code, name, handler). Numbers and names
 * are RequestCode's of the reference. What is not here is answered
 * REQUEST_CODE_NOT_SUPPORTED.
 */
REQUEST(10, SEND_MESSAGE, rmq_do_send)
REQUEST(11, PULL_MESSAGE, rmq_do_pull)
REQUEST(14, QUERY_CONSUMER_OFFSET, rmq_do_offset_get)
REQUEST(15, UPDATE_CONSUMER_OFFSET, rmq_do_offset_set)
REQUEST(29, SEARCH_OFFSET_BY_TIMESTAMP, rmq_do_offset_time)
REQUEST(30, GET_MAX_OFFSET, rmq_do_offset_max)
REQUEST(31, GET_MIN_OFFSET, rmq_do_offset_min)
REQUEST(32, GET_EARLIEST_MSG_STORETIME, rmq_do_earliest_time)
REQUEST(33, VIEW_MESSAGE_BY_ID, rmq_do_view)
REQUEST(34, HEART_BEAT, rmq_do_heartbeat)
REQUEST(35, UNREGISTER_CLIENT, rmq_do_unregister)
REQUEST(36, CONSUMER_SEND_MSG_BACK, rmq_do_send_back)
REQUEST(37, END_TRANSACTION, rmq_do_end_transaction)
REQUEST(38, GET_CONSUMER_LIST_BY_GROUP, rmq_do_consumer_list)
REQUEST(41, LOCK_BATCH_MQ, rmq_do_lock)
REQUEST(42, UNLOCK_BATCH_MQ, rmq_do_unlock)
REQUEST(105, GET_ROUTEINFO_BY_TOPIC, rmq_do_route)
REQUEST(106, GET_BROKER_CLUSTER_INFO, rmq_do_cluster)
REQUEST(310, SEND_MESSAGE_V2, rmq_do_send)
REQUEST(320, SEND_BATCH_MESSAGE, rmq_do_send)
REQUEST(361, LITE_PULL_MESSAGE, rmq_do_pull)
REQUEST(370, RECALL_MESSAGE, rmq_do_recall)

#undef REQUEST
