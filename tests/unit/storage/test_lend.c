/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers get ranges of files instead of bytes, where that is as good. */
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/runtime/file_range.h"
#include "gyre/wire/record_batch.h"

#include "support/storage_world.h"
#include "support/test.h"

enum { BATCHES = 4000, BATCH_BYTES = 1024, SEGMENT_BYTES = 640 * 1024 };

struct fixture {
    struct storage_world world;
    struct partition_log *log;
    int corrupt_count;
    int ranges;
    int copies;
};

static void on_durable(void *context, uint64_t sequence)
{
    (void)context;
    (void)sequence;
}

static void on_corrupt(void *context, const char *reason)
{
    (void)reason;
    ((struct fixture *)context)->corrupt_count++;
}

static void open_log(struct fixture *fixture)
{
    const struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .segment_ms = INT64_MAX, .index_interval_bytes = 4096};
    struct storage_world *world = &fixture->world;

    storage_world_open(world);
    fixture->log = storage_find_log(world->storage, storage_world_group(1));
    if (fixture->log == NULL) {
        fixture->log = storage_create_log(world->storage, storage_world_group(1));
        (void)partition_log_set_term_vote(fixture->log, 1, 1);
    }
    partition_log_set_context(fixture->log, fixture);
    partition_log_set_options(fixture->log, &options);
}

static void append(struct fixture *fixture, int count)
{
    for (int i = 0; i < count; i++) {
        struct log_entry entry = {.index = partition_log_last_index(fixture->log) + 1,
                                  .term = 1,
                                  .kind = ENTRY_BATCH,
                                  .offset_count = 1,
                                  .base_offset = partition_log_end_offset(fixture->log)};

        entry.payload =
            storage_world_batch(entry.base_offset, 1, BATCH_BYTES, entry.index, 1000 + i);
        (void)partition_log_append(fixture->log, &entry, 1);
        storage_world_run(&fixture->world, 2000);
    }
}

/* A log of before the start. */
static void begin(struct fixture *fixture, uint64_t seed)
{
    memset(fixture, 0, sizeof *fixture);
    storage_world_init(&fixture->world, seed);
    fixture->world.options.cache_bytes_max = 40000;
    fixture->world.listener =
        (struct storage_listener){.durable = on_durable, .corrupt = on_corrupt};
    open_log(fixture);
    append(fixture, BATCHES);
    storage_world_close(&fixture->world);
    open_log(fixture);
    fake_disk_set_resident(fixture->world.fake, true);
}

static void on_batches(struct batches_read *read)
{
    *(bool *)read->private_state = true;
}

static void read_at(struct fixture *fixture, struct batches_read *read, int64_t offset,
                    int64_t limit, size_t bytes_max)
{
    bool is_done = false;

    *read = (struct batches_read){.offset = offset,
                                  .limit_offset = limit,
                                  .bytes_max = bytes_max,
                                  .at_least_one = true,
                                  .takes_ranges = true,
                                  .done = on_batches,
                                  .private_state = &is_done};
    if (!partition_log_read_batches(fixture->log, read)) {
        storage_world_run(&fixture->world, 100000);
        assert_true(is_done);
    }
    read->private_state = NULL;
}

/* The bytes of a slice, wherever they are; the caller's. */
static char *bytes_of(struct fixture *fixture, const struct buffer_slice *slice)
{
    char *bytes = check_alloc(slice->length);
    struct iovec vector = {.iov_base = bytes, .iov_len = slice->length};
    struct disk_request request = {
        .operation = DISK_READ_AT, .vectors = &vector, .vector_count = 1};

    if (!buffer_slice_is_in_file(slice)) {
        memcpy(bytes, slice->bytes, slice->length);
        fixture->copies++;
        return bytes;
    }
    fixture->ranges++;
    request.fd = file_range_of(slice)->fd;
    request.offset = file_range_position(slice);
    disk_execute(fake_disk_as_disk(fixture->world.fake), &request);
    assert_int_equal(request.error, ERROR_NONE);
    assert_int_equal(request.bytes, (int64_t)slice->length);
    return bytes;
}

/* Whole batches from `offset` on, each with its checksum; returns the offset behind them. */
static int64_t check(struct fixture *fixture, const struct batches_read *read, int64_t offset)
{
    assert_int_equal(read->error, ERROR_NONE);
    for (int i = 0; i < read->slice_count; i++) {
        char *bytes = bytes_of(fixture, &read->slices[i]);

        assert_int_equal(read->slices[i].length % BATCH_BYTES, 0);
        for (size_t at = 0; at < read->slices[i].length; at += BATCH_BYTES) {
            assert_int_equal(record_batch_base_offset(bytes + at), offset);
            assert_true(record_batch_crc_holds(bytes + at, BATCH_BYTES));
            offset++;
        }
        free(bytes);
    }
    return offset;
}

static void read_through(struct fixture *fixture, int64_t offset, int64_t limit, size_t bytes_max)
{
    static struct batches_read read;

    fixture->ranges = 0;
    fixture->copies = 0;
    while (offset < limit) {
        int64_t next;

        read_at(fixture, &read, offset, limit, bytes_max);
        next = check(fixture, &read, offset);
        assert_true(next > offset);
        assert_true(next <= limit);
        assert_true(read.bytes <= bytes_max);
        batches_read_release(&read);
        offset = next;
    }
}

static void what_was_read_and_verified_once_is_lent(void **state)
{
    struct fixture fixture;
    uint64_t reads;

    (void)state;
    begin(&fixture, 5);
    read_through(&fixture, 0, BATCHES, 300000);
    assert_int_equal(fixture.ranges, 0); /* nobody had verified it yet */
    reads = fake_disk_count(fixture.world.fake, DISK_READ_AT);
    read_through(&fixture, 0, BATCHES, 300000);
    assert_true(fixture.ranges >= BATCHES * BATCH_BYTES / 300000);
    assert_true(fixture.copies <= 3); /* the last pieces are in memory anyway */
    assert_true(fake_disk_count(fixture.world.fake, DISK_READ_AT) - reads <=
                (uint64_t)fixture.ranges + 3);
    /* From the middle of a slot: once as bytes, then at the index's edges. */
    read_through(&fixture, 777, BATCHES, 300000);
    assert_true(fixture.ranges >= 8);
    assert_true(fixture.copies <= 4);
    storage_world_release(&fixture.world);
}

static void what_this_process_wrote_is_lent_at_once(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture, 6);
    append(&fixture, 1000);
    storage_world_run(&fixture.world, 3000000);
    read_through(&fixture, BATCHES + 100, BATCHES + 1000, 200000);
    assert_true(fixture.ranges >= 2);
    storage_world_release(&fixture.world);
}

static void limits_end_a_range(void **state)
{
    const uint64_t seed = 7;
    struct fixture fixture;

    (void)state;
    print_message("seed %u\n", (unsigned)seed);
    begin(&fixture, seed);
    read_through(&fixture, 0, BATCHES, 1 << 20);
    for (int i = 0; i < 60; i++) {
        int64_t from = (int64_t)random_below(&fixture.world.random, BATCHES - 1);
        int64_t limit =
            from + 1 + (int64_t)random_below(&fixture.world.random, (uint64_t)(BATCHES - from));
        size_t bytes = BATCH_BYTES + random_below(&fixture.world.random, 400000);

        read_through(&fixture, from, limit, bytes);
    }
    storage_world_release(&fixture.world);
}

static void what_is_not_in_memory_is_read_and_verified(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture, 8);
    read_through(&fixture, 0, BATCHES, 300000);
    fake_disk_set_resident(fixture.world.fake, false);
    read_through(&fixture, 0, BATCHES, 300000);
    assert_int_equal(fixture.ranges, 0);
    storage_world_release(&fixture.world);
}

static void flip(void *context, const char *path)
{
    struct fixture *fixture = context;

    if (strstr(path, "00000000000000000000.log") != NULL) {
        assert_true(fake_disk_flip(fixture->world.fake, path, 300 * BATCH_BYTES + 500, 3));
    }
}

static void damage_is_found_before_anything_is_lent(void **state)
{
    static struct batches_read read;
    struct fixture fixture;
    int64_t offset = 0;

    (void)state;
    begin(&fixture, 9);
    fake_disk_for_each_file(fixture.world.fake, "/", flip, &fixture);
    while (fixture.corrupt_count == 0) {
        assert_true(offset <= 300);
        read_at(&fixture, &read, offset, BATCHES, 100000);
        if (read.error == ERROR_NONE) {
            offset = check(&fixture, &read, offset);
        }
        batches_read_release(&read);
        storage_world_run(&fixture.world, 1000);
    }
    assert_int_equal(fixture.ranges, 0);
    assert_true(partition_log_is_corrupt(fixture.log));
    read_at(&fixture, &read, 0, BATCHES, 100000); /* what is left of it is read and verified */
    (void)check(&fixture, &read, 0);
    assert_int_equal(fixture.ranges, 0);
    batches_read_release(&read);
    storage_world_release(&fixture.world);
}

static void a_range_outlives_its_log(void **state)
{
    static struct batches_read read;
    struct fixture fixture;

    (void)state;
    begin(&fixture, 10);
    read_through(&fixture, 0, BATCHES, 300000);
    read_at(&fixture, &read, 0, BATCHES, 300000);
    storage_remove_log(fixture.world.storage, fixture.log);
    storage_world_run(&fixture.world, 5000000);
    fixture.ranges = 0;
    assert_true(check(&fixture, &read, 0) > 200);
    assert_int_equal(fixture.ranges, 1);
    batches_read_release(&read);
    storage_world_close(&fixture.world);
    storage_world_release(&fixture.world);
}

static void a_range_outlives_a_crash_of_its_storage(void **state)
{
    static struct batches_read read;
    struct fixture fixture;

    (void)state;
    begin(&fixture, 11);
    read_through(&fixture, 0, BATCHES, 300000);
    read_at(&fixture, &read, 0, BATCHES, 300000);
    assert_true(buffer_slice_is_in_file(&read.slices[0]));
    storage_world_kill(&fixture.world);
    batches_read_release(&read);
    storage_world_release(&fixture.world);
}

static void who_holds_too_many_ranges_gets_bytes(void **state)
{
    enum { HELD = 200 };
    static struct batches_read reads[HELD];
    struct fixture fixture;
    int ranges = 0;

    (void)state;
    begin(&fixture, 12);
    storage_world_close(&fixture.world);
    fixture.world.options.open_files_max = 64;
    open_log(&fixture);
    read_through(&fixture, 0, BATCHES, 300000);
    for (int i = 0; i < HELD; i++) {
        read_at(&fixture, &reads[i], 0, BATCHES, 100000);
        ranges += buffer_slice_is_in_file(&reads[i].slices[0]) ? 1 : 0;
    }
    assert_int_equal(ranges, 32); /* half of the descriptors */
    for (int i = 0; i < HELD; i++) {
        batches_read_release(&reads[i]);
    }
    read_at(&fixture, &reads[0], 0, BATCHES, 100000);
    assert_true(buffer_slice_is_in_file(&reads[0].slices[0]));
    batches_read_release(&reads[0]);
    storage_world_release(&fixture.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_and_verified_once_is_lent),
        cmocka_unit_test(what_this_process_wrote_is_lent_at_once),
        cmocka_unit_test(limits_end_a_range),
        cmocka_unit_test(what_is_not_in_memory_is_read_and_verified),
        cmocka_unit_test(damage_is_found_before_anything_is_lent),
        cmocka_unit_test(a_range_outlives_its_log),
        cmocka_unit_test(a_range_outlives_a_crash_of_its_storage),
        cmocka_unit_test(who_holds_too_many_ranges_gets_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
