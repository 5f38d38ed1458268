# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += magnetar
magnetar_SOURCES = \
	%D%/main.c
magnetar_LDADD = src/pulsar/libpulsar.a src/http/libhttp.a $(CORE_LINK) \
	$(PULSAR_LIBS) $(HTTP_LIBS) $(CORE_LIBS)
