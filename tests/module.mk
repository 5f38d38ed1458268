# SPDX-License-Identifier: Apache-2.0
# Unit tests: one cmocka program per source file, tests/unit/test_<file>.c,
# listed in the fragment of its layer (tests/unit/<layer>.mk):
#
#	check_PROGRAMS += %D%/test_buf
#	%C%_test_buf_LDADD = $(BASE_TEST)
#
# <LAYER>_TEST links the whole of that layer's library and, as archives, the
# layers below it: a call to a layer above is a link error.
# <LAYER>_LINK is the layer and those below, <LAYER>_LIBS the system libraries
# that they need together.

BASE_LIBS = $(ISAL_LIB) $(XXH_LIB) $(BSD_LIB) $(LZ4_LIB) \
	$(ZSTD_LIB) $(SNAPPY_LIB) $(Z_LIB) $(JANSSON_LIB) $(ROARING_LIB) -lm
OS_LIBS = $(EV_LIB) $(URING_LIB) $(CURL_LIB) $(SSL_LIB) $(CRYPTO_LIB) $(BASE_LIBS)
NET_LIBS = $(OS_LIBS)
AUTH_LIBS = $(CRYPT_LIB) $(NETTLE_LIB) $(YAML_LIB) $(OS_LIBS)
STORE_LIBS = $(LMDB_LIB) $(OS_LIBS)
CORE_LIBS = $(PCRE2_LIB) $(STORE_LIBS)
PULSAR_LIBS = $(NANOPB_LIB) $(CRYPT_LIB) $(NETTLE_LIB) $(YAML_LIB) $(CORE_LIBS)
ROCKETMQ_LIBS = $(CRYPT_LIB) $(NETTLE_LIB) $(YAML_LIB) $(CORE_LIBS)
HTTP_LIBS = $(MHD_LIB) $(CRYPT_LIB) $(NETTLE_LIB) $(YAML_LIB) $(CORE_LIBS)

BASE_LINK = src/base/libbase.a
OS_LINK = src/os/libos.a $(BASE_LINK)
NET_LINK = src/net/libnet.a $(OS_LINK)
STORE_LINK = src/store/libstore.a $(OS_LINK)
FORMAT_LINK = src/format/libformat.a $(BASE_LINK)
CORE_LINK = src/core/libcore.a src/net/libnet.a src/format/libformat.a \
	$(STORE_LINK)
AUTH_LINK = src/auth/libauth.a $(OS_LINK)
PULSAR_LINK = src/pulsar/libpulsar.a proto/libproto.a src/pulsar/libpulsar.a \
	src/auth/libauth.a $(CORE_LINK)
ROCKETMQ_LINK = src/rocketmq/librocketmq.a src/auth/libauth.a $(CORE_LINK)
HTTP_LINK = src/http/libhttp.a src/auth/libauth.a $(CORE_LINK)

BASE_TEST = $(WHOLE) src/base/libbase.a $(NO_WHOLE) $(BASE_LIBS) $(CMOCKA_LIB)
OS_TEST = $(WHOLE) src/os/libos.a $(NO_WHOLE) $(BASE_LINK) $(OS_LIBS) \
	$(CMOCKA_LIB)
NET_TEST = $(WHOLE) src/net/libnet.a $(NO_WHOLE) $(OS_LINK) $(NET_LIBS) \
	$(CMOCKA_LIB)
AUTH_TEST = $(WHOLE) src/auth/libauth.a $(NO_WHOLE) $(OS_LINK) $(AUTH_LIBS) \
	$(CMOCKA_LIB)
STORE_TEST = $(WHOLE) src/store/libstore.a $(NO_WHOLE) $(OS_LINK) \
	$(STORE_LIBS) $(CMOCKA_LIB)
FORMAT_TEST = $(WHOLE) src/format/libformat.a $(NO_WHOLE) $(BASE_LINK) \
	$(BASE_LIBS) $(CMOCKA_LIB)
CORE_TEST = $(WHOLE) src/core/libcore.a $(NO_WHOLE) $(CORE_FAKE) \
	src/format/libformat.a \
	$(STORE_LINK) $(CORE_LIBS) $(CMOCKA_LIB)
# the tests of sessions bring a router of their own: it comes first, and so the
# core's (an archive here) is not taken
PULSAR_TEST = $(WHOLE) src/pulsar/libpulsar.a $(NO_WHOLE) proto/libproto.a \
	src/auth/libauth.a $(CORE_LINK) $(PULSAR_LIBS) $(CMOCKA_LIB)
ROCKETMQ_TEST = $(WHOLE) src/rocketmq/librocketmq.a $(NO_WHOLE) \
	src/auth/libauth.a $(CORE_LINK) \
	$(ROCKETMQ_LIBS) $(CMOCKA_LIB)
HTTP_TEST = $(WHOLE) src/http/libhttp.a $(NO_WHOLE) src/auth/libauth.a $(CORE_LINK) \
	$(HTTP_LIBS) $(CMOCKA_LIB)

include tests/unit/base.mk
include tests/unit/os.mk
include tests/unit/net.mk
include tests/unit/store.mk
include tests/unit/auth.mk
include tests/unit/format.mk
include tests/unit/core.mk
include tests/unit/pulsar.mk
include tests/unit/rocketmq.mk
include tests/unit/http.mk
include tests/script/module.mk
include tests/cli/module.mk
include tests/sim/module.mk
include tests/fuzz/module.mk

TESTS += $(check_PROGRAMS)

dist_check_SCRIPTS += %D%/readme-examples
TESTS += %D%/readme-examples

# The kill -9 loop: that its checker can fail is part of make check, the loop
# itself (KILL9_FLAGS="--rounds 200 --seed 1") has its own target.
dist_check_SCRIPTS += %D%/kill9-selftest
TESTS += %D%/kill9-selftest
dist_check_SCRIPTS += %D%/hostile.py
TESTS += %D%/hostile.py
EXTRA_DIST += %D%/kill9.py %D%/kill9lib

kill9: magnetar$(EXEEXT)
	$(srcdir)/tests/kill9.py --broker-bin ./magnetar$(EXEEXT) $(KILL9_FLAGS)
.PHONY: kill9
