/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "metadata/catalog_state.h"

struct catalog_broker *brokers_find(const struct catalog_state *state, int32_t node_id)
{
    map_for_each_match(link, &state->brokers, hash_u64((uint64_t)node_id)) {
        struct catalog_broker *broker = CONTAINER_OF(link, struct catalog_broker, by_id);
        if (broker->node_id == node_id) {
            return broker;
        }
    }
    return NULL;
}

struct catalog_broker *brokers_new(int32_t node_id)
{
    struct catalog_broker *broker = check_alloc_zero(sizeof *broker);

    broker->node_id = node_id;
    return broker;
}

void brokers_clear(struct catalog_broker *broker)
{
    string_drop(&broker->rack);
    string_drop(&broker->rpc_host);
    for (int i = 0; i < broker->endpoint_count; i++) {
        string_drop(&broker->endpoints[i].name);
        string_drop(&broker->endpoints[i].host);
    }
    broker->endpoint_count = 0;
}

void brokers_free(struct catalog_broker *broker)
{
    if (broker != NULL) {
        brokers_clear(broker);
        free(broker);
    }
}

static void touch(struct catalog_state *state, int32_t node_id)
{
    catalog_state_touch(state, ROW_BROKER, &node_id, sizeof node_id);
}

void brokers_enter(struct catalog_state *state, struct catalog_broker *broker)
{
    map_insert(&state->brokers, &broker->by_id, hash_u64((uint64_t)broker->node_id));
    brokers_changed(state, broker);
}

void brokers_changed(struct catalog_state *state, const struct catalog_broker *broker)
{
    touch(state, broker->node_id);
    list_for_each_safe(link, &state->listeners) {
        struct catalog_listener *listener = list_entry(link, struct catalog_listener, link);
        if (listener->broker_changed != NULL) {
            listener->broker_changed(listener->context, broker);
        }
    }
}

void brokers_remove(struct catalog_state *state, struct catalog_broker *broker)
{
    int32_t node_id = broker->node_id;

    map_remove(&state->brokers, &broker->by_id);
    brokers_free(broker);
    touch(state, node_id);
    list_for_each_safe(link, &state->listeners) {
        struct catalog_listener *listener = list_entry(link, struct catalog_listener, link);
        if (listener->broker_removed != NULL) {
            listener->broker_removed(listener->context, node_id);
        }
    }
}

void brokers_settings_changed(struct catalog_state *state)
{
    topics_compute_all(state);
    list_for_each_safe(link, &state->listeners) {
        struct catalog_listener *listener = list_entry(link, struct catalog_listener, link);
        if (listener->broker_settings_changed != NULL) {
            listener->broker_settings_changed(listener->context);
        }
    }
}
