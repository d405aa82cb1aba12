/* SPDX-License-Identifier: Apache-2.0 */
/* Something is always found, and finding it costs the same however many there were once. */
#include <stdlib.h>

#include "gyre/base/random.h"

#include "metadata/scram_index.h"
#include "metadata/security.h"
#include "support/test.h"

enum { SEED = 7, COUNT = 20000, FEW = 100 };

struct world {
    struct scram_index index;
    struct security_object objects[COUNT];
    uint64_t hashes[COUNT];
};

static struct world *fill(void)
{
    struct world *world = check_alloc_zero(sizeof *world);
    struct random random;

    random_seed(&random, SEED);
    for (int i = 0; i < COUNT; i++) {
        world->hashes[i] = random_u64(&random);
        scram_index_add(&world->index, world->hashes[i], &world->objects[i]);
    }
    return world;
}

static void expect_all(const struct world *world, int count)
{
    for (int i = 0; i < count; i++) {
        assert_ptr_equal(scram_index_find(&world->index, world->hashes[i]), &world->objects[i]);
    }
}

static void drop(struct world *world)
{
    scram_index_release(&world->index);
    free(world);
}

static void every_credential_is_found_by_its_hash(void **state)
{
    struct world *world = fill();

    (void)state;
    expect_all(world, COUNT);
    assert_non_null(scram_index_find(&world->index, world->hashes[0] + 1)); /* another one */
    drop(world);
}

static void the_table_shrinks_with_what_is_in_it(void **state)
{
    struct world *world = fill();

    (void)state;
    for (int i = COUNT - 1; i >= FEW; i--) {
        scram_index_remove(&world->index, world->hashes[i], &world->objects[i]);
    }
    expect_all(world, FEW);
    assert_true(world->index.bucket_count <= 2 * FEW);
    for (int i = FEW - 1; i >= 0; i--) {
        scram_index_remove(&world->index, world->hashes[i], &world->objects[i]);
    }
    assert_int_equal(world->index.bucket_count, 1);
    assert_null(scram_index_find(&world->index, world->hashes[0]));
    drop(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_credential_is_found_by_its_hash),
        cmocka_unit_test(the_table_shrinks_with_what_is_in_it),
    };
    return cmocka_run_group_tests_name("scram_index", tests, NULL, NULL);
}
