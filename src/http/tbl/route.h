/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is served: ROUTE(method, pattern, handler, who may: gate.h). The first pattern
 * that fits counts; the names in braces are in http_priv.h's enum var.
 */

ROUTE(GET, "/status.html", h_get_status, OPEN)
ROUTE(GET, "/metrics", h_get_metrics, METRICS)

ROUTE(GET, "/rocketmq/nsaddr", h_rocketmq_nsaddr, OPEN)
ROUTE(GET, "/rocketmq/nsaddr4client-internet", h_rocketmq_nsaddr_internet, OPEN)
ROUTE(GET, "/rocketmq/nsaddr4client-internal", h_rocketmq_nsaddr_internal, OPEN)

ROUTE(GET, "/lookup/v2/topic/{d}/{t}/{n}/{topic}", h_lookup_topic, LOOKUP)

ROUTE(GET, "/admin/v2/brokers", h_brokers_list, SUPER)
ROUTE(GET, "/admin/v2/brokers/health", h_brokers_health, SUPER)
ROUTE(GET, "/admin/v2/brokers/ready", h_brokers_ready, ANY)
ROUTE(GET, "/admin/v2/brokers/version", h_brokers_version, ANY)
ROUTE(GET, "/admin/v2/brokers/leaderBroker", h_brokers_leader, SUPER)
ROUTE(GET, "/admin/v2/brokers/configuration/runtime", h_brokers_runtime, SUPER)
ROUTE(GET, "/admin/v2/brokers/{c}", h_brokers_of_cluster, SUPER)

ROUTE(GET, "/admin/v2/clusters", h_clusters_list, ANY)
ROUTE(GET, "/admin/v2/clusters/{c}", h_cluster_get, SUPER)

ROUTE(GET, "/admin/v2/tenants", h_tenants_list, SUPER)
ROUTE(GET, "/admin/v2/tenants/{t}", h_tenant_get, TENANT)
ROUTE(PUT, "/admin/v2/tenants/{t}", h_tenant_put, SUPER)
ROUTE(POST, "/admin/v2/tenants/{t}", h_tenant_post, TENANT)
ROUTE(DELETE, "/admin/v2/tenants/{t}", h_tenant_delete, TENANT)

ROUTE(GET, "/admin/v2/namespaces/{t}", h_namespaces_list, TENANT)
ROUTE(GET, "/admin/v2/namespaces/{t}/{n}", h_namespace_get, NAMESPACE)
ROUTE(PUT, "/admin/v2/namespaces/{t}/{n}", h_namespace_put, TENANT)
ROUTE(DELETE, "/admin/v2/namespaces/{t}/{n}", h_namespace_delete, TENANT)
ROUTE(GET, "/admin/v2/namespaces/{t}/{n}/topics", h_namespace_topics, LIST)

ROUTE(GET, "/admin/v2/namespaces/{t}/{n}/permissions", h_ns_perms_get, NAMESPACE)
ROUTE(GET, "/admin/v2/namespaces/{t}/{n}/permissions/subscription", h_sub_perms_get, NAMESPACE)
ROUTE(POST, "/admin/v2/namespaces/{t}/{n}/permissions/subscription/{s}", h_sub_perm_grant, NAMESPACE)
ROUTE(POST, "/admin/v2/namespaces/{t}/{n}/permissions/{role}", h_ns_perm_grant, NAMESPACE)
ROUTE(DELETE, "/admin/v2/namespaces/{t}/{n}/permissions/{role}", h_ns_perm_revoke, NAMESPACE)
ROUTE(DELETE, "/admin/v2/namespaces/{t}/{n}/permissions/{s}/{role}", h_sub_perm_revoke, NAMESPACE)
ROUTE(GET, "/admin/v2/namespaces/{t}/{n}/subscriptionAuthMode", h_sub_auth_mode_get, NAMESPACE)
ROUTE(POST, "/admin/v2/namespaces/{t}/{n}/subscriptionAuthMode", h_sub_auth_mode_set, NAMESPACE)

ROUTE(GET, "/admin/v2/namespaces/{t}/{n}/{ns_limit}", h_ns_limit_get, NAMESPACE)
ROUTE(POST, "/admin/v2/namespaces/{t}/{n}/{ns_limit}", h_ns_limit_set, NAMESPACE)
ROUTE(DELETE, "/admin/v2/namespaces/{t}/{n}/{ns_limit}", h_ns_limit_delete, NAMESPACE)

ROUTE(GET, "/admin/v2/accounts", h_accounts_list, SUPER)
ROUTE(GET, "/admin/v2/accounts/{role}", h_account_get, SUPER)
ROUTE(PUT, "/admin/v2/accounts/{role}", h_account_put, SUPER)
ROUTE(POST, "/admin/v2/accounts/{role}", h_account_post, SUPER)
ROUTE(DELETE, "/admin/v2/accounts/{role}", h_account_delete, SUPER)
ROUTE(POST, "/admin/v2/accounts/{role}/keys", h_account_key_make, SUPER)
ROUTE(POST, "/admin/v2/accounts/{role}/keys/{key}", h_account_key_post, SUPER)
ROUTE(DELETE, "/admin/v2/accounts/{role}/keys/{key}", h_account_key_delete, SUPER)

ROUTE(GET, "/admin/v2/schemas/{t}/{n}/{topic}/schema", h_schema_get, LOOKUP)
ROUTE(DELETE, "/admin/v2/schemas/{t}/{n}/{topic}/schema", h_schema_delete, TENANT)
ROUTE(GET, "/admin/v2/schemas/{t}/{n}/{topic}/schema/{num}", h_schema_get_version, LOOKUP)
ROUTE(GET, "/admin/v2/schemas/{t}/{n}/{topic}/schemas", h_schemas_get, LOOKUP)

ROUTE(GET, "/admin/v2/{d}/{t}/{n}", h_topics_list, LIST)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/partitioned", h_topics_partitioned, LIST)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}", h_topic_create, NAMESPACE)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}", h_topic_delete, NAMESPACE)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", h_partitions_get, LOOKUP)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", h_partitions_create, NAMESPACE)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", h_partitions_update, NAMESPACE)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", h_partitions_delete, NAMESPACE)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}/unload", h_topic_unload, TENANT)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/terminate", h_topic_terminate, TENANT)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/terminate/partitions", h_topic_terminate_partitions, TENANT)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/lastMessageId", h_topic_last_id, CONSUME)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/stats", h_topic_stats_get, LOOKUP)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/internalStats", h_topic_internal_stats, LOOKUP)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/partitioned-stats", h_topic_partitioned_stats, LOOKUP)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/partitioned-internalStats", h_topic_parts_internal_stats, LOOKUP)

ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/permissions", h_topic_perms_get, TENANT)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/permissions/{role}", h_topic_perm_grant, TENANT)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}/permissions/{role}", h_topic_perm_revoke, TENANT)

ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/{topic_limit}", h_topic_limit_get, NAMESPACE)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/{topic_limit}", h_topic_limit_set, NAMESPACE)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}/{topic_limit}", h_topic_limit_delete, NAMESPACE)

ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/subscriptions", h_subs_list, CONSUME)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}", h_sub_create, CONSUME)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}", h_sub_delete, CONSUME)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/skip/{num}", h_sub_skip, CONSUME)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/skip_all", h_sub_skip_all, CONSUME)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/resetcursor/{num}", h_sub_reset_time, CONSUME)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/resetcursor", h_sub_reset_position, CONSUME)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/expireMessages/{num}", h_sub_expire, CONSUME)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/all_subscription/expireMessages/{num}", h_subs_expire, CONSUME)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/position/{num}", h_sub_peek, CONSUME)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/ledger/{num}/entry/{num2}", h_topic_read, CONSUME)

#undef ROUTE
