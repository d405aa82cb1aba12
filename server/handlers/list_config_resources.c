/* SPDX-License-Identifier: Apache-2.0 */
/* ListConfigResources (74): what DescribeConfigs can be asked about. Version 0 asks for client
 * metrics alone, of which this broker has none. */
#include "wire_messages/list_config_resources.h"

#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/config_view.h"
#include "handlers/request.h"

struct resource_listing {
    struct request *request; /* we live in its arena */
    struct list_config_resources_request in;
    struct list_config_resources_response out;
    int32_t capacity;
    int8_t type; /* that is being added */
    bool is_exhausted;
};

static void add(struct resource_listing *self, struct string name)
{
    struct list_config_resources_response_config_resources_array *resources =
        &self->out.config_resources;

    CHECK(resources->count < self->capacity);
    resources->items[resources->count++] =
        (struct list_config_resources_response_config_resources){name, self->type};
}

static void add_topic(void *context, const struct catalog_topic *topic)
{
    add(context, topic->name);
}

static void add_broker(void *context, const struct catalog_broker *broker)
{
    struct resource_listing *self = context;
    struct string name = catalog_changes_text(self->request, "%d", broker->node_id);

    self->is_exhausted |= name.length == 0; /* without a name it would stand for all brokers */
    add(self, name);
}

static void add_group(void *context, struct string group, const struct list *settings)
{
    (void)settings;
    add(context, group);
}

static void count_group(void *context, struct string group, const struct list *settings)
{
    int32_t *count = context;

    (void)group;
    (void)settings;
    (*count)++;
}

static bool is_asked_for(const struct resource_listing *self, enum config_resource type)
{
    for (int32_t i = 0; i < self->in.resource_types.count; i++) {
        if (self->in.resource_types.items[i] == (int8_t)type) {
            return true;
        }
    }
    return self->in.resource_types.count <= 0;
}

static void list_type(struct resource_listing *self, enum config_resource type)
{
    const struct catalog *catalog = self->request->broker->catalog;

    if (!is_asked_for(self, type)) {
        return;
    }
    self->type = (int8_t)type;
    switch (type) {
    case CONFIG_RESOURCE_TOPIC: catalog_for_each_topic(catalog, add_topic, self); return;
    case CONFIG_RESOURCE_BROKER:
    case CONFIG_RESOURCE_BROKER_LOGGER: catalog_for_each_broker(catalog, add_broker, self); return;
    case CONFIG_RESOURCE_GROUP: catalog_for_each_group_settings(catalog, add_group, self); return;
    case CONFIG_RESOURCE_CLIENT_METRICS: return;
    }
}

static bool are_types_known(const struct resource_listing *self)
{
    for (int32_t i = 0; i < self->in.resource_types.count; i++) {
        int8_t type = self->in.resource_types.items[i];
        if (type != CONFIG_RESOURCE_TOPIC && type != CONFIG_RESOURCE_BROKER &&
            type != CONFIG_RESOURCE_BROKER_LOGGER && type != CONFIG_RESOURCE_CLIENT_METRICS &&
            type != CONFIG_RESOURCE_GROUP) {
            return false;
        }
    }
    return true;
}

static bool reserve(struct resource_listing *self)
{
    const struct catalog *catalog = self->request->broker->catalog;
    int32_t groups = 0;

    catalog_for_each_group_settings(catalog, count_group, &groups);
    self->capacity = catalog_topic_count(catalog) + 2 * catalog_broker_count(catalog) + groups;
    self->out.config_resources.items = request_alloc(
        self->request, ((size_t)self->capacity + 1) * sizeof *self->out.config_resources.items);
    return self->out.config_resources.items != NULL;
}

static void list_all(struct resource_listing *self)
{
    if (self->request->api_version == 0) {
        return;
    }
    list_type(self, CONFIG_RESOURCE_TOPIC);
    list_type(self, CONFIG_RESOURCE_BROKER);
    list_type(self, CONFIG_RESOURCE_BROKER_LOGGER);
    list_type(self, CONFIG_RESOURCE_GROUP);
}

void list_config_resources_handle(struct request *request)
{
    struct resource_listing *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &list_config_resources_request_layout, &self->in)) {
        return;
    }
    list_config_resources_response_init(&self->out);
    if (!access_allows_cluster(request, ACCESS_DESCRIBE_CONFIGS)) {
        self->out.error_code = KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED;
    } else if (!are_types_known(self)) {
        self->out.error_code = KAFKA_ERROR_UNSUPPORTED_VERSION;
    } else if (reserve(self)) {
        list_all(self);
    } else {
        return;
    }
    if (self->is_exhausted) {
        request_close(request); /* larger than one request may grow */
        return;
    }
    request_reply(request, &list_config_resources_response_layout, &self->out);
}
