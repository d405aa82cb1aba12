/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message of Kafka's protocol is a plain struct and a table that describes it. Both are generated
 * from the schemas in server/wire/schema into "wire_messages/<api>.h"; this header is what they are
 * made of, and what can be done with any of them.
 *
 * Decoded strings, bytes and records point into the frame, arrays live in the arena: both must
 * outlive the struct. Thread: any, one at a time per message.
 */
#ifndef GYRE_WIRE_MESSAGE_H
#define GYRE_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/buffer.h"
#include "gyre/base/bytes.h"
#include "gyre/base/error.h"
#include "gyre/base/uuid.h"

struct arena;
struct buffer;
struct buffer_slice;
struct frame_output;
struct reader;

/* A null array has count -1. Items are borrowed. */
struct bool_array {
    bool *items;
    int32_t count;
};

struct int8_array {
    int8_t *items;
    int32_t count;
};

struct int16_array {
    int16_t *items;
    int32_t count;
};

struct int32_array {
    int32_t *items;
    int32_t count;
};

struct int64_array {
    int64_t *items;
    int32_t count;
};

struct string_array {
    struct string *items;
    int32_t count;
};

struct uuid_array {
    struct uuid *items;
    int32_t count;
};

/*
 * Record batches, which the codec does not look into. Decoding fills bytes and length; null is
 * length -1. Encoding sends the slices in order without copying when slice_count > 0 (they stay the
 * caller's, the output takes references of its own), otherwise it copies bytes.
 */
struct records {
    char *bytes; /* borrowed */
    int32_t length;
    int32_t slice_count;
    struct buffer_slice *slices; /* borrowed */
};

/* ------------------------------------------------------------------ what the tables are made of */

enum field_kind { /* numbers and ids first, FIELD_UUID the last of them */
                  FIELD_BOOL,
                  FIELD_INT8,
                  FIELD_INT16,
                  FIELD_UINT16,
                  FIELD_INT32,
                  FIELD_UINT32,
                  FIELD_INT64,
                  FIELD_FLOAT64,
                  FIELD_UUID,
                  FIELD_STRING,
                  FIELD_BYTES,
                  FIELD_RECORDS,
                  FIELD_STRUCT,
                  FIELD_ARRAY,
};

enum field_flag {
    FIELD_IGNORABLE = 1 << 0,    /* may be left out silently in versions without it */
    FIELD_SECRET = 1 << 1,       /* never printed */
    FIELD_INFLEXIBLE = 1 << 2,   /* keeps its old encoding in flexible versions */
    FIELD_POINTER = 1 << 3,      /* a struct that can be null is held by a pointer */
    FIELD_NULL_DEFAULT = 1 << 4, /* the default is null */
    FIELD_TAGGED = 1 << 5,
};

struct struct_layout;

struct field_layout {
    const char *name;
    const struct struct_layout *nested; /* of a struct, or of the elements of an array */
    int64_t default_number;
    uint32_t offset;
    uint32_t element_size; /* arrays */
    int16_t version_min;
    int16_t version_max;
    int16_t nullable_min; /* above nullable_max when it is never null */
    int16_t nullable_max;
    uint16_t tag;
    uint8_t kind;
    uint8_t element_kind; /* arrays */
    uint8_t flags;
};

/* Fields stand in the order of the wire: untagged ones first, then tagged ones by tag. */
struct struct_layout {
    const char *name;
    const struct field_layout *fields;
    const uint16_t *smallest_bytes; /* the smallest encoding, by version from the message's first */
    uint32_t size;
    uint16_t field_count;
    uint16_t untagged_count;
};

struct message_layout {
    const char *name;
    const struct struct_layout *root;
    int16_t version_min; /* what we accept, which may be more than we advertise */
    int16_t version_max;
    int16_t flexible_min; /* INT16_MAX: never */
    bool is_internal;     /* Gyre's own; Kafka has no such message */
};

/* ------------------------------------------------------------------------- what can be done */

/* Every field to its default. The generated <message>_init() and <message>_decode() wrap these. */
void message_init(const struct message_layout *layout, void *message);

/*
 * Reads one message and leaves the reader behind it. ERROR_MALFORMED: not this message.
 * ERROR_LIMIT: the arena is exhausted. ERROR_VERSION: the layout does not know the version.
 * `message` has unspecified content on failure.
 */
MUST_USE
enum error message_decode(const struct message_layout *layout, int16_t version,
                          struct reader *reader, struct arena *arena, void *message);

/*
 * Appends the message to the output. A field that the version lacks is skipped when it has its
 * default or is ignorable, else ERROR_UNSUPPORTED; so is a null array, struct or records where the
 * version knows no null. A null string or bytes there is written as empty, because that is how
 * zeroed memory reads. ERROR_LIMIT: a length does not fit its field. On failure nothing is
 * appended.
 */
MUST_USE
enum error message_encode(const struct message_layout *layout, int16_t version, const void *message,
                          struct frame_output *output);

/* The same into one buffer behind a two-byte version, as record keys and values begin. Pass the
 * number that stands there (the version, or the kind of a key). The caller owns the buffer. */
MUST_USE
enum error message_encode_record(const struct message_layout *layout, int16_t version,
                                 int16_t prefix, const void *message, struct buffer **out_buffer);

/* The way back, past a prefix that the caller knows or does not mind. As message_decode(); the
 * message may point into `bytes`. */
MUST_USE
enum error message_decode_record(const struct message_layout *layout, int16_t version,
                                 struct buffer_slice bytes, struct arena *arena, void *message);

/* Are two messages of the same layout equal, as far as the version carries them? */
bool message_equal(const struct message_layout *layout, int16_t version, const void *a,
                   const void *b);

/*
 * For logs: "{name: t, partitions: [{index: 0}]}" with only what the version carries. Fields marked
 * secret print as ***, bytes and records as their length. Cut off with "..." at `size`, always
 * NUL-terminated; returns the length written.
 */
size_t message_print(const struct message_layout *layout, int16_t version, const void *message,
                     char *text, size_t size);

/* ------------------------------------------------------------------------- parts of messages */

/* All fields of one struct to their defaults; the generated <element>_init() wraps it. */
void message_init_struct(const struct struct_layout *layout, void *instance);

/* One field of the struct at `instance` to its default. */
void message_init_field(const struct field_layout *field, void *instance);

/* Does this field of the struct at `instance` have its default? */
bool message_field_is_default(const struct field_layout *field, const void *instance);

/* `count` elements with their defaults. `array` is one of the generated arrays. ERROR_LIMIT. */
MUST_USE
enum error message_array_alloc(const struct struct_layout *layout, struct arena *arena,
                               int32_t count, void *array);

#endif
