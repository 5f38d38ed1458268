# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/unit/test_auth
tests_unit_test_auth_LDADD = $(AUTH_TEST)
check_PROGRAMS += tests/unit/test_audit
tests_unit_test_audit_LDADD = $(AUTH_TEST)
check_PROGRAMS += tests/unit/test_throttle
tests_unit_test_throttle_LDADD = $(AUTH_TEST)
