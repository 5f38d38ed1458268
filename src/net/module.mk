# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libnet.a
%C%_libnet_a_SOURCES = \
	%D%/conn.c %D%/conn.h \
	%D%/conn_move.c \
	%D%/conn_rx.c \
	%D%/conn_tls.c \
	%D%/conn_tx.c \
	%D%/listener.c %D%/listener.h \
	%D%/net.c %D%/net.h %D%/net_priv.h \
	%D%/quota.c %D%/quota.h \
	%D%/room.c %D%/room.h \
	%D%/rxpool.c
