/* SPDX-License-Identifier: Apache-2.0 */
/* The storage on real files, under both engines: append, move, close, open, compare. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/runtime/disk_engine.h"
#include "gyre/runtime/loop_uv.h"

#include "support/storage_world.h"
#include "support/test.h"

enum { BATCHES = 3000 };

struct world {
    uv_loop_t uv;
    struct loop loop;
    struct loop_uv driver;
    struct disk *disk;
    struct storage *storage;
    struct partition_log *log;
    char directory[64];
    uint64_t durable;
    bool is_closed;
    bool is_read;
};

static void on_durable(void *context, uint64_t sequence)
{
    struct world *world = context;

    world->durable = sequence;
    uv_stop(&world->uv);
}

static void on_closed(void *context)
{
    struct world *world = context;

    world->is_closed = true;
    uv_stop(&world->uv); /* nothing else would wake it */
}

static void on_entries(struct entries_read *read)
{
    struct world *world = read->private_state;

    world->is_read = true;
    uv_stop(&world->uv);
}

static void begin(struct world *world, bool uses_ring)
{
    struct storage_options options = {
        .journal_file_bytes = 1024 * 1024, .journal_file_count = 3, .cache_bytes_max = 200000};
    struct storage_listener listener = {.durable = on_durable};
    char message[256] = "";

    assert_int_equal(uv_loop_init(&world->uv), 0);
    loop_init(&world->loop, clock_system());
    loop_uv_start(&world->driver, &world->uv, &world->loop);
    if (!uses_ring) {
        world->disk = disk_thread_new(&world->uv);
    } else {
        assert_int_equal(disk_uring_new(&world->uv, &world->disk), ERROR_NONE);
    }
    options.directory = world->directory;
    if (storage_open(&world->loop, world->disk, &options, message, &world->storage) != ERROR_NONE) {
        fail_msg("%s", message);
    }
    storage_set_listener(world->storage, &listener);
}

static void end(struct world *world)
{
    world->is_closed = false;
    storage_close(world->storage, on_closed, world);
    while (!world->is_closed) {
        (void)uv_run(&world->uv, UV_RUN_ONCE);
    }
    disk_engine_free(world->disk);
    loop_uv_stop(&world->driver);
    (void)uv_run(&world->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->uv), 0);
    loop_release(&world->loop);
}

static size_t size_of(uint64_t index)
{
    return index % 50 == 0 ? 150000 : 61 + index * 7 % 2000;
}

static void append_all(struct world *world)
{
    for (uint64_t index = 1; index <= BATCHES; index++) {
        struct log_entry entry = {.index = index,
                                  .term = 3,
                                  .kind = ENTRY_BATCH,
                                  .offset_count = 1,
                                  .base_offset = partition_log_end_offset(world->log)};
        uint64_t sequence;

        entry.payload =
            storage_world_batch(entry.base_offset, 1, size_of(index), index, (int64_t)index);
        sequence = partition_log_append(world->log, &entry, 1);
        while (index % 20 == 0 && world->durable < sequence) {
            (void)uv_run(&world->uv, UV_RUN_ONCE);
        }
    }
}

static void compare_all(struct world *world)
{
    static struct entries_read read;
    uint64_t index = 1;

    while (index <= BATCHES) {
        read = (struct entries_read){
            .from_index = index, .bytes_max = 500000, .done = on_entries, .private_state = world};
        world->is_read = partition_log_read_entries(world->log, &read);
        while (!world->is_read) {
            (void)uv_run(&world->uv, UV_RUN_ONCE);
        }
        assert_int_equal(read.error, ERROR_NONE);
        for (int i = 0; i < read.entry_count; i++, index++) {
            struct buffer_slice batch =
                storage_world_batch((int64_t)index - 1, 1, size_of(index), index, (int64_t)index);

            assert_int_equal(read.entries[i].payload.length, batch.length);
            assert_memory_equal(read.entries[i].payload.bytes, batch.bytes, batch.length);
            buffer_slice_unref(&batch);
        }
        entries_read_release(&read);
    }
}

static void storage_works_on_files(bool uses_ring)
{
    struct world *world = calloc(1, sizeof *world);
    struct storage_identity identity = {.node_id = 1};
    char command[128];

    (void)snprintf(world->directory, sizeof world->directory, "/tmp/gyre-storage-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    assert_int_equal(storage_format(disk_blocking(), world->directory, &identity), ERROR_NONE);
    assert_int_equal(storage_format(disk_blocking(), world->directory, &identity), ERROR_EXISTS);
    begin(world, uses_ring);
    world->log = storage_create_log(world->storage, storage_world_group(1));
    partition_log_set_context(world->log, world);
    append_all(world);
    compare_all(world);
    end(world);
    begin(world, uses_ring);
    assert_true(storage_was_clean(world->storage));
    world->log = storage_find_log(world->storage, storage_world_group(1));
    assert_non_null(world->log);
    compare_all(world);
    end(world);
    (void)snprintf(command, sizeof command, "rm -r %s", world->directory);
    assert_int_equal(system(command), 0); /* NOLINT: a name of our own making */
    free(world);
}

static void storage_works_with_threads(void **state)
{
    (void)state;
    storage_works_on_files(false);
}

static void storage_works_with_io_uring(void **state)
{
    uv_loop_t uv;
    struct disk *disk = NULL;
    enum error error;

    (void)state;
    assert_int_equal(uv_loop_init(&uv), 0);
    error = disk_uring_new(&uv, &disk);
    disk_engine_free(disk);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&uv), 0);
    if (error != ERROR_NONE) {
        print_message("io_uring does not work here\n");
        skip();
    }
    storage_works_on_files(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage_works_with_threads),
        cmocka_unit_test(storage_works_with_io_uring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
