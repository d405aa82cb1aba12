/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/catalog_apply.h"

#include <stdarg.h>
#include <stdio.h>

#include "gyre/observe/log.h"

#include "metadata/catalog_commands.h"
#include "metadata/catalog_state.h"
#include "metadata/topic_name.h"

enum { REGION_INDEX_SHIFT = 55, REGION_INDEX_MAX = 255 };

void catalog_refuse(struct catalog_result *result, enum kafka_error error, const char *format, ...)
{
    va_list arguments;

    result->error = error;
    va_start(arguments, format);
    (void)vsnprintf(result->message, sizeof result->message, format, arguments);
    va_end(arguments);
}

/* Regions of older releases began without. The first one stays. */
static void take_secret(struct catalog_state *state, struct bytes secret)
{
    if (!state->has_secret && secret.length == CATALOG_SECRET_BYTES) {
        memcpy(state->secret, secret.bytes, CATALOG_SECRET_BYTES);
        state->has_secret = true;
        catalog_state_touch(state, ROW_REGION, NULL, 0);
    }
}

static void form_region(struct catalog_state *state, const void *message,
                        struct catalog_result *result)
{
    const struct catalog_form_region *in = message;

    if (!uuid_is_zero(state->cluster_id)) {
        if (!uuid_equal(state->cluster_id, in->cluster_id)) {
            catalog_refuse(result, KAFKA_ERROR_INCONSISTENT_CLUSTER_ID,
                           "The region was formed already, with another cluster id.");
        } else {
            take_secret(state, in->secret);
        }
        return;
    }
    if (uuid_is_zero(in->cluster_id) || in->region_index < 0 ||
        in->region_index > REGION_INDEX_MAX || in->region.length > TOPIC_NAME_BYTES_MAX) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_REQUEST,
                       "A region has a cluster id and an index from 0 to %d.", REGION_INDEX_MAX);
        return;
    }
    catalog_apply_first_credentials(state, in, result);
    if (result->error != KAFKA_ERROR_NONE) {
        return;
    }
    state->cluster_id = in->cluster_id;
    string_drop(&state->region);
    state->region = string_keep(in->region);
    state->region_index = in->region_index;
    take_secret(state, in->secret);
    catalog_state_touch(state, ROW_REGION, NULL, 0);
}

static void fill_broker(struct catalog_broker *broker, const struct catalog_register_broker *in)
{
    broker->directory_id = in->directory_id;
    broker->incarnation = (uint64_t)in->incarnation;
    broker->rack = string_keep(in->rack);
    broker->rpc_host = string_keep(in->rpc_host);
    broker->rpc_port = (uint16_t)in->rpc_port;
    broker->is_draining = false;
    for (int32_t i = 0; i < in->endpoints.count; i++) {
        const struct catalog_register_broker_endpoints *from = &in->endpoints.items[i];
        broker->endpoints[i] = (struct catalog_endpoint){
            .name = string_keep(from->name),
            .host = string_keep(from->host),
            .port = (uint16_t)from->port,
            .security_protocol = from->security_protocol,
        };
    }
    broker->endpoint_count = in->endpoints.count;
}

static bool registration_is_sound(const struct catalog_register_broker *in)
{
    bool is_sound = in->node_id >= 0 && !uuid_is_zero(in->directory_id) && in->rpc_port >= 0 &&
                    in->rpc_port <= UINT16_MAX && in->endpoints.count >= 0 &&
                    in->endpoints.count <= CATALOG_LISTENERS_MAX;

    for (int32_t i = 0; is_sound && i < in->endpoints.count; i++) {
        is_sound = in->endpoints.items[i].port >= 0 && in->endpoints.items[i].port <= UINT16_MAX;
    }
    return is_sound;
}

static void register_broker(struct catalog_state *state, const void *message,
                            struct catalog_result *result)
{
    const struct catalog_register_broker *in = message;
    struct catalog_broker *broker = brokers_find(state, in->node_id);

    if (!registration_is_sound(in)) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_REGISTRATION,
                       "The registration is not complete.");
        return;
    }
    if (broker == NULL && state->brokers.count >= CATALOG_BROKERS_MAX) {
        catalog_refuse(
            result, KAFKA_ERROR_INVALID_REGISTRATION,
            "The region has %d brokers, and there may be no more. Unregister one that is "
            "gone, or begin another region.",
            CATALOG_BROKERS_MAX);
        return;
    }
    if (broker == NULL) {
        broker = brokers_new(in->node_id);
        fill_broker(broker, in);
        brokers_enter(state, broker);
        return;
    }
    if (!uuid_equal(broker->directory_id, in->directory_id)) {
        catalog_refuse(result, KAFKA_ERROR_DUPLICATE_BROKER_REGISTRATION,
                       "Node id %d belongs to another data directory. A broker that lost its disk "
                       "comes back under a new node id, or after the old one was unregistered.",
                       in->node_id);
        return;
    }
    brokers_clear(broker);
    fill_broker(broker, in);
    brokers_changed(state, broker);
}

/* A topic that has or will have a replica there, or had one to come; NULL: none. */
static const struct catalog_topic *find_topic_of(const struct catalog_state *state, int32_t node_id)
{
    map_for_each(link, &state->topics_by_id) {
        const struct catalog_topic *topic = CONTAINER_OF(link, struct catalog_topic, by_id);
        for (int32_t i = 0; i < topic->partition_count; i++) {
            const struct catalog_partition *partition = &topic->partitions[i];
            if (catalog_partition_names(partition, node_id)) {
                return topic;
            }
        }
    }
    return NULL;
}

static void unregister_broker(struct catalog_state *state, const void *message,
                              struct catalog_result *result)
{
    const struct catalog_unregister_broker *in = message;
    struct catalog_broker *broker = brokers_find(state, in->node_id);

    if (broker == NULL) {
        catalog_refuse(result, KAFKA_ERROR_BROKER_ID_NOT_REGISTERED, "Broker ID %d not found",
                       in->node_id);
        return;
    }
    /* Its raft id would stay in groups, and a new disk under this node id could vote twice. */
    const struct catalog_topic *topic = find_topic_of(state, in->node_id);
    if (topic != NULL) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_REQUEST,
                       "Broker %d still has replicas, of topic %.*s for one. Move them first.",
                       in->node_id, STRING_ARGUMENTS(topic->name));
        return;
    }
    brokers_remove(state, broker);
}

static void set_draining(struct catalog_state *state, const void *message,
                         struct catalog_result *result)
{
    const struct catalog_set_draining *in = message;
    struct catalog_broker *broker = brokers_find(state, in->node_id);

    if (broker == NULL) {
        catalog_refuse(result, KAFKA_ERROR_BROKER_ID_NOT_REGISTERED, "Broker ID %d not found",
                       in->node_id);
        return;
    }
    if (broker->incarnation != (uint64_t)in->incarnation) {
        catalog_refuse(result, KAFKA_ERROR_STALE_BROKER_EPOCH, "Broker %d has started again since.",
                       in->node_id);
        return;
    }
    if (broker->is_draining != in->is_draining) {
        broker->is_draining = in->is_draining;
        brokers_changed(state, broker);
    }
}

static void allocate_producer_ids(struct catalog_state *state, const void *message,
                                  struct catalog_result *result)
{
    const struct catalog_allocate_producer_ids *in = message;
    int64_t limit = INT64_C(1) << REGION_INDEX_SHIFT;

    if (in->count < 1 || in->count > CATALOG_PRODUCER_ID_BLOCK * 1000 ||
        state->next_producer_id > limit - in->count) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_REQUEST,
                       "There is no such block of producer ids.");
        return;
    }
    int64_t first = ((int64_t)state->region_index << REGION_INDEX_SHIFT) | state->next_producer_id;
    state->next_producer_id += in->count;
    store_be64(result->value, (uint64_t)first);
    result->value_length = sizeof first;
    catalog_state_touch(state, ROW_REGION, NULL, 0);
}

static catalog_apply_command find_apply(int16_t record)
{
    static const catalog_apply_command table[] = {
        [CATALOG_FORM_REGION_RECORD] = form_region,
        [CATALOG_REGISTER_BROKER_RECORD] = register_broker,
        [CATALOG_UNREGISTER_BROKER_RECORD] = unregister_broker,
        [CATALOG_SET_DRAINING_RECORD] = set_draining,
        [CATALOG_CREATE_TOPIC_RECORD] = catalog_apply_create_topic,
        [CATALOG_DELETE_TOPIC_RECORD] = catalog_apply_delete_topic,
        [CATALOG_ADD_PARTITIONS_RECORD] = catalog_apply_add_partitions,
        [CATALOG_SET_TOPIC_SETTINGS_RECORD] = catalog_apply_topic_settings,
        [CATALOG_SET_BROKER_SETTINGS_RECORD] = catalog_apply_broker_settings,
        [CATALOG_SET_GROUP_SETTINGS_RECORD] = catalog_apply_group_settings,
        [CATALOG_SET_TARGETS_RECORD] = catalog_apply_set_targets,
        [CATALOG_SET_REPLICAS_RECORD] = catalog_apply_set_replicas,
        [CATALOG_ALLOCATE_PRODUCER_IDS_RECORD] = allocate_producer_ids,
        [CATALOG_SET_SCRAM_RECORD] = catalog_apply_set_scram,
        [CATALOG_SET_ACLS_RECORD] = catalog_apply_set_acls,
        [CATALOG_SET_QUOTAS_RECORD] = catalog_apply_set_quotas,
        [CATALOG_SET_TOKEN_RECORD] = catalog_apply_set_token,
        [CATALOG_REMOVE_TOKENS_RECORD] = catalog_apply_remove_tokens,
        [CATALOG_SET_STREAM_RECORD] = catalog_apply_set_stream,
        [CATALOG_REMOVE_STREAM_RECORD] = catalog_apply_remove_stream,
        [CATALOG_SET_ROLE_RECORD] = catalog_apply_set_role,
    };
    CHECK(record >= 0);
    CHECK((size_t)record < sizeof table / sizeof table[0]);
    CHECK(table[record] != NULL);
    return table[record];
}

void catalog_apply(struct catalog_state *state, uint64_t index, struct bytes command,
                   struct catalog_result *out_result)
{
    struct arena arena;
    int16_t record = 0;
    void *message = NULL;

    CHECK(index > state->applied_index);
    state->applied_index = index;
    out_result->error = KAFKA_ERROR_NONE;
    out_result->message[0] = '\0';
    out_result->value_length = 0;
    /* No limit of its own: the one who submitted it was held to CATALOG_COMMAND_BYTES_MAX. */
    arena_init(&arena, SIZE_MAX / 2);
    enum error error = catalog_commands_decode(command, &arena, &record, &message);
    if (error == ERROR_NONE) {
        find_apply(record)(state, message, out_result);
    } else {
        /* A newer broker led. What it decided is not known here; the operator has to be told. */
        log_error(LOG_METADATA, "a command of the catalog is not understood", field_error(error),
                  field_i64("index", (int64_t)index));
        catalog_refuse(out_result, KAFKA_ERROR_UNSUPPORTED_VERSION,
                       "The command is not understood.");
    }
    arena_release(&arena);
}
