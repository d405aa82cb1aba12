/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeAcls (29): the entries that a filter matches, one list for each resource. */
#include "wire_messages/describe_acls.h"

#include "gyre/metadata/catalog.h"

#include "handlers/access.h"
#include "handlers/acl_filters.h"
#include "handlers/broker.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"

struct acl_description {
    struct request *request;
    struct describe_acls_request in;
    struct describe_acls_response out;
    struct acl *matches; /* grouped by resource; their texts are the set's */
    int32_t count;
};

static void collect(void *context, const struct acl *acl)
{
    struct acl_description *self = context;

    self->matches[self->count++] = *acl;
}

static bool is_same_resource(const struct acl *a, const struct acl *b)
{
    return a->resource == b->resource && a->pattern == b->pattern && string_equal(a->name, b->name);
}

/* The entries from `first` to before `end` belong to one resource. */
static bool fill_resource(struct acl_description *self, int32_t first, int32_t end)
{
    struct describe_acls_response_resources *resource =
        &self->out.resources.items[self->out.resources.count++];

    if (describe_acls_response_resources_acls_array_alloc(&resource->acls, &self->request->arena,
                                                          end - first) != ERROR_NONE) {
        return false;
    }
    resource->resource_type = (int8_t)self->matches[first].resource;
    resource->pattern_type = (int8_t)self->matches[first].pattern;
    resource->resource_name = self->matches[first].name;
    for (int32_t i = first; i < end; i++) {
        resource->acls.items[i - first] = (struct describe_acls_response_resources_acls){
            .principal = self->matches[i].principal,
            .host = self->matches[i].host,
            .operation = (int8_t)self->matches[i].operation,
            .permission_type = (int8_t)self->matches[i].permission,
        };
    }
    return true;
}

static bool fill(struct acl_description *self)
{
    int32_t resources = 0;

    for (int32_t i = 0; i < self->count; i++) {
        resources += i == 0 || !is_same_resource(&self->matches[i - 1], &self->matches[i]) ? 1 : 0;
    }
    if (describe_acls_response_resources_array_alloc(&self->out.resources, &self->request->arena,
                                                     resources) != ERROR_NONE) {
        return false;
    }
    self->out.resources.count = 0;
    for (int32_t first = 0, end; first < self->count; first = end) {
        end = first + 1;
        while (end < self->count && is_same_resource(&self->matches[first], &self->matches[end])) {
            end++;
        }
        if (!fill_resource(self, first, end)) {
            return false;
        }
    }
    return true;
}

/* False: the request is ended. */
static bool search(struct acl_description *self)
{
    const struct acl_set *acls = catalog_acls(self->request->broker->catalog);
    struct acl filter = {
        .resource = (enum acl_resource)self->in.resource_type_filter,
        .pattern = (enum acl_pattern)self->in.pattern_type_filter,
        .principal = self->in.principal_filter,
        .host = self->in.host_filter,
        .operation = (enum acl_operation)self->in.operation,
        .permission = (enum acl_permission)self->in.permission_type,
    };

    if (!acl_filters_legal_name(self->request, filter.resource, filter.pattern,
                                self->in.resource_name_filter, &filter.name)) {
        request_close(self->request);
        return false;
    }
    const char *problem = acl_filters_problem(&filter);
    if (problem != NULL) {
        self->out.error_code = KAFKA_ERROR_INVALID_REQUEST;
        self->out.error_message = string_from(problem);
        return true;
    }
    self->matches = request_alloc(self->request, (acl_set_count(acls) + 1) * sizeof *self->matches);
    if (self->matches == NULL) {
        return false;
    }
    acl_set_for_each(acls, &filter, collect, self);
    if (!fill(self)) {
        request_close(self->request);
        return false;
    }
    return true;
}

void describe_acls_handle(struct request *request)
{
    struct acl_description self = {.request = request};

    if (!request_decode(request, &describe_acls_request_layout, &self.in)) {
        return;
    }
    describe_acls_response_init(&self.out);
    if (!access_allows(request, ACCESS_DESCRIBE, ACCESS_CLUSTER, ACL_CLUSTER_NAME)) {
        self.out.error_code = KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED;
        self.out.error_message = string_from(kafka_error_text(self.out.error_code));
    } else if (!access_is_enforced(request->broker)) {
        self.out.error_code = KAFKA_ERROR_SECURITY_DISABLED;
        self.out.error_message = STRING("No Authorizer is configured on the broker");
    } else if (!search(&self)) {
        return;
    }
    request_reply(request, &describe_acls_response_layout, &self.out);
}
