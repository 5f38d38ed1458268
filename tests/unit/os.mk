# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += %D%/test_loop
%C%_test_loop_SOURCES = %D%/test_loop.c
%C%_test_loop_LDADD = $(OS_TEST)

check_PROGRAMS += %D%/test_file
%C%_test_file_SOURCES = %D%/test_file.c
%C%_test_file_LDADD = $(OS_TEST)

check_PROGRAMS += %D%/test_disk
%C%_test_disk_SOURCES = %D%/test_disk.c
%C%_test_disk_LDADD = $(OS_TEST)
