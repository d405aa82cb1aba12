/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/record_legacy.h"

#include <stdlib.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch_builder.h"

#include "wire/legacy_message.h"
#include "wire/record_batch_check.h"

enum { CAPACITY_MIN = 4096 };

/* Up: every message of the set, and of the sets inside, becomes a record of one builder. */

struct up_conversion {
    const struct batch_rules *rules;
    struct arena *arena;
    struct batch_report *report;
    struct record_batch_builder builder;
    int8_t magic; /* of the first message; all have the same */
};

static enum compression_flavour flavour_of(int8_t magic)
{
    return magic == 0 ? COMPRESSION_MAGIC_0 : COMPRESSION_STANDARD;
}

/* `stamp` is the wrapper's if that claims the time of append, else the message's own. */
static enum batch_fault take_message(struct up_conversion *self,
                                     const struct legacy_message *message,
                                     const struct legacy_message *stamp)
{
    bool claims_append_time = (stamp->attributes & RECORD_BATCH_LOG_APPEND_TIME) != 0;
    const struct record record = {
        .timestamp_ms = stamp->timestamp_ms, .key = message->key, .value = message->value};
    enum batch_fault fault = BATCH_FAULT_NONE;
    enum error error;

    if (self->rules->needs_keys && record.key.bytes == NULL) {
        fault = BATCH_FAULT_NO_KEY;
    } else {
        fault = record_batch_check_timestamp(record.timestamp_ms, claims_append_time, self->rules);
    }
    if (fault != BATCH_FAULT_NONE) {
        record_batch_check_blame(self->report, self->arena, fault, self->builder.count);
    }
    error = record_batch_builder_append(&self->builder, &record);
    return error == ERROR_NONE ? BATCH_FAULT_NONE : BATCH_FAULT_EXPANDED_SIZE;
}

static enum batch_fault take_inner_set(struct up_conversion *self,
                                       const struct legacy_message *wrapper, struct string set)
{
    bool wrapper_stamps = (wrapper->attributes & RECORD_BATCH_LOG_APPEND_TIME) != 0;
    struct legacy_message message;
    enum batch_fault fault = set.length == 0 ? BATCH_FAULT_RECORD : BATCH_FAULT_NONE;

    while (set.length > 0 && fault == BATCH_FAULT_NONE) {
        fault = legacy_message_read(set, &message);
        if (fault != BATCH_FAULT_NONE) {
            return fault == BATCH_FAULT_RECORD_CRC ? fault : BATCH_FAULT_RECORD;
        }
        if (message.magic != wrapper->magic ||
            (message.attributes & RECORD_BATCH_COMPRESSION) != COMPRESSION_NONE) {
            return BATCH_FAULT_RECORD;
        }
        fault = take_message(self, &message, wrapper_stamps ? wrapper : &message);
        set.bytes += message.size;
        set.length -= (int32_t)message.size;
    }
    return fault;
}

static enum batch_fault take_wrapper(struct up_conversion *self,
                                     const struct legacy_message *wrapper)
{
    unsigned codec = wrapper->attributes & RECORD_BATCH_COMPRESSION;
    struct buffer *expanded;
    struct string set;
    enum batch_fault fault;
    enum error error;

    if (codec >= COMPRESSION_ZSTD) {
        return BATCH_FAULT_CODEC;
    }
    if (wrapper->value.bytes == NULL) {
        return BATCH_FAULT_RECORD;
    }
    self->builder.codec = (enum compression)codec;
    error = compression_expand((enum compression)codec, flavour_of(wrapper->magic), wrapper->value,
                               self->rules->expanded_bytes_max, &expanded);
    if (error != ERROR_NONE) {
        return error == ERROR_LIMIT ? BATCH_FAULT_EXPANDED_SIZE : BATCH_FAULT_EXPANSION;
    }
    if (expanded->size > INT32_MAX) {
        buffer_unref(expanded);
        return BATCH_FAULT_EXPANDED_SIZE;
    }
    set = (struct string){.bytes = expanded->bytes, .length = (int32_t)expanded->size};
    fault = take_inner_set(self, wrapper, set);
    buffer_unref(expanded);
    return fault;
}

static enum batch_fault take_outer_message(struct up_conversion *self,
                                           const struct legacy_message *message)
{
    if (self->builder.count > 0 && message->magic != self->magic) {
        return BATCH_FAULT_RECORD;
    }
    self->magic = message->magic;
    if (message->size > self->rules->batch_bytes_max) {
        return BATCH_FAULT_TOO_LARGE;
    }
    if ((message->attributes & RECORD_BATCH_COMPRESSION) == COMPRESSION_NONE) {
        return take_message(self, message, message);
    }
    return take_wrapper(self, message);
}

static enum batch_fault take_set(struct up_conversion *self, struct string set)
{
    struct legacy_message message;
    enum batch_fault fault = BATCH_FAULT_NONE;

    while (fault == BATCH_FAULT_NONE) {
        fault = legacy_message_read(set, &message);
        if (fault != BATCH_FAULT_NONE) {
            break;
        }
        fault = take_outer_message(self, &message);
        set.bytes += message.size;
        set.length -= (int32_t)message.size;
    }
    if (fault == BATCH_FAULT_EMPTY && self->builder.count > 0) {
        return self->report->fault;
    }
    return fault;
}

static enum batch_fault finish_up(struct up_conversion *self, struct buffer **out_batch)
{
    struct buffer *batch;

    if (record_batch_builder_finish(&self->builder, &batch) != ERROR_NONE) {
        return BATCH_FAULT_EXPANDED_SIZE;
    }
    if (batch->size > self->rules->batch_bytes_max) {
        buffer_unref(batch);
        return BATCH_FAULT_TOO_LARGE;
    }
    CHECK(record_batch_parse(batch->bytes, batch->size, &self->report->info) == ERROR_NONE);
    self->report->max_timestamp_ms = self->report->info.max_timestamp_ms;
    *out_batch = batch;
    return BATCH_FAULT_NONE;
}

enum batch_fault record_legacy_up_convert(struct string set, const struct batch_rules *rules,
                                          struct arena *arena, struct batch_report *out_report,
                                          struct buffer **out_batch)
{
    struct up_conversion self = {.rules = rules, .arena = arena, .report = out_report};
    enum batch_fault fault;

    *out_report = (struct batch_report){0};
    record_batch_builder_init(&self.builder, rules->expanded_bytes_max);
    fault = take_set(&self, set);
    if (fault == BATCH_FAULT_NONE) {
        fault = finish_up(&self, out_batch);
    } else if (fault != out_report->fault) {
        out_report->record_index_count = 0;
    }
    record_batch_builder_release(&self.builder);
    out_report->fault = fault;
    return fault;
}

/* Down: each batch becomes a row of messages, or one message around such a row. */

struct growing_set {
    char *bytes; /* owned */
    size_t size;
    size_t capacity;
};

struct down_conversion {
    const struct record_legacy_wish *wish;
    struct growing_set out;
    struct growing_set inner;
    int64_t last_offset; /* of the last record converted */
};

static void add_message(struct growing_set *set, const struct legacy_message *message)
{
    size_t needed = set->size + legacy_message_size(message);

    if (needed > set->capacity) {
        size_t capacity = set->capacity < CAPACITY_MIN ? CAPACITY_MIN : set->capacity * 2;

        set->capacity = capacity < needed ? needed : capacity;
        set->bytes = check_realloc(set->bytes, set->capacity);
    }
    (void)legacy_message_write(set->bytes + set->size, message);
    set->size = needed;
}

/* The records of one batch as messages; `base` is what inner offsets of magic 1 count from. */
static enum error convert_records(struct down_conversion *self, const char *batch,
                                  struct growing_set *to, int64_t base, int64_t first_offset)
{
    unsigned append_time = record_batch_attributes(batch) & RECORD_BATCH_LOG_APPEND_TIME;
    struct record_iterator iterator;
    struct record record;
    enum error error = record_iterator_open(&iterator, batch, self->wish->expanded_bytes_max);

    if (error != ERROR_NONE) {
        return error;
    }
    while (record_iterator_next(&iterator, &record)) {
        struct legacy_message message = {.offset = record.offset - base,
                                         .magic = self->wish->magic,
                                         .timestamp_ms = record.timestamp_ms,
                                         .key = record.key,
                                         .value = record.value};

        message.attributes = self->wish->magic > 0 ? (uint8_t)append_time : 0;
        if (record.offset >= first_offset) {
            add_message(to, &message);
            self->last_offset = record.offset;
        }
    }
    return record_iterator_close(&iterator);
}

static enum error convert_compressed(struct down_conversion *self,
                                     const struct record_batch_info *info, const char *batch)
{
    int64_t base = self->wish->magic > 0 ? info->base_offset : 0;
    const struct compression_target target = {.codec = (enum compression)info->codec,
                                              .flavour = flavour_of(self->wish->magic),
                                              .level = COMPRESSION_LEVEL_DEFAULT};
    struct legacy_message wrapper = {.magic = self->wish->magic,
                                     .attributes = info->codec,
                                     .timestamp_ms = info->max_timestamp_ms};
    struct buffer *value;
    enum error error;

    self->inner.size = 0;
    error = convert_records(self, batch, &self->inner, base, INT64_MIN);
    if (error != ERROR_NONE || self->inner.size == 0) {
        return error;
    }
    wrapper.offset = self->last_offset;
    error = compression_compress(&target, self->inner.bytes, self->inner.size, &value);
    if (error != ERROR_NONE) {
        return error;
    }
    if (wrapper.magic > 0 && info->is_log_append_time) {
        wrapper.attributes |= RECORD_BATCH_LOG_APPEND_TIME;
    }
    wrapper.value = (struct string){.bytes = value->bytes, .length = (int32_t)value->size};
    add_message(&self->out, &wrapper);
    buffer_unref(value);
    return ERROR_NONE;
}

static enum error convert_batch(struct down_conversion *self, const struct record_batch_info *info,
                                const char *batch)
{
    if (info->is_control) {
        return ERROR_NONE;
    }
    if (info->codec == COMPRESSION_NONE) {
        return convert_records(self, batch, &self->out, 0, self->wish->first_offset);
    }
    if (info->codec >= COMPRESSION_ZSTD) {
        return ERROR_UNSUPPORTED;
    }
    return convert_compressed(self, info, batch);
}

static enum error convert_batches(struct down_conversion *self, struct string batches,
                                  int64_t *out_next_offset)
{
    struct record_batch_info info;

    while (self->out.size < self->wish->set_bytes_max) {
        enum error error = record_batch_parse(batches.bytes, (size_t)batches.length, &info);

        if (error == ERROR_AGAIN) {
            return ERROR_NONE;
        }
        if (error != ERROR_NONE) {
            return ERROR_MALFORMED;
        }
        error = convert_batch(self, &info, batches.bytes);
        if (error == ERROR_UNSUPPORTED && self->out.size > 0) {
            return ERROR_NONE; /* the next fetch begins there and is told */
        }
        if (error != ERROR_NONE) {
            return error;
        }
        *out_next_offset = info.last_offset + 1;
        batches.bytes += info.size;
        batches.length -= (int32_t)info.size;
    }
    return ERROR_NONE;
}

enum error record_legacy_down_convert(struct string batches, const struct record_legacy_wish *wish,
                                      struct record_legacy_set *out_set)
{
    struct down_conversion self = {.wish = wish};
    int64_t next_offset = wish->first_offset;
    enum error error = convert_batches(&self, batches, &next_offset);

    if (error == ERROR_NONE) {
        *out_set = (struct record_legacy_set){.buffer = buffer_copy(self.out.bytes, self.out.size),
                                              .next_offset = next_offset};
    }
    free(self.out.bytes);
    free(self.inner.bytes);
    return error;
}
