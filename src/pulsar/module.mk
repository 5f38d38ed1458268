# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libpulsar.a
%C%_libpulsar_a_SOURCES =
