/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/scram_index.h"

#include <stdbool.h>
#include <stdlib.h>

#include "gyre/base/check.h"

void scram_index_release(struct scram_index *index)
{
    free(index->entries);
    *index = (struct scram_index){0};
}

static struct scram_index_entry *bucket_of(const struct scram_index *index, uint64_t number)
{
    return &index->entries[(number & (index->bucket_count - 1)) * SCRAM_INDEX_BUCKET];
}

/* False: its bucket is full. */
static bool place(struct scram_index *index, uint64_t hash, struct security_object *object)
{
    struct scram_index_entry *bucket = bucket_of(index, hash);

    for (int i = 0; i < SCRAM_INDEX_BUCKET; i++) {
        if (bucket[i].object == NULL) {
            bucket[i] = (struct scram_index_entry){hash, object};
            return true;
        }
    }
    return false;
}

/* What was in one bucket goes into two. */
static void grow(struct scram_index *index)
{
    struct scram_index old = *index;

    index->bucket_count = old.bucket_count == 0 ? 1 : old.bucket_count * 2;
    index->entries =
        check_alloc_zero(index->bucket_count * SCRAM_INDEX_BUCKET * sizeof *index->entries);
    for (size_t i = 0; i < old.bucket_count * SCRAM_INDEX_BUCKET; i++) {
        if (old.entries[i].object != NULL) {
            CHECK(place(index, old.entries[i].hash, old.entries[i].object));
        }
    }
    free(old.entries);
}

/* Hashes are seeded: no one can choose names that fill a bucket. */
void scram_index_add(struct scram_index *index, uint64_t hash, struct security_object *object)
{
    while (index->bucket_count == 0 || !place(index, hash, object)) {
        grow(index);
    }
}

void scram_index_remove(struct scram_index *index, uint64_t hash,
                        const struct security_object *object)
{
    struct scram_index_entry *bucket = bucket_of(index, hash);

    for (int i = 0; i < SCRAM_INDEX_BUCKET; i++) {
        if (bucket[i].object == object) {
            bucket[i] = (struct scram_index_entry){0};
            return;
        }
    }
    CHECK(false); /* it is in */
}

/* The nearest hash wins, without a branch that hangs on what is there. */
static const struct security_object *nearest(const struct scram_index_entry *bucket, uint64_t hash)
{
    const struct security_object *best = NULL;
    uint64_t best_distance = UINT64_MAX;

    for (int i = 0; i < SCRAM_INDEX_BUCKET; i++) {
        uint64_t is_free = (uint64_t)(bucket[i].object == NULL);
        uint64_t distance = (bucket[i].hash ^ hash) | (0 - is_free);
        bool is_nearer = distance < best_distance;

        best = is_nearer ? bucket[i].object : best;
        best_distance = is_nearer ? distance : best_distance;
    }
    return best;
}

const struct security_object *scram_index_find(const struct scram_index *index, uint64_t hash)
{
    const struct security_object *found = NULL;

    for (size_t i = 0; i < index->bucket_count && found == NULL; i++) {
        found = nearest(bucket_of(index, hash + i), hash);
    }
    return found;
}
