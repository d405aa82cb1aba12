/* SPDX-License-Identifier: Apache-2.0 */
/* Batches for clients that know older formats only: Fetch 0-1 gets magic 0, Fetch 2-3 magic 1. */
#include <string.h>

#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_legacy.h"

#include "handlers/fetch_state.h"

enum { FIRST_VERSION_OF_MAGIC_1 = 2, EXPANDED_BYTES_MAX = 64 * 1024 * 1024 };

/*
 * As Kafka does, the topic's setting decides, not what its batches hold: a topic that keeps what
 * producers send gives zstd to readers that may or may not know it.
 */
void fetch_convert_check(struct fetch_part *part)
{
    struct partition *partition = fetch_part_partition(part);

    if (part->slice_count == 0 || partition == NULL ||
        partition_config(partition)->compression != TOPIC_COMPRESSION_ZSTD) {
        return;
    }
    part->fetch->bytes -= part->bytes;
    fetch_part_release(part);
    part->error = KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE;
}

static struct buffer *join(const struct fetch_part *part)
{
    struct buffer *joined = buffer_new(part->bytes);
    size_t at = 0;

    for (int i = 0; i < part->slice_count; i++) {
        memcpy(joined->bytes + at, part->slices[i].bytes, part->slices[i].length);
        at += part->slices[i].length;
    }
    return joined;
}

static void convert(struct fetch_part *part, int8_t magic)
{
    struct buffer *joined = join(part);
    const struct string batches = {.bytes = joined->bytes, .length = (int32_t)joined->size};
    const struct record_legacy_wish wish = {
        .magic = magic,
        .first_offset = part->want->fetch_offset,
        .set_bytes_max = joined->size,
        .expanded_bytes_max = EXPANDED_BYTES_MAX,
    };
    struct record_legacy_set set;
    enum error error = record_legacy_down_convert(batches, &wish, &set);

    buffer_unref(joined);
    fetch_part_release(part);
    if (error != ERROR_NONE) {
        part->error = error == ERROR_UNSUPPORTED ? KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE
                                                 : KAFKA_ERROR_CORRUPT_MESSAGE;
        return;
    }
    if (set.buffer->size > 0) {
        part->slices[0] = buffer_slice(set.buffer, 0, set.buffer->size);
        part->slice_count = 1;
        part->bytes = set.buffer->size;
    }
    buffer_unref(set.buffer);
}

void fetch_convert_run(struct work *work)
{
    struct fetch *fetch = CONTAINER_OF(work, struct fetch, convert);
    int8_t magic = fetch->request->api_version < FIRST_VERSION_OF_MAGIC_1 ? 0 : 1;

    for (int32_t i = 0; i < fetch->plan.count; i++) {
        if (fetch->parts[i].slice_count > 0) {
            convert(&fetch->parts[i], magic);
        }
    }
}
