/* SPDX-License-Identifier: Apache-2.0 */
#include "partition/producer_overlay.h"

#include <stdlib.h>

#include "gyre/base/check.h"

struct overlay_producer {
    struct map_link by_id;
    int64_t id;
    struct list batches; /* struct inflight_batch, in order, never empty */
};

void producer_overlay_init(struct map *overlay)
{
    map_init(overlay);
}

void producer_overlay_release(struct map *overlay)
{
    CHECK(overlay->count == 0);
    map_release(overlay);
}

static struct overlay_producer *find(const struct map *overlay, int64_t id)
{
    map_for_each_match(link, overlay, hash_u64((uint64_t)id)) {
        struct overlay_producer *producer = CONTAINER_OF(link, struct overlay_producer, by_id);

        if (producer->id == id) {
            return producer;
        }
    }
    return NULL;
}

static struct inflight_batch *find_duplicate(const struct overlay_producer *producer,
                                             const struct producer_claim *claim)
{
    list_for_each(link, &producer->batches) {
        struct inflight_batch *batch = list_entry(link, struct inflight_batch, of_producer);

        if (batch->claim.epoch == claim->epoch &&
            batch->claim.base_sequence == claim->base_sequence &&
            batch->claim.last_sequence == claim->last_sequence) {
            return batch;
        }
    }
    return NULL;
}

enum producer_verdict producer_overlay_check(const struct map *overlay,
                                             const struct producer_state *state,
                                             const struct producer_claim *claim,
                                             struct inflight_batch **out_inflight,
                                             const struct producer_batch **out_stored)
{
    const struct overlay_producer *producer = find(overlay, claim->id);
    const struct inflight_batch *newest;
    enum producer_verdict stored;

    if (producer == NULL) {
        return producer_state_check(state, claim, out_stored);
    }
    newest = list_entry(producer->batches.previous, struct inflight_batch, of_producer);
    if (claim->epoch < newest->claim.epoch) {
        return PRODUCER_FENCED;
    }
    if (claim->epoch > newest->claim.epoch) {
        return claim->base_sequence == 0 ? PRODUCER_ACCEPTED : PRODUCER_OUT_OF_ORDER;
    }
    *out_inflight = find_duplicate(producer, claim);
    if (*out_inflight != NULL) {
        return PRODUCER_DUPLICATE;
    }
    if (producer_state_judge(newest->claim.base_sequence, newest->claim.last_sequence, claim) ==
        PRODUCER_ACCEPTED) {
        return PRODUCER_ACCEPTED;
    }
    if (producer_state_find(state, claim->id) == NULL) {
        return PRODUCER_OUT_OF_ORDER;
    }
    stored = producer_state_check(state, claim, out_stored);
    return stored == PRODUCER_ACCEPTED ? PRODUCER_OUT_OF_ORDER : stored;
}

void producer_overlay_add(struct map *overlay, struct inflight_batch *batch)
{
    struct overlay_producer *producer = find(overlay, batch->claim.id);

    if (producer == NULL) {
        producer = check_alloc_zero(sizeof *producer);
        producer->id = batch->claim.id;
        list_init(&producer->batches);
        map_insert(overlay, &producer->by_id, hash_u64((uint64_t)producer->id));
    }
    batch->producer = producer;
    list_append(&producer->batches, &batch->of_producer);
}

void producer_overlay_remove(struct map *overlay, struct inflight_batch *batch)
{
    struct overlay_producer *producer = batch->producer;

    if (producer == NULL) {
        return;
    }
    list_remove(&batch->of_producer);
    batch->producer = NULL;
    if (list_is_empty(&producer->batches)) {
        map_remove(overlay, &producer->by_id);
        free(producer);
    }
}
