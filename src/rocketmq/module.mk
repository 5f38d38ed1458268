# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/librocketmq.a
%C%_librocketmq_a_SOURCES = \
	%D%/frame.c %D%/frame.h \
	%D%/header.c %D%/header.h %D%/header_json.c %D%/header_priv.h \
	%D%/jscan.c %D%/jscan.h \
	%D%/json_body.c %D%/json_body.h \
	%D%/jw.c %D%/jw.h \
	%D%/out.c \
	%D%/tbl/language.h
