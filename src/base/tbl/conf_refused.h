/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of Pulsar and RocketMQ that would promise something that is not there,
 * most of them security: CONF_REFUSED(key, "value that promises nothing").
 * Any other value is an error, since to go on would deceive.
 */

CONF_REFUSED(aclEnable, "false")
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
CONF_REFUSED(tlsEnabled, "false")
CONF_REFUSED(tlsEnabledWithKeyStore, "false")
CONF_REFUSED(webServiceHaProxyProtocolEnabled, "false")

#undef CONF_REFUSED
