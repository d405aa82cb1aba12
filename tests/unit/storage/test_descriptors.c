/* SPDX-License-Identifier: Apache-2.0 */
/* More logs than descriptors. */
#include "support/storage_world.h"
#include "support/test.h"

enum {
    LOGS = 400,
    ROUNDS = 6,
    BATCH_BYTES = 900,
    OPEN_FILES_MAX = 64,
    JOURNAL_FILES_MAX = 24,
    MOMENTARY = 2, /* a checkpoint's file, a directory */
};

static uint64_t append(struct partition_log *log, size_t size)
{
    uint64_t index = partition_log_last_index(log) + 1;
    struct log_entry entry = {.index = index,
                              .term = partition_log_term(log),
                              .kind = ENTRY_BATCH,
                              .offset_count = 1,
                              .base_offset = partition_log_end_offset(log)};

    entry.payload = storage_world_batch(entry.base_offset, 1, size, index, 1000);
    return partition_log_append(log, &entry, 1);
}

static void init(struct storage_world *world)
{
    storage_world_init(world, 23);
    world->options.open_files_max = OPEN_FILES_MAX;
    world->options.cache_bytes_max = 1; /* what is in files is read from them */
    storage_world_open(world);
}

static void append_everywhere(struct storage_world *world, size_t size)
{
    for (int i = 0; i < LOGS; i++) {
        struct partition_log *log = storage_find_log(world->storage, storage_world_group(i));

        if (log == NULL) {
            log = storage_create_log(world->storage, storage_world_group(i));
            (void)partition_log_set_term_vote(log, 1, 1);
        }
        (void)append(log, size);
        if (i % 40 == 0) {
            storage_world_run(world, 20000);
        }
    }
    storage_world_run(world, 5000000);
    assert_string_equal(world->fatal, "");
}

static void on_read(struct entries_read *read)
{
    (*(int *)read->private_state)++;
}

/* All logs at once, so that the reads, too, need more descriptors than there are. */
static void read_everywhere(struct storage_world *world, int entries)
{
    static struct entries_read reads[LOGS];
    int done = 0;

    for (int i = 0; i < LOGS; i++) {
        struct partition_log *log = storage_find_log(world->storage, storage_world_group(i));

        assert_non_null(log);
        assert_int_equal(partition_log_last_index(log), entries);
        reads[i] = (struct entries_read){
            .from_index = 1, .bytes_max = 10000000, .done = on_read, .private_state = &done};
        done += partition_log_read_entries(log, &reads[i]) ? 1 : 0;
    }
    storage_world_run(world, 30000000);
    assert_int_equal(done, LOGS);
    for (int i = 0; i < LOGS; i++) {
        assert_int_equal(reads[i].error, ERROR_NONE);
        assert_true(reads[i].entry_count > 0);
        entries_read_release(&reads[i]);
    }
}

static void logs_move_and_are_read_with_fewer_descriptors_than_files(void **state)
{
    struct storage_world world;

    (void)state;
    init(&world);
    for (int round = 0; round < ROUNDS; round++) {
        append_everywhere(&world, BATCH_BYTES);
    }
    assert_true(fake_disk_count(world.fake, DISK_SYNC) > LOGS);
    read_everywhere(&world, ROUNDS);
    assert_true(fake_disk_descriptors_peak(world.fake) <=
                OPEN_FILES_MAX + JOURNAL_FILES_MAX + MOMENTARY);
    storage_world_crash(&world, true);
    storage_world_open(&world);
    read_everywhere(&world, ROUNDS);
    storage_world_close(&world);
    storage_world_open(&world);
    read_everywhere(&world, ROUNDS);
    assert_true(fake_disk_descriptors_peak(world.fake) <=
                OPEN_FILES_MAX + JOURNAL_FILES_MAX + MOMENTARY);
    storage_world_release(&world);
}

/* The journal goes round, so each log was moved and synced by checkpoints. */
static void many_files_are_synced_by_one_sync_of_all(void **state)
{
    struct storage_world world;

    (void)state;
    storage_world_init(&world, 23);
    world.options.open_files_max = 4 * LOGS;
    world.options.cache_bytes_max = 1;
    storage_world_open(&world);
    for (int round = 0; round < ROUNDS; round++) {
        append_everywhere(&world, BATCH_BYTES);
    }
    assert_true(fake_disk_count(world.fake, DISK_SYNC_ALL) > 0);
    assert_true(fake_disk_count(world.fake, DISK_SYNC) < LOGS);
    assert_true(fake_disk_count(world.fake, DISK_SYNC_DIRECTORY) < LOGS);
    storage_world_crash(&world, true);
    storage_world_open(&world);
    read_everywhere(&world, ROUNDS);
    storage_world_close(&world);
    storage_world_release(&world);
}

static void big_batches_find_descriptors_too(void **state)
{
    struct storage_world world;

    (void)state;
    init(&world);
    append_everywhere(&world, 140 * 1024);
    read_everywhere(&world, 1);
    assert_true(fake_disk_descriptors_peak(world.fake) <=
                OPEN_FILES_MAX + JOURNAL_FILES_MAX + MOMENTARY);
    storage_world_release(&world);
}

/* Others hold the descriptors that our own bound allows us. */
static void a_system_without_descriptors_makes_work_wait_and_ends_nothing(void **state)
{
    struct storage_world world;

    (void)state;
    init(&world);
    append_everywhere(&world, BATCH_BYTES);
    fake_disk_set_descriptors(world.fake, 0);
    append_everywhere(&world, BATCH_BYTES);
    append_everywhere(&world, BATCH_BYTES);
    fake_disk_set_descriptors(world.fake, 60);
    for (int round = 3; round < ROUNDS; round++) {
        append_everywhere(&world, BATCH_BYTES);
    }
    read_everywhere(&world, ROUNDS);
    fake_disk_set_descriptors(world.fake, 10000);
    storage_world_close(&world);
    storage_world_open(&world);
    read_everywhere(&world, ROUNDS);
    storage_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_move_and_are_read_with_fewer_descriptors_than_files),
        cmocka_unit_test(many_files_are_synced_by_one_sync_of_all),
        cmocka_unit_test(big_batches_find_descriptors_too),
        cmocka_unit_test(a_system_without_descriptors_makes_work_wait_and_ends_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
