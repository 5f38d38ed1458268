# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libstore.a
%C%_libstore_a_SOURCES = \
	%D%/meta.h %D%/meta_txn.c \
	%D%/meta_lmdb.c %D%/meta_lmdb.h \
	%D%/meta_lmdb_priv.h %D%/meta_lmdb_txn.c \
	%D%/meta_mem.c %D%/meta_mem.h
