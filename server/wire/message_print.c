/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as text for logs. Text of strangers is escaped, so that a log line stays one line. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gyre/wire/message.h"

struct any_array {
    char *items;
    int32_t count;
};

struct text {
    char *bytes;
    size_t size;
    size_t used; /* at most size - 1 */
    int16_t version;
    bool is_cut;
};

/* NOLINTBEGIN(misc-no-recursion): no deeper than the schema nests */
static void print_struct(struct text *text, const struct struct_layout *layout, const char *from);

__attribute__((format(printf, 2, 3))) static void print(struct text *text, const char *format, ...)
{
    size_t room = text->size - text->used;
    va_list arguments;
    int length;

    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): just begun */
    length = vsnprintf(text->bytes + text->used, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        text->is_cut = true;
        text->used = text->size - 1;
        return;
    }
    text->used += (size_t)length;
}

static void print_string(struct text *text, const char *from)
{
    struct string string;

    memcpy(&string, from, sizeof string);
    if (string.bytes == NULL) {
        print(text, "null");
        return;
    }
    print(text, "\"");
    for (int32_t i = 0; i < string.length && !text->is_cut; i++) {
        unsigned char byte = (unsigned char)string.bytes[i];

        if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\') {
            print(text, "\\x%02x", byte);
        } else {
            print(text, "%c", byte);
        }
    }
    print(text, "\"");
}

static void print_scalar(struct text *text, enum field_kind kind, const char *from)
{
    char id[UUID_TEXT_LENGTH + 1];

    switch ((int)kind) {
    case FIELD_BOOL:
        print(text, "%s", *(const bool *)(const void *)from ? "true" : "false");
        return;
    case FIELD_INT8: print(text, "%d", *(const int8_t *)(const void *)from); return;
    case FIELD_INT16: print(text, "%d", *(const int16_t *)(const void *)from); return;
    case FIELD_UINT16: print(text, "%u", *(const uint16_t *)(const void *)from); return;
    case FIELD_INT32: print(text, "%" PRId32, *(const int32_t *)(const void *)from); return;
    case FIELD_UINT32: print(text, "%" PRIu32, *(const uint32_t *)(const void *)from); return;
    case FIELD_INT64: print(text, "%" PRId64, *(const int64_t *)(const void *)from); return;
    case FIELD_FLOAT64: print(text, "%g", *(const double *)(const void *)from); return;
    default: uuid_format(*(const struct uuid *)(const void *)from, id); print(text, "%s", id);
    }
}

static void print_array(struct text *text, const struct field_layout *field, const char *from)
{
    struct any_array array;

    memcpy(&array, from, sizeof array);
    if (array.count < 0) {
        print(text, "null");
        return;
    }
    print(text, "[");
    for (int32_t i = 0; i < array.count && !text->is_cut; i++) {
        const char *item = array.items + (size_t)i * field->element_size;

        print(text, "%s", i == 0 ? "" : ", ");
        if (field->element_kind == FIELD_STRUCT) {
            print_struct(text, field->nested, item);
        } else if (field->element_kind == FIELD_STRING) {
            print_string(text, item);
        } else {
            print_scalar(text, field->element_kind, item);
        }
    }
    print(text, "]");
}

static void print_length(struct text *text, const char *bytes, int64_t length)
{
    if (bytes == NULL && length <= 0) {
        print(text, "null");
    } else {
        print(text, "<%" PRId64 " bytes>", length);
    }
}

static void print_records(struct text *text, const char *from)
{
    struct records records;

    memcpy(&records, from, sizeof records);
    if (records.slice_count > 0) {
        print(text, "<%" PRId32 " slices>", records.slice_count);
    } else {
        print_length(text, records.length < 0 ? NULL : "", records.length);
    }
}

static void print_field(struct text *text, const struct field_layout *field, const char *from)
{
    struct bytes bytes;

    if ((field->flags & FIELD_SECRET) != 0) {
        print(text, "***");
    } else if (field->kind == FIELD_STRING) {
        print_string(text, from);
    } else if (field->kind == FIELD_BYTES) {
        memcpy(&bytes, from, sizeof bytes);
        print_length(text, bytes.bytes, bytes.length);
    } else if (field->kind == FIELD_RECORDS) {
        print_records(text, from);
    } else if (field->kind == FIELD_ARRAY) {
        print_array(text, field, from);
    } else if (field->kind == FIELD_STRUCT) {
        const char *instance = from;

        if ((field->flags & FIELD_POINTER) != 0) {
            memcpy(&instance, from, sizeof instance);
        }
        print_struct(text, field->nested, instance);
    } else {
        print_scalar(text, field->kind, from);
    }
}

static void print_struct(struct text *text, const struct struct_layout *layout, const char *from)
{
    const char *separator = "";

    if (from == NULL) {
        print(text, "null");
        return;
    }
    print(text, "{");
    for (uint16_t i = 0; i < layout->field_count && !text->is_cut; i++) {
        const struct field_layout *field = &layout->fields[i];

        if (text->version < field->version_min || text->version > field->version_max) {
            continue;
        }
        print(text, "%s%s: ", separator, field->name);
        print_field(text, field, from + field->offset);
        separator = ", ";
    }
    print(text, "}");
}

size_t message_print(const struct message_layout *layout, int16_t version, const void *message,
                     char *text, size_t size)
{
    struct text output = {.bytes = text, .size = size, .version = version};

    CHECK(size >= 4);
    print_struct(&output, layout->root, message);
    if (output.is_cut) {
        memcpy(text + size - 4, "...", 4);
    }
    return output.used;
}

/* NOLINTEND(misc-no-recursion) */
