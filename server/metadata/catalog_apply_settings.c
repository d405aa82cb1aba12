/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/catalog_apply.h"
#include "metadata/catalog_commands.h"
#include "metadata/catalog_state.h"
#include "metadata/topic_name.h"

/* Values were checked by the one who submitted them, against the options that he knows; a broker
 * of another release may know others, so only what everybody can judge is judged here. */
enum { SETTING_VALUE_BYTES_MAX = 32767, BROKER_SETTINGS_MAX = 500 };

static bool is_sound(struct string name, struct string value, struct catalog_result *result)
{
    if (name.length < 1 || name.length > TOPIC_NAME_BYTES_MAX ||
        value.length > SETTING_VALUE_BYTES_MAX) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_CONFIG, "The name or value is too long.");
        return false;
    }
    return true;
}

void catalog_apply_topic_settings(struct catalog_state *state, const void *message,
                                  struct catalog_result *result)
{
    const struct catalog_set_topic_settings *in = message;
    struct topic_object *topic = topics_find_id(state, in->topic_id);

    if (topic == NULL) {
        catalog_refuse(result, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                       "The topic was deleted meanwhile.");
        return;
    }
    for (int32_t i = 0; i < in->changes.count; i++) {
        if (!is_sound(in->changes.items[i].name, in->changes.items[i].value, result)) {
            return;
        }
    }
    for (int32_t i = 0; i < in->changes.count; i++) {
        settings_put(&topic->topic.settings, in->changes.items[i].name, in->changes.items[i].value);
    }
    topics_changed(state, topic);
}

/* An owner without settings is not kept. */
static void drop_if_empty(struct map *map, struct string owner)
{
    struct settings_object *object = settings_find_owner(map, owner);

    if (object != NULL && list_is_empty(&object->settings)) {
        settings_remove_owner(map, object);
    }
}

/* Keys are anybody's who may change settings: not as many as he likes. */
static bool are_too_many(const struct settings_object *owner,
                         const struct catalog_set_broker_settings *in)
{
    int32_t count = 0;

    if (owner != NULL) {
        list_for_each(link, &owner->settings) {
            count++;
        }
    }
    for (int32_t i = 0; i < in->changes.count; i++) {
        struct string name = in->changes.items[i].name;
        bool is_there = owner != NULL && settings_find(&owner->settings, name).bytes != NULL;
        bool is_value = in->changes.items[i].value.bytes != NULL;

        count += (int32_t)is_value - (int32_t)is_there;
    }
    return count > BROKER_SETTINGS_MAX;
}

void catalog_apply_broker_settings(struct catalog_state *state, const void *message,
                                   struct catalog_result *result)
{
    const struct catalog_set_broker_settings *in = message;

    if (in->broker.length > TOPIC_NAME_BYTES_MAX) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_REQUEST, "The broker's name is too long.");
        return;
    }
    for (int32_t i = 0; i < in->changes.count; i++) {
        if (!is_sound(in->changes.items[i].name, in->changes.items[i].value, result)) {
            return;
        }
    }
    if (are_too_many(settings_find_owner(&state->broker_settings, in->broker), in)) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_CONFIG, "The broker has too many settings.");
        return;
    }
    struct settings_object *owner = settings_get_owner(&state->broker_settings, in->broker);
    for (int32_t i = 0; i < in->changes.count; i++) {
        settings_put(&owner->settings, in->changes.items[i].name, in->changes.items[i].value);
    }
    drop_if_empty(&state->broker_settings, in->broker);
    catalog_state_touch(state, ROW_BROKER_SETTINGS, in->broker.bytes, (size_t)in->broker.length);
    if (in->broker.length == 0 || string_is(in->broker, state->node_text)) {
        brokers_settings_changed(state);
    }
}

void catalog_apply_group_settings(struct catalog_state *state, const void *message,
                                  struct catalog_result *result)
{
    const struct catalog_set_group_settings *in = message;

    if (in->group.length < 1 || in->group.length > TOPIC_NAME_BYTES_MAX) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_REQUEST,
                       "Only groups with names of at most %d bytes have settings.",
                       TOPIC_NAME_BYTES_MAX);
        return;
    }
    for (int32_t i = 0; i < in->changes.count; i++) {
        if (!is_sound(in->changes.items[i].name, in->changes.items[i].value, result)) {
            return;
        }
    }
    struct settings_object *owner = settings_get_owner(&state->group_settings, in->group);
    for (int32_t i = 0; i < in->changes.count; i++) {
        settings_put(&owner->settings, in->changes.items[i].name, in->changes.items[i].value);
    }
    drop_if_empty(&state->group_settings, in->group);
    catalog_state_touch(state, ROW_GROUP_SETTINGS, in->group.bytes, (size_t)in->group.length);
}
