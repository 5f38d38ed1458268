/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is served: ROUTE(method, pattern, handler). The first pattern that fits
 * counts; the names in braces are in http_priv.h's enum var.
 */

ROUTE(GET, "/status.html", get_status)
ROUTE(GET, "/metrics", get_metrics)

ROUTE(GET, "/lookup/v2/topic/{d}/{t}/{n}/{topic}", lookup_topic)

ROUTE(GET, "/admin/v2/brokers", brokers_list)
ROUTE(GET, "/admin/v2/brokers/health", brokers_health)
ROUTE(GET, "/admin/v2/brokers/ready", brokers_ready)
ROUTE(GET, "/admin/v2/brokers/version", brokers_version)
ROUTE(GET, "/admin/v2/brokers/leaderBroker", brokers_leader)
ROUTE(GET, "/admin/v2/brokers/{c}", brokers_of_cluster)

ROUTE(GET, "/admin/v2/clusters", clusters_list)
ROUTE(GET, "/admin/v2/clusters/{c}", cluster_get)

ROUTE(GET, "/admin/v2/tenants", tenants_list)
ROUTE(GET, "/admin/v2/tenants/{t}", tenant_get)
ROUTE(PUT, "/admin/v2/tenants/{t}", tenant_put)
ROUTE(POST, "/admin/v2/tenants/{t}", tenant_post)
ROUTE(DELETE, "/admin/v2/tenants/{t}", tenant_delete)

ROUTE(GET, "/admin/v2/namespaces/{t}", namespaces_list)
ROUTE(GET, "/admin/v2/namespaces/{t}/{n}", namespace_get)
ROUTE(PUT, "/admin/v2/namespaces/{t}/{n}", namespace_put)
ROUTE(DELETE, "/admin/v2/namespaces/{t}/{n}", namespace_delete)
ROUTE(GET, "/admin/v2/namespaces/{t}/{n}/topics", namespace_topics)

ROUTE(GET, "/admin/v2/schemas/{t}/{n}/{topic}/schema", schema_get)
ROUTE(GET, "/admin/v2/schemas/{t}/{n}/{topic}/schema/{num}", schema_get_version)
ROUTE(GET, "/admin/v2/schemas/{t}/{n}/{topic}/schemas", schemas_get)

ROUTE(GET, "/admin/v2/{d}/{t}/{n}", topics_list)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/partitioned", topics_partitioned)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}", topic_create)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}", topic_delete)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", partitions_get)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", partitions_create)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", partitions_update)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}/partitions", partitions_delete)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}/unload", topic_unload)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/terminate", topic_terminate)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/terminate/partitions", topic_terminate_partitions)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/lastMessageId", topic_last_id)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/stats", topic_stats_get)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/internalStats", topic_internal_stats)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/partitioned-stats", topic_partitioned_stats)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/partitioned-internalStats", topic_partitioned_internal_stats)

ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/subscriptions", subs_list)
ROUTE(PUT, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}", sub_create)
ROUTE(DELETE, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}", sub_delete)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/skip/{num}", sub_skip)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/skip_all", sub_skip_all)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/resetcursor/{num}", sub_reset_time)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/resetcursor", sub_reset_position)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/expireMessages/{num}", sub_expire)
ROUTE(POST, "/admin/v2/{d}/{t}/{n}/{topic}/all_subscription/expireMessages/{num}", subs_expire)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/subscription/{s}/position/{num}", sub_peek)
ROUTE(GET, "/admin/v2/{d}/{t}/{n}/{topic}/ledger/{num}/entry/{num2}", topic_read)

#undef ROUTE
