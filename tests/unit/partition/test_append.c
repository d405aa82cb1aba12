/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets are dense, answered when a majority has the batch, and a retry is stored once. */
#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_legacy.h"

#include "unit/partition/asked.h"

static void offsets_are_dense_and_answered_when_committed(void **state)
{
    struct fake_group fake;
    struct asked asked[3];

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 4);
    append(&fake, &asked[0], 3, -1);
    append(&fake, &asked[1], 2, 1);
    append(&fake, &asked[2], 1, 0);
    fake_group_turn(&fake);
    assert_int_equal(asked[0].done, 0);
    assert_int_equal(asked[1].done, 0);
    expect(&asked[2], KAFKA_ERROR_NONE, 5); /* acks=0 waits for nothing */
    assert_int_equal(status_of(&fake).high_watermark, 0);
    assert_int_equal(status_of(&fake).end_offset, 6);
    fake_group_commit(&fake);
    expect(&asked[0], KAFKA_ERROR_NONE, 0);
    expect(&asked[1], KAFKA_ERROR_NONE, 3);
    assert_int_equal(status_of(&fake).high_watermark, 6);
    assert_int_equal(status_of(&fake).leader_epoch, 4);
    assert_int_equal(record_batch_leader_epoch(fake.group->log->entries[1].payload.bytes), 4);
    assert_int_equal(record_batch_base_offset(fake.group->log->entries[2].payload.bytes), 3);
    fake_group_release(&fake);
}

static void a_full_window_keeps_order_and_goes_on_after_the_next_apply(void **state)
{
    struct fake_group fake;
    struct asked asked[5];

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    fake.group->room = 1;
    for (int i = 0; i < 5; i++) {
        append(&fake, &asked[i], 1, 1);
    }
    fake_group_turn(&fake);
    assert_int_equal(fake.group->log->count, 2); /* the barrier and the first */
    assert_int_equal(asked[1].done, 0);
    fake_group_commit(&fake);
    for (int i = 0; i < 5; i++) {
        expect(&asked[i], KAFKA_ERROR_NONE, i);
    }
    fake_group_release(&fake);
}

static void a_refused_submit_frees_its_offsets(void **state)
{
    struct fake_group fake;
    struct asked asked;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    fake.group->submit_error = ERROR_NO_SPACE;
    append_of(&fake, &asked, 0, 0, 4);
    fake_group_turn(&fake);
    expect(&asked, KAFKA_ERROR_KAFKA_STORAGE_ERROR, -1);
    fake.group->submit_error = ERROR_NOT_LEADER; /* it is lost, and follow() is still to come */
    append_of(&fake, &asked, 0, 0, 4);
    fake_group_turn(&fake);
    expect(&asked, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    fake.group->submit_error = ERROR_NONE;
    fake.has_space = false;
    append_of(&fake, &asked, 0, 0, 4);
    fake_group_turn(&fake);
    expect(&asked, KAFKA_ERROR_KAFKA_STORAGE_ERROR, -1);
    fake.has_space = true;
    append_of(&fake, &asked, 0, 0, 4);
    fake_group_commit(&fake);
    expect(&asked, KAFKA_ERROR_NONE, 0);
    fake_group_release(&fake);
}

static void an_append_waits_for_how_a_transfer_of_leadership_ends(void **state)
{
    struct fake_group fake;
    struct asked stays;
    struct asked goes;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    fake.group->submit_error = ERROR_STATE;
    append_of(&fake, &stays, 0, 0, 4);
    fake_group_turn(&fake);
    assert_int_equal(stays.done, 0);
    fake.group->submit_error = ERROR_NONE; /* it came to nothing, and nobody says so */
    fake_group_pass(&fake, 100 * 1000);
    fake_group_commit(&fake);
    expect(&stays, KAFKA_ERROR_NONE, 0);

    fake.group->submit_error = ERROR_STATE;
    append_of(&fake, &goes, 0, 4, 4);
    fake_group_turn(&fake);
    assert_int_equal(goes.done, 0);
    fake_group_follow(&fake, 2, 2);
    fake_group_turn(&fake);
    expect(&goes, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    fake_group_release(&fake);
}

/* A producer sends several batches without waiting: the second must not be told of the hole that
 * the refusal of the first has made. */
static void a_batch_behind_a_refused_one_is_refused_alike(void **state)
{
    struct fake_group fake;
    struct asked first;
    struct asked second;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append_of(&fake, &first, 0, 0, 4);
    fake_group_commit(&fake);
    expect(&first, KAFKA_ERROR_NONE, 0);
    fake.group->submit_error = ERROR_NOT_LEADER; /* it is lost, and follow() is still to come */
    append_of(&fake, &first, 0, 4, 1);
    fake_group_turn(&fake);
    expect(&first, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    append_of(&fake, &second, 0, 5, 1);
    fake_group_turn(&fake);
    expect(&second, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    fake.group->submit_error = ERROR_NONE; /* it was not; both come again */
    append_of(&fake, &first, 0, 4, 1);
    append_of(&fake, &second, 0, 5, 1);
    fake_group_commit(&fake);
    expect(&first, KAFKA_ERROR_NONE, 4);
    expect(&second, KAFKA_ERROR_NONE, 5);
    append_of(&fake, &second, 0, 9, 1); /* a hole of the producer's own */
    fake_group_turn(&fake);
    assert_int_equal(second.done, 0); /* not before we are known to lead still */
    fake_group_commit(&fake);
    expect(&second, KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    fake_group_release(&fake);
}

static void a_retry_is_stored_once(void **state)
{
    struct fake_group fake;
    struct asked first;
    struct asked retry;
    struct asked late;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append_of(&fake, &first, 0, 0, 5);
    fake_group_turn(&fake);
    append_of(&fake, &retry, 0, 0, 5); /* while the first is in flight */
    fake_group_turn(&fake);
    assert_int_equal(retry.done, 0);
    fake_group_commit(&fake);
    expect(&first, KAFKA_ERROR_NONE, 0);
    expect(&retry, KAFKA_ERROR_NONE, 0);
    append_of(&fake, &late, 0, 0, 5); /* and long after */
    fake_group_turn(&fake);
    expect(&late, KAFKA_ERROR_NONE, 0);
    assert_int_equal(status_of(&fake).end_offset, 5);
    append_of(&fake, &late, 0, 7, 1);
    fake_group_turn(&fake);
    assert_int_equal(late.done, 0); /* not before we are known to lead still */
    fake_group_commit(&fake);
    expect(&late, KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    append_of(&fake, &late, 1, 0, 1);
    fake_group_commit(&fake);
    expect(&late, KAFKA_ERROR_NONE, 5);
    append_of(&fake, &late, 0, 5, 1);
    fake_group_turn(&fake);
    expect(&late, KAFKA_ERROR_INVALID_PRODUCER_EPOCH, -1);
    fake_group_release(&fake);
}

/* Kafka takes every negative id for none: such a batch has no sequence that could come again. */
static void who_has_a_negative_id_is_no_producer(void **state)
{
    struct fake_group fake;
    struct asked asked[3];

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append_buffer(&fake, &asked[0], fake_group_batch(2, 10, -2, -1, -1), 1);
    append_buffer(&fake, &asked[1], fake_group_batch(2, 10, -2, -1, -1), 1);
    fake_group_commit(&fake);
    append_buffer(&fake, &asked[2], fake_group_batch(2, 10, -2, -1, -1), 1);
    fake_group_commit(&fake);
    for (int i = 0; i < 3; i++) {
        expect(&asked[i], KAFKA_ERROR_NONE, 2 * i);
    }
    assert_int_equal(status_of(&fake).end_offset, 6);
    fake_group_release(&fake);
}

static void appends_to_an_elected_leader_wait_until_it_leads(void **state)
{
    struct fake_group fake;
    struct asked asked[2];

    (void)state;
    fake_group_init(&fake);
    fake_group_elect(&fake);
    append_of(&fake, &asked[0], 0, 0, 2);
    append_of(&fake, &asked[1], 0, 2, 3);
    fake_group_turn(&fake);
    assert_int_equal(asked[0].done + asked[1].done, 0);
    assert_int_equal(fake.group->log->count, 0);
    fake_group_lead(&fake, 1);
    fake_group_turn(&fake);
    fake_group_commit(&fake);
    expect(&asked[0], KAFKA_ERROR_NONE, 0);
    expect(&asked[1], KAFKA_ERROR_NONE, 2);
    fake_group_release(&fake);
}

static void who_was_elected_and_never_led_sends_its_producers_on(void **state)
{
    struct fake_group fake;
    struct asked asked;

    (void)state;
    fake_group_init(&fake);
    fake_group_elect(&fake);
    append_of(&fake, &asked, 0, 0, 2);
    fake_group_turn(&fake);
    assert_int_equal(asked.done, 0);
    fake_group_follow(&fake, 2, 2);
    expect(&asked, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    fake_group_release(&fake);
}

/* Its successor may have taken what it misses. */
static void a_replaced_leader_tells_nobody_of_a_hole(void **state)
{
    struct fake_group fake;
    struct asked late;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append_of(&fake, &late, 0, 0, 5);
    fake_group_commit(&fake);
    expect(&late, KAFKA_ERROR_NONE, 0);
    append_of(&fake, &late, 0, 9, 1);
    fake_group_turn(&fake);
    assert_int_equal(late.done, 0);
    fake_group_follow(&fake, 2, 2);
    fake_group_turn(&fake);
    expect(&late, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    fake_group_release(&fake);
}

static void who_loses_leadership_tells_its_producers(void **state)
{
    struct fake_group fake;
    struct asked lost;
    struct asked again;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append_of(&fake, &lost, 0, 0, 2);
    fake_group_turn(&fake);
    fake_group_follow(&fake, 2, 2);
    expect(&lost, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    append_of(&fake, &again, 0, 0, 2);
    fake_group_turn(&fake);
    expect(&again, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    fake_group_lead(&fake, 3); /* the lost batch was cut: the retry is new */
    append_of(&fake, &again, 0, 0, 2);
    fake_group_commit(&fake);
    expect(&again, KAFKA_ERROR_NONE, 0);
    assert_int_equal(status_of(&fake).leader_epoch, 3);
    fake_group_release(&fake);
}

static void acks_all_waits_for_min_insync_replicas(void **state)
{
    struct fake_group fake;
    struct asked all;
    struct asked one;
    uint64_t index;

    (void)state;
    fake_group_init(&fake);
    fake.config.min_insync_replicas = 3;
    partition_set_config(fake.partition, &fake.config);
    fake_group_lead(&fake, 1);
    append(&fake, &all, 1, -1);
    append(&fake, &one, 1, 1);
    fake_group_commit(&fake);
    expect(&one, KAFKA_ERROR_NONE, 1);
    assert_int_equal(all.done, 0);
    index = fake.group->log->count;
    fake_group_match(&fake, 2, index);
    assert_int_equal(all.done, 0);
    fake_group_match(&fake, 3, index);
    expect(&all, KAFKA_ERROR_NONE, 0);

    append(&fake, &all, 1, -1);
    fake_group_commit(&fake);
    assert_int_equal(all.done, 0);
    fake.group->is_live[2] = false; /* dies before it has the batch */
    fake_group_pass(&fake, 100000);
    expect(&all, KAFKA_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, -1);
    append(&fake, &all, 1, -1);
    fake_group_turn(&fake);
    expect(&all, KAFKA_ERROR_NOT_ENOUGH_REPLICAS, -1);
    append(&fake, &one, 1, 1);
    fake_group_commit(&fake);
    expect(&one, KAFKA_ERROR_NONE, 3);
    fake_group_release(&fake);
}

/* As in Kafka: a setting beyond the replicas would refuse producers for ever. */
static void no_more_replicas_are_asked_for_than_there_are(void **state)
{
    struct fake_group fake;
    struct asked all;
    uint64_t index;

    (void)state;
    fake_group_init(&fake);
    fake.config.min_insync_replicas = 5;
    partition_set_config(fake.partition, &fake.config);
    fake_group_lead(&fake, 1);
    append(&fake, &all, 1, -1);
    fake_group_commit(&fake);
    assert_int_equal(all.done, 0);
    index = fake.group->log->count;
    fake_group_match(&fake, 2, index);
    assert_int_equal(all.done, 0); /* all three are to have it */
    fake_group_match(&fake, 3, index);
    expect(&all, KAFKA_ERROR_NONE, 0);
    append(&fake, &all, 1, -1);
    fake_group_commit(&fake);
    fake.group->is_live[2] = false;
    fake_group_pass(&fake, 100000);
    expect(&all, KAFKA_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, -1);
    append(&fake, &all, 1, -1);
    fake_group_turn(&fake);
    expect(&all, KAFKA_ERROR_NOT_ENOUGH_REPLICAS, -1);
    fake_group_release(&fake);
}

static void an_append_that_waits_too_long_times_out_and_may_still_happen(void **state)
{
    struct fake_group fake;
    struct asked asked;
    struct asked retry;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    append_of(&fake, &asked, 0, 0, 1);
    fake_group_turn(&fake);
    fake_group_pass(&fake, 1100000);
    expect(&asked, KAFKA_ERROR_REQUEST_TIMED_OUT, -1);
    append_of(&fake, &retry, 0, 0, 1);
    fake_group_commit(&fake);
    expect(&retry, KAFKA_ERROR_NONE, 0);
    assert_int_equal(asked.done, 1);
    assert_int_equal(status_of(&fake).high_watermark, 1);
    fake_group_release(&fake);
}

static void bad_batches_are_refused_with_kafkas_errors(void **state)
{
    struct fake_group fake;
    struct asked asked;
    struct buffer *batch;

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    batch = fake_group_batch(2, 10, NO_PRODUCER, -1, -1);
    batch->bytes[batch->size - 1] ^= 1;
    append_buffer(&fake, &asked, batch, 1);
    fake_group_turn(&fake);
    expect(&asked, KAFKA_ERROR_CORRUPT_MESSAGE, -1);
    fake.config.max_message_bytes = 100;
    partition_set_config(fake.partition, &fake.config);
    append_buffer(&fake, &asked, fake_group_batch(1, 200, NO_PRODUCER, -1, -1), 1);
    fake_group_turn(&fake);
    expect(&asked, KAFKA_ERROR_MESSAGE_TOO_LARGE, -1);
    assert_non_null(asked.append.fault_message);
    fake_group_release(&fake);
}

static void a_topic_with_its_own_codec_stores_batches_under_it_in_order(void **state)
{
    struct fake_group fake;
    struct asked asked[2];

    (void)state;
    fake_group_init(&fake);
    fake.config.compression = TOPIC_COMPRESSION_LZ4;
    fake.config.compression_level = COMPRESSION_LEVEL_DEFAULT;
    partition_set_config(fake.partition, &fake.config);
    fake_group_lead(&fake, 1);
    append_buffer(&fake, &asked[0], fake_group_batch(3, 500, NO_PRODUCER, -1, -1), 1);
    append_buffer(&fake, &asked[1], fake_group_batch(1, 500, NO_PRODUCER, -1, -1), 1);
    fake_group_commit(&fake);
    expect(&asked[0], KAFKA_ERROR_NONE, 0);
    expect(&asked[1], KAFKA_ERROR_NONE, 3);
    assert_int_equal(record_batch_attributes(fake.group->log->entries[1].payload.bytes) &
                         RECORD_BATCH_COMPRESSION,
                     COMPRESSION_LZ4);
    append(&fake, &asked[0], 1, 1); /* given up while it is being compressed */
    fake_group_follow(&fake, 2, 2);
    expect(&asked[0], KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, -1);
    fake_group_release(&fake);
}

static void a_batch_that_must_be_expanded_is_checked_off_the_loop_in_order(void **state)
{
    struct compression_target gzip = {.codec = COMPRESSION_GZIP,
                                      .level = COMPRESSION_LEVEL_DEFAULT};
    struct buffer *plain;
    struct buffer *packed;
    struct fake_group fake;
    struct asked asked[3];

    (void)state;
    fake_group_init(&fake);
    fake.config.cleanup_compact = true; /* keys are demanded, so it must look inside */
    partition_set_config(fake.partition, &fake.config);
    fake_group_lead(&fake, 1);
    plain = fake_group_batch(3000, 10, NO_PRODUCER, -1, -1);
    assert_int_equal(record_batch_recompress(plain->bytes, &gzip, 1 << 20, &packed), ERROR_NONE);
    buffer_unref(plain);
    assert_true(packed->size > 4096);
    append_buffer(&fake, &asked[0], packed, 1);
    append(&fake, &asked[1], 1, 1);
    (void)loop_turn(&fake.loop); /* without the pool */
    assert_int_equal(fake.group->log->count, 1);
    packed = fake_group_batch(1, 10, NO_PRODUCER, -1, -1);
    append_buffer(&fake, &asked[2], packed, 1);
    fake_group_commit(&fake);
    expect(&asked[0], KAFKA_ERROR_NONE, 0);
    expect(&asked[1], KAFKA_ERROR_NONE, 3000);
    expect(&asked[2], KAFKA_ERROR_NONE, 3001);
    fake_group_release(&fake);
}

/* Takes `plain`. */
static struct buffer *packed_by_zstd(struct buffer *plain)
{
    const struct compression_target zstd = {.codec = COMPRESSION_ZSTD,
                                            .level = COMPRESSION_LEVEL_DEFAULT};
    struct buffer *packed;

    assert_int_equal(record_batch_recompress(plain->bytes, &zstd, 1 << 24, &packed), ERROR_NONE);
    buffer_unref(plain);
    assert_true(packed->size < 4096);
    return packed;
}

static void a_small_batch_that_expands_far_is_checked_off_the_loop(void **state)
{
    struct fake_group fake;
    struct asked asked[3];

    (void)state;
    fake_group_init(&fake);
    fake.config.cleanup_compact = true; /* keys are demanded, so it must look inside */
    partition_set_config(fake.partition, &fake.config);
    fake_group_lead(&fake, 1);
    append_buffer(&fake, &asked[0], packed_by_zstd(fake_group_batch(1, 60000, NO_PRODUCER, -1, -1)),
                  1);
    (void)loop_turn(&fake.loop); /* without the pool */
    assert_int_equal(fake.group->log->count, 2);
    append_buffer(&fake, &asked[1],
                  packed_by_zstd(fake_group_batch(1, 8000000, NO_PRODUCER, -1, -1)), 1);
    append(&fake, &asked[2], 1, 1);
    (void)loop_turn(&fake.loop);
    assert_int_equal(fake.group->log->count, 2);
    fake_group_commit(&fake);
    for (int i = 0; i < 3; i++) {
        expect(&asked[i], KAFKA_ERROR_NONE, i);
    }
    fake_group_release(&fake);
}

/* What an old client would send: the records of a batch under gzip as a set of magic 1. */
static struct buffer *old_set_of(int count)
{
    const struct compression_target gzip = {.codec = COMPRESSION_GZIP,
                                            .level = COMPRESSION_LEVEL_DEFAULT};
    const struct record_legacy_wish wish = {
        .magic = 1, .set_bytes_max = 1 << 20, .expanded_bytes_max = 1 << 20};
    struct buffer *plain = fake_group_batch(count, 10, NO_PRODUCER, -1, -1);
    struct record_legacy_set set;
    struct buffer *packed;
    struct string bytes;

    assert_int_equal(record_batch_recompress(plain->bytes, &gzip, 1 << 20, &packed), ERROR_NONE);
    bytes = (struct string){.bytes = packed->bytes, .length = (int32_t)packed->size};
    assert_int_equal(record_legacy_down_convert(bytes, &wish, &set), ERROR_NONE);
    buffer_unref(packed);
    buffer_unref(plain);
    return set.buffer;
}

static void an_old_message_set_becomes_one_batch_under_the_topics_codec(void **state)
{
    struct fake_group fake;
    struct asked asked[2];
    struct buffer *set = old_set_of(300);

    (void)state;
    fake_group_init(&fake);
    fake_group_lead(&fake, 1);
    for (int i = 0; i < 2; i++) {
        memset(&asked[i], 0, sizeof asked[i]);
        asked[i].append = (struct partition_append){.batch = buffer_slice(set, 0, set->size),
                                                    .from_client = true,
                                                    .is_message_set = true,
                                                    .acks = 1,
                                                    .timeout_us = 1000000,
                                                    .done = on_append};
        partition_append(fake.partition, &asked[i].append);
        fake_group_commit(&fake);
        expect(&asked[i], KAFKA_ERROR_NONE, 300 * i);
        assert_int_equal(asked[i].append.converted_count, 300);
        assert_int_equal(record_batch_attributes(fake.group->log->entries[1 + i].payload.bytes) &
                             RECORD_BATCH_COMPRESSION,
                         i == 0 ? COMPRESSION_GZIP : COMPRESSION_LZ4);
        fake.config.compression = TOPIC_COMPRESSION_LZ4;
        fake.config.compression_level = COMPRESSION_LEVEL_DEFAULT;
        partition_set_config(fake.partition, &fake.config);
    }
    buffer_unref(set);
    fake_group_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_dense_and_answered_when_committed),
        cmocka_unit_test(a_full_window_keeps_order_and_goes_on_after_the_next_apply),
        cmocka_unit_test(a_refused_submit_frees_its_offsets),
        cmocka_unit_test(an_append_waits_for_how_a_transfer_of_leadership_ends),
        cmocka_unit_test(a_batch_behind_a_refused_one_is_refused_alike),
        cmocka_unit_test(a_retry_is_stored_once),
        cmocka_unit_test(who_has_a_negative_id_is_no_producer),
        cmocka_unit_test(appends_to_an_elected_leader_wait_until_it_leads),
        cmocka_unit_test(who_was_elected_and_never_led_sends_its_producers_on),
        cmocka_unit_test(a_replaced_leader_tells_nobody_of_a_hole),
        cmocka_unit_test(who_loses_leadership_tells_its_producers),
        cmocka_unit_test(acks_all_waits_for_min_insync_replicas),
        cmocka_unit_test(no_more_replicas_are_asked_for_than_there_are),
        cmocka_unit_test(an_append_that_waits_too_long_times_out_and_may_still_happen),
        cmocka_unit_test(bad_batches_are_refused_with_kafkas_errors),
        cmocka_unit_test(a_batch_that_must_be_expanded_is_checked_off_the_loop_in_order),
        cmocka_unit_test(a_small_batch_that_expands_far_is_checked_off_the_loop),
        cmocka_unit_test(a_topic_with_its_own_codec_stores_batches_under_it_in_order),
        cmocka_unit_test(an_old_message_set_becomes_one_batch_under_the_topics_codec),
    };
    return cmocka_run_group_tests_name("append", tests, NULL, NULL);
}
