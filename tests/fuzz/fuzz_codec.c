/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile messages. The first byte of an input chooses: 0 for a frame as a client sends it (header
 * and request), 1 for a request and 2 for a response of API `byte 1` in version `byte 2`, another
 * for message `byte 1` of the table, so that stored records and headers are reached, too. What is
 * accepted must print, be written again, and be read again as the same; in other versions it is
 * written or refused; memory stays within the arena, which is small for every fourth input.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/wire/api.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/message.h"
#include "gyre/wire/reader.h"

#include "wire_messages/fetch.h"
#include "wire_messages/tables.h"

enum { ARENA_BYTES = 1 << 20, SMALL_ARENA_BYTES = 1 << 10, TEXT_BYTES = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buffer *write_whole(const struct message_layout *layout, int16_t version,
                                  const void *message)
{
    struct frame_output output;
    struct buffer *bytes;

    frame_output_init(&output);
    CHECK(message_encode(layout, version, message, &output) == ERROR_NONE);
    bytes = frame_output_join(&output);
    frame_output_release(&output);
    return bytes;
}

static void write_in_other_versions(const struct message_layout *layout, const void *message)
{
    int last = layout->version_max + 1; /* one that does not exist */

    for (int16_t version = layout->version_min; version <= last; version++) {
        struct frame_output output;

        frame_output_init(&output);
        if (message_encode(layout, version, message, &output) != ERROR_NONE) {
            CHECK(output.count == 0);
        }
        frame_output_release(&output);
    }
}

/* Records that are sent as slices make the same bytes as records that are copied. */
static void write_as_slices(int16_t version, struct fetch_response *response)
{
    struct buffer *plain = write_whole(&fetch_response_layout, version, response);
    struct buffer *sliced;

    for (int32_t i = 0; i < response->responses.count; i++) {
        struct fetch_response_responses *topic = &response->responses.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            struct records *records = &topic->partitions.items[j].records;

            if (records->length > 0) {
                records->slices = calloc(1, sizeof *records->slices);
                CHECK(records->slices != NULL);
                records->slices->buffer = buffer_copy(records->bytes, (size_t)records->length);
                records->slices->bytes = records->slices->buffer->bytes;
                records->slices->length = (size_t)records->length;
                records->slice_count = 1;
            }
        }
    }
    sliced = write_whole(&fetch_response_layout, version, response);
    CHECK(sliced->size == plain->size);
    CHECK(memcmp(sliced->bytes, plain->bytes, plain->size) == 0);
    buffer_unref(sliced);
    if (message_encode_record(&fetch_response_layout, version, 7, response, &sliced) ==
        ERROR_NONE) {
        CHECK(memcmp(sliced->bytes + 2, plain->bytes, plain->size) == 0);
        buffer_unref(sliced);
    }
    buffer_unref(plain);
    for (int32_t i = 0; i < response->responses.count; i++) {
        struct fetch_response_responses *topic = &response->responses.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            struct records *records = &topic->partitions.items[j].records;

            if (records->slice_count > 0) {
                buffer_slice_unref(records->slices);
                free(records->slices);
            }
        }
    }
}

static void read_again(const struct message_layout *layout, int16_t version, const void *message,
                       struct arena *arena)
{
    struct buffer *bytes;
    struct reader reader;
    void *back = arena_alloc(arena, layout->root->size);

    if (back == NULL) {
        return;
    }
    bytes = write_whole(layout, version, message);
    reader_init(&reader, bytes->bytes, bytes->size);
    enum error error = message_decode(layout, version, &reader, arena, back);
    CHECK(error == ERROR_NONE || error == ERROR_LIMIT);
    if (error == ERROR_NONE) {
        CHECK(reader_left(&reader) == 0);
        CHECK(message_equal(layout, version, message, back));
    }
    buffer_unref(bytes);
}

static void try_message(const struct message_layout *layout, int16_t version, struct reader *reader)
{
    char text[TEXT_BYTES];
    struct arena arena;
    void *message;

    arena_init(&arena, layout->root->size +
                           (reader_left(reader) % 4 == 0 ? SMALL_ARENA_BYTES : ARENA_BYTES));
    message = arena_alloc(&arena, layout->root->size);
    CHECK(message != NULL);
    if (message_decode(layout, version, reader, &arena, message) == ERROR_NONE) {
        CHECK(message_print(layout, version, message, text, sizeof text) < sizeof text);
        read_again(layout, version, message, &arena);
        write_in_other_versions(layout, message);
        if (layout == &fetch_response_layout) {
            write_as_slices(version, message);
        }
    }
    arena_release(&arena);
}

static void try_frame(struct reader *reader)
{
    struct frame_header header;

    if (frame_decode_request_header(reader, &header) == ERROR_NONE) {
        try_message(header.api->request, header.api_version, reader);
    }
}

static const struct message_layout *choose(uint8_t kind, uint8_t number)
{
    const struct api_description *api = api_find(number);

    if (kind > 2) {
        return message_table[number % MESSAGE_COUNT];
    }
    if (api == NULL) {
        return NULL;
    }
    return kind == 1 ? api->request : api->response;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct message_layout *layout;
    struct reader reader;
    char *bytes;

    if (size < 3) {
        return 0;
    }
    bytes = malloc(size); /* exact, so that the sanitizer sees one byte too many */
    CHECK(bytes != NULL);
    memcpy(bytes, data, size);
    layout = choose(data[0], data[1]);
    if (data[0] == 0) {
        reader_init(&reader, bytes + 1, size - 1);
        try_frame(&reader);
    } else if (layout != NULL) {
        reader_init(&reader, bytes + 3, size - 3);
        try_message(layout, data[2], &reader);
    }
    free(bytes);
    return 0;
}
