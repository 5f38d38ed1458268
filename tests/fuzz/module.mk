# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets, one per decoder; built with CC=clang --enable-fuzz:
#	make tests/fuzz/fuzz_pulsar && tests/fuzz/corpus DIR
#	tests/fuzz/fuzz_pulsar -max_total_time=60 DIR/fuzz_pulsar
# corpus writes the golden vectors of tests/vectors as files, and what long runs
# have found; after such a run
#	tests/fuzz/keep tests/fuzz/fuzz_pulsar DIR/fuzz_pulsar
# keeps the smallest of it in tests/vectors/fuzz.
#
# In make check each target gets that corpus without a fuzzer (replay.c), which
# any compiler can build.

FUZZ_TARGETS = tests/fuzz/fuzz_pulsar tests/fuzz/fuzz_convert \
	tests/fuzz/fuzz_jwt tests/fuzz/fuzz_rmq_header \
	tests/fuzz/fuzz_rmq_json tests/fuzz/fuzz_rmq_record \
	tests/fuzz/fuzz_rmq_sql92 tests/fuzz/fuzz_htpasswd \
	tests/fuzz/fuzz_cert tests/fuzz/fuzz_http tests/fuzz/fuzz_plain_acl
if FUZZ
noinst_PROGRAMS += $(FUZZ_TARGETS)
endif
EXTRA_PROGRAMS += $(FUZZ_TARGETS)

tests_fuzz_fuzz_pulsar_SOURCES = tests/fuzz/fuzz_pulsar.c
tests_fuzz_fuzz_pulsar_LDADD = $(PULSAR_LINK) $(PULSAR_LIBS)
tests_fuzz_fuzz_pulsar_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_convert_SOURCES = tests/fuzz/fuzz_convert.c
tests_fuzz_fuzz_convert_LDADD = $(FORMAT_LINK) $(BASE_LIBS)
tests_fuzz_fuzz_convert_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_jwt_SOURCES = tests/fuzz/fuzz_jwt.c
tests_fuzz_fuzz_jwt_LDADD = $(AUTH_LINK) $(AUTH_LIBS)
tests_fuzz_fuzz_jwt_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_rmq_header_SOURCES = tests/fuzz/fuzz_rmq_header.c
tests_fuzz_fuzz_rmq_header_LDADD = $(ROCKETMQ_LINK) $(ROCKETMQ_LIBS)
tests_fuzz_fuzz_rmq_header_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_rmq_json_SOURCES = tests/fuzz/fuzz_rmq_json.c
tests_fuzz_fuzz_rmq_json_LDADD = $(ROCKETMQ_LINK) $(ROCKETMQ_LIBS)
tests_fuzz_fuzz_rmq_json_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_rmq_record_SOURCES = tests/fuzz/fuzz_rmq_record.c
tests_fuzz_fuzz_rmq_record_LDADD = $(FORMAT_LINK) $(BASE_LIBS)
tests_fuzz_fuzz_rmq_record_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_rmq_sql92_SOURCES = tests/fuzz/fuzz_rmq_sql92.c
tests_fuzz_fuzz_rmq_sql92_LDADD = $(ROCKETMQ_LINK) $(ROCKETMQ_LIBS)
tests_fuzz_fuzz_rmq_sql92_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_htpasswd_SOURCES = tests/fuzz/fuzz_htpasswd.c
tests_fuzz_fuzz_htpasswd_LDADD = $(AUTH_LINK) $(AUTH_LIBS)
tests_fuzz_fuzz_htpasswd_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_cert_SOURCES = tests/fuzz/fuzz_cert.c
tests_fuzz_fuzz_cert_LDADD = $(OS_LINK) $(OS_LIBS)
tests_fuzz_fuzz_cert_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c
tests_fuzz_fuzz_http_LDADD = $(HTTP_LINK) $(HTTP_LIBS)
tests_fuzz_fuzz_http_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_plain_acl_SOURCES = tests/fuzz/fuzz_plain_acl.c
tests_fuzz_fuzz_plain_acl_LDADD = $(AUTH_LINK) $(AUTH_LIBS)
tests_fuzz_fuzz_plain_acl_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

# built for replay-all, which runs them
REPLAY = tests/fuzz/replay_pulsar tests/fuzz/replay_convert \
	tests/fuzz/replay_jwt tests/fuzz/replay_rmq_header \
	tests/fuzz/replay_rmq_json tests/fuzz/replay_rmq_record \
	tests/fuzz/replay_rmq_sql92 tests/fuzz/replay_htpasswd \
	tests/fuzz/replay_cert tests/fuzz/replay_http \
	tests/fuzz/replay_plain_acl
EXTRA_PROGRAMS += $(REPLAY)
CLEANFILES += $(REPLAY)
check_DATA = $(REPLAY)
tests_fuzz_replay_pulsar_SOURCES = tests/fuzz/fuzz_pulsar.c tests/fuzz/replay.c
tests_fuzz_replay_pulsar_LDADD = $(PULSAR_LINK) $(PULSAR_LIBS)
tests_fuzz_replay_convert_SOURCES = tests/fuzz/fuzz_convert.c \
	tests/fuzz/replay.c
tests_fuzz_replay_convert_LDADD = $(FORMAT_LINK) $(BASE_LIBS)
tests_fuzz_replay_jwt_SOURCES = tests/fuzz/fuzz_jwt.c tests/fuzz/replay.c
tests_fuzz_replay_jwt_LDADD = $(AUTH_LINK) $(AUTH_LIBS)
tests_fuzz_replay_rmq_header_SOURCES = tests/fuzz/fuzz_rmq_header.c \
	tests/fuzz/replay.c
tests_fuzz_replay_rmq_header_LDADD = $(ROCKETMQ_LINK) $(ROCKETMQ_LIBS)
tests_fuzz_replay_rmq_json_SOURCES = tests/fuzz/fuzz_rmq_json.c \
	tests/fuzz/replay.c
tests_fuzz_replay_rmq_json_LDADD = $(ROCKETMQ_LINK) $(ROCKETMQ_LIBS)
tests_fuzz_replay_rmq_record_SOURCES = tests/fuzz/fuzz_rmq_record.c \
	tests/fuzz/replay.c
tests_fuzz_replay_rmq_record_LDADD = $(FORMAT_LINK) $(BASE_LIBS)
tests_fuzz_replay_rmq_sql92_SOURCES = tests/fuzz/fuzz_rmq_sql92.c \
	tests/fuzz/replay.c
tests_fuzz_replay_rmq_sql92_LDADD = $(ROCKETMQ_LINK) $(ROCKETMQ_LIBS)
tests_fuzz_replay_htpasswd_SOURCES = tests/fuzz/fuzz_htpasswd.c \
	tests/fuzz/replay.c
tests_fuzz_replay_htpasswd_LDADD = $(AUTH_LINK) $(AUTH_LIBS)
tests_fuzz_replay_cert_SOURCES = tests/fuzz/fuzz_cert.c tests/fuzz/replay.c
tests_fuzz_replay_cert_LDADD = $(OS_LINK) $(OS_LIBS)
tests_fuzz_replay_http_SOURCES = tests/fuzz/fuzz_http.c tests/fuzz/replay.c
tests_fuzz_replay_http_LDADD = $(HTTP_LINK) $(HTTP_LIBS)
tests_fuzz_replay_plain_acl_SOURCES = tests/fuzz/fuzz_plain_acl.c \
	tests/fuzz/replay.c
tests_fuzz_replay_plain_acl_LDADD = $(AUTH_LINK) $(AUTH_LIBS)

dist_check_SCRIPTS += tests/fuzz/corpus tests/fuzz/replay-all
EXTRA_DIST += tests/fuzz/keep $(FUZZ_TARGETS:tests/fuzz/%=tests/vectors/fuzz/%.txt)
TESTS += tests/fuzz/replay-all
