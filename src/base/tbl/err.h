/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of errors: ERR(name, text, Pulsar, RocketMQ, HTTP, gRPC)
 *
 * Pulsar	ServerError of PulsarApi.proto: 0 UnknownError 1 MetadataError
 *		2 PersistenceError 3 AuthenticationError 4 AuthorizationError
 *		5 ConsumerBusy 6 ServiceNotReady
 *		7 ProducerBlockedQuotaExceededError 9 ChecksumError
 *		11 TopicNotFound 12 SubscriptionNotFound 13 ConsumerNotFound
 *		14 TooManyRequests 15 TopicTerminatedError 16 ProducerBusy
 *		17 InvalidTopicName 18 IncompatibleSchema 19 ConsumerAssignError
 *		22 NotAllowedError 23 TransactionConflict 25 ProducerFenced
 * RocketMQ	ResponseCode of the remoting protocol: 1 SYSTEM_ERROR
 *		2 SYSTEM_BUSY 3 REQUEST_CODE_NOT_SUPPORTED 13 MESSAGE_ILLEGAL
 *		14 SERVICE_NOT_AVAILABLE 16 NO_PERMISSION 17 TOPIC_NOT_EXIST
 *		18 TOPIC_EXIST_ALREADY 21 PULL_OFFSET_MOVED 22 QUERY_NOT_FOUND
 *		24 SUBSCRIPTION_NOT_EXIST 26 SUBSCRIPTION_GROUP_NOT_EXIST
 *		29 INVALID_PARAMETER 206 CONSUMER_NOT_ONLINE
 * HTTP		status of Pulsar's admin API
 * gRPC		Code of apache.rocketmq.v2 (2xxxx ok, 4xxxx client, 5xxxx server)
 *
 * The order is free: the numbers of enum err are never stored or sent.
 */

ERR(NO_TOPIC, "Topic not found", 11, 17, 404, 40402)
ERR(NO_NAMESPACE, "Namespace not found", 1, 17, 404, 40402)
ERR(NO_TENANT, "Tenant not found", 1, 17, 404, 40402)
ERR(NO_CLUSTER, "Cluster not found", 1, 17, 404, 40400)
ERR(NO_SUBSCRIPTION, "Subscription not found", 12, 26, 404, 40403)
ERR(NO_CONSUMER, "Consumer not found", 13, 206, 404, 40400)
ERR(NO_PRODUCER, "Producer not found", 0, 1, 404, 40400)
ERR(NO_MESSAGE, "Message not found", 1, 22, 404, 40401)
ERR(NO_SCHEMA, "Schema not found", 11, 22, 404, 40400)
ERR(NO_LISTENER, "Advertised listener not found", 1, 1, 404, 40400)
ERR(NOT_FOUND, "Not found", 1, 22, 404, 40400)
ERR(NO_KEY, "Key not found", 1, 22, 404, 40400)
ERR(NO_FILE, "File not found", 2, 1, 500, 50001)
ERR(EXISTS, "Already exists", 1, 18, 409, 40000)
ERR(CONFLICT, "Conflict", 1, 1, 409, 40000)
ERR(PRECONDITION, "Precondition failed", 1, 29, 412, 42800)
ERR(NOT_ACCEPTABLE, "Not acceptable", 1, 29, 406, 40000)
ERR(UNPROCESSABLE, "Cannot be processed", 1, 29, 422, 40000)
ERR(CONSUMER_BUSY, "Consumer is busy", 5, 2, 409, 40000)
ERR(SUBSCRIPTION_BUSY, "Subscription is in use", 5, 2, 412, 40000)
ERR(PRODUCER_BUSY, "Producer is already connected", 16, 2, 409, 40000)
ERR(PRODUCER_FENCED, "Producer was fenced", 25, 1, 409, 40000)
ERR(TOPIC_TERMINATED, "Topic was terminated", 15, 16, 409, 40300)
ERR(CHECKSUM, "Checksum does not match", 9, 13, 400, 40016)
ERR(TOO_BIG, "Exceed maximum message size", 22, 13, 413, 41300)
ERR(NOT_ALLOWED, "Not allowed", 22, 16, 405, 40300)
ERR(NOT_SUPPORTED, "Not supported", 22, 3, 405, 50100)
ERR(INVALID_NAME, "Invalid topic name", 17, 29, 412, 40002)
ERR(INVALID_ARG, "Invalid argument", 1, 29, 400, 40000)
ERR(INVALID_STATE, "Invalid state", 22, 16, 409, 40000)
ERR(NOT_READY, "Service not ready", 6, 14, 503, 50001)
ERR(METADATA, "Metadata error", 1, 1, 500, 50001)
ERR(PERSISTENCE, "Persistence error", 2, 1, 500, 50001)
ERR(NO_SPACE, "No space left for storage", 7, 14, 507, 50001)
ERR(QUOTA, "Quota exceeded", 7, 2, 412, 42900)
ERR(IO, "Input/output error", 2, 1, 500, 50001)
ERR(CORRUPT, "Stored data is corrupt", 2, 1, 500, 50001)
ERR(BUSY, "Too many requests", 14, 2, 429, 42900)
ERR(TOO_MANY_TOPICS, "Exceed maximum number of topics in namespace.", 22, 1, 409, 40300)
ERR(THROTTLED, "Publish rate exceeded", 14, 2, 429, 42900)
ERR(AUTHENTICATION, "Authentication failed", 3, 16, 401, 40100)
ERR(AUTHORIZATION, "Not authorized", 4, 16, 401, 40300)
ERR(INCOMPATIBLE_SCHEMA, "Incompatible schema", 18, 29, 409, 40000)
ERR(CONSUMER_ASSIGN, "Hash range is already taken", 19, 29, 409, 40000)
ERR(TXN_NOT_ENABLED, "Transactions are not enabled.", 22, 3, 501, 50100)
ERR(TXN_CONFLICT, "Transaction conflict", 23, 1, 409, 40000)
ERR(FENCED, "Ledger was fenced", 6, 14, 409, 50001)
ERR(NO_ENTRY, "Entry not found", 1, 21, 404, 40401)
ERR(NO_LEDGER, "Ledger not found", 1, 21, 404, 40401)
ERR(MALFORMED, "Malformed data", 0, 13, 400, 40000)
ERR(AGAIN, "Try again", 6, 2, 503, 42900)
ERR(EOF, "End of data", 0, 1, 500, 50000)
ERR(CLOSED, "Closed", 6, 14, 503, 50001)
ERR(TIMEOUT, "Timed out", 6, 2, 504, 40800)
ERR(CANCELLED, "Cancelled", 6, 1, 503, 50001)
ERR(NEWER_FORMAT, "Data was written by a newer version", 2, 1, 500, 50001)
ERR(LOCKED, "In use by another process", 6, 14, 423, 50001)
ERR(PERMISSION, "Permission denied by the system", 1, 16, 500, 50001)
ERR(ADDRESS, "Address cannot be used", 1, 1, 500, 50001)
ERR(INTERNAL, "Internal error", 0, 1, 500, 50001)
ERR(UNKNOWN, "Unknown error", 0, 1, 500, 50000)

#undef ERR
