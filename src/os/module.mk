# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libos.a
%C%_libos_a_SOURCES = \
	%D%/clock.c %D%/clock.h \
	%D%/disk.h \
	%D%/disk_file.c %D%/disk_file.h \
	%D%/disk_file_io.c %D%/disk_file_priv.h \
	%D%/disk_uring.c \
	%D%/fetch.c %D%/fetch.h \
	%D%/file.c %D%/file.h \
	%D%/loop.c %D%/loop.h \
	%D%/mbox.c %D%/mbox.h \
	%D%/pages.c %D%/pages.h \
	%D%/prot.c %D%/prot.h \
	%D%/sock.c %D%/sock.h \
	%D%/thread.c %D%/thread.h \
	%D%/tls.c %D%/tls.h %D%/tls_priv.h \
	%D%/tls_ctx.c \
	%D%/user.c %D%/user.h
