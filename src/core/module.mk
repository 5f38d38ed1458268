# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libcore.a
%C%_libcore_a_SOURCES =
