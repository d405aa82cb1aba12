/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "metadata/catalog_state.h"

struct string settings_find(const struct list *settings, struct string name)
{
    list_for_each(link, settings) {
        const struct catalog_setting *setting = list_entry(link, struct catalog_setting, link);
        if (string_equal(setting->name, name)) {
            return setting->value;
        }
    }
    return STRING_NULL;
}

static void settings_free(struct catalog_setting *setting)
{
    list_remove(&setting->link);
    string_drop(&setting->name);
    string_drop(&setting->value);
    free(setting);
}

/* Sorted by the names' bytes, so that equal settings encode equally. */
void settings_put(struct list *settings, struct string name, struct string value)
{
    struct list *where = settings;

    list_for_each_safe(link, settings) {
        struct catalog_setting *setting = list_entry(link, struct catalog_setting, link);
        int order = string_compare(setting->name, name);
        if (order == 0) {
            where = link->next;
            settings_free(setting);
            break;
        }
        if (order > 0) {
            where = link;
            break;
        }
    }
    if (value.bytes == NULL) {
        return;
    }
    struct catalog_setting *setting = check_alloc_zero(sizeof *setting);
    list_init(&setting->link);
    setting->name = string_keep(name);
    setting->value = string_keep(value);
    list_insert_before(where, &setting->link);
}

void settings_clear(struct list *settings)
{
    list_for_each_safe(link, settings) {
        settings_free(list_entry(link, struct catalog_setting, link));
    }
}

struct settings_object *settings_find_owner(const struct map *map, struct string owner)
{
    map_for_each_match(link, map, string_hash(owner)) {
        struct settings_object *object = CONTAINER_OF(link, struct settings_object, by_owner);
        if (string_equal(object->owner, owner)) {
            return object;
        }
    }
    return NULL;
}

struct settings_object *settings_get_owner(struct map *map, struct string owner)
{
    struct settings_object *object = settings_find_owner(map, owner);

    if (object == NULL) {
        object = check_alloc_zero(sizeof *object);
        object->owner = string_keep(owner);
        list_init(&object->settings);
        map_insert(map, &object->by_owner, string_hash(owner));
    }
    return object;
}

void settings_remove_owner(struct map *map, struct settings_object *owner)
{
    map_remove(map, &owner->by_owner);
    settings_clear(&owner->settings);
    string_drop(&owner->owner);
    free(owner);
}
