/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/catalog_rows_fill.h"

#include "gyre/wire/reader.h"

#include "metadata/catalog_commands.h"
#include "metadata/catalog_rows.h"
#include "metadata/topic_name.h"
#include "wire_messages/catalog_row.h"

_Static_assert(sizeof(struct catalog_broker_settings_row) ==
                   sizeof(struct catalog_group_settings_row),
               "rows of settings have one shape");
_Static_assert(offsetof(struct catalog_broker_settings_row, settings) ==
                   offsetof(struct catalog_group_settings_row, settings),
               "rows of settings have one shape");
_Static_assert(sizeof(struct catalog_broker_settings_row_settings) ==
                   sizeof(struct catalog_group_settings_row_settings),
               "rows of settings have one shape");

/* ---- things into rows ---- */

void catalog_rows_fill_broker(struct catalog_broker_row *row, const struct catalog_broker *broker,
                              struct arena *arena)
{
    catalog_broker_row_init(row);
    row->node_id = broker->node_id;
    row->directory_id = broker->directory_id;
    row->incarnation = (int64_t)broker->incarnation;
    row->rack = broker->rack;
    row->rpc_host = broker->rpc_host;
    row->rpc_port = broker->rpc_port;
    row->is_draining = broker->is_draining;
    enum error error =
        catalog_broker_row_endpoints_array_alloc(&row->endpoints, arena, broker->endpoint_count);
    CHECK(error == ERROR_NONE);
    for (int i = 0; i < broker->endpoint_count; i++) {
        const struct catalog_endpoint *from = &broker->endpoints[i];
        struct catalog_broker_row_endpoints *to = &row->endpoints.items[i];
        to->name = from->name;
        to->host = from->host;
        to->port = from->port;
        to->security_protocol = from->security_protocol;
    }
}

static struct int32_array nodes_of(const int32_t *nodes, int count, struct arena *arena)
{
    struct int32_array array = {.count = count};

    array.items = arena_alloc_array(arena, (size_t)count + 1, sizeof *array.items);
    CHECK(array.items != NULL);
    memcpy(array.items, nodes, (size_t)count * sizeof *array.items);
    return array;
}

static int32_t count_settings(const struct list *settings)
{
    int32_t count = 0;

    list_for_each(link, settings) {
        count++;
    }
    return count;
}

void catalog_rows_fill_topic(struct catalog_topic_row *row, const struct catalog_topic *topic,
                             struct arena *arena)
{
    catalog_topic_row_init(row);
    row->topic_id = topic->id;
    row->name = topic->name;
    row->is_internal = topic->is_internal;
    row->created_index = (int64_t)topic->created_index;
    enum error error =
        catalog_topic_row_partitions_array_alloc(&row->partitions, arena, topic->partition_count);
    CHECK(error == ERROR_NONE);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const struct catalog_partition *from = &topic->partitions[i];
        struct catalog_topic_row_partitions *to = &row->partitions.items[i];
        to->replicas = nodes_of(from->replicas, from->replica_count, arena);
        to->targets = nodes_of(from->targets, from->target_count, arena);
        to->leaving = nodes_of(from->leaving, from->leaving_count, arena);
        to->has_moved = from->has_moved;
    }
    error = catalog_topic_row_settings_array_alloc(&row->settings, arena,
                                                   count_settings(&topic->settings));
    CHECK(error == ERROR_NONE);
    int32_t at = 0;
    list_for_each(link, &topic->settings) {
        const struct catalog_setting *setting = list_entry(link, struct catalog_setting, link);
        row->settings.items[at].name = setting->name;
        row->settings.items[at++].value = setting->value;
    }
}

void catalog_rows_fill_settings(struct catalog_broker_settings_row *row,
                                const struct settings_object *object, struct arena *arena)
{
    catalog_broker_settings_row_init(row);
    row->owner = object->owner;
    enum error error = catalog_broker_settings_row_settings_array_alloc(
        &row->settings, arena, count_settings(&object->settings));
    CHECK(error == ERROR_NONE);
    int32_t at = 0;
    list_for_each(link, &object->settings) {
        const struct catalog_setting *setting = list_entry(link, struct catalog_setting, link);
        row->settings.items[at].name = setting->name;
        row->settings.items[at++].value = setting->value;
    }
}

/* ---- rows into things ---- */

union any_row {
    struct catalog_region_row region;
    struct catalog_broker_row broker;
    struct catalog_topic_row topic;
    struct catalog_broker_settings_row broker_settings;
    struct catalog_group_settings_row group_settings;
};

static const struct message_layout *layout_of(int16_t record)
{
    switch (record) {
    case CATALOG_REGION_ROW_RECORD: return &catalog_region_row_layout;
    case CATALOG_BROKER_ROW_RECORD: return &catalog_broker_row_layout;
    case CATALOG_TOPIC_ROW_RECORD: return &catalog_topic_row_layout;
    case CATALOG_BROKER_SETTINGS_ROW_RECORD: return &catalog_broker_settings_row_layout;
    case CATALOG_GROUP_SETTINGS_ROW_RECORD: return &catalog_group_settings_row_layout;
    default: return NULL;
    }
}

static bool nodes_are_sound(const struct int32_array *nodes, int32_t count_min)
{
    return nodes->count >= count_min && nodes->count <= CATALOG_REPLICAS_MAX;
}

/* What commands guarantee of rows, asked again because these bytes come from a disk. */
static bool row_is_sound(int16_t record, const union any_row *row)
{
    switch (record) {
    case CATALOG_BROKER_ROW_RECORD:
        return row->broker.endpoints.count <= CATALOG_LISTENERS_MAX && row->broker.rpc_port >= 0 &&
               row->broker.rpc_port <= UINT16_MAX;
    case CATALOG_TOPIC_ROW_RECORD:
        for (int32_t i = 0; i < row->topic.partitions.count; i++) {
            if (!nodes_are_sound(&row->topic.partitions.items[i].replicas, 1) ||
                !nodes_are_sound(&row->topic.partitions.items[i].targets, 0) ||
                !nodes_are_sound(&row->topic.partitions.items[i].leaving, 0)) {
                return false;
            }
        }
        return row->topic.name.length <= TOPIC_NAME_BYTES_MAX &&
               row->topic.partitions.count <= CATALOG_TOPIC_PARTITIONS_MAX;
    case CATALOG_BROKER_SETTINGS_ROW_RECORD:
    case CATALOG_GROUP_SETTINGS_ROW_RECORD:
        return row->broker_settings.owner.length <= TOPIC_NAME_BYTES_MAX;
    default: return true;
    }
}

static enum error decode_row(struct bytes bytes, struct arena *arena, int16_t *out_record,
                             union any_row *row)
{
    struct reader reader;
    int16_t version = 0;

    enum error error = catalog_commands_head(bytes, out_record, &version);
    if (error != ERROR_NONE) {
        return ERROR_CORRUPT;
    }
    const struct message_layout *layout = layout_of(*out_record);
    if (layout == NULL || version > layout->version_max) {
        return ERROR_VERSION;
    }
    reader_init(&reader, bytes.bytes + CATALOG_RECORD_HEAD_BYTES,
                (size_t)bytes.length - CATALOG_RECORD_HEAD_BYTES);
    error = message_decode(layout, version, &reader, arena, row);
    if (error != ERROR_NONE || reader_left(&reader) > 0 || !row_is_sound(*out_record, row)) {
        return ERROR_CORRUPT;
    }
    return ERROR_NONE;
}

static void set_key(struct row_key *key, enum row_kind kind, const void *owner, size_t length)
{
    CHECK(length < sizeof key->bytes);
    key->bytes[0] = (char)kind;
    if (length > 0) {
        memcpy(key->bytes + 1, owner, length);
    }
    key->length = (int32_t)length + 1;
}

static bool is_security_row(struct bytes bytes)
{
    int16_t record = 0;
    int16_t version = 0;

    return catalog_commands_head(bytes, &record, &version) == ERROR_NONE && security_is_row(record);
}

enum error catalog_rows_key(struct bytes bytes, struct row_key *out_key)
{
    uint8_t digest[SECURITY_DIGEST_BYTES];
    union any_row row;
    struct arena arena;
    int16_t record = 0;

    if (is_security_row(bytes)) {
        enum error security_error = security_digest_of(bytes, digest);
        if (security_error == ERROR_NONE) {
            set_key(out_key, ROW_SECURITY, digest, sizeof digest);
        }
        return security_error;
    }
    arena_init(&arena, SIZE_MAX / 2);
    enum error error = decode_row(bytes, &arena, &record, &row);
    if (error == ERROR_NONE) {
        switch (record) {
        case CATALOG_BROKER_ROW_RECORD:
            set_key(out_key, ROW_BROKER, &row.broker.node_id, sizeof row.broker.node_id);
            break;
        case CATALOG_TOPIC_ROW_RECORD:
            set_key(out_key, ROW_TOPIC, row.topic.topic_id.bytes, sizeof row.topic.topic_id.bytes);
            break;
        case CATALOG_BROKER_SETTINGS_ROW_RECORD:
            set_key(out_key, ROW_BROKER_SETTINGS, row.broker_settings.owner.bytes,
                    (size_t)row.broker_settings.owner.length);
            break;
        case CATALOG_GROUP_SETTINGS_ROW_RECORD:
            set_key(out_key, ROW_GROUP_SETTINGS, row.group_settings.owner.bytes,
                    (size_t)row.group_settings.owner.length);
            break;
        default: set_key(out_key, ROW_REGION, NULL, 0); break;
        }
    }
    arena_release(&arena);
    return error;
}

static void put_region(struct catalog_state *state, const struct catalog_region_row *row)
{
    state->cluster_id = row->cluster_id;
    string_drop(&state->region);
    state->region = string_keep(row->region);
    state->region_index = row->region_index;
    state->next_producer_id = row->next_producer_id;
    state->has_secret = row->secret.length == CATALOG_SECRET_BYTES;
    if (state->has_secret) {
        memcpy(state->secret, row->secret.bytes, CATALOG_SECRET_BYTES);
    }
    catalog_state_touch(state, ROW_REGION, NULL, 0);
}

static void put_broker(struct catalog_state *state, const struct catalog_broker_row *row)
{
    struct catalog_broker *broker = brokers_find(state, row->node_id);
    bool is_new = broker == NULL;

    if (is_new) {
        broker = brokers_new(row->node_id);
    } else {
        brokers_clear(broker);
    }
    broker->directory_id = row->directory_id;
    broker->incarnation = (uint64_t)row->incarnation;
    broker->rack = string_keep(row->rack);
    broker->rpc_host = string_keep(row->rpc_host);
    broker->rpc_port = (uint16_t)row->rpc_port;
    broker->is_draining = row->is_draining;
    broker->endpoint_count = row->endpoints.count;
    for (int i = 0; i < row->endpoints.count; i++) {
        const struct catalog_broker_row_endpoints *from = &row->endpoints.items[i];
        broker->endpoints[i] = (struct catalog_endpoint){
            .name = string_keep(from->name),
            .host = string_keep(from->host),
            .port = (uint16_t)from->port,
            .security_protocol = from->security_protocol,
        };
    }
    if (is_new) {
        brokers_enter(state, broker);
    } else {
        brokers_changed(state, broker);
    }
}

static void set_nodes(int32_t *out_nodes, int *out_count, const struct int32_array *nodes)
{
    for (int32_t i = 0; i < nodes->count; i++) {
        out_nodes[i] = nodes->items[i];
    }
    *out_count = nodes->count;
}

static void fill_topic(struct topic_object *topic, const struct catalog_topic_row *row)
{
    topics_resize(topic, row->partitions.count);
    for (int32_t i = 0; i < row->partitions.count; i++) {
        struct catalog_partition *partition = &topic->topic.partitions[i];
        set_nodes(partition->replicas, &partition->replica_count,
                  &row->partitions.items[i].replicas);
        set_nodes(partition->targets, &partition->target_count, &row->partitions.items[i].targets);
        set_nodes(partition->leaving, &partition->leaving_count, &row->partitions.items[i].leaving);
        partition->has_moved = row->partitions.items[i].has_moved;
    }
    settings_clear(&topic->topic.settings);
    for (int32_t i = 0; i < row->settings.count; i++) {
        settings_put(&topic->topic.settings, row->settings.items[i].name,
                     row->settings.items[i].value);
    }
    topic->topic.created_index = (uint64_t)row->created_index;
}

static enum error put_topic(struct catalog_state *state, const struct catalog_topic_row *row)
{
    struct topic_object *topic = topics_find_id(state, row->topic_id);

    if (topic == NULL) {
        if (topics_find(state, row->name) != NULL) {
            return ERROR_CORRUPT; /* two topics of one name */
        }
        topic = topics_new(row->name, row->topic_id, row->is_internal);
        fill_topic(topic, row);
        topics_enter(state, topic);
        return ERROR_NONE;
    }
    if (!string_equal(topic->topic.name, row->name)) {
        return ERROR_CORRUPT;
    }
    state->partition_count += row->partitions.count - topic->topic.partition_count;
    fill_topic(topic, row);
    topics_changed(state, topic);
    return ERROR_NONE;
}

static void put_settings(struct catalog_state *state, const struct catalog_broker_settings_row *row,
                         struct map *map, enum row_kind kind)
{
    struct settings_object *object = settings_get_owner(map, row->owner);

    settings_clear(&object->settings);
    for (int32_t i = 0; i < row->settings.count; i++) {
        settings_put(&object->settings, row->settings.items[i].name, row->settings.items[i].value);
    }
    catalog_state_touch(state, kind, row->owner.bytes, (size_t)row->owner.length);
}

static enum error put_row(struct catalog_state *state, int16_t record, const union any_row *row)
{
    switch (record) {
    case CATALOG_REGION_ROW_RECORD: put_region(state, &row->region); return ERROR_NONE;
    case CATALOG_BROKER_ROW_RECORD: put_broker(state, &row->broker); return ERROR_NONE;
    case CATALOG_TOPIC_ROW_RECORD: return put_topic(state, &row->topic);
    case CATALOG_BROKER_SETTINGS_ROW_RECORD:
        put_settings(state, &row->broker_settings, &state->broker_settings, ROW_BROKER_SETTINGS);
        return ERROR_NONE;
    default:
        put_settings(state, &row->broker_settings, &state->group_settings, ROW_GROUP_SETTINGS);
        return ERROR_NONE;
    }
}

/* Is this very row what we have already? */
static bool is_known(const struct catalog_state *state, struct bytes bytes)
{
    struct row_key key;

    if (catalog_rows_key(bytes, &key) != ERROR_NONE) {
        return false;
    }
    struct buffer *ours = catalog_rows_encode(state, &key);
    bool is_equal = ours != NULL && ours->size == (size_t)bytes.length &&
                    memcmp(ours->bytes, bytes.bytes, ours->size) == 0;
    buffer_unref(ours);
    return is_equal;
}

enum error catalog_rows_put(struct catalog_state *state, struct bytes bytes)
{
    union any_row row;
    struct arena arena;
    int16_t record = 0;

    if (is_security_row(bytes)) {
        return security_put_bytes(state, bytes);
    }
    if (is_known(state, bytes)) {
        return ERROR_NONE;
    }
    arena_init(&arena, SIZE_MAX / 2);
    enum error error = decode_row(bytes, &arena, &record, &row);
    if (error == ERROR_NONE) {
        error = put_row(state, record, &row);
    }
    arena_release(&arena);
    return error;
}
