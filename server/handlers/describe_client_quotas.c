/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeClientQuotas (48): entities that fit every component of the filter, with their quotas. */
#include "wire_messages/describe_client_quotas.h"

#include "gyre/base/ip_address.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/quota_entities.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"

enum match_type { MATCH_EXACT, MATCH_DEFAULT, MATCH_SPECIFIED };

/* What the filter says of one part of an entity. */
struct part_filter {
    bool is_given;
    bool is_any; /* any name, also the default */
    struct string name;
};

struct quota_description {
    struct request *request;
    struct describe_client_quotas_request in;
    struct describe_client_quotas_response out;
    struct part_filter filters[QUOTA_ENTITY_PARTS];
    bool is_out_of_memory;
};

static bool refuse(struct quota_description *self, enum kafka_error error, struct string message)
{
    self->out.error_code = (int16_t)error;
    self->out.error_message = message;
    self->out.entries.count = -1;
    return false;
}

static bool take_match(struct quota_description *self,
                       const struct describe_client_quotas_request_components *in,
                       struct part_filter *filter)
{
    filter->is_given = true;
    switch (in->match_type) {
    case MATCH_EXACT:
        filter->name = in->match;
        return in->match.bytes != NULL ||
               refuse(self, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("Request specified MATCH_TYPE_EXACT, but set match string to null."));
    case MATCH_DEFAULT:
        return in->match.bytes == NULL ||
               refuse(self, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("Request specified MATCH_TYPE_DEFAULT, but also specified a match "
                             "string."));
    case MATCH_SPECIFIED:
        filter->is_any = true;
        return in->match.bytes == NULL ||
               refuse(self, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("Request specified MATCH_TYPE_SPECIFIED, but also specified a match "
                             "string."));
    default:
        return refuse(self, KAFKA_ERROR_INVALID_REQUEST,
                      catalog_changes_text(self->request, "Unknown match type %d", in->match_type));
    }
}

static bool take_component(struct quota_description *self,
                           const struct describe_client_quotas_request_components *in)
{
    enum quota_entity_part part;

    if (in->entity_type.length <= 0) {
        return refuse(self, KAFKA_ERROR_INVALID_REQUEST, STRING("Invalid empty entity type."));
    }
    if (!quota_entities_find_part(in->entity_type, &part)) {
        return refuse(self, KAFKA_ERROR_UNSUPPORTED_VERSION,
                      catalog_changes_text(self->request, "Unsupported entity type %.*s",
                                           STRING_ARGUMENTS(in->entity_type)));
    }
    if (self->filters[part].is_given) {
        return refuse(
            self, KAFKA_ERROR_INVALID_REQUEST,
            catalog_changes_text(self->request,
                                 "Entity type %.*s cannot appear more than once in the filter.",
                                 STRING_ARGUMENTS(in->entity_type)));
    }
    return take_match(self, in, &self->filters[part]);
}

static bool take_filter(struct quota_description *self)
{
    for (int32_t i = 0; i < self->in.components.count; i++) {
        if (!take_component(self, &self->in.components.items[i])) {
            return false;
        }
    }
    if (self->filters[QUOTA_IP].is_given &&
        (self->filters[QUOTA_USER].is_given || self->filters[QUOTA_CLIENT_ID].is_given)) {
        return refuse(self, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("Invalid entity filter component combination. IP filter component "
                             "should not be used with user or clientId filter component."));
    }
    return true;
}

static bool names_match(int part, struct string wanted, struct string ours)
{
    if (part == QUOTA_IP && wanted.bytes != NULL && ours.bytes != NULL) {
        return ip_address_is_same(wanted, ours);
    }
    return string_equal(wanted, ours);
}

static bool matches(const struct quota_description *self, const struct catalog_quota *quota)
{
    for (int part = 0; part < QUOTA_ENTITY_PARTS; part++) {
        const struct part_filter *filter = &self->filters[part];
        struct catalog_quota_part ours = quota_entities_part(quota, (enum quota_entity_part)part);
        if (!filter->is_given) {
            if (ours.is_given && self->in.strict) {
                return false;
            }
            continue;
        }
        if (!ours.is_given || (!filter->is_any && !names_match(part, filter->name, ours.name))) {
            return false;
        }
    }
    /* A strict filter without components matches nothing. */
    return self->in.components.count > 0 || !self->in.strict;
}

static bool fill_entry(struct quota_description *self, const struct catalog_quota *quota)
{
    struct describe_client_quotas_response_entries *entry =
        &self->out.entries.items[self->out.entries.count++];
    struct arena *arena = &self->request->arena;

    if (describe_client_quotas_response_entries_entity_array_alloc(
            &entry->entity, arena, QUOTA_ENTITY_PARTS) != ERROR_NONE ||
        describe_client_quotas_response_entries_values_array_alloc(
            &entry->values, arena, quota->value_count) != ERROR_NONE) {
        return false;
    }
    entry->entity.count = 0;
    for (int part = 0; part < QUOTA_ENTITY_PARTS; part++) {
        struct catalog_quota_part ours = quota_entities_part(quota, (enum quota_entity_part)part);
        if (ours.is_given) {
            entry->entity.items[entry->entity.count++] =
                (struct describe_client_quotas_response_entries_entity){
                    .entity_type = quota_entities_part_name((enum quota_entity_part)part),
                    .entity_name = ours.name,
                };
        }
    }
    for (int32_t i = 0; i < quota->value_count; i++) {
        entry->values.items[i].key = quota->values[i].key;
        entry->values.items[i].value = quota->values[i].value;
    }
    return true;
}

static void visit(void *context, const struct catalog_quota *quota)
{
    struct quota_description *self = context;

    if (!self->is_out_of_memory && matches(self, quota)) {
        self->is_out_of_memory = !fill_entry(self, quota);
    }
}

void describe_client_quotas_handle(struct request *request)
{
    struct quota_description self = {.request = request};

    if (!request_decode(request, &describe_client_quotas_request_layout, &self.in)) {
        return;
    }
    describe_client_quotas_response_init(&self.out);
    if (describe_client_quotas_response_entries_array_alloc(
            &self.out.entries, &request->arena,
            catalog_security_count(request->broker->catalog, CATALOG_QUOTA)) != ERROR_NONE) {
        request_close(request);
        return;
    }
    self.out.entries.count = 0;
    if (!access_allows(request, ACCESS_DESCRIBE_CONFIGS, ACCESS_CLUSTER, ACL_CLUSTER_NAME)) {
        (void)refuse(&self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED,
                     string_from(kafka_error_text(KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED)));
    } else if (take_filter(&self)) {
        catalog_for_each_quota(request->broker->catalog, visit, &self);
    }
    if (self.is_out_of_memory) {
        request_close(request);
        return;
    }
    request_reply(request, &describe_client_quotas_response_layout, &self.out);
}
