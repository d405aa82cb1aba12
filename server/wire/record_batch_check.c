/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the checks decides which error a client sees; it is Kafka's: the shape of the
 * request, size and CRC, the header against itself, the records.
 */
#include "wire/record_batch_check.h"

#include "gyre/base/arena.h"
#include "gyre/base/check.h"
#include "gyre/wire/record.h"

enum {
    LEGACY_OVERHEAD_BYTES = 14, /* of a message of magic 0: what Kafka asks of any length */
    EXPANDED_BYTES_DEFAULT = 64 << 20,
    INDEXES_FIRST = 16,
};

struct batch_rules batch_rules_default(int64_t now_ms)
{
    return (struct batch_rules){
        .batch_bytes_max = INT32_MAX,
        .expanded_bytes_max = EXPANDED_BYTES_DEFAULT,
        .now_ms = now_ms,
        .timestamp_before_ms_max = INT64_MAX,
        .timestamp_after_ms_max = INT64_MAX,
        .allows_zstd = true,
        .is_from_client = true,
    };
}

/* The frame of one batch of any magic. EMPTY: what is left is not a whole batch. */
static enum batch_fault next_frame(const char *bytes, size_t available, size_t *out_size)
{
    int32_t length;

    if (available < RECORD_BATCH_MAGIC_PREFIX_BYTES) {
        return BATCH_FAULT_EMPTY;
    }
    length = (int32_t)load_be32(bytes + RECORD_BATCH_AT_LENGTH);
    if (length < LEGACY_OVERHEAD_BYTES) {
        return BATCH_FAULT_LENGTH;
    }
    if ((unsigned char)bytes[RECORD_BATCH_AT_MAGIC] > RECORD_BATCH_MAGIC) {
        return BATCH_FAULT_MAGIC;
    }
    if ((size_t)length > available - RECORD_BATCH_PREFIX_BYTES) {
        return BATCH_FAULT_EMPTY;
    }
    *out_size = (size_t)length + RECORD_BATCH_PREFIX_BYTES;
    return BATCH_FAULT_NONE;
}

/* Exactly one batch, of magic 2. */
static enum batch_fault check_shape(const char *bytes, size_t size, size_t *out_batch_size)
{
    size_t another_size;
    enum batch_fault fault = next_frame(bytes, size, out_batch_size);

    if (fault != BATCH_FAULT_NONE) {
        return fault;
    }
    if (bytes[RECORD_BATCH_AT_MAGIC] != RECORD_BATCH_MAGIC) {
        return BATCH_FAULT_OLD_MAGIC;
    }
    if (*out_batch_size < RECORD_BATCH_HEADER_BYTES) {
        return BATCH_FAULT_LENGTH;
    }
    fault = next_frame(bytes + *out_batch_size, size - *out_batch_size, &another_size);
    if (fault == BATCH_FAULT_NONE) {
        return BATCH_FAULT_SEVERAL;
    }
    return fault == BATCH_FAULT_EMPTY ? BATCH_FAULT_NONE : fault;
}

static enum batch_fault check_codec(const struct record_batch_info *info,
                                    const struct batch_rules *rules)
{
    if (info->codec >= COMPRESSION_COUNT) {
        return BATCH_FAULT_CODEC;
    }
    if (info->codec == COMPRESSION_ZSTD && !rules->allows_zstd) {
        return BATCH_FAULT_CODEC_VERSION;
    }
    return BATCH_FAULT_NONE;
}

/* What only a client can do wrong; coordinators write control records and their own offsets. */
static enum batch_fault check_header(const struct record_batch_info *info)
{
    if (info->last_offset < info->base_offset) {
        return BATCH_FAULT_OFFSET_RANGE;
    }
    if (info->count <= 0) {
        return BATCH_FAULT_COUNT;
    }
    if (info->last_offset - info->base_offset != (int64_t)info->count - 1) {
        return BATCH_FAULT_COUNT_MISMATCH;
    }
    if (info->is_control) {
        return BATCH_FAULT_CONTROL;
    }
    if (info->producer_id > RECORD_BATCH_NO_PRODUCER && info->base_sequence < 0) {
        return BATCH_FAULT_SEQUENCE;
    }
    return BATCH_FAULT_NONE;
}

static bool is_out_of_range(int64_t timestamp_ms, const struct batch_rules *rules)
{
    int64_t age_ms;

    if (__builtin_sub_overflow(rules->now_ms, timestamp_ms, &age_ms)) {
        age_ms = timestamp_ms < 0 ? INT64_MAX : -INT64_MAX;
    }
    return age_ms > rules->timestamp_before_ms_max || -age_ms > rules->timestamp_after_ms_max;
}

enum batch_fault record_batch_check_timestamp(int64_t timestamp_ms, bool claims_append_time,
                                              const struct batch_rules *rules)
{
    if (!rules->is_log_append_time && timestamp_ms != -1) {
        return is_out_of_range(timestamp_ms, rules) ? BATCH_FAULT_TIMESTAMP : BATCH_FAULT_NONE;
    }
    return claims_append_time ? BATCH_FAULT_TIMESTAMP_TYPE : BATCH_FAULT_NONE;
}

/* The list grows by doubling in the arena; when the arena is full it stays as it is. */
static void note_record(struct batch_report *report, struct arena *arena, int32_t index)
{
    int32_t count = report->record_index_count;
    bool is_power_of_two = (count & (count - 1)) == 0;

    if (count == 0 || (count >= INDEXES_FIRST && is_power_of_two)) {
        size_t room = count == 0 ? INDEXES_FIRST : (size_t)count * 2;
        int32_t *larger = arena_alloc_array(arena, room, sizeof *larger);

        if (larger == NULL) {
            return;
        }
        if (count > 0) {
            memcpy(larger, report->record_indexes, (size_t)count * sizeof *larger);
        }
        report->record_indexes = larger;
    }
    report->record_indexes[report->record_index_count++] = index;
}

/* Kafka reports all records at fault and prefers INVALID_TIMESTAMP among their errors. */
void record_batch_check_blame(struct batch_report *report, struct arena *arena,
                              enum batch_fault fault, int32_t index)
{
    if (report->fault == BATCH_FAULT_NONE || fault == BATCH_FAULT_TIMESTAMP ||
        fault == BATCH_FAULT_TIMESTAMP_TYPE) {
        report->fault = fault;
    }
    note_record(report, arena, index);
}

static enum batch_fault fault_of_opening(enum error error)
{
    return error == ERROR_LIMIT ? BATCH_FAULT_EXPANDED_SIZE : BATCH_FAULT_EXPANSION;
}

/* Every record in turn; report->fault is set on return. */
static void check_records(const char *batch, const struct batch_rules *rules, struct arena *arena,
                          struct batch_report *report)
{
    struct record_iterator iterator;
    struct record record;
    int64_t next_offset = report->info.base_offset;
    int64_t max_timestamp_ms = -1;
    enum error error = record_iterator_open(&iterator, batch, rules->expanded_bytes_max);

    if (error != ERROR_NONE) {
        report->fault = fault_of_opening(error);
        return;
    }
    /* The stamp takes back a producer's claim; from then on these are what readers see. */
    record_iterator_show_own_times(&iterator);
    for (int32_t index = 0; record_iterator_next(&iterator, &record); index++) {
        enum batch_fault fault = BATCH_FAULT_NONE;

        if (rules->is_from_client && record.offset != next_offset++) {
            fault = BATCH_FAULT_RECORD_OFFSET;
        } else if (rules->needs_keys && !report->info.is_control && record.key.bytes == NULL) {
            fault = BATCH_FAULT_NO_KEY;
        } else {
            fault = record_batch_check_timestamp(record.timestamp_ms,
                                                 report->info.is_log_append_time, rules);
        }
        if (fault != BATCH_FAULT_NONE) {
            record_batch_check_blame(report, arena, fault, index);
        }
        max_timestamp_ms =
            record.timestamp_ms > max_timestamp_ms ? record.timestamp_ms : max_timestamp_ms;
    }
    report->max_timestamp_ms = max_timestamp_ms;
    if (record_iterator_close(&iterator) != ERROR_NONE) {
        report->fault = BATCH_FAULT_RECORD;
        report->record_index_count = 0;
    }
}

static bool must_look_at_records(const struct batch_report *report, const struct batch_rules *rules)
{
    return report->info.codec == COMPRESSION_NONE || rules->needs_keys ||
           (!rules->is_log_append_time && report->info.is_log_append_time) ||
           (!rules->is_log_append_time && rules->timestamp_before_ms_max != INT64_MAX) ||
           record_batch_check_timestamp(report->info.max_timestamp_ms,
                                        report->info.is_log_append_time, rules) != BATCH_FAULT_NONE;
}

static void decide_stamp(const struct batch_rules *rules, struct batch_report *report)
{
    if (rules->is_log_append_time) {
        report->max_timestamp_ms = rules->now_ms;
    }
    report->needs_stamp = report->info.is_log_append_time != rules->is_log_append_time ||
                          report->info.max_timestamp_ms != report->max_timestamp_ms;
}

static enum batch_fault check_whole(const char *bytes, size_t size, const struct batch_rules *rules,
                                    struct record_batch_info *info)
{
    size_t batch_size = 0;
    enum batch_fault fault = check_shape(bytes, size, &batch_size);
    enum error error;

    if (fault != BATCH_FAULT_NONE) {
        return fault;
    }
    /* MALFORMED is judged in Kafka's order below: info is complete by then. */
    error = record_batch_parse(bytes, batch_size, info);
    CHECK(error == ERROR_NONE || error == ERROR_MALFORMED);
    fault = check_codec(info, rules);
    if (fault != BATCH_FAULT_NONE) {
        return fault;
    }
    if (rules->is_from_client && info->base_offset != 0) {
        return BATCH_FAULT_BASE_OFFSET;
    }
    if (batch_size > rules->batch_bytes_max) {
        return BATCH_FAULT_TOO_LARGE;
    }
    if (!record_batch_crc_holds(bytes, batch_size)) {
        return BATCH_FAULT_CRC;
    }
    if (rules->is_from_client) {
        return check_header(info);
    }
    return error == ERROR_NONE ? BATCH_FAULT_NONE : BATCH_FAULT_COUNT;
}

enum batch_fault record_batch_check(const char *bytes, size_t size, const struct batch_rules *rules,
                                    struct arena *arena, struct batch_report *out_report)
{
    *out_report = (struct batch_report){0};
    out_report->fault = check_whole(bytes, size, rules, &out_report->info);
    if (out_report->fault != BATCH_FAULT_NONE) {
        return out_report->fault;
    }
    out_report->max_timestamp_ms = out_report->info.max_timestamp_ms;
    if (must_look_at_records(out_report, rules)) {
        check_records(bytes, rules, arena, out_report);
    }
    if (out_report->fault == BATCH_FAULT_NONE) {
        decide_stamp(rules, out_report);
    }
    return out_report->fault;
}

bool record_batch_check_expands(const char *bytes, size_t size, const struct batch_rules *rules)
{
    struct batch_report report = {0};

    return record_batch_parse(bytes, size, &report.info) == ERROR_NONE &&
           report.info.codec != COMPRESSION_NONE && must_look_at_records(&report, rules);
}
