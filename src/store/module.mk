# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libstore.a
%C%_libstore_a_SOURCES = \
	%D%/entry.h %D%/ledger.h %D%/record.h \
	%D%/local.c %D%/local.h %D%/local_priv.h \
	%D%/local_append.c \
	%D%/local_checkpoint.c \
	%D%/local_commit.c \
	%D%/local_find.c \
	%D%/local_footer.c \
	%D%/local_group.c \
	%D%/local_index.c \
	%D%/local_inspect.c \
	%D%/local_journal.c \
	%D%/local_keys.c \
	%D%/local_ledger.c \
	%D%/local_pool.c \
	%D%/local_read.c \
	%D%/local_stretch.c \
	%D%/local_record.c \
	%D%/local_recover.c %D%/local_recover_priv.h \
	%D%/local_replay.c \
	%D%/local_rewrite.c %D%/local_rewrite_priv.h \
	%D%/local_rewrite_copy.c \
	%D%/local_rider.c \
	%D%/local_segment.c \
	%D%/meta.h %D%/meta_txn.c \
	%D%/meta_lmdb.c %D%/meta_lmdb.h \
	%D%/meta_lmdb_priv.h %D%/meta_lmdb_txn.c \
	%D%/meta_mem.c %D%/meta_mem.h

EXTRA_DIST += doc/format-log.md
