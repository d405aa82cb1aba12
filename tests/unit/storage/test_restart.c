/* SPDX-License-Identifier: Apache-2.0 */
/* What a start finds half made, and what is half done when a log is removed. */
#include <stdio.h>
#include <string.h>

#include "storage/format.h"
#include "support/storage_world.h"
#include "support/test.h"

enum {
    SEGMENTS = 6,
    BATCH_BYTES = 30000,
    MOMENTS = 100000,
    MOMENT_US = 50,
    SEEDS = 20,
    OUTSIDE_BYTES = 140 * 1024,
    IN_HEADER = 40, /* of a frame */
    SECOND_FRAME_AT = BLOCK_BYTES + IN_HEADER,
};

static const char JOURNAL[] = "/data/journal/0000.journal";

static const struct log_options options = {.segment_bytes = 2 * BATCH_BYTES,
                                           .segment_ms = INT64_MAX,
                                           .index_interval_bytes = 4096};

static const struct log_options memory_options = {.segment_bytes = 2 * BATCH_BYTES,
                                                  .segment_ms = INT64_MAX,
                                                  .index_interval_bytes = 4096,
                                                  .durability = LOG_DURABILITY_MEMORY};

static struct partition_log *begin(struct storage_world *world)
{
    struct partition_log *log;

    storage_world_open(world);
    log = storage_create_log(world->storage, storage_world_group(1));
    partition_log_set_options(log, &options);
    (void)partition_log_set_term_vote(log, 1, 1);
    return log;
}

static void append_bytes(struct partition_log *log, size_t bytes)
{
    struct log_entry entry = {.index = partition_log_last_index(log) + 1,
                              .term = partition_log_term(log),
                              .kind = ENTRY_BATCH,
                              .offset_count = 1,
                              .base_offset = partition_log_end_offset(log)};

    entry.payload = storage_world_batch(entry.base_offset, 1, bytes, entry.index, 1000);
    (void)partition_log_append(log, &entry, 1);
}

static void append(struct partition_log *log, int count)
{
    for (int i = 0; i < count; i++) {
        append_bytes(log, BATCH_BYTES);
    }
}

static void append_barrier(struct partition_log *log)
{
    struct log_entry entry = {.index = partition_log_last_index(log) + 1,
                              .term = partition_log_term(log),
                              .kind = ENTRY_BARRIER};

    (void)partition_log_append(log, &entry, 1);
}

static void take_snapshot(struct partition_log *log, int64_t start_offset)
{
    uint64_t index = partition_log_last_index(log);
    struct log_snapshot snapshot = {.index = index,
                                    .term = partition_log_term(log),
                                    .start_offset = start_offset,
                                    .next_offset = partition_log_end_offset(log),
                                    .configuration = storage_world_bytes("c", 1)};

    (void)partition_log_set_snapshot(log, &snapshot);
}

/* Behind the frames of the journal's first file. */
static int64_t journal_end(const struct storage_world *world)
{
    const char *bytes = fake_disk_bytes(world->fake, JOURNAL);
    struct frame_header header;
    int64_t at = 0;

    for (;;) {
        memcpy(&header, bytes + at, sizeof header);
        if (header.magic != FRAME_MAGIC) {
            return at;
        }
        at +=
            (int64_t)(sizeof header + header.length + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
    }
}

/* Old segments are being unlinked, and newer entries wait to be moved, when the log goes. */
static void a_log_may_go_while_its_segments_are_unlinked(void **state)
{
    struct storage_world world;
    struct partition_log *log;

    (void)state;
    storage_world_init(&world, 5);
    log = begin(&world);
    append(log, 2 * SEGMENTS);
    storage_world_run(&world, 100000);
    take_snapshot(log, partition_log_end_offset(log));
    storage_world_run(&world, 100000);
    append(log, 2 * SEGMENTS);
    storage_world_run(&world, 100000);
    partition_log_set_start_offset(log, 2 * SEGMENTS);
    for (int i = 0; i < MOMENTS && fake_disk_count(world.fake, DISK_UNLINK) == 0; i++) {
        storage_world_run(&world, MOMENT_US);
    }
    assert_true(fake_disk_count(world.fake, DISK_UNLINK) > 0);
    append(log, SEGMENTS);
    storage_world_run(&world, 6 * MOMENT_US);
    assert_true(fake_disk_count(world.fake, DISK_UNLINK) < SEGMENTS);
    storage_remove_log(world.storage, log);
    storage_world_run(&world, 5000000);
    assert_string_equal(world.fatal, "");
    storage_world_close(&world);
    storage_world_release(&world);
}

/* It has no room of its own: used as it is, a full disk would end the process. */
static void a_journal_file_that_was_half_made_is_made_anew(void **state)
{
    struct disk_request create = {
        .operation = DISK_OPEN, .flags = DISK_CREATE, .path = "/data/journal/0001.journal"};
    struct storage_world world;
    struct partition_log *log;

    (void)state;
    storage_world_init(&world, 6);
    (void)begin(&world);
    storage_world_run(&world, 100000);
    storage_world_kill(&world);
    disk_execute(fake_disk_as_disk(world.fake), &create);
    assert_int_equal(create.error, ERROR_NONE);
    storage_world_open(&world);
    log = storage_find_log(world.storage, storage_world_group(1));
    assert_non_null(log);
    partition_log_set_options(log, &options);
    assert_int_equal(fake_disk_size(world.fake, "/data/journal/0001.journal"), -1);
    fake_disk_set_capacity(world.fake, fake_disk_used(world.fake));
    for (int64_t bytes = 0; bytes < 2 * world.options.journal_file_bytes; bytes += BATCH_BYTES) {
        append(log, 1);
        storage_world_run(&world, 1000);
    }
    assert_string_equal(world.fatal, "");
    fake_disk_set_capacity(world.fake, INT64_MAX);
    storage_world_run(&world, 3000000);
    storage_world_close(&world);
    storage_world_release(&world);
}

/* kill -9 while it was made: the name is there and not on stable storage. */
static void a_journal_file_whose_name_was_not_synced_keeps_what_is_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct disk_request create = {
            .operation = DISK_OPEN, .flags = DISK_CREATE, .path = "/data/journal/0001.journal"};
        struct storage_world world;
        struct partition_log *log;
        uint64_t last_index;

        storage_world_init(&world, seed);
        (void)begin(&world);
        storage_world_run(&world, 100000);
        storage_world_kill(&world);
        disk_execute(fake_disk_as_disk(world.fake), &create);
        disk_execute(fake_disk_as_disk(world.fake),
                     &(struct disk_request){.operation = DISK_ALLOCATE,
                                            .fd = create.opened_fd,
                                            .length = world.options.journal_file_bytes});
        storage_world_open(&world);
        log = storage_find_log(world.storage, storage_world_group(1));
        assert_non_null(log);
        partition_log_set_options(log, &options);
        for (int64_t bytes = 0; bytes < world.options.journal_file_bytes * 9 / 8;
             bytes += BATCH_BYTES) {
            append(log, 1);
            storage_world_run(&world, 1000);
        }
        last_index = partition_log_last_index(log);
        storage_world_crash(&world, false);
        storage_world_open(&world);
        log = storage_find_log(world.storage, storage_world_group(1));
        assert_non_null(log);
        assert_false(partition_log_is_corrupt(log));
        assert_int_equal(partition_log_last_index(log), last_index);
        storage_world_close(&world);
        storage_world_release(&world);
    }
}

/* Damage is in the journal until a checkpoint has passed it; what was refilled since is whole. */
static void a_log_that_was_refilled_is_whole_after_the_next_start(void **state)
{
    struct storage_world world;
    struct partition_log *log;
    struct log_snapshot snapshot = {.index = 9, .term = 1, .next_offset = 1};

    (void)state;
    storage_world_init(&world, 7);
    log = begin(&world);
    storage_world_run(&world, 100000);
    append(log, 1);
    storage_world_run(&world, 100000);
    append(log, 1);
    storage_world_run(&world, 100000);
    storage_world_kill(&world);
    assert_true(fake_disk_flip(world.fake, JOURNAL, SECOND_FRAME_AT, 1));
    storage_world_open(&world);
    log = storage_find_log(world.storage, storage_world_group(1));
    assert_non_null(log);
    assert_true(partition_log_is_corrupt(log));
    (void)partition_log_install_start(log, 0, 0);
    partition_log_install_append(log, storage_world_batch(0, 1, BATCH_BYTES, 1, 1000));
    snapshot.configuration = storage_world_bytes("c", 1);
    (void)partition_log_install_finish(log, &snapshot);
    storage_world_run(&world, 200000);
    assert_false(partition_log_is_corrupt(log));
    storage_world_kill(&world);
    storage_world_open(&world);
    log = storage_find_log(world.storage, storage_world_group(1));
    assert_non_null(log);
    assert_false(partition_log_is_corrupt(log));
    assert_int_equal(partition_log_last_index(log), 9);
    storage_world_close(&world);
    storage_world_release(&world);
}

/* What was lost replaced an entry that the snapshot before does not cover; the one behind does. */
static void no_snapshot_is_believed_that_lies_behind_damage(void **state)
{
    struct storage_world world;
    struct partition_log *log;
    int64_t lost_at;

    (void)state;
    storage_world_init(&world, 9);
    log = begin(&world);
    append(log, 1);
    take_snapshot(log, 0);
    append(log, 1);
    storage_world_run(&world, 100000);
    lost_at = journal_end(&world);
    (void)partition_log_set_term_vote(log, 2, 1);
    (void)partition_log_truncate(log, 2);
    append(log, 1);
    storage_world_run(&world, 100000);
    assert_true(journal_end(&world) > lost_at);
    take_snapshot(log, 0);
    storage_world_run(&world, 100000);
    assert_int_equal(partition_log_snapshot(log)->next_offset, 2);
    storage_world_kill(&world);
    assert_true(fake_disk_flip(world.fake, JOURNAL, lost_at + IN_HEADER, 1));
    storage_world_open(&world);
    log = storage_find_log(world.storage, storage_world_group(1));
    assert_non_null(log);
    assert_true(partition_log_is_corrupt(log));
    assert_int_equal(partition_log_term_at(log, 2), 1); /* nobody may be shown this */
    assert_int_equal(partition_log_snapshot(log)->next_offset, 1);
    storage_world_close(&world);
    storage_world_release(&world);
}

/* The first frame of a file tells that the file is in use at all. */
static void damage_at_the_front_of_a_journal_file_is_no_torn_tail(void **state)
{
    (void)state;
    for (int number = 0; number < 2; number++) {
        struct storage_world world;
        struct partition_log *log;
        char path[64];

        storage_world_init(&world, 8);
        log = begin(&world);
        for (int i = 0; i < 3 + number * 8; i++) {
            append(log, 1);
            storage_world_run(&world, 2000);
        }
        storage_world_kill(&world);
        (void)snprintf(path, sizeof path, "/data/journal/%04d.journal", number);
        assert_true(fake_disk_flip(world.fake, path, 40, 1));
        storage_world_open(&world);
        log = storage_find_log(world.storage, storage_world_group(1));
        assert_non_null(log);
        assert_true(partition_log_is_corrupt(log));
        storage_world_close(&world);
        storage_world_release(&world);
    }
}

/* What was found at a start is found again, when that start ends before it could write of it. */
static void damage_is_found_again_by_the_start_after_one_that_was_cut_short(void **state)
{
    struct storage_world world;
    struct partition_log *log;
    int64_t damage_at;

    (void)state;
    storage_world_init(&world, 10);
    world.options.memory_sync_us = 5 * 1000 * 1000; /* no frame says that another is safe */
    log = begin(&world);
    partition_log_set_options(log, &memory_options);
    storage_world_run(&world, 100000);
    append(log, 1);
    storage_world_run(&world, 100000);
    damage_at = journal_end(&world);
    append(log, 2);
    storage_world_run(&world, 100000);
    append(log, 1);
    storage_world_run(&world, 100000);
    storage_world_kill(&world);
    assert_true(fake_disk_flip(world.fake, JOURNAL, damage_at + IN_HEADER, 1));
    for (int start = 0; start < 3; start++) {
        storage_world_open(&world);
        log = storage_find_log(world.storage, storage_world_group(1));
        assert_non_null(log);
        assert_true(partition_log_is_corrupt(log));
        storage_world_kill(&world);
    }
    storage_world_release(&world);
}

static void flip_big_batch(void *context, const char *path)
{
    const struct storage_world *world = context;

    if (strstr(path, ".log") != NULL) {
        assert_true(fake_disk_flip(world->fake, path, OUTSIDE_BYTES / 2, 1));
    }
}

/* A big batch of a log in memory that is acknowledged and not flushed: while the operating system
 * runs on, it cannot be torn. A frame says so that was written since. */
static void damage_of_a_big_batch_in_memory_is_no_torn_tail(void **state)
{
    (void)state;
    for (int is_told = 0; is_told < 2; is_told++) {
        struct storage_world world;
        struct partition_log *log;

        storage_world_init(&world, 11);
        world.options.memory_sync_us = 5 * 1000 * 1000;
        log = begin(&world);
        partition_log_set_options(log, &memory_options);
        storage_world_run(&world, 100000);
        append_bytes(log, OUTSIDE_BYTES);
        storage_world_run(&world, 100000);
        if (is_told != 0) {
            append_barrier(log);
            storage_world_run(&world, 100000);
        }
        storage_world_kill(&world);
        fake_disk_for_each_file(world.fake, "/data/", flip_big_batch, &world);
        for (int start = 0; start < 3; start++) {
            storage_world_open(&world);
            log = storage_find_log(world.storage, storage_world_group(1));
            assert_non_null(log);
            assert_int_equal(partition_log_is_corrupt(log), is_told);
            assert_int_equal(partition_log_last_index(log), 0);
            storage_world_kill(&world);
        }
        storage_world_release(&world);
    }
}

/* What was written and not flushed may be lost with the power: then it is no damage. */
static void a_big_batch_in_memory_that_the_power_took_is_no_damage(void **state)
{
    int gone = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct storage_world world;
        struct partition_log *log;

        storage_world_init(&world, seed);
        world.options.memory_sync_us = 5 * 1000 * 1000;
        world.options.boot_id = 1;
        log = begin(&world);
        partition_log_set_options(log, &memory_options);
        storage_world_run(&world, 100000);
        append_bytes(log, OUTSIDE_BYTES);
        storage_world_run(&world, 100000);
        append_barrier(log);
        storage_world_run(&world, 100000);
        storage_world_crash(&world, true);
        world.options.boot_id = 2;
        storage_world_open(&world);
        log = storage_find_log(world.storage, storage_world_group(1));
        assert_non_null(log);
        assert_false(partition_log_is_corrupt(log));
        assert_true(partition_log_is_doubtful(log));
        gone += partition_log_last_index(log) == 0;
        storage_world_close(&world);
        storage_world_release(&world);
    }
    assert_true(gone > 0);
}

static void note_durable(void *context, uint64_t sequence)
{
    if (context != NULL) {
        *(uint64_t *)context = sequence;
    }
}

/* Of a log with nothing but barriers, each followed by a snapshot: two changes an entry. */
static void change_beside_checkpoints(struct partition_log *busy, struct partition_log *log,
                                      struct storage_world *world, uint64_t seed)
{
    for (uint64_t i = 0; i < 4 + seed % 7; i++) {
        append(busy, 1); /* fills files of the journal, so that checkpoints come */
        append_barrier(log);
        storage_world_run(world, 500 + seed % 13 * 200);
        take_snapshot(log, 0);
        storage_world_run(world, seed % 17 * 50);
    }
}

/* Between the record of a snapshot and its being durable, a checkpoint must not take the entries
 * behind it for written: what was reported durable is there after the process was killed. */
static void a_checkpoint_beside_a_snapshot_forgets_no_entry(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20 * SEEDS; seed++) {
        struct storage_world world;
        struct partition_log *busy;
        struct partition_log *log;
        uint64_t durable = 0;
        uint64_t before;

        storage_world_init(&world, seed);
        world.listener.durable = note_durable;
        busy = begin(&world);
        log = storage_create_log(world.storage, storage_world_group(2));
        partition_log_set_context(log, &durable);
        partition_log_set_options(log, &options);
        before = partition_log_set_term_vote(log, 1, 1);
        change_beside_checkpoints(busy, log, &world, seed);
        storage_world_kill(&world);
        storage_world_open(&world);
        log = storage_find_log(world.storage, storage_world_group(2));
        assert_non_null(log);
        assert_false(partition_log_is_corrupt(log));
        assert_true(durable > before);
        assert_true(partition_log_last_index(log) >= (durable - before + 1) / 2);
        storage_world_release(&world);
    }
}

/* The record of a snapshot may survive a batch that went around the journal. */
static void no_snapshot_is_believed_whose_entries_are_gone(void **state)
{
    int gone = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 5 * SEEDS; seed++) {
        struct storage_world world;
        struct partition_log *log;
        struct log_entry entry = {.index = 1, .term = 1, .kind = ENTRY_BATCH, .offset_count = 1};

        storage_world_init(&world, seed);
        log = begin(&world);
        fake_disk_set_delay(world.fake, 100, 2000);
        entry.payload = storage_world_batch(0, 1, OUTSIDE_BYTES, 1, 1000);
        (void)partition_log_append(log, &entry, 1);
        take_snapshot(log, 0);
        storage_world_run(&world, seed % 20 * 300);
        storage_world_crash(&world, true);
        storage_world_open(&world);
        log = storage_find_log(world.storage, storage_world_group(1));
        gone += log != NULL && partition_log_is_corrupt(log);
        assert_true(log == NULL || partition_log_is_corrupt(log) ||
                    partition_log_snapshot(log)->index <= partition_log_last_index(log));
        storage_world_close(&world);
        storage_world_release(&world);
    }
    assert_true(gone > 0);
}

/* The bytes are there, and who has acknowledged them is not to say that they never were. */
static void what_cannot_be_opened_for_want_of_descriptors_is_not_taken_for_lost(void **state)
{
    int refused = 0;

    (void)state;
    for (int count = 1; count < 40; count++) {
        struct storage_world world;
        struct partition_log *log;
        char message[256] = "";
        enum error error;

        storage_world_init(&world, 5);
        log = begin(&world);
        append(log, 3);
        append_bytes(log, OUTSIDE_BYTES);
        storage_world_run(&world, 3000000);
        append_bytes(log, OUTSIDE_BYTES);
        storage_world_run(&world, 100000);
        storage_world_kill(&world);
        fake_disk_fail(world.fake, DISK_OPEN, count, ERROR_NO_DESCRIPTORS);
        error = storage_open(&world.loop, fake_disk_as_disk(world.fake), &world.options, message,
                             &world.storage);
        fake_disk_fail(world.fake, DISK_OPEN, 0, ERROR_NONE);
        if (error != ERROR_NONE) {
            assert_string_not_equal(message, "");
            refused++;
            storage_world_open(&world);
        }
        log = storage_find_log(world.storage, storage_world_group(1));
        assert_false(partition_log_is_corrupt(log));
        assert_int_equal(partition_log_end_offset(log), 5);
        storage_world_kill(&world);
        storage_world_release(&world);
    }
    print_message("%d starts were refused\n", refused);
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_opened_for_want_of_descriptors_is_not_taken_for_lost),
        cmocka_unit_test(a_log_may_go_while_its_segments_are_unlinked),
        cmocka_unit_test(a_journal_file_that_was_half_made_is_made_anew),
        cmocka_unit_test(a_journal_file_whose_name_was_not_synced_keeps_what_is_written),
        cmocka_unit_test(a_checkpoint_beside_a_snapshot_forgets_no_entry),
        cmocka_unit_test(no_snapshot_is_believed_whose_entries_are_gone),
        cmocka_unit_test(no_snapshot_is_believed_that_lies_behind_damage),
        cmocka_unit_test(damage_at_the_front_of_a_journal_file_is_no_torn_tail),
        cmocka_unit_test(damage_is_found_again_by_the_start_after_one_that_was_cut_short),
        cmocka_unit_test(damage_of_a_big_batch_in_memory_is_no_torn_tail),
        cmocka_unit_test(a_big_batch_in_memory_that_the_power_took_is_no_damage),
        cmocka_unit_test(a_log_that_was_refilled_is_whole_after_the_next_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
