/* SPDX-License-Identifier: Apache-2.0 */
/* Readers see what is committed, wait for more, and find offsets by time. */
#include "gyre/wire/record_batch.h"

#include "unit/partition/asked.h"

struct waited {
    struct partition_waiter waiter;
    int changes;
};

static void on_changed(struct partition_waiter *waiter)
{
    CONTAINER_OF(waiter, struct waited, waiter)->changes++;
}

static enum kafka_error read_at(struct fake_group *fake, int64_t offset, int *out_slices)
{
    struct partition_read read = {.offset = offset, .bytes_max = 1 << 20, .at_least_one = true};

    assert_true(partition_read(fake->partition, &read));
    *out_slices = read.batches.slice_count;
    batches_read_release(&read.batches);
    return read.error;
}

static void readers_see_what_is_committed_and_are_woken_by_more(void **state)
{
    struct fake_group fake;
    struct asked asked;
    struct waited waited = {.waiter.changed = on_changed};
    int slices;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    list_init(&waited.waiter.link);
    partition_wait(fake.partition, &waited.waiter);
    append(&fake, &asked, 4, 1);
    fake_group_turn(&fake);
    assert_int_equal(read_at(&fake, 0, &slices), KAFKA_ERROR_NONE);
    assert_int_equal(slices, 0);
    assert_int_equal(waited.changes, 0);
    assert_int_equal(partition_readable_bytes(fake.partition, 0, READ_UNCOMMITTED), 0);
    fake_group_commit(&fake);
    assert_int_equal(waited.changes, 1);
    assert_int_equal(read_at(&fake, 2, &slices), KAFKA_ERROR_NONE);
    assert_int_equal(slices, 1); /* the whole batch that holds the offset */
    assert_int_equal(partition_readable_bytes(fake.partition, 0, READ_UNCOMMITTED),
                     fake.group->log->entries[1].payload.length);
    assert_int_equal(read_at(&fake, 4, &slices), KAFKA_ERROR_NONE);
    assert_int_equal(slices, 0);
    assert_int_equal(read_at(&fake, 5, &slices), KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    partition_wait_cancel(&waited.waiter);
    append(&fake, &asked, 1, 1);
    fake_group_commit(&fake);
    assert_int_equal(waited.changes, 1);
    fake_group_release(&fake);
}

static void a_follower_that_is_behind_never_says_out_of_range(void **state)
{
    struct fake_group fake;
    struct buffer *batch = fake_group_batch(2, 10, NO_PRODUCER, -1, -1);
    int slices;

    (void)state;
    fake_group_init(&fake);
    fake_group_follow(&fake, 2, 5);
    fake_group_replicate(&fake, 5, ENTRY_BATCH, buffer_slice(batch, 0, batch->size), 2);
    buffer_unref(batch);
    assert_int_equal(read_at(&fake, 0, &slices), KAFKA_ERROR_NONE);
    assert_int_equal(slices, 1);
    assert_int_equal(read_at(&fake, 100, &slices), KAFKA_ERROR_NONE);
    assert_int_equal(slices, 0);
    assert_int_equal(partition_check_epoch(fake.partition, 5, false), KAFKA_ERROR_NONE);
    assert_int_equal(partition_check_epoch(fake.partition, 5, true),
                     KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(partition_check_epoch(fake.partition, 4, false),
                     KAFKA_ERROR_FENCED_LEADER_EPOCH);
    assert_int_equal(partition_check_epoch(fake.partition, 6, false),
                     KAFKA_ERROR_UNKNOWN_LEADER_EPOCH);
    fake_group_release(&fake);
}

static int reads_done;

static void on_read(struct partition_read *read)
{
    reads_done++;
    batches_read_release(&read->batches);
}

static void a_replica_closed_under_a_reader_answers_and_wakes_waiters(void **state)
{
    struct fake_group fake;
    struct asked asked;
    struct asked open;
    struct waited waited = {.waiter.changed = on_changed};
    struct partition_read read = {
        .offset = 0, .bytes_max = 1000, .at_least_one = true, .done = on_read};
    struct partition_log *log;
    struct batches_read *late;

    (void)state;
    reads_done = 0;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append(&fake, &asked, 1, 1);
    fake_group_commit(&fake);
    append(&fake, &open, 1, 1);
    fake_group_turn(&fake);
    list_init(&waited.waiter.link);
    partition_wait(fake.partition, &waited.waiter);
    log = fake.group->log;
    log->reads_late = true;
    assert_false(partition_read(fake.partition, &read));
    late = log->late_read;
    partition_close(fake.partition, true); /* the log is gone */
    fake.partition = NULL;
    fake_group_turn(&fake);
    expect(&open, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    assert_int_equal(waited.changes, 1);
    assert_true(list_is_alone(&waited.waiter.link));
    late->error = ERROR_NONE;
    late->slice_count = 0;
    late->done(late); /* frees the replica */
    assert_int_equal(reads_done, 1);
    assert_int_equal(read.error, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    fake_group_release(&fake);
}

/* ---- offsets ---- */

static int lookups_done;

static void on_lookup(struct offset_lookup *lookup)
{
    (void)lookup;
    lookups_done++;
}

static int64_t look_up(struct fake_group *fake, int64_t timestamp, int64_t *out_timestamp,
                       int32_t *out_epoch)
{
    struct offset_lookup lookup = {.timestamp = timestamp, .done = on_lookup};

    lookups_done = 0;
    if (!partition_lookup(fake->partition, &lookup)) {
        assert_int_equal(lookups_done, 0);
        fake_group_turn(fake);
        assert_int_equal(lookups_done, 1);
    }
    assert_int_equal(lookup.error, KAFKA_ERROR_NONE);
    *out_timestamp = lookup.found_timestamp;
    *out_epoch = lookup.leader_epoch;
    return lookup.offset;
}

static void offsets_are_found_by_time_record_by_record(void **state)
{
    struct fake_group fake;
    struct asked asked;
    int64_t timestamp;
    int32_t epoch;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    assert_int_equal(look_up(&fake, 0, &timestamp, &epoch), -1); /* empty */
    append(&fake, &asked, 3, 1);                                 /* 1000 .. 1002 */
    fake_group_commit(&fake);
    fake_group_follow(&fake, 2, 2);
    fake_group_lead(&fake, 3);
    append(&fake, &asked, 6, 1); /* 1000 .. 1005 at offset 3 */
    fake_group_commit(&fake);
    assert_int_equal(look_up(&fake, 1001, &timestamp, &epoch), 1);
    assert_int_equal(timestamp, 1001);
    assert_int_equal(epoch, 1);
    assert_int_equal(look_up(&fake, 1004, &timestamp, &epoch), 7);
    assert_int_equal(epoch, 3);
    assert_int_equal(look_up(&fake, 1006, &timestamp, &epoch), -1);
    assert_int_equal(timestamp, -1);
    assert_int_equal(look_up(&fake, -3, &timestamp, &epoch), 8);
    assert_int_equal(timestamp, 1005);
    assert_int_equal(look_up(&fake, -1, &timestamp, &epoch), 9);
    assert_int_equal(timestamp, -1);
    assert_int_equal(epoch, 3);
    assert_int_equal(look_up(&fake, -2, &timestamp, &epoch), 0);
    assert_int_equal(epoch, 1);
    assert_int_equal(look_up(&fake, -5, &timestamp, &epoch), -1);
    fake_group_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_what_is_committed_and_are_woken_by_more),
        cmocka_unit_test(a_follower_that_is_behind_never_says_out_of_range),
        cmocka_unit_test(a_replica_closed_under_a_reader_answers_and_wakes_waiters),
        cmocka_unit_test(offsets_are_found_by_time_record_by_record),
    };
    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
