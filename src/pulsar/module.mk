# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libpulsar.a
%C%_libpulsar_a_SOURCES = \
	%D%/cmd.c %D%/cmd.h %D%/tbl/cmd.h \
	%D%/do_ack.c %D%/do_connect.c %D%/do_consumer.c %D%/do_cursor.c \
	%D%/do_lookup.c %D%/do_producer.c %D%/do_schema.c %D%/do_send.c \
	%D%/do_topics.c %D%/do_txn.c \
	%D%/frame.c %D%/frame.h \
	%D%/hot.h %D%/hot_decode.c %D%/hot_encode.c \
	%D%/login.c %D%/login.h %D%/may.c %D%/may.h \
	%D%/peer.c %D%/peer.h \
	%D%/pattern.c %D%/pattern.h \
	%D%/server.c %D%/server.h %D%/session.c %D%/session_move.c %D%/session_priv.h \
	%D%/span_pb.c %D%/span_pb.h \
	%D%/text.c %D%/text.h \
	%D%/wire.h

# also when a single object is asked for, which BUILT_SOURCES doesn't cover
$(%C%_libpulsar_a_OBJECTS): proto/pulsar.pb.h
