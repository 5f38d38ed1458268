# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += %D%/test_conn
%C%_test_conn_SOURCES = %D%/test_conn.c
%C%_test_conn_LDADD = $(NET_TEST)

check_PROGRAMS += %D%/test_conn_out
%C%_test_conn_out_SOURCES = %D%/test_conn_out.c
%C%_test_conn_out_LDADD = $(NET_TEST)

check_PROGRAMS += %D%/test_conn_time
%C%_test_conn_time_SOURCES = %D%/test_conn_time.c
%C%_test_conn_time_LDADD = $(NET_TEST)

check_PROGRAMS += %D%/test_quota
%C%_test_quota_SOURCES = %D%/test_quota.c
%C%_test_quota_LDADD = $(NET_TEST)

check_PROGRAMS += %D%/test_tls
%C%_test_tls_SOURCES = %D%/test_tls.c
%C%_test_tls_LDADD = $(NET_TEST)

check_PROGRAMS += %D%/test_room
%C%_test_room_SOURCES = %D%/test_room.c
%C%_test_room_LDADD = $(NET_TEST)

EXTRA_DIST += %D%/conn_fixture.h %D%/fds_fixture.h
