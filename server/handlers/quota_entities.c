/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/quota_entities.h"

static const char *const part_names[QUOTA_ENTITY_PARTS] =
    {[QUOTA_USER] = "user", [QUOTA_CLIENT_ID] = "client-id", [QUOTA_IP] = "ip"};

bool quota_entities_find_part(struct string name, enum quota_entity_part *out_part)
{
    for (int part = 0; part < QUOTA_ENTITY_PARTS; part++) {
        if (string_is(name, part_names[part])) {
            *out_part = (enum quota_entity_part)part;
            return true;
        }
    }
    return false;
}

struct string quota_entities_part_name(enum quota_entity_part part)
{
    return string_from(part_names[part]);
}

struct catalog_quota_part quota_entities_part(const struct catalog_quota *quota,
                                              enum quota_entity_part part)
{
    switch (part) {
    case QUOTA_USER: return quota->user;
    case QUOTA_CLIENT_ID: return quota->client_id;
    case QUOTA_IP: break;
    }
    return quota->ip;
}

enum quota_value_type quota_entities_value_type(struct string key, bool is_of_ip)
{
    static const struct {
        const char *key;
        bool is_of_ip;
        enum quota_value_type type;
    } keys[] = {
        {"producer_byte_rate", false, QUOTA_VALUE_LONG},
        {"consumer_byte_rate", false, QUOTA_VALUE_LONG},
        {"request_percentage", false, QUOTA_VALUE_DOUBLE},
        {"controller_mutation_rate", false, QUOTA_VALUE_DOUBLE},
        {"connection_creation_rate", true, QUOTA_VALUE_INT},
    };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i].is_of_ip == is_of_ip && string_is(key, keys[i].key)) {
            return keys[i].type;
        }
    }
    return QUOTA_VALUE_UNKNOWN;
}
