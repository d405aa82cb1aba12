/* SPDX-License-Identifier: Apache-2.0 */
/* A retry is recognised by its sequences, stored or in flight; a gap and an old epoch are refused.
 */
#include "gyre/base/buffer.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/writer.h"

#include "partition/producer_overlay.h"
#include "partition/producer_state.h"
#include "support/test.h"

enum { ID = 7 };

static struct producer_claim claim_of(int16_t epoch, int32_t base, int32_t last)
{
    return (struct producer_claim){
        .id = ID, .epoch = epoch, .base_sequence = base, .last_sequence = last};
}

static void apply(struct producer_state *state, int64_t id, int16_t epoch, int32_t base,
                  int32_t last, int64_t offset)
{
    struct record_batch_info info = {.producer_id = id,
                                     .producer_epoch = epoch,
                                     .base_sequence = base,
                                     .last_sequence = last,
                                     .max_timestamp_ms = 1000 + offset};

    producer_state_apply(state, &info, offset);
}

static enum producer_verdict check(const struct producer_state *state, int16_t epoch, int32_t base,
                                   int32_t last, int64_t *out_offset)
{
    const struct producer_batch *duplicate = NULL;
    struct producer_claim claim = claim_of(epoch, base, last);
    enum producer_verdict verdict = producer_state_check(state, &claim, &duplicate);

    assert_int_equal(verdict == PRODUCER_DUPLICATE, duplicate != NULL);
    *out_offset = duplicate == NULL ? -1 : duplicate->base_offset;
    return verdict;
}

static void the_last_five_batches_answer_with_their_offset(void **unused)
{
    struct producer_state state;
    int64_t offset;

    (void)unused;
    producer_state_init(&state);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(check(&state, 0, i * 10, i * 10 + 9, &offset), PRODUCER_ACCEPTED);
        apply(&state, ID, 0, i * 10, i * 10 + 9, 100 + i * 10);
    }
    for (int i = 2; i < 7; i++) {
        assert_int_equal(check(&state, 0, i * 10, i * 10 + 9, &offset), PRODUCER_DUPLICATE);
        assert_int_equal(offset, 100 + i * 10);
    }
    assert_int_equal(check(&state, 0, 10, 19, &offset), PRODUCER_OLD_DUPLICATE);
    assert_int_equal(check(&state, 0, 0, 9, &offset), PRODUCER_OLD_DUPLICATE);
    assert_int_equal(check(&state, 0, 15, 24, &offset), PRODUCER_OUT_OF_ORDER);
    assert_int_equal(check(&state, 0, 71, 72, &offset), PRODUCER_OUT_OF_ORDER);
    assert_int_equal(check(&state, 0, 70, 72, &offset), PRODUCER_ACCEPTED);
    producer_state_release(&state);
}

/* A producer whose first batch failed is known by its second one; the first was never stored. */
static void what_came_before_the_first_batch_is_no_duplicate(void **unused)
{
    struct producer_state state;
    int64_t offset;

    (void)unused;
    producer_state_init(&state);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(check(&state, 0, i, i, &offset), PRODUCER_ACCEPTED);
        apply(&state, ID, 0, i, i, 100 + i);
        assert_int_equal(check(&state, 0, 0, 0, &offset), PRODUCER_OUT_OF_ORDER);
    }
    producer_state_release(&state);
}

static void sequences_wrap_to_zero(void **unused)
{
    struct producer_state state;
    int64_t offset;

    (void)unused;
    producer_state_init(&state);
    apply(&state, ID, 3, INT32_MAX - 9, INT32_MAX, 50);
    assert_int_equal(check(&state, 3, 0, 4, &offset), PRODUCER_ACCEPTED);
    assert_int_equal(check(&state, 3, 1, 4, &offset), PRODUCER_OUT_OF_ORDER);
    apply(&state, ID, 3, 0, 4, 60);
    assert_int_equal(check(&state, 3, INT32_MAX - 9, INT32_MAX, &offset), PRODUCER_DUPLICATE);
    assert_int_equal(offset, 50);
    assert_int_equal(check(&state, 3, INT32_MAX - 19, INT32_MAX - 10, &offset),
                     PRODUCER_OUT_OF_ORDER);
    for (int i = 0; i < 4; i++) {
        apply(&state, ID, 3, 5 + i, 5 + i, 65 + i);
    }
    assert_int_equal(check(&state, 3, INT32_MAX - 9, INT32_MAX, &offset), PRODUCER_OLD_DUPLICATE);
    producer_state_release(&state);

    apply(&state, ID, 3, INT32_MAX - 1, 2, 70); /* one batch across the wrap */
    assert_int_equal(check(&state, 3, INT32_MAX - 1, 2, &offset), PRODUCER_DUPLICATE);
    assert_int_equal(check(&state, 3, 3, 3, &offset), PRODUCER_ACCEPTED);
    producer_state_release(&state);
}

static void a_new_epoch_starts_at_zero_and_fences_the_old_one(void **unused)
{
    struct producer_state state;
    int64_t offset;

    (void)unused;
    producer_state_init(&state);
    assert_int_equal(check(&state, 4, 17, 18, &offset), PRODUCER_ACCEPTED); /* nothing known */
    apply(&state, ID, 4, 17, 18, 0);
    assert_int_equal(check(&state, 5, 19, 19, &offset), PRODUCER_OUT_OF_ORDER);
    assert_int_equal(check(&state, 5, 0, 3, &offset), PRODUCER_ACCEPTED);
    apply(&state, ID, 5, 0, 3, 2);
    assert_int_equal(check(&state, 4, 19, 19, &offset), PRODUCER_FENCED);
    assert_int_equal(check(&state, 5, 0, 3, &offset), PRODUCER_DUPLICATE);
    producer_state_release(&state);
}

static void what_is_in_flight_counts_as_stored(void **unused)
{
    struct producer_state state;
    struct map overlay;
    struct inflight_batch first = {.claim = claim_of(0, 10, 19)};
    struct inflight_batch second = {.claim = claim_of(0, 20, 29)};
    const struct producer_batch *stored = NULL;
    struct inflight_batch *inflight = NULL;
    struct producer_claim claim;

    (void)unused;
    producer_state_init(&state);
    producer_overlay_init(&overlay);
    apply(&state, ID, 0, 0, 9, 0);
    producer_overlay_add(&overlay, &first);
    producer_overlay_add(&overlay, &second);

    claim = claim_of(0, 10, 19);
    assert_int_equal(producer_overlay_check(&overlay, &state, &claim, &inflight, &stored),
                     PRODUCER_DUPLICATE);
    assert_ptr_equal(inflight, &first);
    assert_null(stored);
    claim = claim_of(0, 0, 9);
    assert_int_equal(producer_overlay_check(&overlay, &state, &claim, &inflight, &stored),
                     PRODUCER_DUPLICATE);
    assert_null(inflight);
    assert_int_equal(stored->base_offset, 0);
    stored = NULL;
    claim = claim_of(0, 31, 31);
    assert_int_equal(producer_overlay_check(&overlay, &state, &claim, &inflight, &stored),
                     PRODUCER_OUT_OF_ORDER);
    claim = claim_of(0, 10, 12); /* what the committed state alone would accept */
    assert_int_equal(producer_overlay_check(&overlay, &state, &claim, &inflight, &stored),
                     PRODUCER_OUT_OF_ORDER);
    claim = claim_of(0, 30, 31);
    assert_int_equal(producer_overlay_check(&overlay, &state, &claim, &inflight, &stored),
                     PRODUCER_ACCEPTED);
    claim = claim_of(1, 0, 1);
    assert_int_equal(producer_overlay_check(&overlay, &state, &claim, &inflight, &stored),
                     PRODUCER_ACCEPTED);

    producer_overlay_remove(&overlay, &second);
    claim = claim_of(0, 20, 29);
    assert_int_equal(producer_overlay_check(&overlay, &state, &claim, &inflight, &stored),
                     PRODUCER_ACCEPTED);
    producer_overlay_remove(&overlay, &first);
    producer_overlay_release(&overlay);
    producer_state_release(&state);
}

static void silent_producers_expire_in_committed_time(void **unused)
{
    struct producer_state state;

    (void)unused;
    producer_state_init(&state);
    apply(&state, 1, 0, 0, 0, 0);
    assert_true(producer_state_needs_tick(&state, 1000, 100));
    producer_state_tick(&state, 1000, 100);
    assert_false(producer_state_needs_tick(&state, 1099, 100));
    apply(&state, 2, 0, 0, 0, 1);
    producer_state_tick(&state, 1099, 100);
    assert_non_null(producer_state_find(&state, 1));
    producer_state_tick(&state, 1100, 100);
    assert_null(producer_state_find(&state, 1));
    assert_non_null(producer_state_find(&state, 2));
    producer_state_release(&state);
}

static void a_snapshot_restores_what_was_encoded(void **unused)
{
    struct producer_state state;
    struct producer_state copy;
    struct writer writer;
    struct reader reader;
    struct buffer *bytes;
    int64_t offset;

    (void)unused;
    producer_state_init(&state);
    producer_state_init(&copy);
    apply(&state, 9, 1, 0, 4, 10);
    producer_state_tick(&state, 500, 10000);
    for (int i = 0; i < 6; i++) {
        apply(&state, ID, 2, i, i, 20 + i);
    }
    writer_init(&writer, NULL, SIZE_MAX);
    producer_state_encode(&state, &writer);
    bytes = buffer_new(writer.used);
    writer_init(&writer, bytes->bytes, bytes->size);
    producer_state_encode(&state, &writer);

    reader_init(&reader, bytes->bytes, bytes->size);
    assert_int_equal(producer_state_decode(&copy, &reader), ERROR_NONE);
    assert_int_equal(reader_left(&reader), 0);
    assert_int_equal(check(&copy, 2, 5, 5, &offset), PRODUCER_DUPLICATE);
    assert_int_equal(offset, 25);
    assert_int_equal(check(&copy, 2, 0, 0, &offset), PRODUCER_OLD_DUPLICATE);
    assert_int_equal(producer_state_find(&copy, 9)->last_seen_ms, 500);

    for (size_t size = 0; size < bytes->size; size++) {
        producer_state_release(&copy);
        reader_init(&reader, bytes->bytes, size);
        assert_int_equal(producer_state_decode(&copy, &reader), ERROR_MALFORMED);
    }
    producer_state_release(&copy);
    producer_state_release(&state);
    buffer_unref(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_five_batches_answer_with_their_offset),
        cmocka_unit_test(what_came_before_the_first_batch_is_no_duplicate),
        cmocka_unit_test(sequences_wrap_to_zero),
        cmocka_unit_test(a_new_epoch_starts_at_zero_and_fences_the_old_one),
        cmocka_unit_test(what_is_in_flight_counts_as_stored),
        cmocka_unit_test(silent_producers_expire_in_committed_time),
        cmocka_unit_test(a_snapshot_restores_what_was_encoded),
    };
    return cmocka_run_group_tests_name("producer_state", tests, NULL, NULL);
}
