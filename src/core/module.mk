# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libcore.a
%C%_libcore_a_SOURCES = \
	%D%/admin.h \
	%D%/bootstrap.c \
	%D%/ackset.c %D%/ackset.h \
	%D%/cbuf.c %D%/cbuf.h \
	%D%/consumer.c \
	%D%/core.h \
	%D%/core_priv.h \
	%D%/cursor.c %D%/cursor.h %D%/cursor_priv.h \
	%D%/cursor_journal.c \
	%D%/disp_key.c \
	%D%/disp_shared.c \
	%D%/disp_single.c \
	%D%/fetch.c \
	%D%/keyring.c %D%/keyring.h \
	%D%/lease.c %D%/lease.h \
	%D%/name.c %D%/name.h \
	%D%/op.c %D%/op.h %D%/tbl/op_type.h \
	%D%/posset.c %D%/posset.h \
	%D%/probe.c %D%/probe.h \
	%D%/seek.c \
	%D%/stats.h \
	%D%/sub.c %D%/sub_priv.h \
	%D%/sub_admin.c \
	%D%/sub_record.c \
	%D%/sub_stats.c \
	%D%/subscribe.c \
	%D%/timer.c %D%/timer.h \
	%D%/tlog.h

EXTRA_DIST += doc/format-cursor.md
