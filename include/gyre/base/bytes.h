/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices without ownership, and the byte orders. `struct string` is text of a known length, never
 * NUL-terminated; bytes == NULL is Kafka's null string. Both point into memory of somebody else.
 */
#ifndef GYRE_BASE_BYTES_H
#define GYRE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct string {
    const char *bytes;
    int32_t length;
};

struct bytes {
    char *bytes;
    int32_t length;
};

#define STRING(literal)                                                                            \
    ((struct string){.bytes = (literal), .length = (int32_t)sizeof(literal) - 1})
#define STRING_NULL ((struct string){.bytes = NULL, .length = 0})

/* printf("%.*s", STRING_ARGUMENTS(name)) */
#define STRING_ARGUMENTS(string)                                                                   \
    ((string).bytes == NULL ? 0 : (int)(string).length),                                           \
        ((string).bytes == NULL ? "" : (string).bytes)

static inline struct string string_from(const char *text)
{
    return (struct string){.bytes = text, .length = text == NULL ? 0 : (int32_t)strlen(text)};
}

static inline bool string_equal(struct string a, struct string b)
{
    return a.length == b.length && (a.bytes == NULL) == (b.bytes == NULL) &&
           (a.length == 0 || memcmp(a.bytes, b.bytes, (size_t)a.length) == 0);
}

static inline bool string_is(struct string a, const char *text)
{
    return a.bytes != NULL && string_equal(a, string_from(text));
}

/* memcmp order, shorter first. */
int string_compare(struct string a, struct string b);

/* Without the blanks and tabs around it. */
struct string string_trim(struct string text);

/* Takes the next element of "a, b" off `rest`, trimmed; empty ones are skipped. False: none is
 * left. */
bool string_next_element(struct string *rest, char separator, struct string *out_element);

/* Is it well-formed UTF-8 (RFC 3629)? */
bool string_is_utf8(struct string text);

static inline uint16_t load_be16(const void *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t load_be32(const void *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t load_be64(const void *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

static inline void store_be16(void *to, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(to, &value, sizeof value);
}

static inline void store_be32(void *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, sizeof value);
}

static inline void store_be64(void *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof value);
}

/* Our own files and links are little-endian; Kafka's formats are big-endian. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "gyre runs on little-endian machines");

#endif
