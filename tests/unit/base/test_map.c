/* SPDX-License-Identifier: Apache-2.0 */
/* A map finds what was inserted, through growth and removal. */
#include "gyre/base/check.h"
#include "gyre/base/map.h"

#include "support/test.h"

struct number {
    struct map_link link;
    uint64_t value;
};

static struct number *find(const struct map *map, uint64_t value)
{
    map_for_each_match(link, map, hash_u64(value)) {
        struct number *number = CONTAINER_OF(link, struct number, link);

        if (number->value == value) {
            return number;
        }
    }
    return NULL;
}

static void everything_inserted_is_found_until_removed(void **state)
{
    static struct number numbers[1000];
    struct map map;
    size_t seen = 0;

    (void)state;
    map_init(&map);
    for (uint64_t i = 0; i < 1000; i++) {
        numbers[i].value = i;
        map_insert(&map, &numbers[i].link, hash_u64(i));
    }
    for (uint64_t i = 0; i < 1000; i += 2) {
        map_remove(&map, &numbers[i].link);
    }
    for (uint64_t i = 0; i < 1000; i++) {
        assert_ptr_equal(find(&map, i), i % 2 == 0 ? NULL : &numbers[i]);
    }
    map_for_each_safe(link, &map) {
        map_remove(&map, link);
        seen++;
    }
    assert_int_equal(seen, 500);
    assert_int_equal(map.count, 0);
    map_release(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_inserted_is_found_until_removed),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
