# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libhttp.a
%C%_libhttp_a_SOURCES = \
	%D%/front.c %D%/front.h \
	%D%/gate.c %D%/gate.h \
	%D%/permissions.c %D%/permissions.h \
	%D%/handlers.h %D%/http_priv.h %D%/tbl/route.h \
	%D%/tbl/rip46.h %D%/tbl/topic_metric.h \
	%D%/address.c %D%/address.h \
	%D%/accounts.c %D%/brokers.c \
	%D%/json.c \
	%D%/limits.c %D%/limits.h \
	%D%/lookup.c \
	%D%/message.c %D%/message.h \
	%D%/metrics.c \
	%D%/mhd.c \
	%D%/names.c \
	%D%/namespaces.c \
	%D%/partitions.c \
	%D%/parts.c %D%/parts.h \
	%D%/peek.c \
	%D%/req.c \
	%D%/rip46.c %D%/rip46.h \
	%D%/routes.c \
	%D%/schemas.c \
	%D%/server.c %D%/server.h \
	%D%/stats.c \
	%D%/stats_json.c %D%/stats_json.h \
	%D%/stats_sum.c \
	%D%/subs.c \
	%D%/tenants.c \
	%D%/topics.c \
	%D%/uri.c %D%/uri.h
