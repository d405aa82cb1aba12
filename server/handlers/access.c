/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/access.h"

#include "gyre/config/config.h"

#include "handlers/broker.h"

bool access_is_enforced(const struct broker *broker)
{
    const struct broker_config *config = broker->config;

    if (config->authorizer_class_name.length > 0 || config->super_users.length > 0) {
        return true;
    }
    for (int i = 0; i < config->kafka_listener_count; i++) {
        if (config->kafka_listeners[i].security_protocol != SECURITY_PROTOCOL_PLAINTEXT) {
            return true;
        }
    }
    return false;
}

bool access_allows(const struct request *request, enum access_operation operation,
                   enum access_resource resource, struct string name)
{
    (void)request;
    (void)operation;
    (void)resource;
    (void)name;
    return true;
}
