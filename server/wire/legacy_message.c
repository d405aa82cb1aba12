/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/legacy_message.h"

#include <zlib.h>

enum {
    AT_SIZE = 8,
    AT_CRC = 12,
    AT_MAGIC = 16,
    AT_ATTRIBUTES = 17,
    AT_TIMESTAMP = 18, /* magic 1 */
    PREFIX_BYTES = 12,
    SIZE_MIN = 14, /* crc, magic, attributes and two lengths */
    TIMESTAMP_BYTES = 8,
    LENGTH_BYTES = 4,
};

static uint32_t compute_crc(const char *message, size_t size)
{
    return (uint32_t)crc32(0, (const Bytef *)message + AT_MAGIC, (uInt)(size - AT_MAGIC));
}

/* A negative length is null, as in Kafka. */
static bool read_text(const char **at, const char *end, struct string *out)
{
    int32_t length;

    if (end - *at < LENGTH_BYTES) {
        return false;
    }
    length = (int32_t)load_be32(*at);
    *at += LENGTH_BYTES;
    if (length < 0) {
        *out = STRING_NULL;
        return true;
    }
    if (length > end - *at) {
        return false;
    }
    *out = (struct string){.bytes = *at, .length = length};
    *at += length;
    return true;
}

static bool read_body(const char *bytes, const char *end, struct legacy_message *message)
{
    const char *at = bytes + AT_TIMESTAMP;

    message->offset = (int64_t)load_be64(bytes);
    message->attributes = (uint8_t)bytes[AT_ATTRIBUTES];
    message->timestamp_ms = -1;
    if (message->magic > 0) {
        if (end - at < TIMESTAMP_BYTES) {
            return false;
        }
        message->timestamp_ms = (int64_t)load_be64(at);
        at += TIMESTAMP_BYTES;
    }
    return read_text(&at, end, &message->key) && read_text(&at, end, &message->value) && at == end;
}

enum batch_fault legacy_message_read(struct string bytes, struct legacy_message *out_message)
{
    int32_t size;

    if (bytes.length < AT_ATTRIBUTES) {
        return BATCH_FAULT_EMPTY;
    }
    size = (int32_t)load_be32(bytes.bytes + AT_SIZE);
    out_message->magic = (int8_t)bytes.bytes[AT_MAGIC];
    if (size < SIZE_MIN) {
        return BATCH_FAULT_LENGTH;
    }
    if (out_message->magic != 0 && out_message->magic != 1) {
        return BATCH_FAULT_MAGIC;
    }
    if (size > bytes.length - PREFIX_BYTES) {
        return BATCH_FAULT_EMPTY;
    }
    out_message->size = (size_t)size + PREFIX_BYTES;
    if (load_be32(bytes.bytes + AT_CRC) != compute_crc(bytes.bytes, out_message->size)) {
        return BATCH_FAULT_RECORD_CRC;
    }
    return read_body(bytes.bytes, bytes.bytes + out_message->size, out_message)
               ? BATCH_FAULT_NONE
               : BATCH_FAULT_RECORD;
}

size_t legacy_message_size(const struct legacy_message *message)
{
    return (size_t)PREFIX_BYTES + SIZE_MIN + (message->magic > 0 ? TIMESTAMP_BYTES : 0u) +
           (size_t)message->key.length + (size_t)message->value.length;
}

static char *write_text(char *to, struct string text)
{
    store_be32(to, text.bytes == NULL ? UINT32_MAX : (uint32_t)text.length);
    to += LENGTH_BYTES;
    if (text.bytes != NULL && text.length > 0) {
        memcpy(to, text.bytes, (size_t)text.length);
    }
    return to + text.length;
}

char *legacy_message_write(char *to, const struct legacy_message *message)
{
    size_t size = legacy_message_size(message);
    char *at = to + AT_TIMESTAMP;

    store_be64(to, (uint64_t)message->offset);
    store_be32(to + AT_SIZE, (uint32_t)(size - PREFIX_BYTES));
    to[AT_MAGIC] = (char)message->magic;
    to[AT_ATTRIBUTES] = (char)message->attributes;
    if (message->magic > 0) {
        store_be64(at, (uint64_t)message->timestamp_ms);
        at += TIMESTAMP_BYTES;
    }
    at = write_text(write_text(at, message->key), message->value);
    store_be32(to + AT_CRC, compute_crc(to, size));
    return at;
}
