/* SPDX-License-Identifier: Apache-2.0 */
/* The log start moves by committed commands; snapshots carry everything that was applied. */
#include "gyre/wire/record_batch.h"

#include "unit/partition/asked.h"

static enum kafka_error read_at(struct fake_group *fake, int64_t offset, int *out_slices)
{
    struct partition_read read = {.offset = offset, .bytes_max = 1 << 20, .at_least_one = true};

    assert_true(partition_read(fake->partition, &read));
    *out_slices = read.batches.slice_count;
    batches_read_release(&read.batches);
    return read.error;
}

struct deleted {
    struct partition_truncate truncate;
    int done;
};

static void on_truncate(struct partition_truncate *truncate)
{
    CONTAINER_OF(truncate, struct deleted, truncate)->done++;
}

static void delete_to(struct fake_group *fake, struct deleted *deleted, int64_t offset)
{
    memset(deleted, 0, sizeof *deleted);
    deleted->truncate.offset = offset;
    deleted->truncate.timeout_us = 1000000;
    deleted->truncate.done = on_truncate;
    partition_delete_records(fake->partition, &deleted->truncate);
    assert_int_equal(deleted->done, 0);
    fake_group_commit(fake);
    assert_int_equal(deleted->done, 1);
}

static void deleted_records_are_gone_when_the_command_is_committed(void **state)
{
    struct fake_group fake;
    struct asked asked;
    struct deleted deleted;
    int slices;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append(&fake, &asked, 5, 1);
    fake_group_commit(&fake);
    delete_to(&fake, &deleted, 3);
    assert_int_equal(deleted.truncate.error, KAFKA_ERROR_NONE);
    assert_int_equal(deleted.truncate.low_watermark, 3);
    assert_int_equal(status_of(&fake).log_start_offset, 3);
    assert_int_equal(read_at(&fake, 2, &slices), KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    delete_to(&fake, &deleted, 1); /* is gone already */
    assert_int_equal(deleted.truncate.low_watermark, 3);
    delete_to(&fake, &deleted, 6);
    assert_int_equal(deleted.truncate.error, KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    delete_to(&fake, &deleted, -1);
    assert_int_equal(deleted.truncate.low_watermark, 5);
    fake_group_pass(&fake, 31 * 1000000);
    assert_int_equal(fake.group->snapshots, 1); /* so that files can go */
    fake_group_release(&fake);
}

static void retention_moves_the_start_at_the_leader_only(void **state)
{
    struct fake_group fake;
    struct asked asked;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append(&fake, &asked, 5, 1);
    fake_group_commit(&fake);
    fake.group->log->retention_offset = 4;
    partition_apply_retention(fake.partition, 0);
    partition_apply_retention(fake.partition, 0); /* proposed once */
    assert_int_equal(fake.group->log->count, 3);
    fake_group_commit(&fake);
    assert_int_equal(status_of(&fake).log_start_offset, 4);
    fake_group_follow(&fake, 2, 2);
    fake.group->log->retention_offset = 5;
    partition_apply_retention(fake.partition, 0);
    assert_int_equal(fake.group->log->count, 3);
    fake_group_release(&fake);
}

static void expect_end(const struct fake_group *fake, int32_t asked, int32_t epoch, int64_t offset)
{
    int64_t end_offset;
    int32_t found;

    partition_end_of_epoch(fake->partition, asked, &found, &end_offset);
    assert_int_equal(found, epoch);
    assert_int_equal(end_offset, offset);
}

/* As Kafka, whose leader notes its epoch before it has written in it. */
static void an_epoch_that_wrote_nothing_ends_where_the_one_before_does(void **state)
{
    struct fake_group fake;
    struct asked asked;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 3);
    expect_end(&fake, 2, 2, 0);
    expect_end(&fake, 3, 3, 0);
    append_of(&fake, &asked, 0, 0, 5);
    fake_group_commit(&fake);
    fake_group_follow(&fake, 4, 2);
    fake_group_lead(&fake, 6);
    expect_end(&fake, 3, 3, 5);
    expect_end(&fake, 4, 3, 5);
    expect_end(&fake, 5, 3, 5);
    expect_end(&fake, 6, 6, 5);
    expect_end(&fake, 7, -1, -1);
    append_of(&fake, &asked, 0, 5, 2);
    fake_group_commit(&fake);
    expect_end(&fake, 5, 3, 5);
    expect_end(&fake, 6, 6, 7);
    fake_group_release(&fake);
}

static void a_snapshot_carries_everything_that_was_applied(void **state)
{
    struct fake_group fake;
    struct asked asked;
    struct deleted deleted;
    int64_t end_offset;
    int32_t epoch;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append_of(&fake, &asked, 0, 0, 5);
    fake_group_commit(&fake);
    fake_group_follow(&fake, 2, 2);
    fake_group_lead(&fake, 3);
    append_of(&fake, &asked, 0, 5, 2);
    fake_group_commit(&fake);
    delete_to(&fake, &deleted, 2);
    fake_group_restart_from_snapshot(&fake);
    assert_int_equal(status_of(&fake).high_watermark, 7);
    assert_int_equal(status_of(&fake).log_start_offset, 2);
    partition_end_of_epoch(fake.partition, 1, &epoch, &end_offset);
    assert_int_equal(epoch, 1);
    assert_int_equal(end_offset, 5);
    fake_group_lead(&fake, 4);
    append_of(&fake, &asked, 0, 0, 5);
    fake_group_turn(&fake);
    expect(&asked, KAFKA_ERROR_NONE, 0); /* the duplicate is still known */
    append_of(&fake, &asked, 0, 7, 1);
    fake_group_commit(&fake);
    expect(&asked, KAFKA_ERROR_NONE, 7);
    fake_group_release(&fake);
}

static void a_restart_applies_deleted_records_without_going_back(void **state)
{
    struct fake_group fake;
    struct asked asked;
    struct deleted deleted;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append(&fake, &asked, 5, 1);
    fake_group_commit(&fake);
    append(&fake, &asked, 4, 1); /* one batch, of which half is deleted */
    fake_group_commit(&fake);
    delete_to(&fake, &deleted, 7);
    assert_int_equal(deleted.truncate.low_watermark, 7);
    fake_group_restart_from_log(&fake);
    assert_int_equal(status_of(&fake).log_start_offset, 7);
    assert_int_equal(status_of(&fake).high_watermark, 9);
    fake_group_lead(&fake, 2);
    delete_to(&fake, &deleted, -1);
    fake_group_restart_from_log(&fake);
    assert_int_equal(status_of(&fake).log_start_offset, 9);
    assert_int_equal(status_of(&fake).high_watermark, 9);
    fake_group_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deleted_records_are_gone_when_the_command_is_committed),
        cmocka_unit_test(retention_moves_the_start_at_the_leader_only),
        cmocka_unit_test(a_restart_applies_deleted_records_without_going_back),
        cmocka_unit_test(an_epoch_that_wrote_nothing_ends_where_the_one_before_does),
        cmocka_unit_test(a_snapshot_carries_everything_that_was_applied),
    };
    return cmocka_run_group_tests_name("log_start", tests, NULL, NULL);
}
