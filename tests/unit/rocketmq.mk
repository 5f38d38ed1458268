# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/unit/test_rmq_frame tests/unit/test_rmq_header
tests_unit_test_rmq_frame_SOURCES = tests/unit/test_rmq_frame.c
tests_unit_test_rmq_frame_LDADD = $(ROCKETMQ_TEST)
tests_unit_test_rmq_header_SOURCES = tests/unit/test_rmq_header.c \
	tests/unit/vectors_file.h
tests_unit_test_rmq_header_LDADD = $(ROCKETMQ_TEST)
check_PROGRAMS += tests/unit/test_rmq_json
tests_unit_test_rmq_json_LDADD = $(ROCKETMQ_TEST)
EXTRA_DIST += tests/vectors/captured-rocketmq.txt \
	tests/vectors/capture-rocketmq.py tests/vectors/sql92.txt tests/vectors/MakeSql92.java
check_PROGRAMS += tests/unit/test_rmq_sql92
tests_unit_test_rmq_sql92_LDADD = $(ROCKETMQ_TEST)
check_PROGRAMS += tests/unit/test_rmq_attrs
tests_unit_test_rmq_attrs_LDADD = $(ROCKETMQ_TEST)
check_PROGRAMS += tests/unit/test_rmq_admin
tests_unit_test_rmq_admin_LDADD = $(ROCKETMQ_TEST)
