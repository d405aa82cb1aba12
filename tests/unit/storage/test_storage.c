/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "support/storage_world.h"
#include "support/test.h"

struct owner {
    uint64_t durable;
    int reads_done;
    char corrupt[256];
};

static void on_durable(void *context, uint64_t sequence)
{
    struct owner *owner = context;

    if (owner != NULL) {
        assert_true(sequence > owner->durable);
        owner->durable = sequence;
    }
}

static void on_corrupt(void *context, const char *reason)
{
    struct owner *owner = context;

    if (owner != NULL) {
        (void)snprintf(owner->corrupt, sizeof owner->corrupt, "%s", reason);
    }
}

static void init(struct storage_world *world)
{
    storage_world_init(world, 11);
    world->listener = (struct storage_listener){.durable = on_durable, .corrupt = on_corrupt};
}

/* A new storage with one log in term 1; `segment_bytes` 0: the usual options. */
static struct partition_log *begin(struct storage_world *world, struct owner *owner,
                                   int32_t segment_bytes)
{
    struct log_options options = {
        .segment_bytes = segment_bytes, .segment_ms = INT64_MAX, .index_interval_bytes = 4096};
    struct partition_log *log;

    storage_world_open(world);
    log = storage_create_log(world->storage, storage_world_group(1));
    partition_log_set_context(log, owner);
    if (segment_bytes > 0) {
        partition_log_set_options(log, &options);
    }
    (void)partition_log_set_term_vote(log, 1, 1);
    return log;
}

/* Again, after a crash or a close. */
static struct partition_log *open_again(struct storage_world *world)
{
    struct partition_log *log;

    storage_world_open(world);
    log = storage_find_log(world->storage, storage_world_group(1));
    assert_non_null(log);
    return log;
}

static uint64_t append_batch(struct partition_log *log, int32_t count, size_t size)
{
    uint64_t index = partition_log_last_index(log) + 1;
    struct log_entry entry = {.index = index,
                              .term = partition_log_term(log),
                              .kind = ENTRY_BATCH,
                              .offset_count = count,
                              .base_offset = partition_log_end_offset(log),
                              .digest = index * 3};

    entry.payload =
        storage_world_batch(entry.base_offset, count, size, index, 1000 + (int64_t)index);
    return partition_log_append(log, &entry, 1);
}

static uint64_t append_command(struct partition_log *log, const char *text)
{
    struct log_entry entry = {.index = partition_log_last_index(log) + 1,
                              .term = partition_log_term(log),
                              .kind = ENTRY_COMMAND,
                              .base_offset = partition_log_end_offset(log),
                              .payload = storage_world_bytes(text, strlen(text))};

    return partition_log_append(log, &entry, 1);
}

static void on_entries(struct entries_read *read)
{
    ((struct owner *)read->private_state)->reads_done++;
}

static void on_batches(struct batches_read *read)
{
    ((struct owner *)read->private_state)->reads_done++;
}

/* Read everything from `from` on and compare with what append_batch() wrote. */
static void expect_entries(struct storage_world *world, struct partition_log *log, uint64_t from,
                           uint64_t to, size_t size)
{
    static struct entries_read read;
    struct owner owner = {0};

    while (from <= to) {
        read = (struct entries_read){
            .from_index = from, .bytes_max = 100000, .done = on_entries, .private_state = &owner};
        if (!partition_log_read_entries(log, &read)) {
            int before = owner.reads_done;

            storage_world_run(world, 100000);
            assert_int_equal(owner.reads_done, before + 1);
        }
        assert_int_equal(read.error, ERROR_NONE);
        assert_true(read.entry_count > 0);
        for (int i = 0; i < read.entry_count; i++) {
            const struct log_entry *entry = &read.entries[i];

            assert_int_equal(entry->index, from);
            if (entry->kind == ENTRY_BATCH) {
                struct buffer_slice batch = storage_world_batch(
                    entry->base_offset, entry->offset_count, size, from, 1000 + (int64_t)from);

                assert_int_equal(entry->digest, from * 3);
                assert_int_equal(entry->payload.length, batch.length);
                assert_memory_equal(entry->payload.bytes, batch.bytes, batch.length);
                buffer_slice_unref(&batch);
            }
            from++;
        }
        entries_read_release(&read);
    }
}

/* From one offset on, until it is done. True: the answer was there at once. */
static bool read_from(struct storage_world *world, struct partition_log *log, int64_t offset,
                      size_t bytes_max, struct batches_read *read)
{
    struct owner owner = {0};
    bool is_there;

    *read = (struct batches_read){.offset = offset,
                                  .limit_offset = INT64_MAX,
                                  .bytes_max = bytes_max,
                                  .at_least_one = true,
                                  .done = on_batches,
                                  .private_state = &owner};
    is_there = partition_log_read_batches(log, read);
    assert_int_equal(owner.reads_done, 0);
    if (!is_there) {
        storage_world_run(world, 100000);
        assert_int_equal(owner.reads_done, 1);
    }
    return is_there;
}

/* Read all batches from the first offset to the last; returns how many bytes came. */
static size_t read_all_batches(struct storage_world *world, struct partition_log *log)
{
    static struct batches_read read;
    int64_t offset = partition_log_start_offset(log);
    size_t total = 0;

    while (offset < partition_log_end_offset(log)) {
        (void)read_from(world, log, offset, 50000, &read);
        assert_int_equal(read.error, ERROR_NONE);
        assert_true(read.slice_count > 0);
        for (int i = 0; i < read.slice_count; i++) {
            const struct buffer_slice *slice = &read.slices[i];
            size_t at = 0;

            while (at < slice->length) {
                size_t size = (size_t)load_be32(slice->bytes + at + 8) + 12;

                assert_int_equal(load_be64(slice->bytes + at), (uint64_t)offset);
                offset += (int32_t)load_be32(slice->bytes + at + 23) + 1;
                at += size;
            }
            total += slice->length;
        }
        batches_read_release(&read);
    }
    return total;
}

static void what_was_durable_is_there_after_a_crash(void **state)
{
    struct storage_world world;
    struct owner owner = {0};
    struct partition_log *log;
    uint64_t sequence;

    (void)state;
    init(&world);
    log = begin(&world, &owner, 0);
    (void)partition_log_set_term_vote(log, 5, 2);
    (void)append_batch(log, 10, 500);
    sequence = append_command(log, "hello");
    assert_int_equal(owner.durable, 0);
    storage_world_run(&world, 10000);
    assert_int_equal(owner.durable, sequence);
    storage_world_crash(&world, true);
    log = open_again(&world);
    assert_int_equal(partition_log_term(log), 5);
    assert_int_equal(partition_log_vote(log), 2);
    assert_int_equal(partition_log_last_index(log), 2);
    assert_int_equal(partition_log_end_offset(log), 10);
    assert_int_equal(partition_log_term_at(log, 2), 5);
    expect_entries(&world, log, 1, 2, 500);
    assert_int_equal(read_all_batches(&world, log), 500);
    storage_world_close(&world);
    log = open_again(&world);
    assert_true(storage_was_clean(world.storage));
    expect_entries(&world, log, 1, 2, 500);
    assert_int_equal(read_all_batches(&world, log), 500);
    storage_world_release(&world);
}

static void batches_move_to_segments_and_the_journal_goes_round(void **state)
{
    struct storage_world world;
    struct owner owner = {0};
    struct partition_log *log;

    (void)state;
    init(&world);
    log = begin(&world, &owner, 300000);
    for (int i = 0; i < 3000; i++) {
        uint64_t sequence = append_batch(log, 3, 1000);

        storage_world_run(&world, 2000);
        assert_true(owner.durable >= sequence);
    }
    expect_entries(&world, log, 1, 3000, 1000);
    assert_int_equal(read_all_batches(&world, log), 3000 * 1000);
    assert_true(fake_disk_size(world.fake, "/data/journal/0001.journal") > 0);
    assert_int_equal(fake_disk_size(world.fake, "/data/journal/0009.journal"), -1);
    storage_world_crash(&world, true);
    log = open_again(&world);
    assert_false(partition_log_is_corrupt(log));
    assert_int_equal(partition_log_last_index(log), 3000);
    expect_entries(&world, log, 1, 3000, 1000);
    assert_int_equal(read_all_batches(&world, log), 3000 * 1000);
    storage_world_close(&world);
    storage_world_release(&world);
}

/* What lies before `start_offset` is wanted no more, and a snapshot says so. */
static void begin_at(struct partition_log *log, int64_t start_offset)
{
    struct log_snapshot snapshot = {.index = partition_log_last_index(log),
                                    .term = 1,
                                    .next_offset = partition_log_end_offset(log),
                                    .start_offset = start_offset};

    partition_log_set_start_offset(log, start_offset);
    (void)partition_log_set_snapshot(log, &snapshot);
}

/* So that little is left to a checkpoint's syncs, and the journal need not wait for them. */
static void segments_go_to_the_disk_a_little_at_a_time(void **state)
{
    struct storage_world world;
    struct owner owner = {0};
    struct partition_log *log;

    (void)state;
    init(&world);
    storage_world_open(&world);
    log = storage_create_log(world.storage, storage_world_group(1));
    partition_log_set_context(log, &owner);
    (void)partition_log_set_term_vote(log, 1, 1);
    for (int i = 0; i < 24; i++) {
        (void)append_batch(log, 1, 10000);
        storage_world_run(&world, 5000);
    }
    assert_int_equal(fake_disk_count(world.fake, DISK_WRITE_BACK), 0); /* 240,000 bytes */
    for (int i = 0; i < 106; i++) {
        (void)append_batch(log, 1, 10000);
        storage_world_run(&world, 5000);
    }
    assert_in_range(fake_disk_count(world.fake, DISK_WRITE_BACK), 3, 4); /* 1,300,000 bytes */
    storage_world_crash(&world, true);
    storage_world_open(&world);
    log = storage_find_log(world.storage, storage_world_group(1));
    expect_entries(&world, log, 1, 130, 10000);
    assert_int_equal(read_all_batches(&world, log), 130 * 10000);
    storage_world_release(&world);
}

static void count_file(void *context, const char *path)
{
    (*(int *)context) += strstr(path, ".log") != NULL ? 1 : 0;
}

static int count_segments(const struct storage_world *world)
{
    int count = 0;

    fake_disk_for_each_file(world->fake, "/data/", count_file, &count);
    return count;
}

/* No file of the journal is full, so no checkpoint moves anything by itself. */
static struct partition_log *begin_with_cache(struct storage_world *world, struct owner *owner,
                                              size_t cache_bytes)
{
    init(world);
    world->options.journal_file_bytes = 8 * 1024 * 1024;
    world->options.cache_bytes_max = cache_bytes;
    return begin(world, owner, INT32_MAX);
}

static void append_slowly(struct storage_world *world, struct partition_log *log, int count)
{
    for (int i = 0; i < count; i++) {
        (void)append_batch(log, 1, 10000);
        storage_world_run(world, 5000);
    }
}

static void batches_move_in_large_pieces_while_the_cache_has_room(void **state)
{
    struct storage_world world;
    struct owner owner = {0};
    struct partition_log *log = begin_with_cache(&world, &owner, 1024 * 1024);

    (void)state;
    append_slowly(&world, log, 25);
    assert_int_equal(count_segments(&world), 0); /* 250,000 bytes */
    append_slowly(&world, log, 2);
    assert_int_equal(count_segments(&world), 1);
    storage_world_release(&world);
}

/* What waits for more of its kind may fill the cache, and no more memory than that. */
static void batches_move_in_small_pieces_when_the_cache_is_full(void **state)
{
    struct storage_world world;
    struct owner owner = {0};
    struct partition_log *log = begin_with_cache(&world, &owner, 50000);

    (void)state;
    append_slowly(&world, log, 8);
    assert_int_equal(count_segments(&world), 1); /* 80,000 bytes */
    storage_world_release(&world);
}

/* No journal file is full, so no checkpoint would come by itself. */
static void segments_below_the_start_go_without_further_writes(void **state)
{
    struct storage_world world;
    struct owner owner = {0};
    struct partition_log *log;

    (void)state;
    init(&world);
    world.options.journal_file_bytes = 8 * 1024 * 1024;
    log = begin(&world, &owner, 100000);
    for (int i = 0; i < 500; i++) {
        (void)append_batch(log, 1, 1000);
    }
    storage_world_run(&world, 3000000);
    assert_int_equal(count_segments(&world), 5);
    (void)append_batch(log, 1, 1000); /* the sixth: too little to be moved by itself */
    begin_at(log, partition_log_end_offset(log));
    storage_world_run(&world, 5000000);
    assert_int_equal(count_segments(&world), 1);
    storage_world_crash(&world, true);
    log = open_again(&world);
    assert_int_equal(partition_log_start_offset(log), 501);
    assert_int_equal(partition_log_end_offset(log), 501);
    assert_false(partition_log_is_corrupt(log));
    storage_world_release(&world);
}

static enum error read_at(struct storage_world *world, struct partition_log *log, int64_t offset)
{
    static struct batches_read read;

    (void)read_from(world, log, offset, 2000, &read);
    if (read.error == ERROR_NONE) {
        assert_int_equal(load_be64(read.slices[0].bytes), (uint64_t)offset);
    }
    batches_read_release(&read);
    return read.error;
}

/* Who pulls was told of a start that the log has left behind since. */
static void what_is_pinned_can_be_read_though_the_start_moved_on(void **state)
{
    struct storage_world world;
    struct partition_log *log;
    struct log_pin pin = {.offset = 150};

    (void)state;
    init(&world);
    log = begin(&world, NULL, 100000);
    for (int i = 0; i < 500; i++) {
        (void)append_batch(log, 1, 1000);
    }
    storage_world_run(&world, 3000000);
    list_init(&pin.link);
    partition_log_pin(log, &pin);
    begin_at(log, 450);
    storage_world_run(&world, 5000000);
    assert_int_equal(count_segments(&world), 4); /* the first lies wholly before the pin */
    assert_int_equal(read_at(&world, log, 150), ERROR_NONE);
    assert_int_equal(read_at(&world, log, 449), ERROR_NONE);
    assert_int_equal(read_at(&world, log, 149), ERROR_RANGE);
    partition_log_unpin(log, &pin);
    storage_world_run(&world, 5000000);
    assert_int_equal(count_segments(&world), 1);
    assert_int_equal(read_at(&world, log, 449), ERROR_RANGE);
    assert_int_equal(read_at(&world, log, 450), ERROR_NONE);
    storage_world_release(&world);
}

/* A compressed batch is not expanded when it comes, and may claim as many records as it likes. */
static void batches_that_claim_very_many_offsets_are_found(void **state)
{
    const int64_t count = INT32_MAX;
    struct storage_world world;
    struct partition_log *log;

    (void)state;
    init(&world);
    log = begin(&world, NULL, INT32_MAX);
    for (int i = 0; i < 6; i++) {
        (void)append_batch(log, INT32_MAX, 100000); /* enough for a slot of the index each */
        storage_world_run(&world, 5000);
        (void)append_batch(log, 1, 100000);
        storage_world_run(&world, 5000);
    }
    for (int round = 0; round < 2; round++) {
        for (int64_t i = 0; i < 6; i++) {
            assert_int_equal(read_at(&world, log, i * (count + 1)), ERROR_NONE);
            assert_int_equal(read_at(&world, log, i * (count + 1) + count), ERROR_NONE);
        }
        storage_world_close(&world);
        assert_true(count_segments(&world) >= 6);
        log = open_again(&world);
    }
    storage_world_release(&world);
}

static uint64_t reads_to_find(struct storage_world *world, struct partition_log *log,
                              int64_t offset)
{
    static struct batches_read read;
    uint64_t before = fake_disk_count(world->fake, DISK_READ_AT);

    assert_false(read_from(world, log, offset, 2000, &read));
    assert_int_equal(read.error, ERROR_NONE);
    assert_int_equal(load_be64(read.slices[0].bytes), (uint64_t)offset);
    batches_read_release(&read);
    return fake_disk_count(world->fake, DISK_READ_AT) - before;
}

static void a_lookup_after_a_start_walks_one_segment_once(void **state)
{
    struct storage_world world;
    struct owner owner = {0};
    struct partition_log *log;

    (void)state;
    init(&world);
    log = begin(&world, &owner, 640 * 1024);
    for (int i = 0; i < 5000; i++) {
        (void)append_batch(log, 1, 1024);
        storage_world_run(&world, 2000);
    }
    storage_world_close(&world);
    log = open_again(&world);
    /* The last batch but one of the fourth segment: its 640 KiB are walked 64 KiB at a time. */
    assert_true(reads_to_find(&world, log, 4 * 640 - 2) <= 12);
    assert_true(reads_to_find(&world, log, 4 * 640 - 2) <= 3);
    assert_true(reads_to_find(&world, log, 4 * 640 - 100) <= 3);
    storage_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_durable_is_there_after_a_crash),
        cmocka_unit_test(batches_move_in_large_pieces_while_the_cache_has_room),
        cmocka_unit_test(batches_move_in_small_pieces_when_the_cache_is_full),
        cmocka_unit_test(segments_below_the_start_go_without_further_writes),
        cmocka_unit_test(what_is_pinned_can_be_read_though_the_start_moved_on),
        cmocka_unit_test(batches_that_claim_very_many_offsets_are_found),
        cmocka_unit_test(a_lookup_after_a_start_walks_one_segment_once),
        cmocka_unit_test(batches_move_to_segments_and_the_journal_goes_round),
        cmocka_unit_test(segments_go_to_the_disk_a_little_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
