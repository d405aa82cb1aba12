/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot is a version (two bytes), then rows, each behind its length (four bytes). All numbers
 * are big-endian, as in the rows themselves.
 */
#include "metadata/catalog_rows.h"

#include <stdlib.h>

#include "gyre/wire/frame.h"
#include "gyre/wire/reader.h"

#include "metadata/catalog_commands.h"
#include "metadata/catalog_rows_fill.h"
#include "wire_messages/catalog_row.h"

enum { SNAPSHOT_VERSION = 1, SNAPSHOT_HEAD_BYTES = 2, ROW_LENGTH_BYTES = 4 };

/* ---- out ---- */

static void append_row(struct frame_output *output, const struct message_layout *layout,
                       int16_t record, const void *row)
{
    struct buffer *head = buffer_new(CATALOG_RECORD_HEAD_BYTES);

    store_be16(head->bytes, (uint16_t)record);
    store_be16(head->bytes + 2, (uint16_t)layout->version_max);
    frame_output_append(output, (struct buffer_slice){head, head->bytes, head->size});
    /* Everything in a row was decoded from a command, so it encodes. */
    enum error error = message_encode(layout, layout->version_max, row, output);
    CHECK(error == ERROR_NONE);
}

static void append_region(struct frame_output *output, const struct catalog_state *state)
{
    struct catalog_region_row row;

    catalog_region_row_init(&row);
    row.cluster_id = state->cluster_id;
    row.region = state->region;
    row.region_index = state->region_index;
    row.next_producer_id = state->next_producer_id;
    if (state->has_secret) {
        row.secret = (struct bytes){(char *)(uintptr_t)state->secret, CATALOG_SECRET_BYTES};
    }
    append_row(output, &catalog_region_row_layout, CATALOG_REGION_ROW_RECORD, &row);
}

static void append_broker(struct frame_output *output, const struct catalog_broker *broker)
{
    struct catalog_broker_row row;
    struct arena arena;

    arena_init(&arena, SIZE_MAX / 2);
    catalog_rows_fill_broker(&row, broker, &arena);
    append_row(output, &catalog_broker_row_layout, CATALOG_BROKER_ROW_RECORD, &row);
    arena_release(&arena);
}

static void append_topic(struct frame_output *output, const struct catalog_topic *topic)
{
    struct catalog_topic_row row;
    struct arena arena;

    arena_init(&arena, SIZE_MAX / 2);
    catalog_rows_fill_topic(&row, topic, &arena);
    append_row(output, &catalog_topic_row_layout, CATALOG_TOPIC_ROW_RECORD, &row);
    arena_release(&arena);
}

static void append_settings(struct frame_output *output, const struct settings_object *object,
                            bool of_group)
{
    struct catalog_broker_settings_row row;
    struct arena arena;

    /* Both kinds of rows have the same shape (asserted where they are filled). */
    arena_init(&arena, SIZE_MAX / 2);
    catalog_rows_fill_settings(&row, object, &arena);
    if (of_group) {
        append_row(output, &catalog_group_settings_row_layout, CATALOG_GROUP_SETTINGS_ROW_RECORD,
                   &row);
    } else {
        append_row(output, &catalog_broker_settings_row_layout, CATALOG_BROKER_SETTINGS_ROW_RECORD,
                   &row);
    }
    arena_release(&arena);
}

static void append_object(struct frame_output *output, const struct security_object *object)
{
    struct buffer *bytes = buffer_ref(object->bytes);

    frame_output_append(output, (struct buffer_slice){bytes, bytes->bytes, bytes->size});
}

static void append_named(struct frame_output *output, const struct catalog_state *state,
                         const struct row_key *key)
{
    struct string owner = {.bytes = key->bytes + 1, .length = key->length - 1};

    switch ((enum row_kind)key->bytes[0]) {
    case ROW_REGION: append_region(output, state); return;
    case ROW_BROKER: {
        int32_t node_id;
        memcpy(&node_id, owner.bytes, sizeof node_id);
        const struct catalog_broker *broker = brokers_find(state, node_id);
        if (broker != NULL) {
            append_broker(output, broker);
        }
        return;
    }
    case ROW_TOPIC: {
        struct uuid id;
        memcpy(id.bytes, owner.bytes, sizeof id.bytes);
        const struct topic_object *topic = topics_find_id(state, id);
        if (topic != NULL) {
            append_topic(output, &topic->topic);
        }
        return;
    }
    case ROW_BROKER_SETTINGS:
    case ROW_GROUP_SETTINGS: {
        bool of_group = key->bytes[0] == ROW_GROUP_SETTINGS;
        const struct settings_object *object =
            settings_find_owner(of_group ? &state->group_settings : &state->broker_settings, owner);
        if (object != NULL) {
            append_settings(output, object, of_group);
        }
        return;
    }
    case ROW_SECURITY: {
        const struct security_object *object = security_find_digest(&state->security, owner.bytes);
        if (object != NULL) {
            append_object(output, object);
        }
        return;
    }
    }
}

struct buffer *catalog_rows_encode(const struct catalog_state *state, const struct row_key *key)
{
    struct frame_output output;
    struct buffer *row = NULL;

    frame_output_init(&output);
    append_named(&output, state, key);
    if (output.bytes > 0) {
        row = frame_output_join(&output);
    }
    frame_output_release(&output);
    return row;
}

/* One row behind its length. Joined at once: a snapshot of many slices would be slow to join. */
static void append_measured(struct frame_output *snapshot, struct frame_output *row)
{
    struct buffer *joined = frame_output_join(row);
    struct buffer *length = buffer_new(ROW_LENGTH_BYTES);

    store_be32(length->bytes, (uint32_t)joined->size);
    frame_output_append(snapshot, (struct buffer_slice){length, length->bytes, length->size});
    frame_output_append(snapshot, (struct buffer_slice){joined, joined->bytes, joined->size});
    frame_output_release(row);
    frame_output_init(row);
}

static void append_all_settings(struct frame_output *snapshot, struct frame_output *row,
                                const struct map *map, bool of_group)
{
    map_for_each(link, map) {
        append_settings(row, CONTAINER_OF(link, struct settings_object, by_owner), of_group);
        append_measured(snapshot, row);
    }
}

struct buffer *catalog_rows_snapshot(const struct catalog_state *state)
{
    struct frame_output snapshot;
    struct frame_output row;
    struct buffer *head = buffer_new(SNAPSHOT_HEAD_BYTES);

    frame_output_init(&snapshot);
    frame_output_init(&row);
    store_be16(head->bytes, SNAPSHOT_VERSION);
    frame_output_append(&snapshot, (struct buffer_slice){head, head->bytes, head->size});
    append_region(&row, state);
    append_measured(&snapshot, &row);
    map_for_each(link, &state->brokers) {
        append_broker(&row, CONTAINER_OF(link, struct catalog_broker, by_id));
        append_measured(&snapshot, &row);
    }
    append_all_settings(&snapshot, &row, &state->broker_settings, false);
    append_all_settings(&snapshot, &row, &state->group_settings, true);
    map_for_each(link, &state->security.by_digest) {
        append_object(&row, CONTAINER_OF(link, struct security_object, by_digest));
        append_measured(&snapshot, &row);
    }
    map_for_each(link, &state->topics_by_id) {
        append_topic(&row, CONTAINER_OF(link, struct catalog_topic, by_id));
        append_measured(&snapshot, &row);
    }
    struct buffer *bytes = frame_output_join(&snapshot);
    frame_output_release(&snapshot);
    frame_output_release(&row);
    return bytes;
}

/* ---- in ---- */

/* The next row of a snapshot; MALFORMED when the rest is none. */
static enum error next_row(struct reader *reader, struct bytes *out_row)
{
    const char *length = reader_take(reader, ROW_LENGTH_BYTES);

    if (length == NULL) {
        return ERROR_MALFORMED;
    }
    uint32_t size = load_be32(length);
    if (size > reader_left(reader) || size > INT32_MAX) {
        return ERROR_MALFORMED;
    }
    *out_row = (struct bytes){.bytes = reader_take(reader, size), .length = (int32_t)size};
    return ERROR_NONE;
}

static enum error open_snapshot(struct bytes snapshot, struct reader *reader)
{
    reader_init(reader, snapshot.bytes, (size_t)snapshot.length);
    const char *version = reader_take(reader, SNAPSHOT_HEAD_BYTES);
    if (version == NULL) {
        return ERROR_CORRUPT;
    }
    return load_be16(version) == SNAPSHOT_VERSION ? ERROR_NONE : ERROR_VERSION;
}

static bool has_key(const struct map *keys, enum row_kind kind, const void *owner, size_t length)
{
    char bytes[ROW_KEY_BYTES_MAX];

    CHECK(length < sizeof bytes);
    bytes[0] = (char)kind;
    memcpy(bytes + 1, owner, length);
    map_for_each_match(link, keys, hash_bytes(bytes, length + 1)) {
        const struct row_key *key = CONTAINER_OF(link, struct row_key, by_key);
        if (key->length == (int32_t)length + 1 && memcmp(key->bytes, bytes, length + 1) == 0) {
            return true;
        }
    }
    return false;
}

static void remove_unnamed_settings(struct catalog_state *state, struct map *map,
                                    const struct map *keys, enum row_kind kind)
{
    map_for_each_safe(link, map) {
        struct settings_object *object = CONTAINER_OF(link, struct settings_object, by_owner);
        size_t length = (size_t)object->owner.length;
        if (!has_key(keys, kind, object->owner.bytes, length)) {
            catalog_state_touch(state, kind, object->owner.bytes, length);
            settings_remove_owner(map, object);
        }
    }
}

/* Whatever the snapshot does not name is gone. Before rows are put: a name may have a new id. */
static void remove_unnamed(struct catalog_state *state, const struct map *keys)
{
    map_for_each_safe(link, &state->topics_by_id) {
        struct topic_object *topic = CONTAINER_OF(link, struct topic_object, topic.by_id);
        if (!has_key(keys, ROW_TOPIC, topic->topic.id.bytes, sizeof topic->topic.id.bytes)) {
            topics_remove(state, topic);
        }
    }
    map_for_each_safe(link, &state->brokers) {
        struct catalog_broker *broker = CONTAINER_OF(link, struct catalog_broker, by_id);
        if (!has_key(keys, ROW_BROKER, &broker->node_id, sizeof broker->node_id)) {
            brokers_remove(state, broker);
        }
    }
    remove_unnamed_settings(state, &state->broker_settings, keys, ROW_BROKER_SETTINGS);
    remove_unnamed_settings(state, &state->group_settings, keys, ROW_GROUP_SETTINGS);
    map_for_each_safe(link, &state->security.by_digest) {
        struct security_object *object = CONTAINER_OF(link, struct security_object, by_digest);
        if (!has_key(keys, ROW_SECURITY, object->digest, sizeof object->digest)) {
            security_remove_object(state, object);
        }
    }
}

static enum error collect_keys(struct bytes snapshot, struct map *keys)
{
    struct reader reader;
    struct bytes row;

    enum error error = open_snapshot(snapshot, &reader);
    while (error == ERROR_NONE && reader_left(&reader) > 0) {
        struct row_key *key = check_alloc_zero(sizeof *key);
        error = next_row(&reader, &row);
        if (error == ERROR_NONE) {
            error = catalog_rows_key(row, key);
        }
        if (error != ERROR_NONE) {
            free(key);
            break;
        }
        map_insert(keys, &key->by_key, hash_bytes(key->bytes, (size_t)key->length));
    }
    return error;
}

static enum error put_all(struct catalog_state *state, struct bytes snapshot)
{
    struct reader reader;
    struct bytes row;

    enum error error = open_snapshot(snapshot, &reader);
    while (error == ERROR_NONE && reader_left(&reader) > 0) {
        error = next_row(&reader, &row);
        if (error == ERROR_NONE) {
            error = catalog_rows_put(state, row);
        }
    }
    return error;
}

enum error catalog_rows_restore(struct catalog_state *state, struct bytes snapshot, uint64_t index)
{
    struct map keys;

    map_init(&keys);
    enum error error = collect_keys(snapshot, &keys);
    if (error == ERROR_NONE) {
        remove_unnamed(state, &keys);
        error = put_all(state, snapshot);
    }
    if (error == ERROR_NONE) {
        brokers_settings_changed(state);
        state->applied_index = index;
    }
    map_for_each_safe(link, &keys) {
        map_remove(&keys, link);
        free(CONTAINER_OF(link, struct row_key, by_key));
    }
    map_release(&keys);
    return error == ERROR_MALFORMED || error == ERROR_LIMIT ? ERROR_CORRUPT : error;
}
