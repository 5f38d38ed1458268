# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += %D%/test_core_name
%C%_test_core_name_LDADD = $(CORE_TEST)
