/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/encoder.h"

#include <stdlib.h>
#include <time.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/base/random.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_batch_builder.h"

#include "blast/blast.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/produce.h"

enum { BATCH_BYTES_MAX = 64 << 20, SEED = 1, TIMEOUT_MS = 30000 };

/* Half of the bytes are chance, so that codecs have something to do and something to gain. */
static char *make_value(int32_t size, struct random *random)
{
    char *value = check_alloc((size_t)size + 1);

    for (int32_t i = 0; i < size; i++) {
        value[i] = i % 2 == 0 ? "gyre"[i / 2 % 4] : (char)('a' + (int)random_below(random, 26));
    }
    return value;
}

static int64_t wall_clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int32_t encoder_records_per_batch(const struct blast_options *options)
{
    const struct record record = {.value = {.bytes = "", .length = options->record_bytes}};
    size_t record_bytes = record_encoded_size(&record, 1000, 0);
    int32_t room = options->batch_bytes - RECORD_BATCH_HEADER_BYTES;
    int32_t count = room / (int32_t)record_bytes;

    if (options->batch_bytes == 0) {
        return options->records_per_batch;
    }
    return count < 1 ? 1 : count;
}

struct buffer *encoder_batch(const struct blast_options *options, int32_t records)
{
    struct record_batch_builder builder;
    struct random random;
    struct buffer *batch;
    int64_t timestamp_ms = wall_clock_ms();

    random_seed(&random, SEED);
    record_batch_builder_init(&builder, BATCH_BYTES_MAX);
    builder.codec = options->codec;
    for (int32_t i = 0; i < records; i++) {
        char *value = make_value(options->record_bytes, &random);
        const struct record record = {.timestamp_ms = timestamp_ms,
                                      .value = {.bytes = value, .length = options->record_bytes}};

        if (record_batch_builder_append(&builder, &record) != ERROR_NONE) {
            blast_fail("a batch has at most %d bytes", BATCH_BYTES_MAX);
        }
        free(value);
    }
    if (record_batch_builder_finish(&builder, &batch) != ERROR_NONE) {
        blast_fail("the batch cannot be compressed");
    }
    record_batch_builder_release(&builder);
    return batch;
}

void encoder_request(const struct blast_options *options, const int32_t *partitions, int32_t count,
                     struct buffer *batch, struct frame_output *out_frame)
{
    const struct frame_header header = {.api_key = API_PRODUCE,
                                        .api_version = ENCODER_PRODUCE_VERSION,
                                        .client_id = STRING("blast")};
    struct buffer_slice slice = {.buffer = batch, .bytes = batch->bytes, .length = batch->size};
    struct produce_request_topic_data_partition_data *data =
        check_alloc((size_t)count * sizeof *data);
    struct produce_request_topic_data topic;
    struct produce_request request;

    produce_request_init(&request);
    produce_request_topic_data_init(&topic);
    topic.name = string_from(options->topic);
    topic.partition_data.items = data;
    topic.partition_data.count = count;
    request.acks = options->acks;
    request.timeout_ms = TIMEOUT_MS;
    request.topic_data.items = &topic;
    request.topic_data.count = 1;
    for (int32_t i = 0; i < count; i++) {
        produce_request_topic_data_partition_data_init(&data[i]);
        data[i].index = partitions[i];
        data[i].records = (struct records){.slices = &slice, .slice_count = 1};
    }
    frame_output_init(out_frame);
    CHECK(frame_encode_request(&header, &request, out_frame) == ERROR_NONE);
    free(data);
}
