# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libcore.a
%C%_libcore_a_SOURCES = \
	%D%/ackset.c %D%/ackset.h \
	%D%/admin.c %D%/admin.h %D%/admin_priv.h \
	%D%/admin_doc.c \
	%D%/admin_grow.c \
	%D%/admin_ns.c \
	%D%/admin_part.c \
	%D%/admin_tenant.c \
	%D%/admin_topics.c \
	%D%/authz.c %D%/authz.h %D%/authz_priv.h \
	%D%/authz_ops.c \
	%D%/authz_read.c \
	%D%/bootstrap.c \
	%D%/cbuf.c %D%/cbuf.h \
	%D%/consumer.c \
	%D%/core.c %D%/core.h \
	%D%/core_priv.h \
	%D%/cursor.c %D%/cursor.h %D%/cursor_priv.h \
	%D%/cursor_journal.c \
	%D%/cursor_term.c \
	%D%/disp_key.c \
	%D%/disp_shared.c \
	%D%/disp_single.c \
	%D%/delay.c %D%/delay.h \
	%D%/due.c %D%/due.h %D%/due_priv.h \
	%D%/due_heap.c %D%/due_heap.h \
	%D%/due_row.c \
	%D%/fetch.c \
	%D%/keyring.c %D%/keyring.h \
	%D%/lease.c %D%/lease.h \
	%D%/leasing.c %D%/leasing.h %D%/leasing_priv.h \
	%D%/leasing_ops.c \
	%D%/leasing_pick.c \
	%D%/bucket.h \
	%D%/limits.c %D%/limits.h %D%/tbl/limit.h \
	%D%/name.c %D%/name.h \
	%D%/pace.c %D%/pace.h \
	%D%/op.c %D%/op.h %D%/tbl/op_type.h \
	%D%/policy.c \
	%D%/sweep.c %D%/sweep.h \
	%D%/posset.c %D%/posset.h \
	%D%/probe.c %D%/probe.h \
	%D%/producer.c \
	%D%/publish.c %D%/query.c \
	%D%/range.c \
	%D%/reader.c \
	%D%/reads.c %D%/reads.h %D%/reads_priv.h \
	%D%/record.c %D%/record.h \
	%D%/reload.c \
	%D%/reserve.c \
	%D%/route.c %D%/route.h \
	%D%/seek.c \
	%D%/spot.c \
	%D%/stage.c %D%/stage.h %D%/stage_priv.h \
	%D%/stage_env.c %D%/stage_env.h \
	%D%/stage_log.c \
	%D%/stage_ops.c \
	%D%/stage_bulk.c %D%/stage_release.c \
	%D%/stats.h \
	%D%/pubrate.c %D%/pubrate.h \
	%D%/pubturn.c %D%/pubturn.h \
	%D%/sub.c %D%/sub_priv.h \
	%D%/sub_admin.c \
	%D%/sub_index.c \
	%D%/sub_peek.c \
	%D%/sub_record.c \
	%D%/sub_stats.c \
	%D%/subrate.c %D%/subrate.h \
	%D%/subscribe.c \
	%D%/term.c %D%/term.h \
	%D%/timer.c %D%/timer.h \
	%D%/tlog.c %D%/tlog.h \
	%D%/tlog_roll.c \
	%D%/topic.c %D%/topic_priv.h \
	%D%/topic_close.c \
	%D%/topic_load.c \
	%D%/topic_ops.c \
	%D%/topic_props.c \
	%D%/topic_stats.c

EXTRA_DIST += doc/format-cursor.md doc/format-delay.md doc/limits.md
