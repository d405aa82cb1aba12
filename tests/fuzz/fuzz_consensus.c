/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile bytes as what a replica gets from another: a frame of messages, each of which must be
 * refused or come back byte for byte when it is encoded again; or, behind a first byte of 0xff, a
 * configuration. No reference to the frame may be left.
 */
#include <string.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"

#include "consensus_configuration.h"
#include "consensus_message.h"

enum { CONFIGURATION = 0xff };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare_entries(const struct consensus_message *message, const char *bytes)
{
    const char *payloads = bytes + (size_t)message->entry_count * MESSAGE_ENTRY_BYTES;
    char head[MESSAGE_ENTRY_BYTES];

    for (int i = 0; i < message->entry_count; i++) {
        const struct log_entry *entry = &message->entries[i];

        consensus_message_encode_entry(entry, head);
        /* Three bytes at the end are padding, which nobody looks at. */
        CHECK(memcmp(head, bytes + (size_t)i * MESSAGE_ENTRY_BYTES, MESSAGE_ENTRY_BYTES - 3) == 0);
        CHECK(entry->payload.length == 0 ||
              memcmp(entry->payload.bytes, payloads, entry->payload.length) == 0);
        payloads += entry->payload.length;
    }
}

static void take_frame(struct buffer_slice frame)
{
    static struct log_entry entries[MESSAGE_ENTRIES_MAX];
    char fixed[MESSAGE_FIXED_BYTES_MAX];
    size_t offset = 0;

    while (offset < frame.length) {
        struct consensus_message message;
        const char *start = frame.bytes + offset;
        size_t begin = offset;
        size_t length;

        if (consensus_message_decode(frame, &offset, entries, &message) != ERROR_NONE) {
            CHECK(offset == begin);
            return;
        }
        CHECK(offset > begin);
        CHECK(offset <= frame.length);
        CHECK(consensus_message_bytes(&message) == offset - begin);
        length = consensus_message_encode(&message, offset - begin, fixed);
        CHECK(memcmp(fixed, start, 7) == 0); /* then a byte that nobody looks at */
        CHECK(memcmp(fixed + 8, start + 8, length - 8) == 0);
        compare_entries(&message, start + length);
        for (int i = 0; i < message.entry_count; i++) {
            buffer_slice_unref(&message.entries[i].payload);
        }
    }
}

static void take_configuration(struct buffer_slice bytes)
{
    struct consensus_configuration configuration;
    struct consensus_configuration again;
    struct buffer_slice encoded;

    if (consensus_configuration_decode(bytes, &configuration) != ERROR_NONE) {
        return;
    }
    CHECK(configuration.count <= CONSENSUS_MEMBERS_MAX);
    encoded = consensus_configuration_encode(&configuration);
    CHECK(consensus_configuration_decode(encoded, &again) == ERROR_NONE);
    CHECK(again.count == configuration.count);
    CHECK(again.no_vote_below == configuration.no_vote_below);
    for (int i = 0; i < again.count; i++) {
        CHECK(again.members[i].node == configuration.members[i].node);
        CHECK(again.members[i].role == configuration.members[i].role);
    }
    buffer_slice_unref(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t skip = size > 0 && data[0] == CONFIGURATION ? 1 : 0;
    struct buffer *buffer = buffer_copy((const char *)data + skip, size - skip);
    struct buffer_slice slice = {.buffer = buffer, .bytes = buffer->bytes, .length = size - skip};

    if (skip > 0) {
        take_configuration(slice);
    } else {
        take_frame(slice);
    }
    CHECK(buffer->references == 1);
    buffer_unref(buffer);
    return 0;
}
