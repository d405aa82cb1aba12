/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a quota's entity by their names on the wire, and which quotas an entity may have.
 * Thread: any. */
#ifndef GYRE_HANDLERS_QUOTA_ENTITIES_H
#define GYRE_HANDLERS_QUOTA_ENTITIES_H

#include "gyre/metadata/catalog_security.h"

enum { QUOTA_ENTITY_PARTS = 3 };
enum quota_entity_part { QUOTA_USER, QUOTA_CLIENT_ID, QUOTA_IP };

bool quota_entities_find_part(struct string name, enum quota_entity_part *out_part);
struct string quota_entities_part_name(enum quota_entity_part part); /* static */
struct catalog_quota_part quota_entities_part(const struct catalog_quota *quota,
                                              enum quota_entity_part part);

enum quota_value_type {
    QUOTA_VALUE_UNKNOWN,
    QUOTA_VALUE_INT,
    QUOTA_VALUE_LONG,
    QUOTA_VALUE_DOUBLE
};
/* Of a quota of users and clients, or of addresses. */
enum quota_value_type quota_entities_value_type(struct string key, bool is_of_ip);

#endif
