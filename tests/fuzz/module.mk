# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets, one per decoder; built with CC=clang --enable-fuzz:
#	make tests/fuzz/fuzz_pulsar && tests/fuzz/corpus DIR
#	tests/fuzz/fuzz_pulsar -max_total_time=60 DIR
# corpus writes the golden vectors of tests/vectors as files.

dist_check_SCRIPTS += tests/fuzz/corpus

if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_pulsar
endif
EXTRA_PROGRAMS += tests/fuzz/fuzz_pulsar
tests_fuzz_fuzz_pulsar_SOURCES = tests/fuzz/fuzz_pulsar.c
tests_fuzz_fuzz_pulsar_LDADD = $(PULSAR_LINK) $(PULSAR_LIBS)
tests_fuzz_fuzz_pulsar_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
