# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/vectors/pulsar.txt tests/vectors/make-pulsar.py \
	tests/vectors/captured.txt tests/vectors/capture-pulsar.py

check_PROGRAMS += tests/unit/test_pulsar_frame tests/unit/test_pulsar_hot \
	tests/unit/test_pulsar_cmd
tests_unit_test_pulsar_frame_SOURCES = tests/unit/test_pulsar_frame.c \
	tests/unit/vectors.h tests/unit/vectors_file.h
tests_unit_test_pulsar_frame_LDADD = $(PULSAR_TEST)
tests_unit_test_pulsar_hot_SOURCES = tests/unit/test_pulsar_hot.c \
	tests/unit/vectors.h tests/unit/vectors_file.h
tests_unit_test_pulsar_hot_LDADD = $(PULSAR_TEST)
tests_unit_test_pulsar_cmd_SOURCES = tests/unit/test_pulsar_cmd.c \
	tests/unit/vectors.h tests/unit/vectors_file.h
tests_unit_test_pulsar_cmd_LDADD = $(PULSAR_TEST)

# Sessions over a router without a core (session_fixture.h), which takes the
# place of core/route.c.
check_PROGRAMS += tests/unit/test_pulsar_session
tests_unit_test_pulsar_session_SOURCES = tests/unit/test_pulsar_session.c \
	tests/unit/session_fixture.h
tests_unit_test_pulsar_session_LDADD = $(PULSAR_TEST)
check_PROGRAMS += tests/unit/test_pulsar_do
tests_unit_test_pulsar_do_SOURCES = tests/unit/test_pulsar_do.c \
	tests/unit/session_fixture.h
tests_unit_test_pulsar_do_LDADD = $(PULSAR_TEST)
check_PROGRAMS += tests/unit/test_pulsar_topics
tests_unit_test_pulsar_topics_SOURCES = tests/unit/test_pulsar_topics.c \
	tests/unit/session_fixture.h
tests_unit_test_pulsar_topics_LDADD = $(PULSAR_TEST)
