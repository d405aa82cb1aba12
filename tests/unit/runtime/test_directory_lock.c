/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "gyre/runtime/directory_lock.h"

#include "support/test.h"

static void one_holds_it_until_it_lets_go(void **state)
{
    char path[] = "/tmp/gyre-lock-XXXXXX";
    int first = -1;
    int second = -1;

    (void)state;
    assert_non_null(mkdtemp(path));
    assert_int_equal(directory_lock_take(path, &first), ERROR_NONE);
    assert_true(first >= 0);
    assert_int_equal(directory_lock_take(path, &second), ERROR_BUSY);
    assert_int_equal(second, -1);
    directory_lock_release(first);
    assert_int_equal(directory_lock_take(path, &second), ERROR_NONE);
    directory_lock_release(second);
    assert_int_equal(rmdir(path), 0); /* nothing was left in it */
}

static void a_directory_that_is_not_there_is_not_locked(void **state)
{
    int fd = 0;

    (void)state;
    assert_int_equal(directory_lock_take("/nonexistent/gyre", &fd), ERROR_NOT_FOUND);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_holds_it_until_it_lets_go),
        cmocka_unit_test(a_directory_that_is_not_there_is_not_locked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
