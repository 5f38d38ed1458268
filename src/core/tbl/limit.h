/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits that namespaces and topics may have of their own (core/limits.h):
 * LIMIT(name, kind, member of a namespace's policies, of the admin API of namespaces,
 * of that of topics). NULL: there is none.
 */
LIMIT(PUBLISH_RATE, LIMIT_PUBLISH, "publishMaxMessageRate", "publishRate",
    "publishRate")
LIMIT(DISPATCH_RATE, LIMIT_DISPATCH, "topicDispatchRate", "dispatchRate",
    "dispatchRate")
LIMIT(SUB_DISPATCH_RATE, LIMIT_DISPATCH, "subscriptionDispatchRate",
    "subscriptionDispatchRate", "subscriptionDispatchRate")
LIMIT(SUBSCRIBE_RATE, LIMIT_SUBSCRIBE, "clusterSubscribeRate", "subscribeRate",
    "subscribeRate")
LIMIT(MAX_PRODUCERS, LIMIT_COUNT, "max_producers_per_topic",
    "maxProducersPerTopic", "maxProducers")
LIMIT(MAX_CONSUMERS, LIMIT_COUNT, "max_consumers_per_topic",
    "maxConsumersPerTopic", "maxConsumers")
LIMIT(MAX_CONSUMERS_SUB, LIMIT_COUNT, "max_consumers_per_subscription",
    "maxConsumersPerSubscription", "maxConsumersPerSubscription")
LIMIT(MAX_SUBS, LIMIT_COUNT, "max_subscriptions_per_topic",
    "maxSubscriptionsPerTopic", "maxSubscriptionsPerTopic")
LIMIT(MAX_UNACKED_CONSUMER, LIMIT_COUNT, "max_unacked_messages_per_consumer",
    "maxUnackedMessagesPerConsumer", "maxUnackedMessagesOnConsumer")
LIMIT(MAX_UNACKED_SUB, LIMIT_COUNT, "max_unacked_messages_per_subscription",
    "maxUnackedMessagesPerSubscription", "maxUnackedMessagesOnSubscription")
LIMIT(MAX_TOPICS, LIMIT_COUNT, "max_topics_per_namespace",
    "maxTopicsPerNamespace", NULL)
#undef LIMIT
