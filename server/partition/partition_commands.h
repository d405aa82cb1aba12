/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands are entries of a partition's Raft log that change its state and consume no offset. On
 * disk and between brokers: type u16, version u16, fields, big-endian. Numbers are never reused; a
 * new field is a new version, and a replica that does not know one stops instead of guessing.
 */
#ifndef GYRE_SERVER_PARTITION_PARTITION_COMMANDS_H
#define GYRE_SERVER_PARTITION_PARTITION_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

#include "gyre/base/error.h"

struct buffer;

enum partition_command_type {
    COMMAND_LOG_START = 1,       /* v1: offset i64. Retention and DeleteRecords */
    COMMAND_EPOCH_BASE = 2,      /* v1: base i32. Promotion raises leader epochs */
    COMMAND_PRODUCER_EXPIRY = 3, /* v1: now_ms i64, expiration_ms i64. A tick of committed time */
};

struct partition_command {
    enum partition_command_type type;
    int64_t offset;
    int32_t epoch_base;
    int64_t now_ms;
    int64_t expiration_ms;
};

struct buffer *partition_command_encode(const struct partition_command *command);

/* VERSION: unknown type or version. MALFORMED. */
MUST_USE
enum error partition_command_decode(char *bytes, size_t length,
                                    struct partition_command *out_command);

#endif
