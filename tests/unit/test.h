/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test starts with: cmocka, which wants these headers first,
 * and our assertions, whose assert() wins over the library's.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cdefs.h"
#include "base/vas.h"

/* an enum err that must be / must not be ERR_OK */
#define assert_ok(e) assert_int_equal((e), 0)
#define assert_err(e, want) assert_int_equal((e), (want))

#endif
