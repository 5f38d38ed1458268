# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += %D%/test_conn
%C%_test_conn_SOURCES = %D%/test_conn.c
%C%_test_conn_LDADD = $(NET_TEST)
