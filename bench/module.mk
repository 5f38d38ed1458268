# SPDX-License-Identifier: Apache-2.0
# Load generators and raw benchmarks. To add one:
#	bin_PROGRAMS += %D%/magnetar-bench		(noinst_PROGRAMS if raw)
#	%C%_magnetar_bench_SOURCES = %D%/main.c ...
#	%C%_magnetar_bench_LDADD = $(NET_LINK) $(NET_LIBS)

EXTRA_PROGRAMS += bench/codec_bench
bench_codec_bench_SOURCES = bench/codec_bench.c
bench_codec_bench_LDADD = $(PULSAR_LINK) $(PULSAR_LIBS)

EXTRA_PROGRAMS += bench/auth_bench
bench_auth_bench_SOURCES = bench/auth_bench.c
bench_auth_bench_LDADD = $(AUTH_LINK) $(AUTH_LIBS)

EXTRA_PROGRAMS += bench/store_bench
bench_store_bench_SOURCES = bench/store_bench.c
bench_store_bench_LDADD = $(STORE_LINK) $(STORE_LIBS)

EXTRA_PROGRAMS += bench/stage_bench
bench_stage_bench_SOURCES = bench/stage_bench.c bench/hist.c bench/hist.h
bench_stage_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
bench_stage_bench_LDADD = $(CORE_LINK) $(CORE_LIBS) -lm

EXTRA_PROGRAMS += bench/sub_bench
bench_sub_bench_SOURCES = bench/sub_bench.c
bench_sub_bench_LDADD = $(CORE_LINK) $(CORE_LIBS)

bin_PROGRAMS += bench/magnetar-bench
bench_magnetar_bench_SOURCES = bench/bench.h bench/count.c bench/drive.c \
	bench/hist.c bench/hist.h bench/link.c bench/link.h bench/main.c \
	bench/opts.c bench/opts.h bench/proc.c bench/proc.h bench/report.c \
	bench/pulsar.h bench/pulsar_client.c bench/pulsar_topics.c \
	bench/pulsar_traffic.c bench/rmq.h bench/rmq_client.c bench/rmq_pop.c \
	bench/rmq_pull.c bench/rmq_send.c bench/rmq_sign.c bench/rmq_take.c
bench_magnetar_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
bench_magnetar_bench_LDADD = src/rocketmq/librocketmq.a $(PULSAR_LINK) \
	$(PULSAR_LIBS)

check_PROGRAMS += tests/unit/test_hist
tests_unit_test_hist_SOURCES = tests/unit/test_hist.c tests/unit/test.h \
	bench/hist.c bench/hist.h
tests_unit_test_hist_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_hist_LDADD = $(BASE_TEST)

check_PROGRAMS += tests/unit/test_bench_take
tests_unit_test_bench_take_SOURCES = tests/unit/test_bench_take.c \
	tests/unit/test.h bench/bench.h bench/count.c bench/hist.c bench/link.c \
	bench/rmq.h bench/rmq_take.c
tests_unit_test_bench_take_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_bench_take_LDADD = $(ROCKETMQ_TEST)

EXTRA_DIST += bench/lib.sh bench/run-table.sh bench/run-rmq-table.sh \
	bench/run-restart.sh bench/run-backlog.sh bench/run-auth bench/table

noinst_PROGRAMS += bench/rawwrite
bench_rawwrite_SOURCES = bench/rawwrite.c bench/rawwrite.h bench/rawwrite_hand.c
bench_rawwrite_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
bench_rawwrite_LDADD = $(URING_LIB)

EXTRA_DIST += doc/log-writes.md

# The tables of measurements, by Pulsar's protocol and by RocketMQ's.
# REFERENCE="HOST:PORT PID [LABEL]" and RMQ_REFERENCE="--reference DIR" run the
# same rows against another broker too; BENCH_FLAGS and RMQ_BENCH_FLAGS are
# options of run-table.sh and run-rmq-table.sh.
bench: bench-pulsar bench-rmq
bench-pulsar: magnetar$(EXEEXT) bench/magnetar-bench$(EXEEXT)
	$(srcdir)/bench/run-table.sh --bench ./bench/magnetar-bench \
	    --start ./magnetar $(BENCH_FLAGS) $(REFERENCE)
bench-rmq: magnetar$(EXEEXT) bench/magnetar-bench$(EXEEXT)
	$(srcdir)/bench/run-rmq-table.sh --bench ./bench/magnetar-bench \
	    --start ./magnetar $(RMQ_BENCH_FLAGS) $(RMQ_REFERENCE)
.PHONY: bench bench-pulsar bench-rmq
