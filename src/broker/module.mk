# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += magnetar
magnetar_SOURCES = \
	%D%/auth.c %D%/auth.h \
	%D%/broker.c %D%/broker.h \
	%D%/confmap.c %D%/confmap.h \
	%D%/counters.c %D%/counters.h \
	%D%/inspect.c %D%/inspect.h \
	%D%/main.c \
	%D%/openid.c %D%/openid.h \
	%D%/reload.c %D%/reload.h \
	%D%/rmq.c %D%/rmq.h \
	%D%/shard.c %D%/shard.h \
	%D%/tls.c %D%/tls.h \
	%D%/token.c %D%/token.h
magnetar_LDADD = src/http/libhttp.a src/rocketmq/librocketmq.a $(PULSAR_LINK) $(PULSAR_LIBS) $(HTTP_LIBS)
