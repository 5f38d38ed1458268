# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/vectors/rocketmq.txt tests/vectors/MakeRocketmq.java

check_PROGRAMS += tests/unit/test_rmq_record tests/unit/test_rmq_props \
	tests/unit/test_rmq_text
tests_unit_test_rmq_record_SOURCES = tests/unit/test_rmq_record.c \
	tests/unit/vectors_file.h
tests_unit_test_rmq_record_LDADD = $(FORMAT_TEST)
tests_unit_test_rmq_props_SOURCES = tests/unit/test_rmq_props.c \
	tests/unit/vectors_file.h
tests_unit_test_rmq_props_LDADD = $(FORMAT_TEST)
tests_unit_test_rmq_text_SOURCES = tests/unit/test_rmq_text.c \
	tests/unit/vectors_file.h
tests_unit_test_rmq_text_LDADD = $(FORMAT_TEST)

check_PROGRAMS += tests/unit/test_reference
tests_unit_test_reference_LDADD = $(FORMAT_TEST)

check_PROGRAMS += tests/unit/test_rmq_name
tests_unit_test_rmq_name_LDADD = $(FORMAT_TEST)

check_PROGRAMS += tests/unit/test_convert
tests_unit_test_convert_SOURCES = tests/unit/test_convert.c
tests_unit_test_convert_LDADD = $(FORMAT_TEST)
