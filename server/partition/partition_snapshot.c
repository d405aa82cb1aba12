/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file of a partition's snapshot. Big-endian:
 *
 *     version u16, section count u16, then sections: type u16, version u16, length u32, bytes
 *
 * Storage checksums the whole. A section that this program does not know stops the replica: what it
 * says would be lost with the next snapshot.
 */
#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/base/mutation.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/writer.h"

#include "partition/partition_state.h"

enum { SNAPSHOT_VERSION = 1, SECTION_VERSION = 1 };

enum section {
    SECTION_OFFSETS = 1, /* epoch base, high watermark, log start */
    SECTION_LEADER_EPOCHS = 2,
    SECTION_PRODUCERS = 3,
    SECTION_END = 4, /* 4 is kept for transactions */
};

static void write_body(const struct partition *partition, enum section section,
                       struct writer *writer)
{
    switch (section) {
    case SECTION_OFFSETS:
        writer_i32(writer, partition->epoch_base);
        writer_i64(writer, partition->high_watermark);
        writer_i64(writer, partition->log_start_offset);
        break;
    case SECTION_LEADER_EPOCHS: leader_epochs_encode(&partition->epochs, writer); break;
    case SECTION_PRODUCERS: producer_state_encode(&partition->producers, writer); break;
    case SECTION_END: break;
    }
}

static void write_state(const struct partition *partition, struct writer *writer)
{
    writer_u16(writer, SNAPSHOT_VERSION);
    writer_u16(writer, SECTION_END - SECTION_OFFSETS);
    for (enum section section = SECTION_OFFSETS; section < SECTION_END; section++) {
        struct writer measure;

        writer_init(&measure, NULL, SIZE_MAX);
        write_body(partition, section, &measure);
        writer_u16(writer, (uint16_t)section);
        writer_u16(writer, SECTION_VERSION);
        writer_u32(writer, (uint32_t)measure.used);
        write_body(partition, section, writer);
    }
}

struct buffer *partition_snapshot_encode(const struct partition *partition)
{
    struct writer writer;
    struct buffer *buffer;

    writer_init(&writer, NULL, SIZE_MAX);
    write_state(partition, &writer);
    buffer = buffer_new(writer.used);
    writer_init(&writer, buffer->bytes, buffer->size);
    write_state(partition, &writer);
    CHECK(writer.used == buffer->size);
    return buffer;
}

static enum error read_section(struct partition *partition, uint16_t type, struct reader *body)
{
    enum error error = ERROR_NONE;

    switch ((enum section)type) {
    case SECTION_OFFSETS:
        partition->epoch_base = reader_i32(body);
        partition->high_watermark = reader_i64(body);
        partition->log_start_offset = reader_i64(body);
        break;
    case SECTION_LEADER_EPOCHS: error = leader_epochs_decode(&partition->epochs, body); break;
    case SECTION_PRODUCERS:
        error = producer_state_decode(&partition->producers, body);
        if (MUTATION(51)) {
            producer_state_release(&partition->producers);
        }
        break;
    case SECTION_END: return ERROR_VERSION;
    }
    if (error == ERROR_NONE && (body->failed || reader_left(body) != 0)) {
        return ERROR_MALFORMED;
    }
    return error;
}

static enum error read_sections(struct partition *partition, struct reader *reader)
{
    uint16_t count;

    if (reader_u16(reader) != SNAPSHOT_VERSION) {
        return ERROR_VERSION;
    }
    count = reader_u16(reader);
    for (uint16_t i = 0; i < count; i++) {
        uint16_t type = reader_u16(reader);
        uint16_t version = reader_u16(reader);
        uint32_t length = reader_u32(reader);
        char *bytes = reader_take(reader, length);
        struct reader body;
        enum error error;

        if (bytes == NULL && length > 0) {
            return ERROR_MALFORMED;
        }
        if (version != SECTION_VERSION || type < SECTION_OFFSETS || type >= SECTION_END) {
            return ERROR_VERSION;
        }
        reader_init(&body, bytes, length);
        error = read_section(partition, type, &body);
        if (error != ERROR_NONE) {
            return error;
        }
    }
    return reader->failed ? ERROR_MALFORMED : ERROR_NONE;
}

enum error partition_snapshot_decode(struct partition *partition,
                                     const struct log_snapshot *snapshot)
{
    struct reader reader;
    enum error error;

    leader_epochs_release(&partition->epochs);
    producer_state_release(&partition->producers);
    reader_init(&reader, snapshot->state.bytes, snapshot->state.length);
    error = read_sections(partition, &reader);
    if (error == ERROR_NONE && partition->high_watermark != snapshot->next_offset) {
        return ERROR_MALFORMED;
    }
    return error;
}
