# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += doc/rocketmq-pulsar.md doc/rocketmq-acl.md doc/rocketmq-pop.md doc/rocketmq-light.md doc/rocketmq-metrics.md
noinst_LIBRARIES += %D%/libformat.a
%C%_libformat_a_SOURCES = \
	%D%/pulsar_body.c %D%/pulsar_body.h \
	%D%/pulsar_meta.c %D%/pulsar_meta.h \
	%D%/pulsar_of_rmq.c %D%/pulsar_of_rmq.h \
	%D%/pulsar_msgs.c %D%/pulsar_msgs.h \
	%D%/span.c %D%/span.h \
	%D%/wire.h \
	%D%/reference.c %D%/reference.h \
	%D%/rmq_batch.c %D%/rmq_batch.h \
	%D%/rmq_body.c %D%/rmq_body.h \
	%D%/rmq_id.c %D%/rmq_id.h \
	%D%/rmq_name.c %D%/rmq_name.h \
	%D%/rmq_of_pulsar.c %D%/rmq_of_pulsar.h \
	%D%/rmq_pop.c %D%/rmq_pop.h \
	%D%/rmq_props.c %D%/rmq_props.h %D%/tbl/rmq_prop.h \
	%D%/rmq_record.c %D%/rmq_record.h
