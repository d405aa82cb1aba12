/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes dirty rows to the store, a batch at a time, on the pool. When a write fails the store stays
 * at its last batch, which is whole, and is not written again: the next start replays the rest.
 */
#include <stdlib.h>

#include "gyre/observe/log.h"

#include "metadata/catalog_internal.h"
#include "metadata/catalog_rows.h"
#include "metadata/catalog_store.h"

struct catalog_flush_batch {
    struct work work;
    struct catalog *catalog; /* NULL: it is gone */
    struct catalog_store *store;
    struct catalog_store_row *rows; /* owned, with their keys and values */
    int32_t count;
    uint64_t index;
    enum error error;
};

static enum error load_row(void *context, struct bytes key, struct bytes value)
{
    struct catalog *catalog = context;

    (void)key;
    return catalog_rows_put(&catalog->state, value);
}

static void forget_everything(struct catalog *catalog)
{
    catalog_state_release(&catalog->state);
    catalog_state_init(&catalog->state, catalog->services.config, catalog->services.node_id);
}

void catalog_flush_load(struct catalog *catalog)
{
    struct catalog_store *store = catalog->services.store;
    uint64_t index = 0;

    if (store == NULL) {
        return;
    }
    enum error error = store->operations->load(store, load_row, catalog, &index);
    if (error == ERROR_NONE) {
        catalog->state.applied_index = index;
        topics_compute_all(&catalog->state);
    } else {
        log_warning(LOG_METADATA, "the catalog's store is dropped and built again from Raft",
                    field_error(error));
        forget_everything(catalog);
        error = store->operations->drop(store);
        if (error != ERROR_NONE) {
            log_error(LOG_METADATA, "the catalog's store cannot be dropped", field_error(error));
            catalog->has_flush_failed = true;
        }
    }
    catalog->state.keeps_dirty = !catalog->has_flush_failed;
}

static void free_batch(struct catalog_flush_batch *batch)
{
    for (int32_t i = 0; i < batch->count; i++) {
        free(batch->rows[i].key.bytes);
        buffer_unref(batch->rows[i].value);
    }
    free(batch->rows);
    free(batch);
}

static void run_batch(struct work *work)
{
    struct catalog_flush_batch *batch = CONTAINER_OF(work, struct catalog_flush_batch, work);

    batch->error =
        batch->store->operations->write(batch->store, batch->rows, batch->count, batch->index);
}

static void batch_done(struct work *work)
{
    struct catalog_flush_batch *batch = CONTAINER_OF(work, struct catalog_flush_batch, work);
    struct catalog *catalog = batch->catalog;

    if (catalog != NULL) {
        catalog->flushing = NULL;
        if (batch->error != ERROR_NONE) {
            log_error(LOG_METADATA, "the catalog's store is not written any more",
                      field_error(batch->error));
            catalog->has_flush_failed = true;
            catalog->state.keeps_dirty = false;
            catalog_state_forget_dirty(&catalog->state);
        }
        catalog_flush_note(catalog);
    }
    free_batch(batch);
}

static void collect_rows(struct catalog_flush_batch *batch, struct catalog_state *state)
{
    batch->rows = check_alloc_zero(state->dirty.count * sizeof *batch->rows);
    map_for_each(link, &state->dirty) {
        const struct row_key *key = CONTAINER_OF(link, struct row_key, by_key);
        struct catalog_store_row *row = &batch->rows[batch->count++];
        row->key.bytes = check_alloc((size_t)key->length);
        row->key.length = key->length;
        memcpy(row->key.bytes, key->bytes, (size_t)key->length);
        row->value = catalog_rows_encode(state, key);
    }
    catalog_state_forget_dirty(state);
}

static void flush_expired(struct timer *timer)
{
    struct catalog *catalog = CONTAINER_OF(timer, struct catalog, flush);
    struct catalog_state *state = &catalog->state;

    if (catalog->flushing != NULL || state->dirty.count == 0) {
        return;
    }
    struct catalog_flush_batch *batch = check_alloc_zero(sizeof *batch);
    batch->catalog = catalog;
    batch->store = catalog->services.store;
    batch->index = state->applied_index;
    collect_rows(batch, state);
    batch->work = (struct work){.run = run_batch, .done = batch_done};
    catalog->flushing = batch;
    work_submit(catalog->services.pool, &batch->work);
}

void catalog_flush_init(struct catalog *catalog)
{
    timer_init(&catalog->flush, flush_expired);
}

void catalog_flush_release(struct catalog *catalog)
{
    timer_stop(catalog->services.loop, &catalog->flush);
    if (catalog->flushing != NULL) {
        catalog->flushing->catalog = NULL;
        catalog->flushing = NULL;
    }
}

void catalog_flush_note(struct catalog *catalog)
{
    if (catalog->state.dirty.count > 0 && catalog->flushing == NULL &&
        !timer_is_running(&catalog->flush)) {
        timer_start(catalog->services.loop, &catalog->flush, CATALOG_FLUSH_US);
    }
}
