/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/frame.h"

#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/base/check.h"
#include "gyre/wire/api.h"
#include "gyre/wire/codec.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/writer.h"

#include "wire_messages/header.h"

/* -------------------------------------------------------------------------------------- output */

void frame_output_init(struct frame_output *output)
{
    *output = (struct frame_output){.slices = NULL};
}

void frame_output_release(struct frame_output *output)
{
    for (int32_t i = 0; i < output->count; i++) {
        buffer_slice_unref(&output->slices[i]);
    }
    free(output->slices);
    frame_output_init(output);
}

void frame_output_append(struct frame_output *output, struct buffer_slice slice)
{
    if (output->count == output->capacity) {
        output->capacity = output->capacity == 0 ? 4 : output->capacity * 2;
        output->slices =
            check_realloc(output->slices, (size_t)output->capacity * sizeof *output->slices);
    }
    output->slices[output->count++] = slice;
    output->bytes += slice.length;
}

struct buffer *frame_output_join(const struct frame_output *output)
{
    struct buffer *joined = buffer_new(output->bytes);
    struct writer writer;

    writer_init(&writer, joined->bytes, joined->size);
    for (int32_t i = 0; i < output->count; i++) {
        writer_bytes(&writer, output->slices[i].bytes, output->slices[i].length);
    }
    CHECK(writer.used == joined->size);
    return joined;
}

/* Puts written bytes and slices of records into the output in the order of the stream. */
struct output_sink {
    struct codec_sink sink;
    struct frame_output *output;
    struct buffer *buffer; /* what is written; borrowed */
    size_t taken;          /* of it, what the output already has */
};

static void take_written(struct output_sink *sink, const struct writer *writer)
{
    if (writer->used > sink->taken) {
        frame_output_append(sink->output,
                            buffer_slice(sink->buffer, sink->taken, writer->used - sink->taken));
        sink->taken = writer->used;
    }
}

static void cut(struct codec_sink *codec_sink, const struct writer *writer,
                const struct records *records)
{
    struct output_sink *sink = CONTAINER_OF(codec_sink, struct output_sink, sink);

    take_written(sink, writer);
    for (int32_t i = 0; i < records->slice_count; i++) {
        if (records->slices[i].length > 0) {
            frame_output_append(sink->output, buffer_slice_ref(records->slices[i]));
        }
    }
}

enum error frame_output_encode(struct frame_output *output, const struct frame_part *parts,
                               int32_t count, bool is_framed)
{
    struct output_sink sink = {.sink = {.cut = cut}, .output = output};
    size_t prefix = is_framed ? FRAME_PREFIX_BYTES : 0;
    struct codec_size total = {.written = prefix};
    struct writer writer;

    for (int32_t i = 0; i < count; i++) {
        struct codec_size size;
        enum error error =
            codec_measure(parts[i].layout, parts[i].version, parts[i].message, &size);

        if (error != ERROR_NONE) {
            return error;
        }
        total.written += size.written;
        total.external += size.external;
    }
    if (total.written + total.external - prefix > INT32_MAX) {
        return ERROR_LIMIT;
    }
    sink.buffer = buffer_new(total.written);
    writer_init(&writer, sink.buffer->bytes, sink.buffer->size);
    if (is_framed) {
        writer_i32(&writer, (int32_t)(total.written + total.external - prefix));
    }
    for (int32_t i = 0; i < count; i++) {
        codec_write(parts[i].layout, parts[i].version, parts[i].message, &writer, &sink.sink);
    }
    CHECK(writer.used == total.written);
    take_written(&sink, &writer);
    buffer_unref(sink.buffer);
    return ERROR_NONE;
}

/* --------------------------------------------------------------------------------------- input */

enum error frame_parse_size(const char prefix[FRAME_PREFIX_BYTES], int32_t bytes_max,
                            int32_t *out_size)
{
    int32_t size = (int32_t)load_be32(prefix);

    if (size < 0) {
        return ERROR_MALFORMED;
    }
    if (size > bytes_max) {
        return ERROR_LIMIT;
    }
    *out_size = size;
    return ERROR_NONE;
}

enum error frame_decode_request_header(struct reader *reader, struct frame_header *out_header)
{
    struct reader start = *reader;
    struct frame_header header = {
        .api_key = reader_i16(reader),
        .api_version = reader_i16(reader),
        .correlation_id = reader_i32(reader),
    };
    struct request_header decoded;
    struct arena nothing; /* headers hold no arrays */
    enum error error;

    if (reader->failed) {
        return ERROR_MALFORMED;
    }
    header.api = api_find(header.api_key);
    if (header.api == NULL || !api_accepts(header.api, header.api_version)) {
        *out_header = header;
        return ERROR_UNSUPPORTED;
    }
    *reader = start;
    arena_init(&nothing, 0);
    error = request_header_decode(api_request_header_version(header.api, header.api_version),
                                  reader, &nothing, &decoded);
    arena_release(&nothing);
    if (error != ERROR_NONE) {
        return error;
    }
    header.client_id = decoded.client_id;
    *out_header = header;
    return ERROR_NONE;
}

enum error frame_decode_response_header(struct reader *reader, int16_t api_key, int16_t api_version,
                                        int32_t *out_correlation_id)
{
    const struct api_description *api = api_find(api_key);
    struct response_header header;
    struct arena nothing;
    enum error error;

    CHECK(api != NULL);
    arena_init(&nothing, 0);
    error = response_header_decode(api_response_header_version(api, api_version), reader, &nothing,
                                   &header);
    arena_release(&nothing);
    if (error == ERROR_NONE) {
        *out_correlation_id = header.correlation_id;
    }
    return error;
}

/* -------------------------------------------------------------------------------------- frames */

enum error frame_encode_response(const struct frame_header *header, const void *response,
                                 struct frame_output *output)
{
    struct response_header first = {.correlation_id = header->correlation_id};
    struct frame_part parts[2];

    CHECK(header->api != NULL);
    parts[0] = (struct frame_part){
        .layout = &response_header_layout,
        .version = api_response_header_version(header->api, header->api_version),
        .message = &first,
    };
    parts[1] = (struct frame_part){
        .layout = header->api->response,
        .version = header->api_version,
        .message = response,
    };
    return frame_output_encode(output, parts, 2, true);
}

enum error frame_encode_request(const struct frame_header *header, const void *request,
                                struct frame_output *output)
{
    const struct api_description *api = api_find(header->api_key);
    struct request_header first = {
        .request_api_key = header->api_key,
        .request_api_version = header->api_version,
        .correlation_id = header->correlation_id,
        .client_id = header->client_id,
    };
    struct frame_part parts[2];

    CHECK(api != NULL);
    parts[0] = (struct frame_part){
        .layout = &request_header_layout,
        .version = api_request_header_version(api, header->api_version),
        .message = &first,
    };
    parts[1] = (struct frame_part){
        .layout = api->request,
        .version = header->api_version,
        .message = request,
    };
    return frame_output_encode(output, parts, 2, true);
}
