/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka 1.1.5 wants these four headers before it, in this order. */
#ifndef GYRE_TESTS_SUPPORT_TEST_H
#define GYRE_TESTS_SUPPORT_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
