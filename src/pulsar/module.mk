# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libpulsar.a
%C%_libpulsar_a_SOURCES = \
	%D%/cmd.c %D%/cmd.h %D%/tbl/cmd.h \
	%D%/frame.c %D%/frame.h \
	%D%/hot.h %D%/hot_decode.c %D%/hot_encode.c %D%/hot_meta.c \
	%D%/peer.c %D%/peer.h \
	%D%/server.h \
	%D%/span_pb.c %D%/span_pb.h \
	%D%/wire.h

# also when a single object is asked for, which BUILT_SOURCES doesn't cover
$(%C%_libpulsar_a_OBJECTS): proto/pulsar.pb.h
