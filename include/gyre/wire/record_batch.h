/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record batch of magic 2 is what producers send, what the log stores byte for byte and what
 * consumers fetch (KIP-98). This header knows its 61 bytes of header, its checksum and its rules;
 * record.h knows the records inside, compression.h the codecs, record_legacy.h magic 0 and 1.
 *
 * The broker rewrites two fields that lie outside the checksum, base offset and leader epoch, in
 * place before a batch is shared. Everything else changes only through record_batch_stamp().
 *
 * Thread: any; the bytes belong to the caller.
 */
#ifndef GYRE_WIRE_RECORD_BATCH_H
#define GYRE_WIRE_RECORD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"
#include "gyre/wire/compression.h"

struct arena;
struct buffer;

/* Where the fields lie. Magic 0 and 1 have the first two and the magic byte at the same places. */
enum record_batch_layout {
    RECORD_BATCH_AT_BASE_OFFSET = 0,
    RECORD_BATCH_AT_LENGTH = 8, /* of what follows this field */
    RECORD_BATCH_AT_LEADER_EPOCH = 12,
    RECORD_BATCH_AT_MAGIC = 16,
    RECORD_BATCH_AT_CRC = 17,
    RECORD_BATCH_AT_ATTRIBUTES = 21, /* from here to the end the CRC holds */
    RECORD_BATCH_AT_LAST_OFFSET_DELTA = 23,
    RECORD_BATCH_AT_BASE_TIMESTAMP = 27,
    RECORD_BATCH_AT_MAX_TIMESTAMP = 35,
    RECORD_BATCH_AT_PRODUCER_ID = 43,
    RECORD_BATCH_AT_PRODUCER_EPOCH = 51,
    RECORD_BATCH_AT_BASE_SEQUENCE = 53,
    RECORD_BATCH_AT_COUNT = 57,
    RECORD_BATCH_HEADER_BYTES = 61,
    RECORD_BATCH_PREFIX_BYTES = 12,       /* base offset and length */
    RECORD_BATCH_MAGIC_PREFIX_BYTES = 17, /* enough to know magic and size of any magic */
};

enum record_batch_attribute {
    RECORD_BATCH_COMPRESSION = 0x07,
    RECORD_BATCH_LOG_APPEND_TIME = 0x08,
    RECORD_BATCH_TRANSACTIONAL = 0x10,
    RECORD_BATCH_CONTROL = 0x20,
    RECORD_BATCH_DELETE_HORIZON = 0x40,
};

enum { RECORD_BATCH_MAGIC = 2, RECORD_BATCH_NO_PRODUCER = -1, RECORD_BATCH_NO_SEQUENCE = -1 };

/* What one look at the header tells. */
struct record_batch_info {
    int64_t base_offset;
    int64_t last_offset;
    size_t size; /* of the whole batch with its header */
    int32_t leader_epoch;
    uint32_t crc;
    int32_t count;
    /* attributes */
    uint16_t attributes;
    uint8_t codec; /* enum compression, or 5 to 7: unknown */
    bool is_log_append_time;
    bool is_transactional;
    bool is_control;
    /* timestamps; base is the delete horizon if that attribute is set */
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    /* producer; -1 where there is none */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t last_sequence; /* wraps from INT32_MAX to 0 */
};

/*
 * Read the header of the batch at `bytes`; nothing is copied and the CRC is not looked at. This is
 * how logs, fetches and peers' bytes are walked: the next batch begins `size` bytes on.
 *
 *     AGAIN        fewer bytes are available than the batch has (or than its header has)
 *     UNSUPPORTED  another magic (`size` is not known)
 *     MALFORMED    length, offsets or count cannot be
 */
MUST_USE
enum error record_batch_parse(const char *bytes, size_t available,
                              struct record_batch_info *out_info);

/* Does the stored CRC hold? `size` is the whole batch's, at least RECORD_BATCH_HEADER_BYTES. */
bool record_batch_crc_holds(const char *batch, size_t size);

/*
 * What the digest rows of a partition keep: CRC-64/XZ over everything from the magic byte to the
 * end, so neither base offset nor leader epoch changes it. The definition is on disk and on the
 * links between regions: it never changes. It finds accidents, not forgeries.
 */
uint64_t record_batch_digest(const char *batch, size_t size);

static inline int64_t record_batch_base_offset(const char *batch)
{
    return (int64_t)load_be64(batch + RECORD_BATCH_AT_BASE_OFFSET);
}

static inline int64_t record_batch_last_offset(const char *batch)
{
    return record_batch_base_offset(batch) +
           (int32_t)load_be32(batch + RECORD_BATCH_AT_LAST_OFFSET_DELTA);
}

static inline size_t record_batch_size(const char *batch)
{
    return (size_t)load_be32(batch + RECORD_BATCH_AT_LENGTH) + RECORD_BATCH_PREFIX_BYTES;
}

static inline int32_t record_batch_leader_epoch(const char *batch)
{
    return (int32_t)load_be32(batch + RECORD_BATCH_AT_LEADER_EPOCH);
}

static inline uint16_t record_batch_attributes(const char *batch)
{
    return load_be16(batch + RECORD_BATCH_AT_ATTRIBUTES);
}

static inline int32_t record_batch_count(const char *batch)
{
    return (int32_t)load_be32(batch + RECORD_BATCH_AT_COUNT);
}

static inline int64_t record_batch_max_timestamp_ms(const char *batch)
{
    return (int64_t)load_be64(batch + RECORD_BATCH_AT_MAX_TIMESTAMP);
}

/* The two fields outside the CRC. */
static inline void record_batch_set_base_offset(char *batch, int64_t offset)
{
    store_be64(batch + RECORD_BATCH_AT_BASE_OFFSET, (uint64_t)offset);
}

static inline void record_batch_set_leader_epoch(char *batch, int32_t epoch)
{
    store_be32(batch + RECORD_BATCH_AT_LEADER_EPOCH, (uint32_t)epoch);
}

/* Set the timestamp type and the largest timestamp, and make the CRC right again. */
void record_batch_stamp(char *batch, size_t size, bool is_log_append_time,
                        int64_t max_timestamp_ms);

/* The same records under another codec: a new buffer, only the attributes and the CRC differ. */
MUST_USE
enum error record_batch_recompress(const char *batch, const struct compression_target *target,
                                   size_t expanded_bytes_max, struct buffer **out_batch);

/*
 * What a Produce request's records are refused for: our name, Kafka's error code, Kafka's words.
 * CORRUPT_MESSAGE 2, MESSAGE_TOO_LARGE 10, INVALID_TIMESTAMP 32, UNSUPPORTED_COMPRESSION_TYPE 76,
 * INVALID_RECORD 87.
 */
#define BATCH_FAULT_LIST(X)                                                                        \
    X(NONE, 0, "no fault")                                                                         \
    X(EMPTY, 87, "the request must have exactly one record batch per partition")                   \
    X(SEVERAL, 87, "the request is only allowed to contain exactly one record batch")              \
    X(OLD_MAGIC, 87, "the request is only allowed to contain record batches with magic version 2") \
    X(LENGTH, 2, "the record size is less than the minimum record overhead")                       \
    X(MAGIC, 2, "invalid magic found in record")                                                   \
    X(CRC, 2, "the record is corrupt: its stored and computed CRC differ")                         \
    X(TOO_LARGE, 10, "the record batch is larger than the topic's max.message.bytes")              \
    X(BASE_OFFSET, 87, "the base offset of a record batch in an append should be 0")               \
    X(OFFSET_RANGE, 87, "the batch has an invalid offset range")                                   \
    X(COUNT, 87, "invalid reported count for record batch")                                        \
    X(COUNT_MISMATCH, 87, "inconsistent batch offset range and count of records")                  \
    X(CONTROL, 87, "clients are not allowed to write control records")                             \
    X(SEQUENCE, 87, "invalid sequence number in record batch with producer id")                    \
    X(CODEC, 76, "unknown compression type")                                                       \
    X(CODEC_VERSION, 76, "this version of the request does not support zstd")                      \
    X(EXPANSION, 87, "the records do not decompress")                                              \
    X(EXPANDED_SIZE, 10, "the records decompress to more than this broker allows")                 \
    X(RECORD, 87, "a record does not follow the format")                                           \
    X(RECORD_OFFSET, 87, "a record's offset is not the one after its predecessor's")               \
    X(NO_KEY, 87, "compacted topic cannot accept message without key")                             \
    X(TIMESTAMP, 32, "the timestamp of a record is out of range")                                  \
    X(TIMESTAMP_TYPE, 32, "producer should not set timestamp type to LogAppendTime")               \
    X(RECORD_CRC, 2, "a message of an old format has a wrong CRC")

enum batch_fault {
#define X(name, code, text) BATCH_FAULT_##name,
    BATCH_FAULT_LIST(X)
#undef X
};

const char *batch_fault_name(enum batch_fault fault);
const char *batch_fault_text(enum batch_fault fault);
int16_t batch_fault_kafka_code(enum batch_fault fault);

/* A topic's settings, as far as an append must obey them. */
struct batch_rules {
    size_t batch_bytes_max;    /* max.message.bytes */
    size_t expanded_bytes_max; /* of a batch that must be decompressed to be checked */
    int64_t now_ms;
    int64_t timestamp_before_ms_max; /* message.timestamp.before.max.ms; INT64_MAX: any */
    int64_t timestamp_after_ms_max;
    bool is_log_append_time; /* message.timestamp.type */
    bool needs_keys;         /* cleanup.policy has compact */
    bool allows_zstd;        /* Produce 7 and later */
    bool is_from_client;     /* false: a coordinator's own write may have control records */
};

/* Generous settings: nothing is limited but by INT32_MAX; expanded_bytes_max is 64 MiB. */
struct batch_rules batch_rules_default(int64_t now_ms);

struct batch_report {
    struct record_batch_info info;
    enum batch_fault fault;
    /* Records that the fault concerns, counted from 0; in the arena. Empty: the whole batch. */
    int32_t *record_indexes;
    int32_t record_index_count;
    /* What record_batch_stamp() must be given before the batch is stored, if needs_stamp. */
    bool needs_stamp;
    int64_t max_timestamp_ms;
};

/*
 * May these bytes of one partition of a Produce request (version 3 or later) be appended? In the
 * order and with the errors of Kafka's ProduceRequest, UnifiedLog and LogValidator. Bytes after
 * the batch that do not make a second one are ignored: store `info.size` bytes.
 *
 * Records are looked at one by one only where it is needed: the batch is not compressed, keys or
 * an earliest timestamp are demanded, or the header's largest timestamp is out of range. Nothing
 * is changed and nothing allocated per record but the list of faulty ones (arena; when that is
 * full the list is cut short).
 *
 * Stricter than Kafka in one point: offset deltas must count 0, 1, 2, ...
 */
MUST_USE
enum batch_fault record_batch_check(const char *bytes, size_t size, const struct batch_rules *rules,
                                    struct arena *arena, struct batch_report *out_report);

/*
 * Would that check have to decompress? Then a large batch belongs on the pool. Looks at the header
 * only, and says false for bytes that are no batch.
 */
bool record_batch_check_expands(const char *bytes, size_t size, const struct batch_rules *rules);

#endif
