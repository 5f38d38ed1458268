# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libnet.a
%C%_libnet_a_SOURCES = \
	%D%/conn.h \
	%D%/listener.h \
	%D%/net.h %D%/tbl/close.h
