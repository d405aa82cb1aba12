/* SPDX-License-Identifier: Apache-2.0 */
#include "support/random_message.h"

#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/random.h"
#include "gyre/wire/message.h"

enum { ELEMENTS_MAX = 3, TEXT_BYTES_MAX = 20, LONG_TEXT_BYTES = 300 };

struct filler {
    struct random *random;
    struct arena *arena;
    int16_t version;
};

struct any_array {
    char *items;
    int32_t count;
};

static void fill_struct(struct filler *filler, const struct struct_layout *layout, char *to);

static void fill_bytes(struct filler *filler, char *to, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = (char)random_below(filler->random, 256);
    }
}

static void fill_slice(struct filler *filler, enum field_kind kind, char *to)
{
    bool is_long = random_chance(filler->random, 20000);
    size_t length = is_long ? LONG_TEXT_BYTES : random_below(filler->random, TEXT_BYTES_MAX);
    char *bytes = arena_alloc(filler->arena, length + 1);
    struct records records = {.bytes = bytes, .length = (int32_t)length};
    struct string string = {.bytes = bytes, .length = (int32_t)length};

    CHECK(bytes != NULL);
    fill_bytes(filler, bytes, length);
    if (kind == FIELD_RECORDS) {
        memcpy(to, &records, sizeof records);
    } else {
        memcpy(to, &string, sizeof string); /* struct bytes has the same shape */
    }
}

static void fill_array(struct filler *filler, const struct field_layout *field, char *to)
{
    struct any_array array = {.count = (int32_t)random_below(filler->random, ELEMENTS_MAX + 1)};

    array.items = arena_alloc_array(filler->arena, ELEMENTS_MAX, field->element_size);
    CHECK(array.items != NULL);
    for (int32_t i = 0; i < array.count; i++) {
        char *item = array.items + (size_t)i * field->element_size;

        if (field->element_kind == FIELD_STRUCT) {
            fill_struct(filler, field->nested, item);
        } else if (field->element_kind == FIELD_STRING) {
            fill_slice(filler, FIELD_STRING, item);
        } else if (field->element_kind == FIELD_BOOL) {
            *item = (char)random_below(filler->random, 2);
        } else {
            fill_bytes(filler, item, field->element_size);
        }
    }
    memcpy(to, &array, sizeof array);
}

static void fill_null(const struct field_layout *field, char *to)
{
    if (field->kind == FIELD_ARRAY) {
        memcpy(to, &(struct any_array){.count = -1}, sizeof(struct any_array));
    } else if (field->kind == FIELD_RECORDS) {
        memcpy(to, &(struct records){.length = -1}, sizeof(struct records));
    } else if (field->kind == FIELD_STRUCT) {
        memset(to, 0, sizeof(void *));
    } else {
        memset(to, 0, sizeof(struct string));
    }
}

static void fill_field(struct filler *filler, const struct field_layout *field, char *to)
{
    static const uint8_t sizes[] = {
        [FIELD_INT8] = 1,  [FIELD_INT16] = 2,  [FIELD_UINT16] = 2,  [FIELD_INT32] = 4,
        [FIELD_INT64] = 8, [FIELD_UINT32] = 4, [FIELD_FLOAT64] = 8, [FIELD_UUID] = 16,
    };

    if (field->kind == FIELD_ARRAY) {
        fill_array(filler, field, to);
    } else if (field->kind == FIELD_STRUCT && (field->flags & FIELD_POINTER) != 0) {
        char *instance = arena_alloc(filler->arena, field->nested->size);
        CHECK(instance != NULL);
        fill_struct(filler, field->nested, instance);
        memcpy(to, &instance, sizeof instance);
    } else if (field->kind == FIELD_STRUCT) {
        fill_struct(filler, field->nested, to);
    } else if (field->kind == FIELD_STRING || field->kind == FIELD_BYTES ||
               field->kind == FIELD_RECORDS) {
        fill_slice(filler, field->kind, to);
    } else if (field->kind == FIELD_BOOL) {
        *to = (char)random_below(filler->random, 2);
    } else {
        fill_bytes(filler, to, sizes[field->kind]);
    }
}

static void fill_struct(struct filler *filler, const struct struct_layout *layout, char *to)
{
    message_init_struct(layout, to);
    for (uint16_t i = 0; i < layout->field_count; i++) {
        const struct field_layout *field = &layout->fields[i];
        bool is_nullable =
            filler->version >= field->nullable_min && filler->version <= field->nullable_max;

        if (filler->version < field->version_min || filler->version > field->version_max ||
            random_chance(filler->random, 100000)) {
            continue;
        }
        if (is_nullable && random_chance(filler->random, 250000)) {
            fill_null(field, to + field->offset);
        } else {
            fill_field(filler, field, to + field->offset);
        }
    }
}

void *random_message(const struct message_layout *layout, int16_t version, struct random *random,
                     struct arena *arena)
{
    struct filler filler = {.random = random, .arena = arena, .version = version};
    void *message = arena_alloc(arena, layout->root->size);

    CHECK(message != NULL);
    fill_struct(&filler, layout->root, message);
    return message;
}
