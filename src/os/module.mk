# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libos.a
%C%_libos_a_SOURCES =
