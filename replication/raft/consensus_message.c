/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_message.h"

#include <string.h>

#include "gyre/base/bytes.h"

/* A payload that is a small part of a frame is copied, so that it does not keep the frame. */
enum { KEEP_FRAME_SHARE = 2 };

struct cursor {
    char *at;
};

static void put(struct cursor *cursor, const void *value, size_t length)
{
    memcpy(cursor->at, value, length);
    cursor->at += length;
}

static void put_u64(struct cursor *cursor, uint64_t value)
{
    put(cursor, &value, sizeof value);
}

static void put_u32(struct cursor *cursor, uint32_t value)
{
    put(cursor, &value, sizeof value);
}

static void put_head(struct cursor *cursor, const struct consensus_message *message, size_t total)
{
    uint8_t bytes[4] = {(uint8_t)message->type, message->engine_version, message->flags, 0};

    put_u32(cursor, (uint32_t)total);
    put(cursor, bytes, sizeof bytes);
    put(cursor, message->group.topic.bytes, sizeof message->group.topic.bytes);
    put(cursor, &message->group.partition, sizeof message->group.partition);
    put_u64(cursor, message->term);
}

static size_t body_bytes(enum consensus_message_type type)
{
    switch (type) {
    case MESSAGE_APPEND: return MESSAGE_APPEND_BYTES;
    case MESSAGE_ACK: return 20;
    case MESSAGE_VOTE:
    case MESSAGE_INSTALL:
    case MESSAGE_TIMEOUT: return 16;
    case MESSAGE_VOTED: return 4;
    case MESSAGE_SLEEP_ASK:
    case MESSAGE_SLEEP_YES:
    case MESSAGE_SLEEP_NOW: return 8;
    case MESSAGE_WAKE: return 0;
    case MESSAGE_BEAT: return 32;
    }
    return 0;
}

size_t consensus_message_bytes(const struct consensus_message *message)
{
    size_t total = MESSAGE_HEAD_BYTES + body_bytes(message->type);

    for (int i = 0; i < message->entry_count; i++) {
        total += MESSAGE_ENTRY_BYTES + message->entries[i].payload.length;
    }
    return total;
}

size_t consensus_message_encode(const struct consensus_message *message, size_t total,
                                char bytes[MESSAGE_FIXED_BYTES_MAX])
{
    struct cursor cursor = {bytes};

    put_head(&cursor, message, total);
    switch (message->type) {
    case MESSAGE_APPEND:
        put_u64(&cursor, message->previous_index);
        put_u64(&cursor, message->previous_term);
        put_u64(&cursor, message->commit);
        put_u64(&cursor, message->last_index);
        put_u32(&cursor, (uint32_t)message->entry_count);
        break;
    case MESSAGE_ACK:
        put_u64(&cursor, message->rejected);
        put_u64(&cursor, message->last_index);
        put(&cursor, &message->features, sizeof message->features);
        put(&cursor, &message->capacity, sizeof message->capacity);
        break;
    case MESSAGE_VOTE:
    case MESSAGE_INSTALL:
    case MESSAGE_TIMEOUT:
        put_u64(&cursor, message->last_index);
        put_u64(&cursor, message->last_term);
        break;
    case MESSAGE_VOTED:
        put(&cursor, &message->features, sizeof message->features);
        put(&cursor, &message->capacity, sizeof message->capacity);
        break;
    case MESSAGE_SLEEP_ASK:
    case MESSAGE_SLEEP_YES:
    case MESSAGE_SLEEP_NOW: put_u64(&cursor, message->last_index); break;
    case MESSAGE_WAKE: break;
    case MESSAGE_BEAT:
        put_u64(&cursor, message->incarnation);
        put_u64(&cursor, message->heard_incarnation);
        put_u64(&cursor, message->digest);
        put_u64(&cursor, message->digest_count);
        break;
    }
    return (size_t)(cursor.at - bytes);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written to, through the cursor. */
void consensus_message_encode_entry(const struct log_entry *entry, char bytes[MESSAGE_ENTRY_BYTES])
{
    struct cursor cursor = {bytes};
    uint8_t tail[4] = {(uint8_t)entry->kind, 0, 0, 0};

    put_u64(&cursor, entry->term);
    put_u64(&cursor, entry->digest);
    put(&cursor, &entry->base_offset, sizeof entry->base_offset);
    put(&cursor, &entry->offset_count, sizeof entry->offset_count);
    put_u32(&cursor, (uint32_t)entry->payload.length);
    put(&cursor, tail, sizeof tail);
}

/* ---- decoding: every length is checked before it is used ---- */

static void take(const char **cursor, void *value, size_t length)
{
    memcpy(value, *cursor, length);
    *cursor += length;
}

static bool entry_is_valid(const struct log_entry *entry, size_t length)
{
    switch (entry->kind) {
    case ENTRY_BATCH: return entry->offset_count > 0 && entry->base_offset >= 0 && length > 0;
    case ENTRY_COMMAND:
    case ENTRY_CHANGE: return entry->offset_count == 0 && length > 0;
    case ENTRY_BARRIER: return entry->offset_count == 0 && length == 0;
    }
    return false;
}

/* The head of one entry; its payload gets a length but no bytes yet. */
static bool decode_entry_head(const char *cursor, struct log_entry *out_entry)
{
    uint32_t length;
    uint8_t tail[4];

    *out_entry = (struct log_entry){0};
    take(&cursor, &out_entry->term, sizeof out_entry->term);
    take(&cursor, &out_entry->digest, sizeof out_entry->digest);
    take(&cursor, &out_entry->base_offset, sizeof out_entry->base_offset);
    take(&cursor, &out_entry->offset_count, sizeof out_entry->offset_count);
    take(&cursor, &length, sizeof length);
    take(&cursor, tail, sizeof tail);
    if (tail[0] < ENTRY_BATCH || tail[0] > ENTRY_CHANGE || out_entry->term == 0) {
        return false;
    }
    out_entry->kind = (enum entry_kind)tail[0];
    out_entry->payload.length = length;
    return entry_is_valid(out_entry, length);
}

static void attach_payloads(struct buffer_slice frame, char *payloads, size_t total,
                            struct consensus_message *message)
{
    struct buffer *owner = frame.buffer;
    char *cursor = payloads;

    if (total * KEEP_FRAME_SHARE < frame.length) {
        owner = buffer_copy(payloads, total);
        cursor = owner->bytes;
    } else {
        buffer_ref(owner);
    }
    for (int i = 0; i < message->entry_count; i++) {
        struct buffer_slice *payload = &message->entries[i].payload;

        if (payload->length > 0) {
            payload->buffer = buffer_ref(owner);
            payload->bytes = cursor;
            cursor += payload->length;
        }
    }
    buffer_unref(owner);
}

/* `body` is what lies behind the fixed part of an APPEND message. */
static enum error decode_entries(struct buffer_slice frame, char *body, size_t body_length,
                                 uint32_t count, struct consensus_message *message)
{
    size_t heads = (size_t)count * MESSAGE_ENTRY_BYTES;
    size_t payloads = 0;
    uint64_t term = message->previous_term;

    if (count > MESSAGE_ENTRIES_MAX || heads > body_length) {
        return ERROR_MALFORMED;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct log_entry *entry = &message->entries[i];

        if (!decode_entry_head(body + (size_t)i * MESSAGE_ENTRY_BYTES, entry) ||
            entry->term < term || entry->term > message->term) {
            return ERROR_MALFORMED;
        }
        entry->index = message->previous_index + 1 + i;
        term = entry->term;
        payloads += entry->payload.length;
    }
    if (heads + payloads != body_length) {
        return ERROR_MALFORMED;
    }
    message->entry_count = (int)count;
    attach_payloads(frame, body + heads, payloads, message);
    return ERROR_NONE;
}

static enum error decode_append(struct buffer_slice frame, char *body, size_t length,
                                struct consensus_message *message)
{
    const char *cursor = body;
    uint32_t count;

    take(&cursor, &message->previous_index, sizeof(uint64_t));
    take(&cursor, &message->previous_term, sizeof(uint64_t));
    take(&cursor, &message->commit, sizeof(uint64_t));
    take(&cursor, &message->last_index, sizeof(uint64_t));
    take(&cursor, &count, sizeof count);
    if ((message->previous_index == 0) != (message->previous_term == 0) ||
        message->previous_term > message->term ||
        message->previous_index > UINT64_MAX - MESSAGE_ENTRIES_MAX - 1) {
        return ERROR_MALFORMED;
    }
    return decode_entries(frame, body + MESSAGE_APPEND_BYTES, length - MESSAGE_APPEND_BYTES, count,
                          message);
}

static void decode_fixed(const char *cursor, struct consensus_message *message)
{
    switch (message->type) {
    case MESSAGE_ACK:
        take(&cursor, &message->rejected, sizeof(uint64_t));
        take(&cursor, &message->last_index, sizeof(uint64_t));
        take(&cursor, &message->features, sizeof message->features);
        take(&cursor, &message->capacity, sizeof message->capacity);
        break;
    case MESSAGE_VOTE:
    case MESSAGE_INSTALL:
    case MESSAGE_TIMEOUT:
        take(&cursor, &message->last_index, sizeof(uint64_t));
        take(&cursor, &message->last_term, sizeof(uint64_t));
        break;
    case MESSAGE_VOTED:
        take(&cursor, &message->features, sizeof message->features);
        take(&cursor, &message->capacity, sizeof message->capacity);
        break;
    case MESSAGE_SLEEP_ASK:
    case MESSAGE_SLEEP_YES:
    case MESSAGE_SLEEP_NOW: take(&cursor, &message->last_index, sizeof(uint64_t)); break;
    case MESSAGE_BEAT:
        take(&cursor, &message->incarnation, sizeof(uint64_t));
        take(&cursor, &message->heard_incarnation, sizeof(uint64_t));
        take(&cursor, &message->digest, sizeof(uint64_t));
        take(&cursor, &message->digest_count, sizeof(uint64_t));
        break;
    case MESSAGE_APPEND:
    case MESSAGE_WAKE: break;
    }
}

enum error consensus_message_decode(struct buffer_slice frame, size_t *io_offset,
                                    struct log_entry *entries,
                                    struct consensus_message *out_message)
{
    struct consensus_message message = {.entries = entries};
    char *start = frame.bytes + *io_offset;
    const char *cursor = start;
    size_t left = frame.length - *io_offset;
    uint32_t length;
    uint8_t bytes[4];

    if (left < MESSAGE_HEAD_BYTES) {
        return ERROR_MALFORMED;
    }
    take(&cursor, &length, sizeof length);
    take(&cursor, bytes, sizeof bytes);
    take(&cursor, message.group.topic.bytes, sizeof message.group.topic.bytes);
    take(&cursor, &message.group.partition, sizeof message.group.partition);
    take(&cursor, &message.term, sizeof message.term);
    if (bytes[0] < MESSAGE_APPEND || bytes[0] > MESSAGE_BEAT || length > left) {
        return ERROR_MALFORMED;
    }
    message.type = (enum consensus_message_type)bytes[0];
    message.engine_version = bytes[1];
    message.flags = bytes[2];
    if (message.type == MESSAGE_APPEND) {
        if (length < MESSAGE_HEAD_BYTES + MESSAGE_APPEND_BYTES ||
            decode_append(frame, start + MESSAGE_HEAD_BYTES, length - MESSAGE_HEAD_BYTES,
                          &message) != ERROR_NONE) {
            return ERROR_MALFORMED;
        }
    } else {
        if (length != MESSAGE_HEAD_BYTES + body_bytes(message.type)) {
            return ERROR_MALFORMED;
        }
        decode_fixed(cursor, &message);
    }
    *io_offset += length;
    *out_message = message;
    return ERROR_NONE;
}
