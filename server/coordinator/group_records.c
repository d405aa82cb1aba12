/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_records.h"

#include <stdlib.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"

#include "coordinator/group.h"
#include "coordinator/group_member.h"
#include "coordinator/group_protocols.h"
#include "wire_messages/group_metadata_record.h"
#include "wire_messages/offset_commit_record.h"

enum { CAPACITY_MIN = 4, RECORD_OVERHEAD_BYTES = 40 };

void group_records_init(struct group_records *records)
{
    *records = (struct group_records){0};
}

void group_records_release(struct group_records *records)
{
    for (int32_t i = 0; i < records->count; i++) {
        buffer_unref(records->items[i].key);
        buffer_unref(records->items[i].value);
    }
    free(records->items);
    group_records_init(records);
}

/* Takes both. */
static void add(struct group_records *records, struct buffer *key, struct buffer *value)
{
    if (records->count == records->capacity) {
        records->capacity = records->capacity == 0 ? CAPACITY_MIN : records->capacity * 2;
        records->items =
            check_realloc(records->items, (size_t)records->capacity * sizeof *records->items);
    }
    records->items[records->count++] = (struct group_record){.key = key, .value = value};
    records->bytes += key->size + (value == NULL ? 0 : value->size) + RECORD_OVERHEAD_BYTES;
}

static void encode(struct group_records *records, const struct message_layout *layout,
                   int16_t version, int16_t prefix, const void *message, struct buffer **out_buffer)
{
    if (message_encode_record(layout, version, prefix, message, out_buffer) != ERROR_NONE) {
        *out_buffer = buffer_new(0);
        records->failed = true;
    }
}

static struct buffer *encode_group_key(struct group_records *records, struct string group_id)
{
    struct group_metadata_key key = {.group = group_id};
    struct buffer *buffer;

    encode(records, &group_metadata_key_layout, 0, GROUP_METADATA_KEY_RECORD, &key, &buffer);
    return buffer;
}

static struct bytes bytes_of(struct string text)
{
    return (struct bytes){.bytes = (char *)(uintptr_t)(text.bytes == NULL ? "" : text.bytes),
                          .length = text.length};
}

static void fill_member(const struct group_member *member, bool with_next_assignments,
                        struct group_metadata_value_member_metadata *out)
{
    group_metadata_value_member_metadata_init(out);
    out->member_id = member->id;
    out->group_instance_id = member->instance_id;
    out->client_id = member->client_id;
    out->client_host = member->client_host;
    out->rebalance_timeout = member->rebalance_timeout_ms;
    out->session_timeout = member->session_timeout_ms;
    out->subscription = bytes_of(group_protocols_metadata(member, member->group->protocol));
    out->assignment =
        bytes_of(with_next_assignments ? member->next_assignment : member->assignment);
}

static void fill_members(const struct group *group, bool with_next_assignments,
                         struct group_metadata_value *out)
{
    out->members.items =
        check_alloc_zero((size_t)group->member_count * sizeof *out->members.items + 1);
    list_for_each(link, &group->members) {
        fill_member(list_entry(link, struct group_member, link), with_next_assignments,
                    &out->members.items[out->members.count++]);
    }
}

/* A group without a generation yet has no members in the log: they would have no protocol. */
void group_records_add_group(struct group_records *records, const struct group *group,
                             bool with_next_assignments)
{
    struct group_metadata_value value;
    struct buffer *buffer;

    group_metadata_value_init(&value);
    value.protocol_type = STRING("");
    value.protocol = STRING_NULL;
    value.leader = STRING_NULL;
    value.generation = group->generation;
    value.current_state_timestamp = group->state_since_ms;
    if (group->protocol_type.bytes != NULL && group->generation > 0) {
        value.protocol_type = group->protocol_type;
    }
    if (group->protocol.bytes != NULL) {
        value.protocol = group->protocol;
        value.leader = group->leader == NULL ? STRING_NULL : group->leader->id;
        fill_members(group, with_next_assignments, &value);
    }
    encode(records, &group_metadata_value_layout, GROUP_RECORD_METADATA, GROUP_RECORD_METADATA,
           &value, &buffer);
    free(value.members.items);
    add(records, encode_group_key(records, group->id), buffer);
}

void group_records_add_group_tombstone(struct group_records *records, struct string group_id)
{
    add(records, encode_group_key(records, group_id), NULL);
}

static struct buffer *encode_offset_key(struct group_records *records, struct string group_id,
                                        struct string topic, int32_t partition)
{
    struct offset_commit_key key = {.group = group_id, .topic = topic, .partition = partition};
    struct buffer *buffer;

    encode(records, &offset_commit_key_layout, 0, OFFSET_COMMIT_KEY_RECORD, &key, &buffer);
    return buffer;
}

void group_records_add_offset(struct group_records *records, struct string group_id,
                              struct string topic, int32_t partition,
                              const struct offset_value *value)
{
    int16_t version = value->expire_ms >= 0 ? GROUP_RECORD_OFFSET_EXPIRING : GROUP_RECORD_OFFSET;
    struct offset_commit_value out;
    struct buffer *buffer;

    offset_commit_value_init(&out);
    out.offset = value->offset;
    out.leader_epoch = value->leader_epoch;
    out.metadata = value->metadata.bytes == NULL ? STRING("") : value->metadata;
    out.commit_timestamp = value->commit_ms;
    out.expire_timestamp = value->expire_ms;
    out.topic_id = value->topic_id;
    encode(records, &offset_commit_value_layout, version, version, &out, &buffer);
    add(records, encode_offset_key(records, group_id, topic, partition), buffer);
}

void group_records_add_offset_tombstone(struct group_records *records, struct string group_id,
                                        struct string topic, int32_t partition)
{
    add(records, encode_offset_key(records, group_id, topic, partition), NULL);
}
