# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libos.a
%C%_libos_a_SOURCES = \
	%D%/clock.h \
	%D%/disk.h \
	%D%/disk_file.h \
	%D%/file.h \
	%D%/loop.h \
	%D%/mbox.h \
	%D%/prot.h \
	%D%/sock.h \
	%D%/thread.h
