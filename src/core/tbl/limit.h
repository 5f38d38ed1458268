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
#undef LIMIT
