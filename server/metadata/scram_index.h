/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All credentials of a region by a hash, so that looking for who is not there costs what looking
 * for who is there costs: a bucket is read to its end whatever is in it, and something is always
 * found. It owns nothing but its table, which shrinks with what is in it: a look-up passes empty
 * buckets until it finds something.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_METADATA_SCRAM_INDEX_H
#define GYRE_METADATA_SCRAM_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct security_object;

enum { SCRAM_INDEX_BUCKET = 16 };

struct scram_index_entry {
    uint64_t hash;
    struct security_object *object; /* NULL: free */
};

struct scram_index {
    struct scram_index_entry *entries; /* owned; SCRAM_INDEX_BUCKET of each bucket */
    size_t bucket_count;               /* a power of two, or none */
    size_t count;
};

void scram_index_release(struct scram_index *index);
void scram_index_add(struct scram_index *index, uint64_t hash, struct security_object *object);
void scram_index_remove(struct scram_index *index, uint64_t hash,
                        const struct security_object *object);

/* The one with this hash; where there is none, one of the others. None may be: NULL. */
const struct security_object *scram_index_find(const struct scram_index *index, uint64_t hash);

#endif
