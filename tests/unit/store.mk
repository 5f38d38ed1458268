# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += %D%/test_meta
%C%_test_meta_SOURCES = %D%/test_meta.c
%C%_test_meta_LDADD = $(STORE_TEST)

STORE_RIG = tests/lib/disk_mem.c tests/lib/disk_mem.h \
	tests/lib/store_rig.c tests/lib/store_rig.h

check_PROGRAMS += %D%/test_store_local
%C%_test_store_local_SOURCES = %D%/test_store_local.c $(STORE_RIG)
%C%_test_store_local_LDADD = $(STORE_TEST)

check_PROGRAMS += %D%/test_store_model
%C%_test_store_model_SOURCES = %D%/test_store_model.c $(STORE_RIG)
%C%_test_store_model_LDADD = $(STORE_TEST)

check_PROGRAMS += %D%/test_store_damage
%C%_test_store_damage_SOURCES = %D%/test_store_damage.c $(STORE_RIG)
%C%_test_store_damage_LDADD = $(STORE_TEST)

check_PROGRAMS += %D%/test_store_rider
%C%_test_store_rider_SOURCES = %D%/test_store_rider.c $(STORE_RIG)
%C%_test_store_rider_LDADD = $(STORE_TEST)

check_PROGRAMS += %D%/test_store_space
%C%_test_store_space_SOURCES = %D%/test_store_space.c $(STORE_RIG)
%C%_test_store_space_LDADD = $(STORE_TEST)

check_PROGRAMS += %D%/test_store_rewrite
%C%_test_store_rewrite_SOURCES = %D%/test_store_rewrite.c $(STORE_RIG)
%C%_test_store_rewrite_LDADD = $(STORE_TEST)

check_PROGRAMS += %D%/test_store_keys
%C%_test_store_keys_SOURCES = %D%/test_store_keys.c $(STORE_RIG)
%C%_test_store_keys_LDADD = $(STORE_TEST)

check_PROGRAMS += %D%/test_store_stretch
%C%_test_store_stretch_SOURCES = %D%/test_store_stretch.c $(STORE_RIG)
%C%_test_store_stretch_LDADD = $(STORE_TEST)

check_PROGRAMS += %D%/test_store_file
%C%_test_store_file_SOURCES = %D%/test_store_file.c $(STORE_RIG)
%C%_test_store_file_LDADD = $(STORE_TEST)

check_PROGRAMS += %D%/test_store_pool
%C%_test_store_pool_SOURCES = %D%/test_store_pool.c
%C%_test_store_pool_LDADD = $(STORE_TEST)
