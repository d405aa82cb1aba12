/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding walks the table of a message over a saturating reader. What a count claims is compared
 * with the bytes that are left before memory is taken, and all memory comes from the caller's
 * arena.
 *
 * Encoding walks the same table twice: once to count and to find every reason to refuse, once to
 * write into exactly that many bytes.
 *
 * Both recurse as deep as the schema nests, which no peer can change.
 */
#include "gyre/wire/codec.h"

#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/wire/message.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/writer.h"

/* All generated arrays have this shape. They are copied in and out, never aliased. */
struct any_array {
    char *items;
    int32_t count;
};

/* NOLINTBEGIN(misc-no-recursion): no deeper than the schema nests */
static bool is_present(const struct field_layout *field, int16_t version)
{
    return version >= field->version_min && version <= field->version_max;
}

static bool is_nullable(const struct field_layout *field, int16_t version)
{
    return version >= field->nullable_min && version <= field->nullable_max;
}

/* ------------------------------------------------------------------------------------ decoding */

struct decoder {
    struct reader *reader;
    struct arena *arena;
    int16_t version;
    uint16_t version_index; /* into smallest_bytes */
    bool is_flexible;
    bool is_exhausted; /* the arena gave no more */
};

static void decode_struct(struct decoder *decoder, const struct struct_layout *layout, char *to);

static void *decoder_alloc(struct decoder *decoder, size_t count, size_t size)
{
    void *memory = arena_alloc_array(decoder->arena, count, size);

    if (memory == NULL) {
        decoder->is_exhausted = true;
        reader_fail(decoder->reader);
    }
    return memory;
}

/* A length as this field has it on the wire: -1 is null, everything below fails. */
static int64_t decode_length(struct decoder *decoder, const struct field_layout *field,
                             enum field_kind kind)
{
    struct reader *reader = decoder->reader;
    int64_t length;

    if (decoder->is_flexible && (field->flags & FIELD_INFLEXIBLE) == 0) {
        length = (int64_t)reader_uvarint(reader) - 1;
    } else if (kind == FIELD_STRING) {
        length = reader_i16(reader);
    } else {
        length = reader_i32(reader);
    }
    if (reader->failed || length > INT32_MAX || length < -1) {
        reader_fail(reader);
        return 0;
    }
    if (length == -1 && !is_nullable(field, decoder->version)) {
        reader_fail(reader);
        return 0;
    }
    return length;
}

/* Strings, bytes and records are slices of the frame. */
static void decode_slice(struct decoder *decoder, const struct field_layout *field,
                         enum field_kind kind, char *to)
{
    int64_t length = decode_length(decoder, field, kind);
    char *bytes = length < 0 ? NULL : reader_take(decoder->reader, (size_t)length);

    if (kind == FIELD_STRING) {
        struct string string = {.bytes = bytes, .length = length < 0 ? 0 : (int32_t)length};
        memcpy(to, &string, sizeof string);
    } else if (kind == FIELD_BYTES) {
        struct bytes value = {.bytes = bytes, .length = length < 0 ? 0 : (int32_t)length};
        memcpy(to, &value, sizeof value);
    } else {
        struct records records = {.bytes = bytes, .length = (int32_t)length};
        memcpy(to, &records, sizeof records);
    }
}

static void decode_scalar(struct decoder *decoder, enum field_kind kind, char *to)
{
    struct reader *reader = decoder->reader;

    switch ((int)kind) { /* not all of them: decode_field() knows where each goes */
    case FIELD_BOOL: *(bool *)(void *)to = reader_i8(reader) != 0; return;
    case FIELD_INT8: *(int8_t *)(void *)to = reader_i8(reader); return;
    case FIELD_INT16: *(int16_t *)(void *)to = reader_i16(reader); return;
    case FIELD_UINT16: *(uint16_t *)(void *)to = reader_u16(reader); return;
    case FIELD_INT32: *(int32_t *)(void *)to = reader_i32(reader); return;
    case FIELD_UINT32: *(uint32_t *)(void *)to = reader_u32(reader); return;
    case FIELD_INT64: *(int64_t *)(void *)to = reader_i64(reader); return;
    case FIELD_FLOAT64: *(double *)(void *)to = reader_f64(reader); return;
    default:
        CHECK(kind == FIELD_UUID);
        const char *bytes = reader_take(reader, sizeof(struct uuid));
        if (bytes != NULL) {
            memcpy(to, bytes, sizeof(struct uuid));
        }
    }
}

static size_t smallest_element(const struct decoder *decoder, const struct field_layout *field)
{
    if (field->element_kind == FIELD_STRUCT) {
        return field->nested->smallest_bytes[decoder->version_index];
    }
    if (field->element_kind == FIELD_STRING) {
        return decoder->is_flexible ? 1 : 2;
    }
    return field->element_size; /* numbers and ids are as large in memory as on the wire */
}

/* The array may be null where its elements may not. */
static void decode_element_string(struct decoder *decoder, const struct field_layout *field,
                                  char *to)
{
    struct string string;

    decode_slice(decoder, field, FIELD_STRING, to);
    memcpy(&string, to, sizeof string);
    if (string.bytes == NULL) {
        reader_fail(decoder->reader);
    }
}

static void decode_array(struct decoder *decoder, const struct field_layout *field, char *to)
{
    int64_t count = decode_length(decoder, field, FIELD_ARRAY);
    size_t smallest = smallest_element(decoder, field);
    struct any_array array = {.items = NULL, .count = (int32_t)count};

    if (count > 0) {
        if ((uint64_t)count > reader_left(decoder->reader) / (smallest == 0 ? 1 : smallest)) {
            reader_fail(decoder->reader);
            return;
        }
        array.items = decoder_alloc(decoder, (size_t)count, field->element_size);
        if (array.items == NULL) {
            return;
        }
    }
    for (int32_t i = 0; i < array.count && !decoder->reader->failed; i++) {
        char *item = array.items + (size_t)i * field->element_size;

        if (field->element_kind == FIELD_STRUCT) {
            decode_struct(decoder, field->nested, item);
        } else if (field->element_kind == FIELD_STRING) {
            decode_element_string(decoder, field, item);
        } else {
            decode_scalar(decoder, field->element_kind, item);
        }
    }
    memcpy(to, &array, sizeof array);
}

/* A struct that can be null stands behind one byte: -1 null, 1 not. As a tagged field, too. */
static void decode_struct_field(struct decoder *decoder, const struct field_layout *field, char *to)
{
    void *instance;

    if ((field->flags & FIELD_POINTER) == 0) {
        decode_struct(decoder, field->nested, to);
        return;
    }
    instance = NULL;
    if (!is_nullable(field, decoder->version) || reader_i8(decoder->reader) >= 0) {
        instance = decoder_alloc(decoder, 1, field->nested->size);
    }
    if (instance != NULL) {
        decode_struct(decoder, field->nested, instance);
    }
    memcpy(to, &instance, sizeof instance);
}

static void decode_field(struct decoder *decoder, const struct field_layout *field, char *to)
{
    if (field->kind <= FIELD_UUID) {
        decode_scalar(decoder, field->kind, to);
    } else if (field->kind == FIELD_ARRAY) {
        decode_array(decoder, field, to);
    } else if (field->kind == FIELD_STRUCT) {
        decode_struct_field(decoder, field, to);
    } else {
        decode_slice(decoder, field, field->kind, to);
    }
}

static const struct field_layout *find_tag(const struct struct_layout *layout, uint32_t tag,
                                           int16_t version)
{
    for (uint16_t i = layout->untagged_count; i < layout->field_count; i++) {
        const struct field_layout *field = &layout->fields[i];

        if (field->tag == tag && is_present(field, version)) {
            return field;
        }
    }
    return NULL;
}

/* Unknown tags are stepped over. Each costs its sender two bytes, so the loop is bounded. */
static void decode_tags(struct decoder *decoder, const struct struct_layout *layout, char *to)
{
    struct reader *reader = decoder->reader;
    uint32_t count = reader_uvarint(reader);

    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        uint32_t tag = reader_uvarint(reader);
        uint32_t size = reader_uvarint(reader);
        char *bytes = reader_take(reader, size);
        const struct field_layout *field = find_tag(layout, tag, decoder->version);
        struct reader part;

        if (bytes == NULL || field == NULL) {
            continue;
        }
        reader_init(&part, bytes, size);
        decoder->reader = &part;
        decode_field(decoder, field, to + field->offset);
        decoder->reader = reader;
        if (part.failed || reader_left(&part) != 0) {
            reader_fail(reader);
        }
    }
}

static void decode_struct(struct decoder *decoder, const struct struct_layout *layout, char *to)
{
    for (uint16_t i = 0; i < layout->field_count; i++) {
        const struct field_layout *field = &layout->fields[i];

        if (i < layout->untagged_count && is_present(field, decoder->version)) {
            decode_field(decoder, field, to + field->offset);
        } else {
            message_init_field(field, to);
        }
    }
    if (decoder->is_flexible) {
        decode_tags(decoder, layout, to);
    }
}

enum error codec_decode(const struct message_layout *layout, int16_t version, struct reader *reader,
                        struct arena *arena, void *message)
{
    struct decoder decoder = {
        .reader = reader,
        .arena = arena,
        .version = version,
        .is_flexible = version >= layout->flexible_min,
    };

    CHECK(message != NULL);
    if (version < layout->version_min || version > layout->version_max) {
        return ERROR_VERSION;
    }
    decoder.version_index = (uint16_t)(version - layout->version_min);
    decode_struct(&decoder, layout->root, message);
    if (decoder.is_exhausted) {
        return ERROR_LIMIT;
    }
    return reader->failed ? ERROR_MALFORMED : ERROR_NONE;
}

/* ------------------------------------------------------------------------------------ encoding */

struct encoder {
    struct writer *writer;
    struct codec_sink *sink; /* takes slices out of the stream; NULL copies them */
    size_t external;         /* bytes of slices met so far */
    enum error error;        /* the first reason to refuse */
    int16_t version;
    bool is_flexible;
    bool is_measuring;
};

static void encode_struct(struct encoder *encoder, const struct struct_layout *layout,
                          const char *from);
static void encode_field(struct encoder *encoder, const struct field_layout *field,
                         const char *from);

static void encoder_refuse(struct encoder *encoder, enum error error)
{
    if (encoder->error == ERROR_NONE) {
        encoder->error = error;
    }
}

/* The mirror of decode_length(): -1 is null. */
static void encode_length(struct encoder *encoder, const struct field_layout *field,
                          enum field_kind kind, int64_t length)
{
    if (length < 0 && !is_nullable(field, encoder->version)) {
        encoder_refuse(encoder, ERROR_UNSUPPORTED);
    }
    if (length > INT32_MAX) {
        encoder_refuse(encoder, ERROR_LIMIT);
    }
    if (encoder->is_flexible && (field->flags & FIELD_INFLEXIBLE) == 0) {
        writer_uvarint(encoder->writer, (uint32_t)(length + 1));
    } else if (kind == FIELD_STRING) {
        if (length > INT16_MAX) {
            encoder_refuse(encoder, ERROR_LIMIT);
        }
        writer_i16(encoder->writer, (int16_t)length);
    } else {
        writer_i32(encoder->writer, (int32_t)length);
    }
}

_Static_assert(sizeof(struct string) == sizeof(struct bytes), "encode_slice() reads both");

static void encode_slice(struct encoder *encoder, const struct field_layout *field,
                         enum field_kind kind, const char *from)
{
    struct string slice;

    memcpy(&slice, from, sizeof slice);
    if (slice.bytes == NULL && is_nullable(field, encoder->version)) {
        encode_length(encoder, field, kind, -1);
        return;
    }
    if (slice.bytes == NULL || slice.length < 0) {
        slice.length = 0;
    }
    encode_length(encoder, field, kind, slice.length);
    writer_bytes(encoder->writer, slice.bytes, (size_t)slice.length);
}

/* The array may be null where its elements may not: a null one is written as empty. */
static void encode_element_string(struct encoder *encoder, const struct field_layout *field,
                                  const char *from)
{
    struct string element;

    memcpy(&element, from, sizeof element);
    if (element.bytes == NULL || element.length < 0) {
        element.length = 0;
    }
    encode_length(encoder, field, FIELD_STRING, element.length);
    writer_bytes(encoder->writer, element.bytes, (size_t)element.length);
}

static void encode_record_slices(struct encoder *encoder, const struct field_layout *field,
                                 const struct records *records)
{
    size_t total = 0;

    for (int32_t i = 0; i < records->slice_count; i++) {
        total += records->slices[i].length;
    }
    encode_length(encoder, field, FIELD_RECORDS, (int64_t)total);
    encoder->external += total;
    if (encoder->is_measuring) {
        return;
    }
    if (encoder->sink != NULL) {
        encoder->sink->cut(encoder->sink, encoder->writer, records);
        return;
    }
    for (int32_t i = 0; i < records->slice_count; i++) {
        writer_bytes(encoder->writer, records->slices[i].bytes, records->slices[i].length);
    }
}

static void encode_records(struct encoder *encoder, const struct field_layout *field,
                           const char *from)
{
    struct records records;

    memcpy(&records, from, sizeof records);
    if (records.slice_count > 0) {
        encode_record_slices(encoder, field, &records);
        return;
    }
    encode_length(encoder, field, FIELD_RECORDS, records.length < 0 ? -1 : records.length);
    if (records.length > 0) {
        writer_bytes(encoder->writer, records.bytes, (size_t)records.length);
    }
}

static void encode_scalar(struct encoder *encoder, enum field_kind kind, const char *from)
{
    struct writer *writer = encoder->writer;

    switch ((int)kind) { /* not all of them: encode_field() knows where each goes */
    case FIELD_BOOL: writer_i8(writer, *(const bool *)(const void *)from ? 1 : 0); return;
    case FIELD_INT8: writer_i8(writer, *(const int8_t *)(const void *)from); return;
    case FIELD_INT16: writer_i16(writer, *(const int16_t *)(const void *)from); return;
    case FIELD_UINT16: writer_u16(writer, *(const uint16_t *)(const void *)from); return;
    case FIELD_INT32: writer_i32(writer, *(const int32_t *)(const void *)from); return;
    case FIELD_UINT32: writer_u32(writer, *(const uint32_t *)(const void *)from); return;
    case FIELD_INT64: writer_i64(writer, *(const int64_t *)(const void *)from); return;
    case FIELD_FLOAT64: writer_f64(writer, *(const double *)(const void *)from); return;
    default: CHECK(kind == FIELD_UUID); writer_bytes(writer, from, sizeof(struct uuid));
    }
}

static void encode_array(struct encoder *encoder, const struct field_layout *field,
                         const char *from)
{
    struct any_array array;

    memcpy(&array, from, sizeof array);
    CHECK(array.count <= 0 || array.items != NULL);
    encode_length(encoder, field, FIELD_ARRAY, array.count < 0 ? -1 : array.count);
    for (int32_t i = 0; i < array.count; i++) {
        const char *item = array.items + (size_t)i * field->element_size;

        if (field->element_kind == FIELD_STRUCT) {
            encode_struct(encoder, field->nested, item);
        } else if (field->element_kind == FIELD_STRING) {
            encode_element_string(encoder, field, item);
        } else {
            encode_scalar(encoder, field->element_kind, item);
        }
    }
}

static void encode_struct_field(struct encoder *encoder, const struct field_layout *field,
                                const char *from)
{
    const char *instance = from;

    if ((field->flags & FIELD_POINTER) != 0) {
        memcpy(&instance, from, sizeof instance);
        if (is_nullable(field, encoder->version)) {
            writer_i8(encoder->writer, instance == NULL ? -1 : 1);
        } else if (instance == NULL) {
            encoder_refuse(encoder, ERROR_UNSUPPORTED);
        }
    }
    if (instance != NULL) {
        encode_struct(encoder, field->nested, instance);
    }
}

static void encode_field(struct encoder *encoder, const struct field_layout *field,
                         const char *from)
{
    if (field->kind <= FIELD_UUID) {
        encode_scalar(encoder, field->kind, from);
    } else if (field->kind == FIELD_ARRAY) {
        encode_array(encoder, field, from);
    } else if (field->kind == FIELD_STRUCT) {
        encode_struct_field(encoder, field, from);
    } else if (field->kind == FIELD_RECORDS) {
        encode_records(encoder, field, from);
    } else {
        encode_slice(encoder, field, field->kind, from);
    }
}

static size_t measure_tagged(struct encoder *encoder, const struct field_layout *field,
                             const char *from)
{
    struct writer counter;
    struct encoder part = *encoder;

    writer_init(&counter, NULL, 0);
    part.writer = &counter;
    part.is_measuring = true;
    part.external = 0;
    encode_field(&part, field, from);
    encoder_refuse(encoder, part.error);
    return counter.used + part.external;
}

static bool is_worth_a_tag(const struct encoder *encoder, const struct field_layout *field,
                           const char *from)
{
    return is_present(field, encoder->version) && !message_field_is_default(field, from);
}

static void encode_tags(struct encoder *encoder, const struct struct_layout *layout,
                        const char *from)
{
    const struct field_layout *tagged = layout->fields + layout->untagged_count;
    uint16_t count = (uint16_t)(layout->field_count - layout->untagged_count);
    uint64_t present = 0; /* a bit a tagged field */

    CHECK(count <= 64);
    for (uint16_t i = 0; i < count; i++) {
        present |= (uint64_t)is_worth_a_tag(encoder, &tagged[i], from) << i;
    }
    writer_uvarint(encoder->writer, (uint32_t)__builtin_popcountll(present));
    for (uint16_t i = 0; present != 0; i++, present >>= 1) {
        const char *value = from + tagged[i].offset;

        if ((present & 1) != 0) {
            writer_uvarint(encoder->writer, tagged[i].tag);
            writer_uvarint(encoder->writer, (uint32_t)measure_tagged(encoder, &tagged[i], value));
            encode_field(encoder, &tagged[i], value);
        }
    }
}

static void encode_struct(struct encoder *encoder, const struct struct_layout *layout,
                          const char *from)
{
    for (uint16_t i = 0; i < layout->field_count; i++) {
        const struct field_layout *field = &layout->fields[i];

        if (is_present(field, encoder->version)) {
            if (i < layout->untagged_count) {
                encode_field(encoder, field, from + field->offset);
            }
        } else if (encoder->is_measuring && (field->flags & FIELD_IGNORABLE) == 0 &&
                   !message_field_is_default(field, from)) {
            encoder_refuse(encoder, ERROR_UNSUPPORTED);
        }
    }
    if (encoder->is_flexible) {
        encode_tags(encoder, layout, from);
    }
}

enum error codec_measure(const struct message_layout *layout, int16_t version, const void *message,
                         struct codec_size *out_size)
{
    struct writer counter;
    struct encoder encoder = {
        .writer = &counter,
        .version = version,
        .is_flexible = version >= layout->flexible_min,
        .is_measuring = true,
    };

    CHECK(message != NULL);
    if (version < layout->version_min || version > layout->version_max) {
        return ERROR_VERSION;
    }
    writer_init(&counter, NULL, 0);
    encode_struct(&encoder, layout->root, message);
    if (encoder.error == ERROR_NONE && counter.used + encoder.external > INT32_MAX) {
        encoder.error = ERROR_LIMIT;
    }
    if (encoder.error == ERROR_NONE) {
        *out_size = (struct codec_size){.written = counter.used, .external = encoder.external};
    }
    return encoder.error;
}

void codec_write(const struct message_layout *layout, int16_t version, const void *message,
                 struct writer *writer, struct codec_sink *sink)
{
    struct encoder encoder = {
        .writer = writer,
        .sink = sink,
        .version = version,
        .is_flexible = version >= layout->flexible_min,
    };

    CHECK(message != NULL);
    encode_struct(&encoder, layout->root, message);
    CHECK(encoder.error == ERROR_NONE);
}

/* NOLINTEND(misc-no-recursion) */
