# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/librocketmq.a
%C%_librocketmq_a_SOURCES = \
	%D%/ask.c %D%/ask.h \
	%D%/attrs.c %D%/attrs.h %D%/claim.c %D%/claim.h \
	%D%/do_conn.c %D%/do_correction.c %D%/do_forbid.c %D%/do_kv.c %D%/do_topic.c %D%/do_topic_list.c \
	%D%/do_group.c %D%/drop.c %D%/drop.h %D%/fit.c %D%/fit.h %D%/gconf.c %D%/gconf.h \
	%D%/do_stats.c %D%/progress.c %D%/progress.h \
	%D%/do_status.c %D%/stat.c %D%/stat.h %D%/do_queue.c %D%/do_reset.c %D%/reset.h \
	%D%/acl.c %D%/acl.h %D%/audit.c %D%/audit.h %D%/do_acl.c %D%/do_plain.c %D%/plain.c %D%/plain.h \
	%D%/gate.c %D%/gate.h %D%/tbl/need.h \
	%D%/users.c %D%/users.h \
	%D%/do_config.c %D%/do_misc.c %D%/do_runtime.c %D%/runtime.h \
	%D%/forward.c %D%/lister.c %D%/lister.h \
	%D%/systopic.c %D%/systopic.h %D%/tell.h \
	%D%/topic_json.c %D%/topic_json.h \
	%D%/do_client.c %D%/do_offset.c %D%/do_pull.c %D%/do_query.c %D%/do_reply.c %D%/do_retry.c %D%/do_route.c \
	%D%/do_assign.c %D%/do_pop.c %D%/do_pop_ack.c \
	%D%/pop.h %D%/pop_say.c %D%/pop_take.c \
	%D%/do_send.c %D%/do_send_batch.c %D%/do_stage.c %D%/do_txn.c %D%/do_view.c \
	%D%/frame.c %D%/frame.h \
	%D%/group.c %D%/group.h %D%/group_lock.c %D%/interest.c \
	%D%/job.c %D%/job.h %D%/light.c %D%/light.h %D%/light_read.c \
	%D%/measure.c %D%/measure.h %D%/tbl/response.h \
	%D%/move.c %D%/outlet.c %D%/requests.c \
	%D%/rmq_priv.h %D%/send.c %D%/send.h %D%/server.c %D%/server.h %D%/session.c \
	%D%/tbl/request.h %D%/take.c %D%/take.h %D%/topics.c \
	%D%/header.c %D%/header.h %D%/header_json.c %D%/header_priv.h \
	%D%/jscan.c %D%/jscan.h \
	%D%/json_body.c %D%/json_body.h \
	%D%/jw.c %D%/jw.h \
	%D%/out.c \
	%D%/sql92.c %D%/sql92.h %D%/sql92_priv.h \
	%D%/sql92_eval.c \
	%D%/sql92_lex.c \
	%D%/tbl/language.h
nodist_%C%_librocketmq_a_SOURCES = %D%/sql92_gram.c
EXTRA_DIST += %D%/sql92_gram.y
BUILT_SOURCES += %D%/sql92_gram.h
CLEANFILES += %D%/sql92_gram.c %D%/sql92_gram.h

# One run makes both files; the header follows from the source.
%D%/sql92_gram.c: %D%/sql92_gram.y
	$(AM_V_GEN)$(MKDIR_P) %D% && $(BISON) -Wall -Werror \
	    --header=%D%/sql92_gram.h -o $@ $(top_srcdir)/%D%/sql92_gram.y
%D%/sql92_gram.h: %D%/sql92_gram.c
	@test -f $@ && touch $@

# also when a single object is asked for, which BUILT_SOURCES doesn't cover
$(%C%_librocketmq_a_OBJECTS): %D%/sql92_gram.h
EXTRA_DIST += doc/rocketmq-admin.md
