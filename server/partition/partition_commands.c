/* SPDX-License-Identifier: Apache-2.0 */
#include "partition/partition_commands.h"

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/writer.h"

enum { COMMAND_VERSION = 1 };

static void write_command(const struct partition_command *command, struct writer *writer)
{
    writer_u16(writer, (uint16_t)command->type);
    writer_u16(writer, COMMAND_VERSION);
    switch (command->type) {
    case COMMAND_LOG_START: writer_i64(writer, command->offset); break;
    case COMMAND_EPOCH_BASE: writer_i32(writer, command->epoch_base); break;
    case COMMAND_PRODUCER_EXPIRY:
        writer_i64(writer, command->now_ms);
        writer_i64(writer, command->expiration_ms);
        break;
    }
}

struct buffer *partition_command_encode(const struct partition_command *command)
{
    struct writer writer;
    struct buffer *buffer;

    writer_init(&writer, NULL, SIZE_MAX);
    write_command(command, &writer);
    buffer = buffer_new(writer.used);
    writer_init(&writer, buffer->bytes, buffer->size);
    write_command(command, &writer);
    CHECK(writer.used == buffer->size);
    return buffer;
}

enum error partition_command_decode(char *bytes, size_t length,
                                    struct partition_command *out_command)
{
    struct partition_command command = {0};
    struct reader reader;
    uint16_t type;
    uint16_t version;

    reader_init(&reader, bytes, length);
    type = reader_u16(&reader);
    version = reader_u16(&reader);
    if (reader.failed) {
        return ERROR_MALFORMED;
    }
    if (version != COMMAND_VERSION || type < COMMAND_LOG_START || type > COMMAND_PRODUCER_EXPIRY) {
        return ERROR_VERSION;
    }
    command.type = (enum partition_command_type)type;
    switch (command.type) {
    case COMMAND_LOG_START: command.offset = reader_i64(&reader); break;
    case COMMAND_EPOCH_BASE: command.epoch_base = reader_i32(&reader); break;
    case COMMAND_PRODUCER_EXPIRY:
        command.now_ms = reader_i64(&reader);
        command.expiration_ms = reader_i64(&reader);
        break;
    }
    if (reader.failed || reader_left(&reader) != 0) {
        return ERROR_MALFORMED;
    }
    *out_command = command;
    return ERROR_NONE;
}
