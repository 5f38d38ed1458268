/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/confmap.h"

#include "config.h"
#include "core/name.h"

#define MIB (INT64_C(1) << 20)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS INT64_C(3600000)
#define MS_NS INT64_C(1000000)
#define S_NS INT64_C(1000000000)
#define S_MS INT64_C(1000)
/* what a frame may have beside maxMessageSize (pulsar/frame.h) */
#define ENTRY_PADDING (10u << 10)

static int64_t
scaled(int64_t v, int64_t unit)
{
	return v < 0 ? -1 : v * unit;
}

static void
map_limits(struct limit_value v[static LIM_N], const struct conf *c)
{
	bool relative = c->dispatchThrottlingRateRelativeToPublishRate;

	v[LIM_MAX_PRODUCERS].n = c->maxProducersPerTopic;
	v[LIM_MAX_CONSUMERS].n = c->maxConsumersPerTopic;
	v[LIM_MAX_CONSUMERS_SUB].n = c->maxConsumersPerSubscription;
	v[LIM_MAX_SUBS].n = c->maxSubscriptionsPerTopic;
	v[LIM_MAX_UNACKED_CONSUMER].n = c->maxUnackedMessagesPerConsumer;
	v[LIM_MAX_UNACKED_SUB].n = c->maxUnackedMessagesPerSubscription;
	v[LIM_MAX_TOPICS].n = c->maxTopicsPerNamespace;
	v[LIM_PUBLISH_RATE].n = c->maxPublishRatePerTopicInMessages;
	v[LIM_PUBLISH_RATE].bytes = c->maxPublishRatePerTopicInBytes;
	v[LIM_SUBSCRIBE_RATE].n = c->subscribeThrottlingRatePerConsumer;
	v[LIM_SUBSCRIBE_RATE].period_s =
	    c->subscribeRatePeriodPerConsumerInSecond;
	v[LIM_DISPATCH_RATE] = (struct limit_value){
		.n = c->dispatchThrottlingRatePerTopicInMsg,
		.bytes = c->dispatchThrottlingRatePerTopicInByte,
		.period_s = 1,
		.relative = relative,
	};
	v[LIM_SUB_DISPATCH_RATE] = (struct limit_value){
		.n = c->dispatchThrottlingRatePerSubscriptionInMsg,
		.bytes = c->dispatchThrottlingRatePerSubscriptionInByte,
		.period_s = 1,
		.relative = relative,
	};
}

void
confmap_core(struct core_conf *cc, const struct conf *c, unsigned shard,
    unsigned shards_n)
{
	*cc = (struct core_conf){
		.shard = shard,
		.shards_n = shards_n,
		.cluster = c->clusterName,
		.auto_topic = c->allowAutoTopicCreation,
		.auto_sub = c->allowAutoSubscriptionCreation,
		.auto_partitioned =
		    c->allowAutoTopicCreationType == CONF_TOPIC_PARTITIONED,
		.default_partitions = (uint32_t)c->defaultNumPartitions,
		.max_partitions =
		    (uint32_t)c->maxNumPartitionsPerPartitionedTopic,
		.max_producers_address =
		    (uint32_t)c->maxSameAddressProducersPerTopic,
		.max_consumers_address =
		    (uint32_t)c->maxSameAddressConsumersPerTopic,
		.max_tenants = (uint32_t)c->maxTenants,
		.max_ns_tenant = (uint32_t)c->maxNamespacesPerTenant,
		.publish_msgs = c->brokerPublisherThrottlingMaxMessageRate,
		.publish_bytes = c->brokerPublisherThrottlingMaxByteRate,
		.pace_backlog_only =
		    !c->dispatchThrottlingOnNonBacklogConsumerEnabled,
		.max_message_bytes = (uint32_t)c->maxMessageSize,
		.failover_delay_ms = c->activeConsumerFailoverDelayTimeMillis,
		.delayed = c->delayedDeliveryEnabled,
		.hash_ring = c->subscriptionKeySharedUseConsistentHashing,
		.hash_ring_points =
		    (uint32_t)
			c->subscriptionKeySharedConsistentHashingReplicaPoints,
		.batch_index_ack = c->acknowledgmentAtBatchIndexLevelEnabled,
		.sync = c->flushPolicy == CONF_FLUSH_SYNC,
		.ledger_max_entries =
		    (uint64_t)c->managedLedgerMaxEntriesPerLedger,
		.ledger_max_bytes =
		    (uint64_t)(c->managedLedgerMaxSizePerLedgerMbytes * MIB),
		.ledger_min_roll_ms =
		    c->managedLedgerMinLedgerRolloverTimeMinutes * MINUTE_MS,
		.ledger_max_roll_ms =
		    c->managedLedgerMaxLedgerRolloverTimeMinutes * MINUTE_MS,
		.retention_ms =
		    scaled(c->defaultRetentionTimeInMinutes, MINUTE_MS),
		.retention_bytes = scaled(c->defaultRetentionSizeInMB, MIB),
		.ttl_s = c->ttlDurationDefaultInSeconds,
		.delete_inactive = c->brokerDeleteInactiveTopicsEnabled,
		.inactive_ms =
		    c->brokerDeleteInactiveTopicsFrequencySeconds * 1000,
		.idle_unload_ms = c->topicIdleUnloadSeconds * 1000,
		.max_waiting_reads = (uint32_t)c->maxWaitingReadsPerTopic,
		.max_leases = (uint32_t)c->maxLeasesPerSubscription,
		.max_pending_publishes =
		    (uint32_t)c->maxPendingPublishesPerTopic,
	};
	map_limits(cc->limits.v, c);
}

/* A shard's part of the buffers: half is for publishes that came in and are
 * not yet in a group, the rest the log's. */
static uint64_t
shard_bytes(const struct conf *c, unsigned shards_n)
{
	return (uint64_t)(c->bufferBudgetMB * MIB) / shards_n;
}

static uint64_t
publish_bytes(const struct conf *c, unsigned shards_n)
{
	return shard_bytes(c, shards_n) / 2;
}

void
confmap_local(struct local_conf *lc, const struct conf *c, unsigned shard,
    unsigned shards_n)
{
	local_conf_init(lc);
	lc->shard = shard;
	lc->nshards = shards_n;
	lc->placement = TOPIC_PLACEMENT;
	lc->segment_bytes = (uint32_t)(c->segmentSizeMB * MIB);
	lc->cache_bytes = shard_bytes(c, shards_n) - publish_bytes(c, shards_n);
	lc->max_entry_bytes = (uint32_t)c->maxMessageSize + ENTRY_PADDING;
	lc->flush_interval_ns = c->flushIntervalMs * MS_NS;
}

void
confmap_pulsar(struct pulsar_conf *pc, const struct conf *c, unsigned shards_n)
{
	*pc = (struct pulsar_conf)PULSAR_CONF_DEFAULT;
	pc->max_message_bytes = (unsigned)c->maxMessageSize;
	pc->keepalive_ns = c->keepAliveIntervalSeconds * S_NS;
	pc->handshake_ns = pc->keepalive_ns;
	pc->frame_ms = c->receiveTimeoutSeconds * S_MS;
	pc->frame_min_rate = (uint32_t)c->receiveMinBytesPerSecond;
	pc->probe_ns = c->connectionLivenessCheckTimeoutMillis * MS_NS;
	pc->advertised_address = c->advertisedAddress;
	pc->advertised_listeners = c->advertisedListeners;
	pc->internal_listener = c->internalListenerName;
	pc->lookup_max = (unsigned)c->maxConcurrentLookupRequest;
	pc->version = PACKAGE_NAME " " PACKAGE_VERSION;
	pc->batch_index_ack = c->acknowledgmentAtBatchIndexLevelEnabled;
	pc->shard_pending_bytes_max = publish_bytes(c, shards_n);
	if (pc->pending_bytes_max > pc->shard_pending_bytes_max)
		pc->pending_bytes_max = pc->shard_pending_bytes_max;
	pc->out_high_bytes = (size_t)c->connectionOutputHighWaterBytes;
	pc->authorization = conf_authorizes_pulsar(c);
	pc->auth_original = c->authenticateOriginalAuthData;
	pc->auth_check_ns = c->authenticationRefreshCheckSeconds * S_NS;
}

void
confmap_auth(struct auth_conf *ac, const struct conf *c)
{
	*ac = (struct auth_conf){
		.providers = c->authenticationProviders,
		.anonymous = c->anonymousUserRole,
		.basic = c->basicAuthConf,
		.token_secret_key = c->tokenSecretKey,
		.token_public_key = c->tokenPublicKey,
		.token_public_alg = c->tokenPublicAlg,
		.token_auth_claim = c->tokenAuthClaim,
		.token_audience_claim = c->tokenAudienceClaim,
		.token_audience = c->tokenAudience,
		.token_skew_s = c->tokenAllowedClockSkewSeconds,
		.openid = {
			.issuers = c->openIDAllowedTokenIssuers,
			.audiences = c->openIDAllowedAudiences,
			.role_claim = c->openIDRoleClaim,
			.jwks = c->openIDJwks,
			.require_https = c->openIDRequireIssuersUseHttps,
			.leeway_s = c->openIDAcceptedTimeLeewaySeconds,
			.expire_s = c->openIDCacheExpirationSeconds,
			.miss_s = c->openIDKeyIdCacheMissRefreshSeconds,
		},
	};
}

void
confmap_authz(struct authz_conf *zc, const struct conf *c)
{
	*zc = (struct authz_conf){
		.super = c->superUserRoles,
		.proxies = c->proxyRoles,
		.wildcards = c->authorizationAllowWildcardsMatching,
	};
}

void
confmap_rmq(struct rmq_conf *rc, const struct conf *c, unsigned shards_n)
{
	*rc = (struct rmq_conf)RMQ_CONF_DEFAULT;
	rc->idle_ns = c->serverChannelMaxIdleTimeSeconds * S_NS;
	rc->hello_ns = c->keepAliveIntervalSeconds * S_NS;
	rc->frame_ms = c->receiveTimeoutSeconds * S_MS;
	rc->frame_min_rate = (uint32_t)c->receiveMinBytesPerSecond;
	rc->cluster = c->brokerClusterName;
	rc->broker = c->brokerName;
	rc->advertised_ip = c->brokerIP1;
	rc->advertised_port = (unsigned)c->advertisedListenPort;
	rc->tenant = c->rocketmqTenant;
	rc->ns = c->rocketmqNamespace;
	rc->authentication = conf_authenticates_rocketmq(c);
	rc->authorization = conf_authorizes_rocketmq(c);
	rc->auth_whitelist = c->authenticationWhitelist;
	rc->auto_topic = c->autoCreateTopicEnable;
	rc->auto_group = c->autoCreateSubscriptionGroup;
	rc->lmq = c->enableLmq;
	rc->multi_dispatch = c->enableMultiDispatch;
	rc->default_queues = (unsigned)c->defaultTopicQueueNums;
	rc->max_message_bytes = (unsigned)c->rocketmqMaxMessageSize;
	rc->txn_timeout_ms = c->transactionTimeOut;
	rc->txn_check_ms = c->transactionCheckInterval;
	rc->txn_check_max = (int)c->transactionCheckMax;
	rc->flush_async = c->flushPolicy != 0;
	rc->data_dir = c->dataDir;
	rc->retention_ms = c->fileReservedTime * HOUR_MS;
	rc->shard_pending_bytes_max = publish_bytes(c, shards_n);
	if (rc->pending_bytes_max > rc->shard_pending_bytes_max)
		rc->pending_bytes_max = rc->shard_pending_bytes_max;
}

void
confmap_http(struct http_conf *hc, const struct conf *c)
{
	*hc = (struct http_conf)HTTP_CONF_DEFAULT;
	hc->version = PACKAGE_VERSION;
	hc->cluster = c->clusterName;
	hc->advertised_address = c->advertisedAddress;
	hc->advertised_listeners = c->advertisedListeners;
	hc->internal_listener = c->internalListenerName;
	hc->rocketmq_ip = c->brokerIP1;
	hc->rocketmq.cluster = c->brokerClusterName;
	hc->rocketmq.broker = c->brokerName;
	hc->rocketmq.tenant = c->rocketmqTenant;
	hc->rocketmq.ns = c->rocketmqNamespace;
	hc->authorization = conf_authorizes_pulsar(c);
	hc->metrics_gate = c->authenticateMetricsEndpoint;
	hc->acl_without_topic = c->allowAclChangesOnNonExistentTopics;
	hc->connections_max = (unsigned)c->maxHttpServerConnections;
	hc->idle_ms = c->httpServerIdleTimeout;
	hc->receive_ms = c->receiveTimeoutSeconds * S_MS;
	hc->receive_min_rate = (uint32_t)c->receiveMinBytesPerSecond;
}
