/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of Pulsar and RocketMQ that would promise something that is not there,
 * most of them security: CONF_REFUSED(key, "value that promises nothing"),
 * or several of them, separated by |: classes whose work is done here.
 * Any other value is an error, since to go on would deceive.
 */

CONF_REFUSED(authenticationMetadataProvider,
    "org.apache.rocketmq.auth.authentication.provider."
    "LocalAuthenticationMetadataProvider")
CONF_REFUSED(authenticationProvider,
    "org.apache.rocketmq.auth.authentication.provider."
    "DefaultAuthenticationProvider")
CONF_REFUSED(authenticationStrategy,
    "org.apache.rocketmq.auth.authentication.strategy."
    "StatelessAuthenticationStrategy|"
    "org.apache.rocketmq.auth.authentication.strategy."
    "StatefulAuthenticationStrategy")
CONF_REFUSED(authorizationMetadataProvider,
    "org.apache.rocketmq.auth.authorization.provider."
    "LocalAuthorizationMetadataProvider")
CONF_REFUSED(authorizationProvider,
    "org.apache.pulsar.broker.authorization.PulsarAuthorizationProvider|"
    "org.apache.rocketmq.auth.authorization.provider."
    "DefaultAuthorizationProvider")
CONF_REFUSED(authorizationStrategy,
    "org.apache.rocketmq.auth.authorization.strategy."
    "StatelessAuthorizationStrategy|"
    "org.apache.rocketmq.auth.authorization.strategy."
    "StatefulAuthorizationStrategy")
CONF_REFUSED(authorizationWhitelist, "")
CONF_REFUSED(bindAddresses, "")
CONF_REFUSED(brokerDeduplicationEnabled, "false")
CONF_REFUSED(brokerDeleteInactiveTopicsMode, "delete_when_no_subscriptions")
CONF_REFUSED(brokerInterceptors, "")
CONF_REFUSED(dLegerPeers, "")
CONF_REFUSED(enableControllerMode, "false")
CONF_REFUSED(enableDLegerCommitLog, "false")
CONF_REFUSED(encryptionRequireOnProducer, "false")
CONF_REFUSED(entryFilterNames, "")
CONF_REFUSED(haMasterAddress, "")
CONF_REFUSED(haProxyProtocolEnabled, "false")
CONF_REFUSED(isSchemaValidationEnforced, "false")
CONF_REFUSED(migrateAuthFromV1Enabled, "false")
CONF_REFUSED(openIDFallbackDiscoveryMode, "DISABLED")
CONF_REFUSED(tlsEnabledWithKeyStore, "false")
CONF_REFUSED(webServiceHaProxyProtocolEnabled, "false")

#undef CONF_REFUSED
