# SPDX-License-Identifier: Apache-2.0
# Load generators and raw benchmarks. To add one:
#	bin_PROGRAMS += %D%/magnetar-bench		(noinst_PROGRAMS if raw)
#	%C%_magnetar_bench_SOURCES = %D%/main.c ...
#	%C%_magnetar_bench_LDADD = $(NET_LINK) $(NET_LIBS)

EXTRA_PROGRAMS += bench/codec_bench
bench_codec_bench_SOURCES = bench/codec_bench.c
bench_codec_bench_LDADD = $(PULSAR_LINK) $(PULSAR_LIBS)
