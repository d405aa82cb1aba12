/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_replay.h"

#include "gyre/base/arena.h"
#include "gyre/observe/log.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"

#include "coordinator/group.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_member.h"
#include "coordinator/group_protocols.h"
#include "coordinator/owned_string.h"
#include "wire_messages/group_metadata_record.h"
#include "wire_messages/join_group.h"
#include "wire_messages/offset_commit_record.h"

enum { EXPANDED_BYTES_MAX = 64 * 1024 * 1024, RECORD_ARENA_BYTES = 64 * 1024 * 1024 };

/* A record at work: its key and value, opened behind their two-byte version. */
struct replay {
    struct group_shard *shard;
    struct arena arena;
    struct reader key;
    struct reader value;
    bool is_tombstone;
    bool is_loading;
    int16_t value_version;
};

static void open_text(struct reader *reader, struct string text)
{
    reader_init(reader, (char *)(uintptr_t)text.bytes, (size_t)text.length);
}

static struct group *get_group(struct group_shard *shard, struct string id)
{
    struct group *group = group_find(shard->coordinator, id);

    return group != NULL ? group : group_new(shard, id);
}

/* ---- offsets ---- */

static enum error put_offset(struct replay *replay, const struct offset_commit_key *key)
{
    struct offset_commit_value value;
    struct offset_value out;
    struct group *group;
    int32_t before;
    enum error error =
        offset_commit_value_decode(replay->value_version, &replay->value, &replay->arena, &value);

    if (error != ERROR_NONE) {
        return error;
    }
    out = (struct offset_value){
        .offset = value.offset,
        .leader_epoch = value.leader_epoch,
        .commit_ms = value.commit_timestamp,
        .expire_ms = value.expire_timestamp,
        .metadata = value.metadata,
        .topic_id = value.topic_id,
    };
    group = get_group(replay->shard, key->group);
    before = group->offsets.count;
    group_offsets_put(&group->offsets, key->topic, key->partition, &out);
    replay->shard->coordinator->offset_count += group->offsets.count - before;
    return ERROR_NONE;
}

static void remove_offset(struct replay *replay, const struct offset_commit_key *key)
{
    struct group *group = group_find(replay->shard->coordinator, key->group);
    struct committed_offset *committed;

    if (group == NULL) {
        return;
    }
    committed = group_offsets_find(&group->offsets, key->topic, key->partition);
    if (committed != NULL) {
        group_offsets_remove(&group->offsets, committed);
        replay->shard->coordinator->offset_count--;
    }
}

/* Keys of brokers before 0.9 have the same body. */
static enum error replay_offset(struct replay *replay)
{
    struct offset_commit_key key;
    enum error error = offset_commit_key_decode(0, &replay->key, &replay->arena, &key);

    if (error != ERROR_NONE) {
        return error;
    }
    if (replay->is_tombstone) {
        remove_offset(replay, &key);
        return ERROR_NONE;
    }
    return put_offset(replay, &key);
}

/* ---- groups ---- */

static void load_member(struct group *group,
                        const struct group_metadata_value_member_metadata *from)
{
    struct group_member_settings settings = {
        .id = from->member_id,
        .instance_id = from->group_instance_id,
        .client_id = from->client_id,
        .client_host = from->client_host,
        .session_timeout_ms = from->session_timeout,
        .rebalance_timeout_ms =
            from->rebalance_timeout < 0 ? from->session_timeout : from->rebalance_timeout,
    };
    struct join_group_request_protocols protocol = {.name = group->protocol,
                                                    .metadata = from->subscription};
    struct join_group_request_protocols_array protocols = {.items = &protocol, .count = 1};
    struct group_member *member;

    if (group_member_find(group, settings.id) != NULL ||
        (settings.instance_id.bytes != NULL &&
         group_member_find_static(group, settings.instance_id) != NULL)) {
        return;
    }
    member = group_member_add(group, &settings);
    group_protocols_set(member, &protocols);
    group_member_set_assignment(
        member,
        (struct string){.bytes = from->assignment.bytes,
                        .length = from->assignment.length < 0 ? 0 : from->assignment.length});
}

static void load_group(struct group *group, const struct group_metadata_value *value)
{
    group_reset(group);
    group->generation = value->generation;
    group->state_since_ms = value->current_state_timestamp;
    if (value->protocol_type.length > 0) {
        owned_string_set(&group->protocol_type, value->protocol_type);
    }
    if (value->members.count <= 0 || value->protocol.bytes == NULL) {
        return;
    }
    owned_string_set(&group->protocol, value->protocol);
    for (int32_t i = 0; i < value->members.count; i++) {
        load_member(group, &value->members.items[i]);
    }
    group->state = GROUP_STABLE;
    group->previous_state = GROUP_COMPLETING_REBALANCE;
    if (value->leader.bytes != NULL && group_member_find(group, value->leader) != NULL) {
        group->leader = group_member_find(group, value->leader);
    }
}

static void remove_group(struct replay *replay, struct string id)
{
    struct group *group = group_find(replay->shard->coordinator, id);

    if (group == NULL) {
        return;
    }
    if (!replay->is_loading && group->state != GROUP_EMPTY) {
        /* It came to life again: its next record makes the tombstone void. Or it is dead, and what
         * becomes of it is for its deletion to say, which is about to hear of this. */
        return;
    }
    if (group->pending.count > 0) {
        return;
    }
    group_reset(group);
    if (group->offsets.count == 0 && group->open_writes == 0) {
        group_free(group);
    }
}

static enum error replay_group(struct replay *replay)
{
    struct group_metadata_key key;
    struct group_metadata_value value;
    enum error error = group_metadata_key_decode(0, &replay->key, &replay->arena, &key);

    if (error != ERROR_NONE) {
        return error;
    }
    if (replay->is_tombstone) {
        remove_group(replay, key.group);
        return ERROR_NONE;
    }
    if (!replay->is_loading) {
        return ERROR_NONE;
    }
    error =
        group_metadata_value_decode(replay->value_version, &replay->value, &replay->arena, &value);
    if (error == ERROR_NONE) {
        load_group(get_group(replay->shard, key.group), &value);
    }
    return error;
}

/* ---- records and batches ---- */

static void replay_record(struct group_shard *shard, const struct record *record, bool is_loading)
{
    struct replay replay = {
        .shard = shard, .is_tombstone = record->value.bytes == NULL, .is_loading = is_loading};
    enum error error = ERROR_NONE;
    int16_t kind;

    arena_init(&replay.arena, RECORD_ARENA_BYTES);
    open_text(&replay.key, record->key);
    open_text(&replay.value, record->value);
    kind = reader_i16(&replay.key);
    replay.value_version = replay.is_tombstone ? 0 : reader_i16(&replay.value);
    if (replay.key.failed || replay.value.failed) {
        error = ERROR_MALFORMED;
    } else if (kind == LEGACY_OFFSET_COMMIT_KEY_RECORD || kind == OFFSET_COMMIT_KEY_RECORD) {
        error = replay_offset(&replay);
    } else if (kind == GROUP_METADATA_KEY_RECORD) {
        error = replay_group(&replay);
    } else {
        error = ERROR_UNSUPPORTED;
    }
    arena_release(&replay.arena);
    if (error != ERROR_NONE) {
        log_warning(LOG_COORDINATOR, "a record of __consumer_offsets was passed over",
                    field_i64("partition", shard->index), field_i64("offset", record->offset),
                    field_i64("kind", kind), field_error(error));
    }
}

static void replay_batch(struct group_shard *shard, const char *batch, bool is_loading)
{
    struct record_iterator iterator;
    struct record record;
    enum error error = record_iterator_open(&iterator, batch, EXPANDED_BYTES_MAX);

    if (error == ERROR_NONE) {
        while (record_iterator_next(&iterator, &record)) {
            replay_record(shard, &record, is_loading);
        }
        error = record_iterator_close(&iterator);
    }
    if (error != ERROR_NONE) {
        log_error(LOG_COORDINATOR, "a batch of __consumer_offsets cannot be read",
                  field_i64("partition", shard->index),
                  field_i64("offset", record_batch_base_offset(batch)), field_error(error));
    }
}

int64_t group_replay_batches(struct group_shard *shard, const char *bytes, size_t length,
                             bool is_loading)
{
    struct record_batch_info info;
    int64_t next_offset = -1;
    size_t at = 0;

    while (record_batch_parse(bytes + at, length - at, &info) == ERROR_NONE) {
        if (!info.is_control) {
            replay_batch(shard, bytes + at, is_loading);
        }
        next_offset = info.last_offset + 1;
        at += info.size;
    }
    return next_offset;
}
