/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gyre/base/map.h"

#include "metadata/catalog_store.h"

struct memory_row {
    struct map_link by_key;
    struct buffer *key;
    struct buffer *value;
};

struct memory_store {
    struct catalog_store store;
    struct map rows;
    uint64_t index;
};

static struct memory_store *memory_of(struct catalog_store *store)
{
    return CONTAINER_OF(store, struct memory_store, store);
}

static struct memory_row *find_row(const struct memory_store *memory, struct bytes key)
{
    map_for_each_match(link, &memory->rows, hash_bytes(key.bytes, (size_t)key.length)) {
        struct memory_row *row = CONTAINER_OF(link, struct memory_row, by_key);
        if (row->key->size == (size_t)key.length &&
            memcmp(row->key->bytes, key.bytes, row->key->size) == 0) {
            return row;
        }
    }
    return NULL;
}

static enum error memory_load(struct catalog_store *store, catalog_store_visit visit, void *context,
                              uint64_t *out_index)
{
    struct memory_store *memory = memory_of(store);

    map_for_each(link, &memory->rows) {
        const struct memory_row *row = CONTAINER_OF(link, struct memory_row, by_key);
        enum error error = visit(context, (struct bytes){row->key->bytes, (int32_t)row->key->size},
                                 (struct bytes){row->value->bytes, (int32_t)row->value->size});
        if (error != ERROR_NONE) {
            return error;
        }
    }
    *out_index = memory->index;
    return ERROR_NONE;
}

static void remove_row(struct memory_store *memory, struct memory_row *row)
{
    map_remove(&memory->rows, &row->by_key);
    buffer_unref(row->key);
    buffer_unref(row->value);
    free(row);
}

static enum error memory_write(struct catalog_store *store, const struct catalog_store_row *rows,
                               int32_t count, uint64_t index)
{
    struct memory_store *memory = memory_of(store);

    for (int32_t i = 0; i < count; i++) {
        struct memory_row *row = find_row(memory, rows[i].key);
        if (row != NULL) {
            remove_row(memory, row);
        }
        if (rows[i].value != NULL) {
            row = check_alloc_zero(sizeof *row);
            row->key = buffer_copy(rows[i].key.bytes, (size_t)rows[i].key.length);
            row->value = buffer_copy(rows[i].value->bytes, rows[i].value->size);
            map_insert(&memory->rows, &row->by_key, hash_bytes(row->key->bytes, row->key->size));
        }
    }
    memory->index = index;
    return ERROR_NONE;
}

static enum error memory_drop(struct catalog_store *store)
{
    struct memory_store *memory = memory_of(store);

    map_for_each_safe(link, &memory->rows) {
        remove_row(memory, CONTAINER_OF(link, struct memory_row, by_key));
    }
    memory->index = 0;
    return ERROR_NONE;
}

static void memory_close(struct catalog_store *store)
{
    enum error error = memory_drop(store);

    CHECK(error == ERROR_NONE);
    map_release(&memory_of(store)->rows);
    free(memory_of(store));
}

struct catalog_store *catalog_store_new_in_memory(void)
{
    static const struct catalog_store_operations operations = {memory_load, memory_write,
                                                               memory_drop, memory_close};
    struct memory_store *memory = check_alloc_zero(sizeof *memory);

    memory->store.operations = &operations;
    map_init(&memory->rows);
    return &memory->store;
}
