# SPDX-License-Identifier: Apache-2.0
# The simulator. make check runs its default seeds; more by hand:
# tests/sim/sim --seeds 1..10000
check_PROGRAMS += %D%/sim
%C%_sim_SOURCES = \
	%D%/ack.c \
	%D%/check.c \
	%D%/claim.c \
	%D%/client.c \
	%D%/del.c \
	%D%/drive.c \
	%D%/lease.c \
	%D%/model.c \
	%D%/net.c \
	%D%/reads.c \
	%D%/seats.c \
	%D%/sim.c \
	%D%/sim.h \
	%D%/spy.c \
	%D%/stage.c \
	%D%/world.c \
	tests/lib/disk_mem.c tests/lib/disk_mem.h
%C%_sim_LDADD = $(CORE_LINK) $(CORE_LIBS)
