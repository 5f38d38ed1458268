/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration. From this table come the parser, --check, --dump-conf,
 * conf/magnetar.conf, doc/configuration.md and doc/magnetar.conf.5.
 *
 * CONF_SECTION("title")
 * CONF_BOOL(key, default, when, doc)
 * CONF_INT(key, default, min, max, "unit", when, doc)
 * CONF_ENUM(key, default index, "a|b|c", when, doc)
 * CONF_STR(key, "default", longest, when, doc)
 *
 * A key is spelled as Apache Pulsar or Apache RocketMQ spell it, where one of
 * them has it; it is the member's name in struct conf as well. when: LIVE is
 * taken over by SIGHUP, RESTART at the next start.
 */

CONF_SECTION("Addresses")
CONF_STR(clusterName, "standalone", 128, RESTART,
    "Name of the cluster, as lookups, statistics and metrics tell it.")
CONF_INT(brokerServicePort, 6650, 0, 65535, "port", RESTART,
    "Port of Pulsar's binary protocol. 0 picks a free one, which is printed.")
CONF_INT(brokerServicePortTls, -1, -1, 65535, "port", RESTART,
    "Port of Pulsar's binary protocol over TLS, 6651 where there is one. 0 picks "
    "a free one, which is printed. -1: none.")
CONF_INT(webServicePort, 8080, 0, 65535, "port", RESTART,
    "Port of the admin API, lookups over HTTP and metrics. 0 picks a free "
    "one, which is printed.")
CONF_INT(webServicePortTls, -1, -1, 65535, "port", RESTART,
    "Port of the same over HTTPS, 8443 where there is one. 0 picks a free one, "
    "which is printed. -1: none.")
CONF_STR(user, "", 64, RESTART,
    "User that the process becomes, for good, when root has started it: it takes "
    "its ports first, and opens everything else as that user, to whom the data "
    "directory has to belong. Empty: it stays who it is.")
CONF_STR(bindAddress, "127.0.0.1", 255, RESTART,
    "Address to listen on. The default is reached from this machine only; "
    "0.0.0.0 or :: opens the broker to the network.")
CONF_STR(advertisedAddress, "", 255, RESTART,
    "Host that clients are told to connect to. Empty: the address that the "
    "asking client connected to.")
CONF_STR(advertisedListeners, "", 4096, RESTART,
    "Named addresses for clients that ask with a listener name: "
    "name:pulsar://host:port, separated by commas; a name may have a second "
    "address for http. Empty: none.")
CONF_STR(internalListenerName, "", 128, RESTART,
    "The one of advertisedListeners for clients that name none. Empty: the "
    "first.")

CONF_SECTION("RocketMQ")
CONF_BOOL(rocketmqEnable, true, RESTART,
    "Serve RocketMQ's remoting protocol, name server and broker.")
CONF_INT(namesrvPort, 9876, 0, 65535, "port", RESTART,
    "Port of the name server. Each of the ports of RocketMQ takes all "
    "requests. 0 picks a free one, which is printed.")
CONF_INT(listenPort, 10911, 0, 65535, "port", RESTART,
    "Port of the broker. 0 picks a free one, which is printed.")
CONF_INT(fastListenPort, 10909, 0, 65535, "port", RESTART,
    "Port of the broker for clients before 4.5, who send to the one two below "
    "the broker's. 0: none.")
CONF_STR(brokerIP1, "", 255, RESTART,
    "Address that clients of RocketMQ are told to connect to. Empty: the one "
    "that the asking client connected to, which behind NAT or a published "
    "port of a container is not what it can reach.")
CONF_INT(advertisedListenPort, 0, 0, 65535, "port", RESTART,
    "Port that clients of RocketMQ are told to connect to. 0: listenPort.")
CONF_STR(brokerClusterName, "DefaultCluster", 127, RESTART,
    "Name of the cluster, as RocketMQ's clients are told it.")
CONF_STR(brokerName, "broker-a", 127, RESTART,
    "Name of the broker, as RocketMQ's clients are told it.")
CONF_STR(rocketmqTenant, "public", 128, RESTART,
    "Tenant whose topics clients of RocketMQ see.")
CONF_STR(rocketmqNamespace, "default", 128, RESTART,
    "Namespace of that tenant that has the topics named without one.")
CONF_BOOL(autoCreateTopicEnable, true, RESTART,
    "Make a topic when a client of RocketMQ first sends to it.")
CONF_BOOL(autoCreateSubscriptionGroup, true, RESTART,
    "Make a consumer group when a client of RocketMQ first names it.")
CONF_BOOL(enableLmq, true, RESTART,
    "Names that begin with %LMQ% are light queues: they need not be made.")
CONF_BOOL(enableMultiDispatch, true, RESTART,
    "With enableLmq: a message that names light queues (INNER_MULTI_DISPATCH) "
    "is in those too.")
CONF_INT(defaultTopicQueueNums, 8, 1, 1024, "queues", RESTART,
    "Most queues of a topic made that way; clients ask for 4.")
CONF_INT(rocketmqMaxMessageSize, 4194304, 1024, 16777216, "bytes", RESTART,
    "Largest body that clients of RocketMQ may send (maxMessageSize there).")
CONF_INT(fileReservedTime, 72, 1, 876000, "hours", RESTART,
    "How long a topic made by RocketMQ keeps its messages, consumed or not, "
    "where the topic says nothing.")
CONF_INT(transactionTimeOut, 6000, 1, 86400000, "ms", RESTART,
    "How long a producer of RocketMQ has to end a transaction before it is "
    "asked.")
CONF_INT(transactionCheckInterval, 30000, 100, 86400000, "ms", RESTART,
    "Time from one question to the next.")
CONF_INT(transactionCheckMax, 15, 1, 1000000, "questions", RESTART,
    "How often is asked before the message goes to "
    "TRANS_CHECK_MAX_TIME_TOPIC.")

CONF_SECTION("TLS for RocketMQ")
CONF_ENUM(tlsMode, 1, "disabled|permissive|enforcing", LIVE,
    "TLS on the ports of RocketMQ, told from plain connections by their first "
    "byte. permissive: both are served; enforcing: only TLS; disabled: only "
    "plain ones. Also tls.server.mode, as all keys of this section are also "
    "taken as RocketMQ's system properties spell them. A SIGHUP reads the "
    "files again; connections stay.")
CONF_BOOL(tlsTestModeEnable, true, LIVE,
    "Where tlsServerCertPath is empty, make a certificate at the start that is "
    "signed by itself; clients can't know whom they talk to. false: start only "
    "with one from a file. Also tls.test.mode.enable.")
CONF_STR(tlsServerCertPath, "", 4000, LIVE,
    "File (PEM) of the certificate and those between it and its root. Also "
    "tls.server.certPath.")
CONF_STR(tlsServerKeyPath, "", 4000, LIVE,
    "File (PEM) of the certificate's key. Also tls.server.keyPath.")
CONF_STR(tlsServerKeyPassword, "", 1024, LIVE,
    "Password of the key. Empty: it has none. Also tls.server.keyPassword.")
CONF_ENUM(tlsServerNeedClientAuth, 0, "none|optional|require", LIVE,
    "Certificates of clients: not asked for, asked for, or required. Also "
    "tls.server.need.client.auth.")
CONF_BOOL(tlsServerAuthClient, false, LIVE,
    "A client's certificate has to be signed by one of tlsServerTrustCertPath. "
    "false: any is taken. Also tls.server.authClient.")
CONF_STR(tlsServerTrustCertPath, "", 4000, LIVE,
    "File (PEM) of those who sign certificates of clients. Also "
    "tls.server.trustCertPath.")

CONF_SECTION("TLS for Pulsar")
CONF_STR(tlsCertificateFilePath, "", 4000, LIVE,
    "File (PEM) of the certificate and those between it and its root. A SIGHUP "
    "reads all files of this section again; connections stay.")
CONF_STR(tlsKeyFilePath, "", 4000, LIVE,
    "File (PEM) of the certificate's key, which has no password.")
CONF_STR(tlsTrustCertsFilePath, "", 4000, LIVE,
    "File (PEM) of those who sign certificates of clients. Where it is set, "
    "clients are asked for theirs.")
CONF_BOOL(tlsRequireTrustedClientCertOnConnect, false, LIVE,
    "A client without a certificate is refused.")
CONF_BOOL(tlsAllowInsecureConnection, false, LIVE,
    "Certificates of clients are taken whoever signed them.")
CONF_STR(tlsProtocols, "", 256, LIVE,
    "Versions of TLS that are spoken, separated by commas: TLSv1.3, TLSv1.2. "
    "Empty: both.")
CONF_STR(tlsCiphers, "", 4000, LIVE,
    "Ciphers that may be used, separated by commas, by their standard names or "
    "OpenSSL's. Empty: those that are forward secret and authenticated.")
CONF_STR(webServiceTlsProtocols, "", 256, LIVE,
    "The same as tlsProtocols, for HTTPS.")
CONF_STR(webServiceTlsCiphers, "", 4000, LIVE,
    "The same as tlsCiphers, for HTTPS.")

CONF_SECTION("Who clients are")
CONF_BOOL(authenticationEnabled, false, RESTART,
    "Clients have to say who they are: those of Pulsar and HTTP by one of "
    "authenticationProviders, those of RocketMQ by an access key that is the "
    "name of a user, and signatures by the user's password (ACL 2.0).")
CONF_ENUM(pulsarAuthenticationEnabled, 0, "same|true|false", RESTART,
    "authenticationEnabled for Pulsar and HTTP alone; same: as it says. Also "
    "pulsar.authenticationEnabled.")
CONF_ENUM(rocketmqAuthenticationEnabled, 0, "same|true|false", RESTART,
    "authenticationEnabled for RocketMQ alone; same: as it says. Also "
    "rocketmq.authenticationEnabled.")
CONF_STR(authenticationProviders, "", 4000, LIVE,
    "How they may: token, openid, basic, tls, separated by commas; the names of "
    "Pulsar's classes are taken as well. A SIGHUP reads all files of this "
    "section again; connections stay until their credentials expire.")
CONF_STR(anonymousUserRole, "", 1024, LIVE,
    "Role of clients that say nothing of themselves. Empty: they are refused.")
CONF_INT(authenticationFailureLimit, 20, 0, 1000000, "failures", RESTART,
    "Failed logins of an address in a minute, after which those that "
    "follow wait, a quarter of a second each and at most five, until there was "
    "none for a minute. Connections that are authenticated don't. 0: never.")
CONF_INT(authenticationRefreshCheckSeconds, 60, 0, 86400, "seconds", RESTART,
    "How often a connection looks whether its credentials have expired. Then "
    "the client is asked for new ones, or disconnected if it can't be. 0: "
    "never.")
CONF_STR(initAuthenticationUser, "", 4096, RESTART,
    "First user of RocketMQ, a super user, made at the start if there is none "
    "of that name: {\"username\":\"...\",\"password\":\"...\"}.")
CONF_STR(authenticationWhitelist, "105", 4000, RESTART,
    "Codes of RocketMQ's requests that need no signature, separated by commas. "
    "105 asks for a topic's route: clients of 4.x don't sign what they ask a "
    "name server.")
CONF_BOOL(aclEnable, false, RESTART,
    "Clients of RocketMQ are accounts of aclPlainFile (ACL 1.0): they sign by "
    "their secret key and may do what stands there. What "
    "authenticationEnabled and authorizationEnabled say is then for Pulsar "
    "and HTTP only.")
CONF_STR(aclPlainFile, "", 4000, RESTART,
    "Accounts of aclEnable, as RocketMQ's plain_acl.yml: empty: "
    "plain_acl.yml in dataDir; and the .yml files in the directory acl beside "
    "it. mqadmin's changes are written to them. A SIGHUP reads them again. Also "
    "rocketmq.acl.plain.file.")
CONF_BOOL(authenticateOriginalAuthData, false, RESTART,
    "A proxy forwards the credentials of its clients, and they are verified "
    "here too.")
CONF_STR(tokenSecretKey, "", 65536, LIVE,
    "Secret that tokens are signed with: a file: URL, data:;base64, and "
    "the key, or the path or base64 alone.")
CONF_STR(tokenPublicKey, "", 65536, LIVE,
    "Public key (PEM or DER) of whoever signs tokens, in the same ways, where "
    "there is no tokenSecretKey. RSA, P-256, P-384, P-521, Ed25519 and Ed448.")
CONF_STR(tokenPublicAlg, "", 16, LIVE,
    "An algorithm that tokenPublicKey is a key of: RS256 or any of its kind, ES256 or "
    "any of its kind, EdDSA. Empty: whatever it is.")
CONF_STR(tokenAuthClaim, "sub", 256, LIVE,
    "Claim of a token that is the role.")
CONF_STR(tokenAudienceClaim, "", 256, LIVE,
    "Claim of a token that has to name tokenAudience. Empty: none has.")
CONF_STR(tokenAudience, "", 1024, LIVE, "Who tokens have to be for.")
CONF_INT(tokenAllowedClockSkewSeconds, 0, 0, 86400, "seconds", LIVE,
    "How far clocks may be apart where a token begins and ends.")
CONF_STR(openIDAllowedTokenIssuers, "", 4000, LIVE,
    "OpenID Connect issuers (authenticationProviders: openid) whose tokens are "
    "taken, URLs separated by commas. Their keys are fetched by their discovery "
    "documents, without redirects.")
CONF_STR(openIDAllowedAudiences, "", 4000, LIVE,
    "Who such tokens have to be for: one of these, separated by commas.")
CONF_STR(openIDRoleClaim, "sub", 256, LIVE,
    "Claim of such a token that is the role; of a list, the first.")
CONF_INT(openIDAcceptedTimeLeewaySeconds, 0, 0, 86400, "seconds", LIVE,
    "How far clocks may be apart where such a token begins and ends.")
CONF_BOOL(openIDRequireIssuersUseHttps, true, LIVE,
    "Issuers, and the URLs of their keys, have to be https.")
CONF_STR(openIDTokenIssuerTrustCertsFilePath, "", 4096, LIVE,
    "Certificates (PEM) that issuers are trusted by. Empty: the system's.")
CONF_STR(openIDJwks, "", 65536, LIVE,
    "Keys of all the issuers, a JWK set: a file: URL, data:;base64, and the set, or "
    "the path or base64 alone. Then nothing is fetched. A SIGHUP reads it again.")
CONF_INT(openIDCacheRefreshAfterWriteSeconds, 64800, 1, 31536000, "seconds", LIVE,
    "Age at which an issuer's keys are fetched again.")
CONF_INT(openIDCacheExpirationSeconds, 86400, 1, 31536000, "seconds", LIVE,
    "Age at which an issuer's keys, which could not be fetched again, don't count "
    "any more.")
CONF_INT(openIDKeyIdCacheMissRefreshSeconds, 300, 1, 31536000, "seconds", LIVE,
    "Age at which an issuer's keys are fetched again since a token names one that "
    "is not among them.")
CONF_INT(openIDHttpConnectionTimeoutMillis, 10000, 1, 60000, "milliseconds", LIVE,
    "Time to connect to an issuer.")
CONF_INT(openIDHttpReadTimeoutMillis, 10000, 1, 60000, "milliseconds", LIVE,
    "Time that an issuer's answer may take.")
CONF_STR(basicAuthConf, "", 65536, LIVE,
    "Users and hashed passwords as htpasswd writes them: file:// and a path, "
    "data:;base64, and the content, or the path or base64 alone. bcrypt, "
    "$apr1$, and what crypt(5) has.")
CONF_BOOL(authenticateMetricsEndpoint, false, RESTART,
    "/metrics, too, is for authenticated clients only.")

CONF_SECTION("What clients may do")
CONF_BOOL(authorizationEnabled, false, RESTART,
    "Roles may do what they were granted, and nothing else. Needs "
    "authenticationEnabled.")
CONF_ENUM(pulsarAuthorizationEnabled, 0, "same|true|false", RESTART,
    "authorizationEnabled for Pulsar and HTTP alone; same: as it says. Also "
    "pulsar.authorizationEnabled.")
CONF_ENUM(rocketmqAuthorizationEnabled, 0, "same|true|false", RESTART,
    "authorizationEnabled for RocketMQ alone; same: as it says. Also "
    "rocketmq.authorizationEnabled.")
CONF_STR(superUserRoles, "", 4000, LIVE,
    "Roles that may do everything, separated by commas.")
CONF_STR(proxyRoles, "", 4000, LIVE,
    "Roles of proxies, separated by commas: they say for whom they speak, and "
    "both have to be allowed.")
CONF_BOOL(authorizationAllowWildcardsMatching, false, LIVE,
    "A grant to a role that begins or ends with * is for all roles that end or "
    "begin with the rest.")
CONF_BOOL(allowAclChangesOnNonExistentTopics, false, RESTART,
    "Grants of a topic are made, shown and taken away also where there is no "
    "such topic; else that is answered 404.")

CONF_SECTION("Storage")
CONF_STR(dataDir, "./data", 4000, RESTART,
    "Directory of everything that is stored. Made if missing; used by one "
    "process at a time.")
CONF_ENUM(flushPolicy, 0, "sync|async", RESTART,
    "sync: a message is acknowledged once it is on the disk. async: once the "
    "kernel has it, so that a crash of the broker loses nothing, but a crash "
    "of the machine may lose the last flushIntervalMs. Also flushDiskType = "
    "SYNC_FLUSH or ASYNC_FLUSH. A topic's property flush_policy stands above it.")
CONF_INT(flushIntervalMs, 500, 1, 60000, "ms", RESTART,
    "The longest time until what was acknowledged before it was on the disk is "
    "synced.")
CONF_INT(segmentSizeMB, 64, 4, 1024, "MiB", RESTART,
    "Size of a log segment, at least five times maxMessageSize. Applies to "
    "segments made from then on.")
CONF_INT(managedLedgerMaxEntriesPerLedger, 50000, 1, 268435455, "entries",
    RESTART,
    "A topic starts a new ledger after so many entries, once the ledger is "
    "managedLedgerMinLedgerRolloverTimeMinutes old.")
CONF_INT(managedLedgerMinLedgerRolloverTimeMinutes, 10, 0, 525600, "minutes",
    RESTART, "Youngest age at which a ledger that has its entries is ended.")
CONF_INT(managedLedgerMaxLedgerRolloverTimeMinutes, 240, 1, 525600, "minutes",
    RESTART, "Age at which a ledger is ended, full or not.")
CONF_INT(managedLedgerMaxSizePerLedgerMbytes, 1024, 1, 1048576, "MiB",
    RESTART, "Size at which a ledger is ended, at whatever age.")
CONF_INT(defaultRetentionTimeInMinutes, 0, -1, 52560000, "minutes", LIVE,
    "How long messages are kept after every subscription has acknowledged "
    "them, where a namespace or topic says nothing. -1: for ever.")
CONF_INT(defaultRetentionSizeInMB, 0, -1, 1073741824, "MiB", LIVE,
    "How much of acknowledged messages a topic keeps, where a namespace or "
    "topic says nothing. -1: any amount.")

CONF_SECTION("Threads and memory")
CONF_INT(shards, 0, 0, 256, "threads", RESTART,
    "Number of shards, each with a thread, a log and its part of the topics. "
    "0: one per processor.")
CONF_INT(coldReadThreads, 2, 1, 64, "threads", RESTART,
    "Threads that read old entries from the disk, where io_uring can't.")
CONF_INT(bufferBudgetMB, 256, 32, 1048576, "MiB", RESTART,
    "Memory for payloads: what is being received, written, cached and sent. "
    "When it is used up, reading from producers pauses.")
CONF_INT(connectionOutputHighWaterBytes, 1048576, 65536, 1073741824, "bytes",
    RESTART,
    "A connection with more than this waiting to be sent gets no further "
    "messages until it has drained.")

CONF_SECTION("Connections")
CONF_INT(maxMessageSize, 5242880, 1024, 134217728, "bytes", RESTART,
    "Largest message that is accepted. Clients learn it when they connect "
    "and split larger ones if they are told to chunk.")
CONF_INT(keepAliveIntervalSeconds, 30, 1, 3600, "s", RESTART,
    "A silent connection is asked after this time and closed after twice it; "
    "a connection that has not said who it is, after once, and one on a port of "
    "RocketMQ that has not said anything.")
CONF_INT(serverChannelMaxIdleTimeSeconds, 120, 1, 86400, "s", RESTART,
    "A silent connection of RocketMQ is closed after this time.")
CONF_INT(httpServerIdleTimeout, 30000, 0, 86400000, "ms", RESTART,
    "A connection of HTTP on which no next request comes is closed after this "
    "time. 0: never.")
CONF_INT(receiveTimeoutSeconds, 10, 1, 3600, "s", RESTART,
    "What a client has begun, a frame, the head or the body of an HTTP request, "
    "has to be there after this time; a frame or body of which "
    "receiveMinBytesPerSecond came meanwhile has as much again. HTTP's answers "
    "have to be taken as fast. Else the connection is closed.")
CONF_INT(receiveMinBytesPerSecond, 4096, 1, 1073741824, "bytes/s", RESTART,
    "The rate at which a long frame or body has to come.")
CONF_INT(connectionLivenessCheckTimeoutMillis, 5000, 0, 600000, "ms", RESTART,
    "When a name is taken, how long its holder has to prove that it is still "
    "there before it is closed.")
CONF_INT(brokerMaxConnections, 0, 0, 1000000, "connections", RESTART,
    "Most connections of Pulsar's protocol at a time; more are told so and "
    "closed. 0: as many as the system allows. Also maxConnections.")
CONF_INT(brokerMaxConnectionsPerIp, 0, 0, 1000000, "connections", RESTART,
    "The same of one IP address; of IPv6 a /64 is one. 0: no limit.")
CONF_INT(rocketmqMaxConnections, 0, 0, 1000000, "connections", RESTART,
    "Most connections to the ports of RocketMQ at a time; more are closed. 0: as "
    "many as the system allows.")
CONF_INT(rocketmqMaxConnectionsPerIp, 0, 0, 1000000, "connections", RESTART,
    "The same of one IP address; of IPv6 a /64 is one. 0: no limit.")
CONF_INT(maxHttpServerConnections, 2048, 0, 1000000, "connections", RESTART,
    "Most connections of HTTP and HTTPS at a time; a newer one takes the place of "
    "the one that has waited longest for a request. 0: as many as the system "
    "allows.")
CONF_INT(httpMaxConnectionsPerIp, 0, 0, 1000000, "connections", RESTART,
    "The same of one IP address, of IPv6 a /64; more are closed. 0: no limit.")
CONF_INT(maxConcurrentLookupRequest, 50000, 1, 1000000, "requests", RESTART,
    "Most lookups and partition requests being answered at a time; more are "
    "answered TooManyRequests.")

CONF_SECTION("Topics")
CONF_BOOL(allowAutoTopicCreation, true, LIVE,
    "Make a topic when a client first names it.")
CONF_ENUM(allowAutoTopicCreationType, 0, "non-partitioned|partitioned", LIVE,
    "Kind of topic made that way.")
CONF_INT(defaultNumPartitions, 1, 1, 65536, "partitions", LIVE,
    "Partitions of a partitioned topic made that way.")
CONF_INT(maxNumPartitionsPerPartitionedTopic, 0, 0, 65536, "partitions", LIVE,
    "Most partitions of a topic. 0: no limit of its own.")
CONF_BOOL(allowAutoSubscriptionCreation, true, LIVE,
    "Make a subscription when a consumer first names it.")
CONF_BOOL(brokerDeleteInactiveTopicsEnabled, true, LIVE,
    "Delete topics that nobody uses.")
CONF_INT(brokerDeleteInactiveTopicsFrequencySeconds, 60, 1, 86400, "s", LIVE,
    "How often topics are looked through, and how long they must have been "
    "idle.")
CONF_INT(ttlDurationDefaultInSeconds, 0, 0, 2147483647, "s", LIVE,
    "Age at which a message that was not acknowledged counts as if it were, "
    "where a namespace or topic says nothing. 0: never.")
CONF_INT(maxProducersPerTopic, 0, 0, 1000000, "producers", LIVE,
    "Most producers of a topic. 0: no limit.")
CONF_INT(maxConsumersPerTopic, 0, 0, 1000000, "consumers", LIVE,
    "Most consumers of a topic, over all subscriptions. 0: no limit.")
CONF_INT(maxConsumersPerSubscription, 0, 0, 1000000, "consumers", LIVE,
    "Most consumers of a subscription. 0: no limit.")
CONF_INT(maxSubscriptionsPerTopic, 0, 0, 1000000, "subscriptions", LIVE,
    "Most subscriptions of a topic. 0: no limit.")
CONF_INT(maxPublishRatePerTopicInMessages, 0, 0, 2147483647, "messages/s", LIVE,
    "Most messages a second that are published to a topic, where neither it nor "
    "its namespace has a rate of its own. Over it, Pulsar's connections are not "
    "read from, and RocketMQ's sends are answered up to 1 s late, then with code "
    "2. 0: no limit.")
CONF_INT(maxPublishRatePerTopicInBytes, 0, 0, INT64_MAX, "bytes/s", LIVE,
    "The same in bytes. 0: no limit.")
CONF_INT(brokerPublisherThrottlingMaxMessageRate, 0, 0, 2147483647, "messages/s",
    LIVE,
    "Most messages a second that are published to all topics of this broker "
    "together, beside the topics' own rates; over it producers wait likewise. 0: "
    "no limit.")
CONF_INT(brokerPublisherThrottlingMaxByteRate, 0, 0, INT64_MAX, "bytes/s", LIVE,
    "The same in bytes. 0: no limit.")
CONF_INT(maxSameAddressProducersPerTopic, 0, 0, 1000000, "producers", LIVE,
    "Most producers of a topic that come from one IP address. 0: no limit.")
CONF_INT(maxSameAddressConsumersPerTopic, 0, 0, 1000000, "consumers", LIVE,
    "Most consumers of a topic that come from one IP address. 0: no limit.")
CONF_INT(subscribeThrottlingRatePerConsumer, 0, 0, 2147483647, "subscribes", LIVE,
    "Most times that one consumer (address, name and id) may subscribe to a "
    "topic in subscribeRatePeriodPerConsumerInSecond, where neither it nor its "
    "namespace has a rate of its own. 0: no limit.")
CONF_INT(subscribeRatePeriodPerConsumerInSecond, 30, 1, 2147483647, "s", LIVE,
    "The time of subscribeThrottlingRatePerConsumer.")
CONF_INT(maxTopicsPerNamespace, 0, 0, 100000000, "topics", LIVE,
    "Most persistent topics of a namespace, partitions counted one by one. 0: no "
    "limit.")
CONF_INT(maxTenants, 0, 0, 1000000, "tenants", LIVE,
    "Most tenants. 0: no limit.")
CONF_INT(maxNamespacesPerTenant, 0, 0, 1000000, "namespaces", LIVE,
    "Most namespaces of a tenant. 0: no limit.")
CONF_INT(dispatchThrottlingRatePerTopicInMsg, 0, 0, 2147483647, "messages/s", LIVE,
    "Most messages a second that a topic gives to all who consume it, where "
    "neither it nor its namespace has a rate of its own. 0: no limit.")
CONF_INT(dispatchThrottlingRatePerTopicInByte, 0, 0, INT64_MAX, "bytes/s", LIVE,
    "The same in bytes. 0: no limit.")
CONF_INT(dispatchThrottlingRatePerSubscriptionInMsg, 0, 0, 2147483647,
    "messages/s", LIVE, "The same for each subscription. 0: no limit.")
CONF_INT(dispatchThrottlingRatePerSubscriptionInByte, 0, 0, INT64_MAX, "bytes/s",
    LIVE, "The same in bytes. 0: no limit.")
CONF_BOOL(dispatchThrottlingRateRelativeToPublishRate, false, LIVE,
    "The four rates of dispatch are added to the topic's publish rate.")
CONF_BOOL(dispatchThrottlingOnNonBacklogConsumerEnabled, true, LIVE,
    "Rates of dispatch hold for everybody; false: only for subscriptions and "
    "pulls that have 1000 entries or more before them.")
CONF_INT(maxPendingPublishesPerTopic, 16384, 1, 1000000, "entries", RESTART,
    "Most entries of a topic that wait to be stored; its producers are not "
    "read from until there are fewer.")
CONF_INT(maxWaitingReadsPerTopic, 10000, 1, 1000000, "reads", RESTART,
    "Most reads of a topic that wait for a message (long polling).")
CONF_INT(maxLeasesPerSubscription, 100000, 1, 10000000, "messages", RESTART,
    "Most messages of a subscription that are out for a time (RocketMQ's POP), "
    "or came back from that and wait to go out again; new ones are not given "
    "out meanwhile.")
CONF_INT(topicIdleUnloadSeconds, 60, 1, 86400, "s", LIVE,
    "A topic that nobody is connected to leaves the memory after this time.")

CONF_SECTION("Subscriptions")
CONF_INT(maxUnackedMessagesPerConsumer, 50000, 0, 10000000, "messages", LIVE,
    "A consumer of a shared subscription with so many unacknowledged "
    "messages gets no more. 0: no limit.")
CONF_INT(maxUnackedMessagesPerSubscription, 200000, 0, 100000000, "messages",
    LIVE,
    "The same for a subscription as a whole. 0: no limit.")
CONF_INT(activeConsumerFailoverDelayTimeMillis, 1000, 0, 600000, "ms", LIVE,
    "How long a newly active consumer of a failover subscription waits, so "
    "that the old one can finish.")
CONF_BOOL(delayedDeliveryEnabled, true, RESTART,
    "Keep messages that are to be delivered later from Shared and Key_Shared "
    "subscriptions until they are due.")
CONF_BOOL(subscriptionKeySharedUseConsistentHashing, true, LIVE,
    "Give keys to consumers of a Key_Shared subscription by a consistent "
    "hash ring; otherwise by splitting the range of hashes.")
CONF_INT(subscriptionKeySharedConsistentHashingReplicaPoints, 100, 1, 10000,
    "points", LIVE, "Points of each consumer on that ring.")
CONF_BOOL(acknowledgmentAtBatchIndexLevelEnabled, true, RESTART,
    "Keep acknowledgements of single messages of a batch.")

CONF_SECTION("Log")
CONF_ENUM(logLevel, 1, "debug|info|warn|error", LIVE,
    "Least important lines that are logged.")
CONF_ENUM(logFormat, 0, "text|json", RESTART, "Form of a log line.")
CONF_STR(auditLogFile, "", 4000, LIVE,
    "File to which a line of JSON is appended for each administrative change, "
    "refused access and answer with a secret key: who, from where, what, result. "
    "Mode 0600; SIGHUP opens it anew, for rotation. Empty: none.")

#undef CONF_SECTION
#undef CONF_BOOL
#undef CONF_INT
#undef CONF_ENUM
#undef CONF_STR
