# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libcore.a
%C%_libcore_a_SOURCES = \
	%D%/core.h \
	%D%/name.c %D%/name.h \
	%D%/op.h \
	%D%/timer.c %D%/timer.h
