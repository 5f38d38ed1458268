/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is served: ROUTE(method, pattern, handler). The first pattern that fits
 * counts; the names in braces are in http_priv.h's enum var.
 */

ROUTE(GET, "/status.html", h_get_status)
ROUTE(GET, "/metrics", h_get_metrics)

ROUTE(GET, "/rocketmq/nsaddr", h_rocketmq_nsaddr)
ROUTE(GET, "/rocketmq/nsaddr4client-internet", h_rocketmq_nsaddr_internet)
ROUTE(GET, "/rocketmq/nsaddr4client-internal", h_rocketmq_nsaddr_internal)

ROUTE(GET, "/lookup/v2/topic/{d}/{t}/{n}/{topic}", h_lookup_topic)

ROUTE(GET, "/admin/v2/brokers", h_brokers_list)
ROUTE(GET, "/admin/v2/brokers/health", h_brokers_health)
ROUTE(GET, "/admin/v2/brokers/ready", h_brokers_ready)
ROUTE(GET, "/admin/v2/brokers/version", h_brokers_version)
ROUTE(GET, "/admin/v2/brokers/leaderBroker", h_brokers_leader)
ROUTE(GET, "/admin/v2/brokers/configuration/runtime", h_brokers_runtime)
ROUTE(GET, "/admin/v2/brokers/{c}", h_brokers_of_cluster)

ROUTE(GET, "/admin/v2/clusters", h_clusters_list)
ROUTE(GET, "/admin/v2/clusters/{c}", h_cluster_get)

ROUTE(GET, "/admin/v2/tenants", h_tenants_list)
ROUTE(GET, "/admin/v2/tenants/{t}", h_tenant_get)
ROUTE(PUT, "/admin/v2/tenants/{t}", h_tenant_put)
ROUTE(POST, "/admin/v2/tenants/{t}", h_tenant_post)
ROUTE(DELETE, "/admin/v2/tenants/{t}", h_tenant_delete)

ROUTE(GET, "/admin/v2/namespaces/{t}", h_namespaces_list)
ROUTE(GET, "/admin/v2/namespaces/{t}/{n}", h_namespace_get)
ROUTE(PUT, "/admin/v2/namespaces/{t}/{n}", h_namespace_put)
ROUTE(DELETE, "/admin/v2/namespaces/{t}/{n}", h_namespace_delete)
ROUTE(GET, "/admin/v2/namespaces/{t}/{n}/topics", h_namespace_topics)

ROUTE(GET, "/admin/v2/schemas/{t}/{n}/{topic}/schema", h_schema_get)
ROUTE(DELETE, "/admin/v2/schemas/{t}/{n}/{topic}/schema", h_schema_delete)
ROUTE(GET, "/admin/v2/schemas/{t}/{n}/{topic}/schema/{num}", h_schema_get_version)
ROUTE(GET, "/admin/v2/schemas/{t}/{n}/{topic}/schemas", h_schemas_get)

ROUTE(GET, "/admin/v2/{d}/{t}/{n}", h_topics_list)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/partitioned", h_topics_partitioned)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}", h_topic_create)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}", h_topic_delete)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", h_partitions_get)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", h_partitions_create)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", h_partitions_update)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", h_partitions_delete)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}/unload", h_topic_unload)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/terminate", h_topic_terminate)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/terminate/partitions", h_topic_terminate_partitions)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/lastMessageId", h_topic_last_id)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/stats", h_topic_stats_get)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/internalStats", h_topic_internal_stats)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/partitioned-stats", h_topic_partitioned_stats)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/partitioned-internalStats", h_topic_partitioned_internal_stats)

ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/subscriptions", h_subs_list)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}", h_sub_create)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}", h_sub_delete)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/skip/{num}", h_sub_skip)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/skip_all", h_sub_skip_all)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/resetcursor/{num}", h_sub_reset_time)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/resetcursor", h_sub_reset_position)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/expireMessages/{num}", h_sub_expire)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/all_subscription/expireMessages/{num}", h_subs_expire)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/position/{num}", h_sub_peek)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/ledger/{num}/entry/{num2}", h_topic_read)

#undef ROUTE
