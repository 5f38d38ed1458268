# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += %D%/scratch.h %D%/test.h

check_PROGRAMS += %D%/test_base
%C%_test_base_SOURCES = %D%/test_base.c
%C%_test_base_LDADD = $(BASE_TEST)

check_PROGRAMS += %D%/test_buf
%C%_test_buf_LDADD = $(BASE_TEST)

check_PROGRAMS += %D%/test_strbuf
%C%_test_strbuf_LDADD = $(BASE_TEST)

check_PROGRAMS += %D%/test_map
%C%_test_map_LDADD = $(BASE_TEST)

check_PROGRAMS += %D%/test_log
%C%_test_log_LDADD = $(BASE_TEST)

check_PROGRAMS += %D%/test_histo
%C%_test_histo_LDADD = $(BASE_TEST)

check_PROGRAMS += %D%/test_metrics
%C%_test_metrics_LDADD = $(BASE_TEST)

check_PROGRAMS += %D%/test_conf
%C%_test_conf_LDADD = $(BASE_TEST)

check_PROGRAMS += %D%/test_text
%C%_test_text_LDADD = $(BASE_TEST)

check_PROGRAMS += %D%/test_compress
%C%_test_compress_LDADD = $(BASE_TEST)
