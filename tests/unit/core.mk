# SPDX-License-Identifier: Apache-2.0
# A ledger engine in memory, and rigs that put a topic on it.
check_LIBRARIES += %D%/libcorefake.a
%C%_libcorefake_a_SOURCES = \
	%D%/core_rig.c %D%/core_rig.h \
	%D%/failover_vectors.h \
	%D%/fake_ledgers.c %D%/fake_ledgers.h \
	%D%/key_vectors.h \
	%D%/log_rig.c %D%/log_rig.h

CORE_FAKE = tests/unit/libcorefake.a

check_PROGRAMS += %D%/test_core_name
%C%_test_core_name_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_posset
%C%_test_core_posset_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_lease
%C%_test_core_lease_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_cursor
%C%_test_core_cursor_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_single
%C%_test_core_single_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_shared
%C%_test_core_shared_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_key
%C%_test_core_key_LDADD = $(CORE_TEST)

TOPIC_RIG = tests/lib/disk_mem.c tests/lib/disk_mem.h \
	tests/lib/topic_rig.c tests/lib/topic_rig.h

check_PROGRAMS += %D%/test_core_topic
%C%_test_core_topic_SOURCES = %D%/test_core_topic.c $(TOPIC_RIG)
%C%_test_core_topic_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_admin
%C%_test_core_admin_SOURCES = %D%/test_core_admin.c $(TOPIC_RIG)
%C%_test_core_admin_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_authz
%C%_test_core_authz_SOURCES = %D%/test_core_authz.c $(TOPIC_RIG)
%C%_test_core_authz_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_tlog
%C%_test_core_tlog_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_producer
%C%_test_core_producer_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_np
%C%_test_core_np_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_life
%C%_test_core_life_SOURCES = %D%/test_core_life.c $(TOPIC_RIG)
%C%_test_core_life_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_seek
%C%_test_core_seek_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_reads
%C%_test_core_reads_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_reserve
%C%_test_core_reserve_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_stage
%C%_test_core_stage_SOURCES = %D%/test_core_stage.c $(TOPIC_RIG)
%C%_test_core_stage_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_leasing
%C%_test_core_leasing_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_index
%C%_test_core_index_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_due
%C%_test_core_due_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_delay
%C%_test_core_delay_SOURCES = %D%/test_core_delay.c $(TOPIC_RIG)
%C%_test_core_delay_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_pubrate
%C%_test_core_pubrate_SOURCES = %D%/test_core_pubrate.c $(TOPIC_RIG)
%C%_test_core_pubrate_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_pubtotal
%C%_test_core_pubtotal_SOURCES = %D%/test_core_pubtotal.c $(TOPIC_RIG)
%C%_test_core_pubtotal_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_pubturn
%C%_test_core_pubturn_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_subrate
%C%_test_core_subrate_SOURCES = %D%/test_core_subrate.c $(TOPIC_RIG)
%C%_test_core_subrate_LDADD = $(CORE_TEST)

check_PROGRAMS += %D%/test_core_pace
%C%_test_core_pace_SOURCES = %D%/test_core_pace.c $(TOPIC_RIG)
%C%_test_core_pace_LDADD = $(CORE_TEST)
