# SPDX-License-Identifier: Apache-2.0
HTTP_RIG = tests/lib/http_rig.c tests/lib/http_rig.h

check_PROGRAMS += %D%/test_http_server
%C%_test_http_server_SOURCES = %D%/test_http_server.c $(HTTP_RIG)
%C%_test_http_server_LDADD = $(HTTP_TEST)

check_PROGRAMS += %D%/test_http_front
%C%_test_http_front_SOURCES = %D%/test_http_front.c %D%/http_fixture.h $(HTTP_RIG)
%C%_test_http_front_LDADD = $(HTTP_TEST)

check_PROGRAMS += %D%/test_http_topics
%C%_test_http_topics_SOURCES = %D%/test_http_topics.c %D%/http_fixture.h $(HTTP_RIG)
%C%_test_http_topics_LDADD = $(HTTP_TEST)

check_PROGRAMS += %D%/test_http_admin
%C%_test_http_admin_SOURCES = %D%/test_http_admin.c %D%/http_fixture.h $(HTTP_RIG)
%C%_test_http_admin_LDADD = $(HTTP_TEST)
