/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_configuration.h"

#include <string.h>

#include "gyre/base/bytes.h"

enum { VERSION = 1, HEAD_BYTES = 16, MEMBER_BYTES = 5 };

struct buffer_slice consensus_configuration_encode(
    const struct consensus_configuration *configuration)
{
    size_t length = HEAD_BYTES + (size_t)configuration->count * MEMBER_BYTES;
    struct buffer *buffer = buffer_new(length);
    char *cursor = buffer->bytes + HEAD_BYTES;

    memset(buffer->bytes, 0, HEAD_BYTES);
    buffer->bytes[0] = VERSION;
    buffer->bytes[1] = (char)configuration->count;
    memcpy(buffer->bytes + 8, &configuration->no_vote_below, sizeof(uint64_t));
    for (int i = 0; i < configuration->count; i++) {
        memcpy(cursor, &configuration->members[i].node, sizeof(int32_t));
        cursor[4] = (char)configuration->members[i].role;
        cursor += MEMBER_BYTES;
    }
    return (struct buffer_slice){.buffer = buffer, .bytes = buffer->bytes, .length = length};
}

enum error consensus_configuration_decode(struct buffer_slice bytes,
                                          struct consensus_configuration *out_configuration)
{
    struct consensus_configuration configuration = {0};
    const char *cursor = bytes.bytes + HEAD_BYTES;

    if (bytes.length < HEAD_BYTES || bytes.bytes[0] != VERSION) {
        return ERROR_MALFORMED;
    }
    configuration.count = (unsigned char)bytes.bytes[1];
    if (configuration.count > CONSENSUS_MEMBERS_MAX ||
        bytes.length != HEAD_BYTES + (size_t)configuration.count * MEMBER_BYTES) {
        return ERROR_MALFORMED;
    }
    memcpy(&configuration.no_vote_below, bytes.bytes + 8, sizeof(uint64_t));
    for (int i = 0; i < configuration.count; i++, cursor += MEMBER_BYTES) {
        int32_t node;

        memcpy(&node, cursor, sizeof node);
        if (node < 0 || (unsigned char)cursor[4] > MEMBER_STANDBY) {
            return ERROR_MALFORMED;
        }
        for (int j = 0; j < i; j++) {
            if (configuration.members[j].node == node) {
                return ERROR_MALFORMED;
            }
        }
        configuration.members[i].node = node;
        configuration.members[i].role = cursor[4] == MEMBER_VOTER ? MEMBER_VOTER : MEMBER_STANDBY;
    }
    *out_configuration = configuration;
    return ERROR_NONE;
}

int consensus_configuration_index(const struct consensus_configuration *configuration, int32_t node)
{
    for (int i = 0; i < configuration->count; i++) {
        if (configuration->members[i].node == node) {
            return i;
        }
    }
    return -1;
}

bool consensus_configuration_votes(const struct consensus_configuration *configuration,
                                   int32_t node)
{
    int index = consensus_configuration_index(configuration, node);

    return index >= 0 && configuration->members[index].role == MEMBER_VOTER;
}

int consensus_configuration_voter_count(const struct consensus_configuration *configuration)
{
    int count = 0;

    for (int i = 0; i < configuration->count; i++) {
        count += configuration->members[i].role == MEMBER_VOTER;
    }
    return count;
}

void consensus_configuration_to_engine(const struct consensus_configuration *configuration,
                                       struct raft_configuration *out_engine)
{
    raft_configuration_init(out_engine);
    for (int i = 0; i < configuration->count; i++) {
        raft_id id = consensus_engine_id(configuration->members[i].node);
        char address[CONSENSUS_ENGINE_ADDRESS_BYTES];
        int added;

        consensus_engine_address(id, address);
        added = raft_configuration_add(
            out_engine, id, address,
            configuration->members[i].role == MEMBER_VOTER ? RAFT_VOTER : RAFT_STANDBY);
        CHECK(added == 0);
    }
}

void consensus_configuration_from_engine(const struct raft_configuration *engine,
                                         struct consensus_configuration *out_configuration)
{
    *out_configuration = (struct consensus_configuration){0};
    CHECK(engine->n <= CONSENSUS_MEMBERS_MAX);
    for (unsigned i = 0; i < engine->n; i++) {
        out_configuration->members[i] = (struct consensus_member){
            .node = consensus_engine_node(engine->servers[i].id),
            .role = engine->servers[i].role == RAFT_VOTER ? MEMBER_VOTER : MEMBER_STANDBY,
        };
    }
    out_configuration->count = (int)engine->n;
}
