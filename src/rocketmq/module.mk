# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/librocketmq.a
%C%_librocketmq_a_SOURCES = \
	%D%/ask.c %D%/ask.h \
	%D%/do_client.c %D%/do_offset.c %D%/do_pull.c %D%/do_retry.c %D%/do_route.c \
	%D%/do_send.c %D%/do_send_batch.c \
	%D%/frame.c %D%/frame.h \
	%D%/group.c %D%/group.h %D%/group_lock.c %D%/interest.c \
	%D%/job.c %D%/job.h %D%/outlet.c %D%/requests.c \
	%D%/rmq_priv.h %D%/send.c %D%/send.h %D%/server.c %D%/server.h %D%/session.c \
	%D%/tbl/request.h %D%/topics.c \
	%D%/header.c %D%/header.h %D%/header_json.c %D%/header_priv.h \
	%D%/jscan.c %D%/jscan.h \
	%D%/json_body.c %D%/json_body.h \
	%D%/jw.c %D%/jw.h \
	%D%/out.c \
	%D%/tbl/language.h
