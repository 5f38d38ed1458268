# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += %D%/test.h

check_PROGRAMS += %D%/test_base
%C%_test_base_SOURCES = %D%/test_base.c
%C%_test_base_LDADD = $(BASE_TEST)
