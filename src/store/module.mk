# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libstore.a
%C%_libstore_a_SOURCES = \
	%D%/meta.h \
	%D%/meta_lmdb.h \
	%D%/meta_mem.h
