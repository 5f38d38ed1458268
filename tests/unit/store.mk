# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += %D%/test_meta
%C%_test_meta_SOURCES = %D%/test_meta.c
%C%_test_meta_LDADD = $(STORE_TEST)
