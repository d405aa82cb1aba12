/* SPDX-License-Identifier: Apache-2.0 */
#include "partition/producer_state.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/writer.h"

/* Sequences count 0 .. INT32_MAX and wrap; distances beyond half of that mean "behind". */
enum { SEQUENCE_MASK = INT32_MAX, SEQUENCE_HALF = 1 << 30 };

void producer_state_init(struct producer_state *state)
{
    map_init(&state->by_id);
    list_init(&state->by_age);
}

static void forget(struct producer_state *state, struct producer *producer)
{
    map_remove(&state->by_id, &producer->by_id);
    list_remove(&producer->by_age);
    free(producer);
}

void producer_state_release(struct producer_state *state)
{
    list_for_each_safe(link, &state->by_age) {
        forget(state, list_entry(link, struct producer, by_age));
    }
    map_release(&state->by_id);
    producer_state_init(state);
}

static struct producer *find(const struct producer_state *state, int64_t id)
{
    map_for_each_match(link, &state->by_id, hash_u64((uint64_t)id)) {
        struct producer *producer = CONTAINER_OF(link, struct producer, by_id);

        if (producer->id == id) {
            return producer;
        }
    }
    return NULL;
}

const struct producer *producer_state_find(const struct producer_state *state, int64_t id)
{
    return find(state, id);
}

enum producer_verdict producer_state_judge(int32_t oldest_sequence, int32_t last_sequence,
                                           const struct producer_claim *claim)
{
    uint32_t behind;

    if (claim->base_sequence == (int32_t)(((uint32_t)last_sequence + 1) & SEQUENCE_MASK)) {
        return PRODUCER_ACCEPTED;
    }
    behind = ((uint32_t)oldest_sequence - (uint32_t)claim->last_sequence) & SEQUENCE_MASK;
    return behind > 0 && behind < SEQUENCE_HALF ? PRODUCER_OLD_DUPLICATE : PRODUCER_OUT_OF_ORDER;
}

enum producer_verdict producer_state_check(const struct producer_state *state,
                                           const struct producer_claim *claim,
                                           const struct producer_batch **out_duplicate)
{
    const struct producer *producer = find(state, claim->id);
    enum producer_verdict verdict;

    if (producer == NULL) {
        return PRODUCER_ACCEPTED; /* expired or deleted: any sequence may come */
    }
    if (claim->epoch < producer->epoch) {
        return PRODUCER_FENCED;
    }
    if (claim->epoch > producer->epoch) {
        return claim->base_sequence == 0 ? PRODUCER_ACCEPTED : PRODUCER_OUT_OF_ORDER;
    }
    for (int i = 0; i < producer->batch_count; i++) {
        const struct producer_batch *batch = &producer->batches[i];

        if (batch->base_sequence == claim->base_sequence &&
            batch->last_sequence == claim->last_sequence) {
            *out_duplicate = batch;
            return PRODUCER_DUPLICATE;
        }
    }
    CHECK(producer->batch_count > 0);
    verdict =
        producer_state_judge(producer->batches[0].base_sequence,
                             producer->batches[producer->batch_count - 1].last_sequence, claim);
    /* Nothing of it was forgotten: then what is older was never stored, as the first to come may
     * have any sequence. Who heard that it is a duplicate would take it for stored. */
    return verdict == PRODUCER_OLD_DUPLICATE && producer->batch_count < PRODUCER_BATCHES_RETAINED
               ? PRODUCER_OUT_OF_ORDER
               : verdict;
}

static struct producer *add(struct producer_state *state, int64_t id, int16_t epoch)
{
    struct producer *producer = check_alloc_zero(sizeof *producer);

    if (state->by_id.count >= PRODUCERS_MAX) {
        forget(state, list_first(&state->by_age, struct producer, by_age));
    }
    producer->id = id;
    producer->epoch = epoch;
    list_init(&producer->by_age);
    map_insert(&state->by_id, &producer->by_id, hash_u64((uint64_t)id));
    return producer;
}

void producer_state_apply(struct producer_state *state, const struct record_batch_info *info,
                          int64_t base_offset)
{
    struct producer *producer = find(state, info->producer_id);

    if (producer == NULL) {
        producer = add(state, info->producer_id, info->producer_epoch);
    }
    if (info->producer_epoch != producer->epoch) {
        producer->epoch = info->producer_epoch;
        producer->batch_count = 0;
    }
    if (producer->batch_count == PRODUCER_BATCHES_RETAINED) {
        memmove(producer->batches, producer->batches + 1,
                (PRODUCER_BATCHES_RETAINED - 1) * sizeof producer->batches[0]);
        producer->batch_count--;
    }
    producer->batches[producer->batch_count++] = (struct producer_batch){
        .base_sequence = info->base_sequence,
        .last_sequence = info->last_sequence,
        .base_offset = base_offset,
        .timestamp_ms = info->max_timestamp_ms,
    };
    producer->last_seen_ms = -1;
    list_remove(&producer->by_age);
    list_append(&state->by_age, &producer->by_age);
}

bool producer_state_needs_tick(const struct producer_state *state, int64_t now_ms,
                               int64_t expiration_ms)
{
    const struct producer *oldest;
    const struct producer *newest;

    if (list_is_empty(&state->by_age)) {
        return false;
    }
    oldest = list_first(&state->by_age, struct producer, by_age);
    newest = list_entry(state->by_age.previous, struct producer, by_age);
    return newest->last_seen_ms == -1 || now_ms - oldest->last_seen_ms >= expiration_ms;
}

void producer_state_tick(struct producer_state *state, int64_t now_ms, int64_t expiration_ms)
{
    for (struct list *link = state->by_age.previous; link != &state->by_age;
         link = link->previous) {
        struct producer *producer = list_entry(link, struct producer, by_age);

        if (producer->last_seen_ms != -1) {
            break;
        }
        producer->last_seen_ms = now_ms;
    }
    list_for_each_safe(link, &state->by_age) {
        struct producer *producer = list_entry(link, struct producer, by_age);

        if (now_ms - producer->last_seen_ms < expiration_ms) {
            break;
        }
        forget(state, producer);
    }
}

void producer_state_encode(const struct producer_state *state, struct writer *writer)
{
    writer_u32(writer, (uint32_t)state->by_id.count);
    list_for_each(link, &state->by_age) {
        const struct producer *producer = list_entry(link, struct producer, by_age);

        writer_i64(writer, producer->id);
        writer_i64(writer, producer->last_seen_ms);
        writer_i16(writer, producer->epoch);
        writer_i16(writer, producer->batch_count);
        for (int i = 0; i < producer->batch_count; i++) {
            writer_i32(writer, producer->batches[i].base_sequence);
            writer_i32(writer, producer->batches[i].last_sequence);
            writer_i64(writer, producer->batches[i].base_offset);
            writer_i64(writer, producer->batches[i].timestamp_ms);
        }
    }
}

static enum error decode_one(struct producer_state *state, struct reader *reader)
{
    int64_t id = reader_i64(reader);
    int64_t last_seen_ms = reader_i64(reader);
    int16_t epoch = reader_i16(reader);
    int16_t batch_count = reader_i16(reader);
    struct producer *producer;

    if (reader->failed || batch_count < 1 || batch_count > PRODUCER_BATCHES_RETAINED ||
        find(state, id) != NULL) {
        return ERROR_MALFORMED;
    }
    producer = add(state, id, epoch);
    producer->last_seen_ms = last_seen_ms;
    producer->batch_count = batch_count;
    list_append(&state->by_age, &producer->by_age);
    for (int i = 0; i < batch_count; i++) {
        producer->batches[i].base_sequence = reader_i32(reader);
        producer->batches[i].last_sequence = reader_i32(reader);
        producer->batches[i].base_offset = reader_i64(reader);
        producer->batches[i].timestamp_ms = reader_i64(reader);
    }
    return reader->failed ? ERROR_MALFORMED : ERROR_NONE;
}

enum error producer_state_decode(struct producer_state *state, struct reader *reader)
{
    uint32_t count = reader_u32(reader);

    if (count > PRODUCERS_MAX) {
        return ERROR_MALFORMED;
    }
    for (uint32_t i = 0; i < count; i++) {
        enum error error = decode_one(state, reader);
        if (error != ERROR_NONE) {
            return error;
        }
    }
    return reader->failed ? ERROR_MALFORMED : ERROR_NONE;
}
