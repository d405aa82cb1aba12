/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store keeps applied rows on disk, so that a broker knows its region before Raft has spoken.
 * It is a copy: everything in it can be had again from Raft, so damage costs a start some time and
 * nothing else. gyred has LMDB, the simulator and tests a map in memory.
 *
 * Thread: load() before the loop runs; write() on a pool thread, one at a time.
 */
#ifndef GYRE_METADATA_CATALOG_STORE_H
#define GYRE_METADATA_CATALOG_STORE_H

#include <stdint.h>

#include "gyre/base/buffer.h"
#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct catalog_store;

struct catalog_store_row {
    struct bytes key;     /* borrowed */
    struct buffer *value; /* NULL: remove it */
};

/* Calls visit() for each row; the index that they belong to. CORRUPT: a checksum is wrong or the
 * file is not one of ours; drop() it. ERROR_NONE with index 0: empty. */
typedef enum error (*catalog_store_visit)(void *context, struct bytes key, struct bytes value);
struct catalog_store_operations {
    enum error (*load)(struct catalog_store *store, catalog_store_visit visit, void *context,
                       uint64_t *out_index);
    /* All of it and the index, or nothing. */
    enum error (*write)(struct catalog_store *store, const struct catalog_store_row *rows,
                        int32_t count, uint64_t index);
    enum error (*drop)(struct catalog_store *store); /* empty it */
    void (*close)(struct catalog_store *store);
};

/* The first member of every kind of store. */
struct catalog_store {
    const struct catalog_store_operations *operations;
};

/* LMDB in `directory`, which is made if it is not there. */
MUST_USE
enum error catalog_store_open(const char *directory, struct catalog_store **out_store);

/* A map; survives a simulated crash, which forgets the catalog but not its store. */
struct catalog_store *catalog_store_new_in_memory(void);

static inline void catalog_store_close(struct catalog_store *store)
{
    if (store != NULL) {
        store->operations->close(store);
    }
}

#endif
