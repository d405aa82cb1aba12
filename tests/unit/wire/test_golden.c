/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that Kafka's own serializers wrote (tests/golden) are decoded and written again, byte for
 * byte, for every message in every version that we accept; none may be without such bytes.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/message.h"
#include "gyre/wire/reader.h"

#include "support/test.h"
#include "wire_messages/tables.h"

enum { PATH_BYTES = 512, LINE_BYTES = 1 << 16, ARENA_BYTES = 1 << 20, SAMPLES = 2 };

/* "produce" and "request" of produce_request; messages that are no pair keep their name. */
static const char *split_name(const char *name, char folder[PATH_BYTES])
{
    static const char *const kinds[] = {"request", "response"};
    size_t length = strlen(name);

    snprintf(folder, PATH_BYTES, "%s", name);
    for (size_t i = 0; i < 2; i++) {
        size_t kind_length = strlen(kinds[i]);

        if (length > kind_length && strcmp(name + length - kind_length, kinds[i]) == 0) {
            folder[length - kind_length - 1] = '\0';
            return kinds[i];
        }
    }
    return strstr(name, "_header") != NULL ? "header" : "data";
}

static size_t from_hex(char *text)
{
    size_t count = 0;

    for (; isxdigit((unsigned char)text[2 * count]); count++) {
        char pair[3] = {text[2 * count], text[2 * count + 1], '\0'};
        text[count] = (char)strtoul(pair, NULL, 16);
    }
    return count;
}

static void check_sample(const struct message_layout *layout, int16_t version, char *bytes,
                         size_t length)
{
    struct arena arena;
    struct reader reader;
    struct frame_output output;
    struct buffer *again;
    void *message;

    arena_init(&arena, ARENA_BYTES);
    frame_output_init(&output);
    reader_init(&reader, bytes, length);
    message = arena_alloc(&arena, layout->root->size);
    if (message_decode(layout, version, &reader, &arena, message) != ERROR_NONE ||
        reader_left(&reader) != 0) {
        fail_msg("%s version %d: Kafka's bytes are refused", layout->name, version);
    }
    assert_int_equal(message_encode(layout, version, message, &output), ERROR_NONE);
    again = frame_output_join(&output);
    if (again->size != length || memcmp(again->bytes, bytes, length) != 0) {
        fail_msg("%s version %d: written otherwise than by Kafka", layout->name, version);
    }
    buffer_unref(again);
    frame_output_release(&output);
    arena_release(&arena);
}

static int check_version(const struct message_layout *layout, int16_t version)
{
    static char line[LINE_BYTES];
    char folder[PATH_BYTES];
    char path[2 * PATH_BYTES];
    const char *kind = split_name(layout->name, folder);
    int samples = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s/%d.hex", GOLDEN_DIRECTORY, folder, version);
    file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *hex = strrchr(line, ' ');

        if (strncmp(line, kind, strlen(kind)) == 0 && line[strlen(kind)] == ' ') {
            check_sample(layout, version, hex + 1, from_hex(hex + 1));
            samples++;
        }
    }
    fclose(file);
    return samples;
}

static void what_kafka_writes_is_read_and_written_again(void **state)
{
    (void)state;
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        const struct message_layout *layout = message_table[i];

        if (layout->is_internal) {
            continue;
        }
        for (int16_t version = layout->version_min; version <= layout->version_max; version++) {
            if (check_version(layout, version) < SAMPLES) {
                fail_msg("%s version %d has no golden bytes; run tests/golden/record.py (or begin "
                         "it with `internal` if only Gyre knows it)",
                         layout->name, version);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_kafka_writes_is_read_and_written_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
