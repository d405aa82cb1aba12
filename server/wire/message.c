/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done with any message: each is one walk over its table. */
#include "gyre/wire/message.h"

#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/wire/codec.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/writer.h"

struct any_array {
    char *items;
    int32_t count;
};

/* ------------------------------------------------------------------------------------ defaults */

/* NOLINTBEGIN(misc-no-recursion): no deeper than the schema nests */

static size_t scalar_size(enum field_kind kind)
{
    static const uint8_t sizes[] = {
        [FIELD_BOOL] = 1,   [FIELD_INT8] = 1,    [FIELD_INT16] = 2,
        [FIELD_UINT16] = 2, [FIELD_INT32] = 4,   [FIELD_UINT32] = 4,
        [FIELD_INT64] = 8,  [FIELD_FLOAT64] = 8, [FIELD_UUID] = 16,
    };

    return sizes[kind];
}

/* Little-endian: the low bytes of the number are the smaller integer. Reals default to 0. */
static void init_number(const struct field_layout *field, char *at)
{
    memcpy(at, &field->default_number, scalar_size(field->kind));
}

void message_init_field(const struct field_layout *field, void *instance)
{
    static char nothing[1];
    char *at = (char *)instance + field->offset;
    bool is_null = (field->flags & FIELD_NULL_DEFAULT) != 0;

    switch ((enum field_kind)field->kind) {
    case FIELD_STRING:
        memcpy(at, &(struct string){.bytes = is_null ? NULL : nothing}, sizeof(struct string));
        return;
    case FIELD_BYTES:
        memcpy(at, &(struct bytes){.bytes = is_null ? NULL : nothing}, sizeof(struct bytes));
        return;
    case FIELD_RECORDS:
        memcpy(at, &(struct records){.length = is_null ? -1 : 0}, sizeof(struct records));
        return;
    case FIELD_ARRAY:
        memcpy(at, &(struct any_array){.count = is_null ? -1 : 0}, sizeof(struct any_array));
        return;
    case FIELD_STRUCT:
        if ((field->flags & FIELD_POINTER) != 0) {
            memset(at, 0, sizeof(void *)); /* cppcheck-suppress pointerSize; it is one */
        } else {
            message_init_struct(field->nested, at);
        }
        return;
    case FIELD_UUID: memset(at, 0, sizeof(struct uuid)); return;
    case FIELD_BOOL:
    case FIELD_INT8:
    case FIELD_INT16:
    case FIELD_UINT16:
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_INT64:
    case FIELD_FLOAT64: init_number(field, at); return;
    }
}

void message_init_struct(const struct struct_layout *layout, void *instance)
{
    memset(instance, 0, layout->size);
    for (uint16_t i = 0; i < layout->field_count; i++) {
        message_init_field(&layout->fields[i], instance);
    }
}

void message_init(const struct message_layout *layout, void *message)
{
    message_init_struct(layout->root, message);
}

enum error message_array_alloc(const struct struct_layout *layout, struct arena *arena,
                               int32_t count, void *array)
{
    struct any_array result = {.items = NULL, .count = count};

    if (count > 0) {
        result.items = arena_alloc_array(arena, (size_t)count, layout->size);
        if (result.items == NULL) {
            return ERROR_LIMIT;
        }
    }
    if (count > 0) {
        message_init_struct(layout, result.items);
    }
    for (int32_t i = 1; i < count; i++) { /* defaults own nothing: copies are as good */
        memcpy(result.items + (size_t)i * layout->size, result.items, layout->size);
    }
    memcpy(array, &result, sizeof result);
    return ERROR_NONE;
}

static const char *load_pointer(const char *from)
{
    const char *pointer;

    memcpy(&pointer, from, sizeof pointer);
    return pointer;
}

/* A field that can never be null takes null for empty, because zeroed memory reads so. */
static bool is_default_slice(const struct field_layout *field, const char *bytes, int32_t length)
{
    if ((field->flags & FIELD_NULL_DEFAULT) != 0) {
        return bytes == NULL;
    }
    return length == 0 && (bytes != NULL || field->nullable_max < 0);
}

static bool is_default_struct(const struct struct_layout *layout, const char *instance)
{
    for (uint16_t i = 0; i < layout->field_count; i++) {
        if (!message_field_is_default(&layout->fields[i], instance)) {
            return false;
        }
    }
    return true;
}

static bool is_default_scalar(const struct field_layout *field, const char *at)
{
    uint64_t words[2] = {0, 0};
    uint64_t wanted = (uint64_t)field->default_number;

    switch (scalar_size(field->kind)) { /* constant sizes are single loads; little-endian */
    case 1: memcpy(words, at, 1); return (uint8_t)words[0] == (uint8_t)wanted;
    case 2: memcpy(words, at, 2); return (uint16_t)words[0] == (uint16_t)wanted;
    case 4: memcpy(words, at, 4); return (uint32_t)words[0] == (uint32_t)wanted;
    case 8: memcpy(words, at, 8); return words[0] == wanted;
    default: memcpy(words, at, sizeof words); return words[0] == 0 && words[1] == 0;
    }
}

static bool is_default_other(const struct field_layout *field, const char *at);

bool message_field_is_default(const struct field_layout *field, const void *instance)
{
    const char *at = (const char *)instance + field->offset;

    return field->kind <= FIELD_UUID ? is_default_scalar(field, at) : is_default_other(field, at);
}

static bool is_default_array(const struct field_layout *field, const char *at)
{
    struct any_array array;

    memcpy(&array, at, sizeof array);
    return (field->flags & FIELD_NULL_DEFAULT) != 0 ? array.count < 0 : array.count == 0;
}

static bool is_default_records(const struct field_layout *field, const char *at)
{
    struct records records;

    memcpy(&records, at, sizeof records);
    return records.slice_count == 0 &&
           records.length == ((field->flags & FIELD_NULL_DEFAULT) != 0 ? -1 : 0);
}

/* Strings and bytes have one shape (see equal_slices()). */
static bool is_default_other(const struct field_layout *field, const char *at)
{
    struct string slice;

    if (field->kind == FIELD_ARRAY) {
        return is_default_array(field, at);
    }
    if (field->kind == FIELD_RECORDS) {
        return is_default_records(field, at);
    }
    if (field->kind == FIELD_STRUCT) {
        return (field->flags & FIELD_POINTER) != 0 ? load_pointer(at) == NULL
                                                   : is_default_struct(field->nested, at);
    }
    memcpy(&slice, at, sizeof slice);
    return is_default_slice(field, slice.bytes, slice.length);
}

/* --------------------------------------------------------------------------- decode and encode */

enum error message_decode(const struct message_layout *layout, int16_t version,
                          struct reader *reader, struct arena *arena, void *message)
{
    return codec_decode(layout, version, reader, arena, message);
}

enum error message_encode(const struct message_layout *layout, int16_t version, const void *message,
                          struct frame_output *output)
{
    struct frame_part part = {.layout = layout, .version = version, .message = message};

    return frame_output_encode(output, &part, 1, false);
}

enum error message_encode_record(const struct message_layout *layout, int16_t version,
                                 int16_t prefix, const void *message, struct buffer **out_buffer)
{
    struct codec_size size;
    struct writer writer;
    struct buffer *buffer;
    enum error error = codec_measure(layout, version, message, &size);

    if (error != ERROR_NONE) {
        return error;
    }
    buffer = buffer_new(sizeof prefix + size.written + size.external);
    writer_init(&writer, buffer->bytes, buffer->size);
    writer_i16(&writer, prefix);
    codec_write(layout, version, message, &writer, NULL);
    CHECK(writer.used == buffer->size);
    *out_buffer = buffer;
    return ERROR_NONE;
}

enum error message_decode_record(const struct message_layout *layout, int16_t version,
                                 struct buffer_slice bytes, struct arena *arena, void *message)
{
    struct reader reader;

    reader_init(&reader, bytes.bytes, bytes.length);
    (void)reader_i16(&reader);
    return message_decode(layout, version, &reader, arena, message);
}

/* ----------------------------------------------------------------------------------- equality */

static bool equal_field(const struct field_layout *field, int16_t version, const char *a,
                        const char *b);

static bool equal_struct(const struct struct_layout *layout, int16_t version, const char *a,
                         const char *b)
{
    for (uint16_t i = 0; i < layout->field_count; i++) {
        const struct field_layout *field = &layout->fields[i];

        if (version >= field->version_min && version <= field->version_max &&
            !equal_field(field, version, a + field->offset, b + field->offset)) {
            return false;
        }
    }
    return true;
}

static bool equal_slices(const char *a, const char *b)
{
    struct string left;
    struct string right;

    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return string_equal(left, right);
}

/* Records as slices are what is sent, not what is received: they do not compare. */
static bool equal_records(const char *a, const char *b)
{
    struct records left;
    struct records right;

    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left.slice_count == 0 && right.slice_count == 0 && left.length == right.length &&
           (left.length <= 0 || memcmp(left.bytes, right.bytes, (size_t)left.length) == 0);
}

static bool equal_array(const struct field_layout *field, int16_t version, const char *a,
                        const char *b)
{
    struct any_array left;
    struct any_array right;

    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    if (left.count != right.count) {
        return false;
    }
    for (int32_t i = 0; i < left.count; i++) {
        const char *x = left.items + (size_t)i * field->element_size;
        const char *y = right.items + (size_t)i * field->element_size;
        bool is_equal =
            field->element_kind == FIELD_STRUCT   ? equal_struct(field->nested, version, x, y)
            : field->element_kind == FIELD_STRING ? equal_slices(x, y)
                                                  : memcmp(x, y, field->element_size) == 0;

        if (!is_equal) {
            return false;
        }
    }
    return true;
}

static bool equal_struct_field(const struct field_layout *field, int16_t version, const char *a,
                               const char *b)
{
    if ((field->flags & FIELD_POINTER) != 0) {
        a = load_pointer(a);
        b = load_pointer(b);
        if (a == NULL || b == NULL) {
            return a == b;
        }
    }
    return equal_struct(field->nested, version, a, b);
}

_Static_assert(sizeof(struct string) == sizeof(struct bytes), "equal_slices() reads both");

static bool equal_field(const struct field_layout *field, int16_t version, const char *a,
                        const char *b)
{
    switch ((enum field_kind)field->kind) {
    case FIELD_STRING:
    case FIELD_BYTES: return equal_slices(a, b);
    case FIELD_RECORDS: return equal_records(a, b);
    case FIELD_ARRAY: return equal_array(field, version, a, b);
    case FIELD_STRUCT: return equal_struct_field(field, version, a, b);
    case FIELD_BOOL:
    case FIELD_INT8:
    case FIELD_INT16:
    case FIELD_UINT16:
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_INT64:
    case FIELD_FLOAT64:
    case FIELD_UUID: return memcmp(a, b, scalar_size(field->kind)) == 0;
    }
    return false;
}

bool message_equal(const struct message_layout *layout, int16_t version, const void *a,
                   const void *b)
{
    return equal_struct(layout->root, version, a, b);
}

/* NOLINTEND(misc-no-recursion) */
