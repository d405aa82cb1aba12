/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message of magic 0 or 1:
 *
 *     offset int64 | size int32 | crc int32 | magic int8 | attributes int8
 *     | timestamp int64 (magic 1) | key length int32, key | value length int32, value
 *
 * The CRC is the one of zlib, over everything from the magic byte on. A length of -1 is null.
 */
#ifndef GYRE_WIRE_LEGACY_MESSAGE_H
#define GYRE_WIRE_LEGACY_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/wire/record_batch.h"

struct legacy_message {
    int64_t offset;
    int8_t magic;
    uint8_t attributes;   /* RECORD_BATCH_COMPRESSION, RECORD_BATCH_LOG_APPEND_TIME */
    int64_t timestamp_ms; /* -1 in magic 0 */
    struct string key;
    struct string value;
    size_t size; /* with offset and size field */
};

/* EMPTY: fewer bytes than the message has. Its CRC was checked unless a fault came first. */
enum batch_fault legacy_message_read(struct string bytes, struct legacy_message *out_message);

size_t legacy_message_size(const struct legacy_message *message);
char *legacy_message_write(char *to, const struct legacy_message *message);

#endif
