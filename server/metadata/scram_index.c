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

/* False: a bucket would be full, and nothing has changed. */
static bool resize(struct scram_index *index, size_t bucket_count)
{
    struct scram_index resized = {.bucket_count = bucket_count, .count = index->count};

    resized.entries = check_alloc_zero(bucket_count * SCRAM_INDEX_BUCKET * sizeof *resized.entries);
    for (size_t i = 0; i < index->bucket_count * SCRAM_INDEX_BUCKET; i++) {
        const struct scram_index_entry *entry = &index->entries[i];

        if (entry->object != NULL && !place(&resized, entry->hash, entry->object)) {
            free(resized.entries);
            return false;
        }
    }
    free(index->entries);
    *index = resized;
    return true;
}

/* Hashes are seeded: no one can choose names that fill a bucket. */
void scram_index_add(struct scram_index *index, uint64_t hash, struct security_object *object)
{
    while (index->bucket_count == 0 || !place(index, hash, object)) {
        /* What was in one bucket goes into two. */
        CHECK(resize(index, index->bucket_count == 0 ? 1 : index->bucket_count * 2));
    }
    index->count++;
}

/* Less than one in a bucket: the half is enough, unless chance has filled one of its buckets. */
static void shrink(struct scram_index *index)
{
    if (index->bucket_count > 1 && index->count < index->bucket_count) {
        (void)resize(index, index->bucket_count / 2); /* refused: it is as good as before */
    }
}

void scram_index_remove(struct scram_index *index, uint64_t hash,
                        const struct security_object *object)
{
    struct scram_index_entry *bucket = bucket_of(index, hash);

    for (int i = 0; i < SCRAM_INDEX_BUCKET; i++) {
        if (bucket[i].object == object) {
            bucket[i] = (struct scram_index_entry){0};
            index->count--;
            shrink(index);
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
