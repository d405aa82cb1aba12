/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/catalog_state.h"

#include <stdio.h>
#include <stdlib.h>

void catalog_state_init(struct catalog_state *state, const struct broker_config *config,
                        int32_t node_id)
{
    *state = (struct catalog_state){.config = config};
    map_init(&state->topics_by_name);
    map_init(&state->topics_by_id);
    map_init(&state->topics_by_folded_name);
    map_init(&state->brokers);
    map_init(&state->broker_settings);
    map_init(&state->group_settings);
    security_init(&state->security);
    map_init(&state->dirty);
    list_init(&state->listeners);
    (void)snprintf(state->node_text, sizeof state->node_text, "%d", node_id);
}

static void release_settings(struct map *map)
{
    map_for_each_safe(link, map) {
        settings_remove_owner(map, CONTAINER_OF(link, struct settings_object, by_owner));
    }
    map_release(map);
}

void catalog_state_release(struct catalog_state *state)
{
    map_for_each_safe(link, &state->topics_by_id) {
        topics_free(CONTAINER_OF(link, struct topic_object, topic.by_id));
    }
    map_release(&state->topics_by_name);
    map_release(&state->topics_by_id);
    map_release(&state->topics_by_folded_name);
    map_for_each_safe(link, &state->brokers) {
        brokers_free(CONTAINER_OF(link, struct catalog_broker, by_id));
    }
    map_release(&state->brokers);
    release_settings(&state->broker_settings);
    release_settings(&state->group_settings);
    security_release(&state->security);
    catalog_state_forget_dirty(state);
    map_release(&state->dirty);
    string_drop(&state->region);
}

void catalog_state_touch(struct catalog_state *state, enum row_kind kind, const void *owner,
                         size_t length)
{
    char bytes[ROW_KEY_BYTES_MAX];

    if (!state->keeps_dirty) {
        return;
    }
    CHECK(length < sizeof bytes);
    bytes[0] = (char)kind;
    if (length > 0) {
        memcpy(bytes + 1, owner, length);
    }
    uint64_t hash = hash_bytes(bytes, length + 1);
    map_for_each_match(link, &state->dirty, hash) {
        const struct row_key *key = CONTAINER_OF(link, struct row_key, by_key);
        if (key->length == (int32_t)length + 1 && memcmp(key->bytes, bytes, length + 1) == 0) {
            return;
        }
    }
    struct row_key *key = check_alloc_zero(sizeof *key);
    key->length = (int32_t)length + 1;
    memcpy(key->bytes, bytes, length + 1);
    map_insert(&state->dirty, &key->by_key, hash);
}

void catalog_state_forget_dirty(struct catalog_state *state)
{
    map_for_each_safe(link, &state->dirty) {
        map_remove(&state->dirty, link);
        free(CONTAINER_OF(link, struct row_key, by_key));
    }
}

struct string string_keep(struct string text)
{
    if (text.bytes == NULL) {
        return STRING_NULL;
    }
    char *bytes = check_alloc((size_t)text.length + 1);
    memcpy(bytes, text.bytes, (size_t)text.length);
    bytes[text.length] = '\0';
    return (struct string){.bytes = bytes, .length = text.length};
}

void string_drop(struct string *text)
{
    /* An owned string was allocated by string_keep(); only its users see it as constant. */
    free((void *)(uintptr_t)text->bytes);
    *text = STRING_NULL;
}
