/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "gyre/wire/record_batch.h"

#include "support/storage_world.h"
#include "support/test.h"

enum { BATCHES = 900, SIZE = 700 };

struct fixture {
    struct storage_world world;
    struct partition_log *log;
    int64_t times[BATCHES];
    int count;
};

static void on_found(struct time_search *search)
{
    *(bool *)search->private_state = true;
}

static void append(struct fixture *fixture, int64_t timestamp_ms)
{
    struct log_entry entry = {.index = partition_log_last_index(fixture->log) + 1,
                              .term = 1,
                              .kind = ENTRY_BATCH,
                              .offset_count = 2,
                              .base_offset = partition_log_end_offset(fixture->log)};

    entry.payload = storage_world_batch(entry.base_offset, 2, SIZE, entry.index, timestamp_ms);
    (void)partition_log_append(fixture->log, &entry, 1);
    fixture->times[fixture->count++] = timestamp_ms;
}

static void open_log(struct fixture *fixture)
{
    struct log_options options = {
        .segment_bytes = 200000, .segment_ms = INT64_MAX, .index_interval_bytes = 65536};

    storage_world_open(&fixture->world);
    fixture->log = storage_find_log(fixture->world.storage, storage_world_group(1));
    if (fixture->log == NULL) {
        fixture->log = storage_create_log(fixture->world.storage, storage_world_group(1));
    }
    partition_log_set_options(fixture->log, &options);
}

static void fill(struct fixture *fixture, uint64_t seed)
{
    memset(fixture, 0, sizeof *fixture);
    storage_world_init(&fixture->world, seed);
    fixture->world.options.cache_bytes_max = 40000; /* most of it must come from files */
    open_log(fixture);
    for (int i = 0; i < BATCHES; i++) {
        append(fixture, 1000 + i * 5 + (int64_t)random_below(&fixture->world.random, 400));
        if (i % 10 == 0) {
            storage_world_run(&fixture->world, 3000);
        }
        if (i % 100 == 99) {
            int back = 1 + (int)random_below(&fixture->world.random, 20);

            (void)partition_log_truncate(fixture->log, partition_log_last_index(fixture->log) + 1 -
                                                           (uint64_t)back);
            fixture->count -= back;
            i -= back;
            if (random_below(&fixture->world.random, 30) != 0) {
                i += back; /* the log stays a little shorter */
            }
        }
    }
    storage_world_run(&fixture->world, 3000000);
}

/* The base offset that the search must find; -1: none. Batch i has offsets 2i and 2i + 1. */
static int64_t expect_first(const struct fixture *fixture, int64_t from, int64_t limit, int64_t ms)
{
    for (int i = 0; i < fixture->count; i++) {
        if (2 * i + 1 >= from && 2 * i + 1 < limit && fixture->times[i] >= ms) {
            return 2 * i;
        }
    }
    return -1;
}

static int64_t expect_largest(const struct fixture *fixture, int64_t from, int64_t limit)
{
    int64_t best = -1;
    int64_t offset = -1;

    for (int i = 0; i < fixture->count; i++) {
        if (2 * i + 1 >= from && 2 * i + 1 < limit && fixture->times[i] > best) {
            best = fixture->times[i];
            offset = 2 * i;
        }
    }
    return offset;
}

static void check(struct fixture *fixture, struct time_search *search, bool wants_largest,
                  int64_t expected)
{
    bool is_done = false;
    bool is_now;

    search->done = on_found;
    search->private_state = &is_done;
    is_now = wants_largest ? partition_log_find_max_time(fixture->log, search)
                           : partition_log_find_time(fixture->log, search);
    if (!is_now) {
        storage_world_run(&fixture->world, 500000);
        assert_true(is_done);
    }
    assert_int_equal(search->error, ERROR_NONE);
    if (expected < 0) {
        assert_int_equal(search->batch.length, 0);
        return;
    }
    assert_int_equal(search->batch.length, SIZE);
    assert_int_equal(record_batch_base_offset(search->batch.bytes), expected);
    buffer_slice_unref(&search->batch);
}

static void search_much(struct fixture *fixture)
{
    struct random *random = &fixture->world.random;

    for (int i = 0; i < 200; i++) {
        int64_t end = 2 * (int64_t)fixture->count;
        struct time_search search = {
            .timestamp_ms = (int64_t)random_below(random, 6500),
            .from_offset = random_below(random, 2) == 0 ? 0 : (int64_t)random_below(random, 1800),
            .limit_offset =
                random_below(random, 2) == 0 ? end : (int64_t)random_below(random, 1800)};
        int64_t from = search.from_offset;

        check(fixture, &search, false,
              expect_first(fixture, from, search.limit_offset, search.timestamp_ms));
        search = (struct time_search){.limit_offset = search.limit_offset};
        check(fixture, &search, true, expect_largest(fixture, 0, search.limit_offset));
    }
}

static void batches_are_found_by_time_in_files_and_in_memory(void **state)
{
    struct fixture *fixture = malloc(sizeof *fixture);

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        fill(fixture, seed);
        search_much(fixture);
        storage_world_crash(&fixture->world, true);
        open_log(fixture);
        search_much(fixture);
        storage_world_close(&fixture->world);
        open_log(fixture);
        search_much(fixture);
        storage_world_release(&fixture->world);
    }
    free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_found_by_time_in_files_and_in_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
