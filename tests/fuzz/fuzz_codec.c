/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile messages. The first byte of an input chooses: 0 for a frame as a client sends it (header
 * and request), otherwise message `byte 1` of the table in version `byte 2`, so that responses and
 * stored records are reached, too. What is accepted must print, be written again, and be read again
 * as the same; memory stays within the arena.
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

#include "wire_messages/tables.h"

enum { ARENA_BYTES = 1 << 20, TEXT_BYTES = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_again(const struct message_layout *layout, int16_t version, const void *message,
                       struct arena *arena)
{
    struct frame_output output;
    struct buffer *bytes;
    struct reader reader;
    void *back = arena_alloc(arena, layout->root->size);

    if (back == NULL) {
        return;
    }
    frame_output_init(&output);
    CHECK(message_encode(layout, version, message, &output) == ERROR_NONE);
    bytes = frame_output_join(&output);
    reader_init(&reader, bytes->bytes, bytes->size);
    enum error error = message_decode(layout, version, &reader, arena, back);
    CHECK(error == ERROR_NONE || error == ERROR_LIMIT);
    if (error == ERROR_NONE) {
        CHECK(reader_left(&reader) == 0);
        CHECK(message_equal(layout, version, message, back));
    }
    buffer_unref(bytes);
    frame_output_release(&output);
}

static void try_message(const struct message_layout *layout, int16_t version, struct reader *reader)
{
    char text[TEXT_BYTES];
    struct arena arena;
    void *message;

    arena_init(&arena, ARENA_BYTES);
    message = arena_alloc(&arena, layout->root->size);
    CHECK(message != NULL);
    if (message_decode(layout, version, reader, &arena, message) == ERROR_NONE) {
        CHECK(message_print(layout, version, message, text, sizeof text) < sizeof text);
        read_again(layout, version, message, &arena);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader;
    char *bytes;

    if (size < 3) {
        return 0;
    }
    bytes = malloc(size); /* exact, so that the sanitizer sees one byte too many */
    CHECK(bytes != NULL);
    memcpy(bytes, data, size);
    if (bytes[0] == 0) {
        reader_init(&reader, bytes + 1, size - 1);
        try_frame(&reader);
    } else {
        reader_init(&reader, bytes + 3, size - 3);
        try_message(message_table[data[1] % MESSAGE_COUNT], data[2], &reader);
    }
    free(bytes);
    return 0;
}
