/* SPDX-License-Identifier: Apache-2.0 */
/* CreateAcls (30): each entry is judged for itself; the sound ones go into one command. */
#include "wire_messages/create_acls.h"

#include "handlers/access.h"
#include "handlers/acl_filters.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"
#include "metadata/catalog_commands.h"

enum { CREATIONS_MAX = 10000 };

struct acl_creations {
    struct request *request; /* we live in its arena */
    struct create_acls_request in;
    struct create_acls_response out;
    struct catalog_set_acls command;
    struct catalog_changes changes;
    int16_t error; /* of the command */
    struct string message;
};

static void refuse(struct create_acls_response_results *result, enum kafka_error error,
                   struct string message)
{
    result->error_code = (int16_t)error;
    result->error_message = message;
}

static struct string problem_of(struct acl_creations *self, const struct acl *acl)
{
    const char *problem = acl_problem(acl);

    if (problem == NULL) {
        return acl->principal.length > CATALOG_PRINCIPAL_BYTES_MAX ||
                       acl->host.length > CATALOG_PRINCIPAL_BYTES_MAX
                   ? STRING("The principal or host is too long")
                   : STRING_NULL;
    }
    if (acl->resource != ACL_CLUSTER && acl->name.length <= 0) {
        return STRING("Invalid empty resource name");
    }
    if (acl->principal.length <= 0 ||
        memchr(acl->principal.bytes, ':', (size_t)acl->principal.length) == NULL) {
        return catalog_changes_text(self->request,
                                    "Could not parse principal from `%.*s` (no colon is present "
                                    "separating the principal type from the principal name)",
                                    STRING_ARGUMENTS(acl->principal));
    }
    return string_from(problem);
}

/* False: out of the request's memory. */
static bool judge(struct acl_creations *self, const struct create_acls_request_creations *in,
                  struct create_acls_response_results *result)
{
    struct acl acl = {
        .resource = (enum acl_resource)in->resource_type,
        .pattern = (enum acl_pattern)in->resource_pattern_type,
        .principal = in->principal,
        .operation = (enum acl_operation)in->operation,
        .permission = (enum acl_permission)in->permission_type,
    };

    if (!acl_filters_usual_host(self->request, in->host, &acl.host) ||
        !acl_filters_legal_name(self->request, acl.resource, acl.pattern, in->resource_name,
                                &acl.name)) {
        return false;
    }
    struct string problem = problem_of(self, &acl);
    if (problem.bytes != NULL) {
        refuse(result, KAFKA_ERROR_INVALID_REQUEST, problem);
        return true;
    }
    self->command.additions.items[self->command.additions.count++] =
        (struct catalog_set_acls_additions){
            .resource = in->resource_type,
            .pattern = in->resource_pattern_type,
            .name = acl.name,
            .principal = in->principal,
            .host = acl.host,
            .operation = in->operation,
            .permission = in->permission_type,
        };
    return true;
}

static void reply(struct catalog_changes *changes)
{
    struct acl_creations *self = changes->context;

    for (int32_t i = 0; i < self->out.results.count && self->error != KAFKA_ERROR_NONE; i++) {
        if (self->out.results.items[i].error_code == KAFKA_ERROR_NONE) {
            refuse(&self->out.results.items[i], (enum kafka_error)self->error, self->message);
        }
    }
    request_reply(self->request, &create_acls_response_layout, &self->out);
}

static void create(struct acl_creations *self)
{
    for (int32_t i = 0; i < self->in.creations.count; i++) {
        if (!judge(self, &self->in.creations.items[i], &self->out.results.items[i])) {
            request_close(self->request);
            return;
        }
    }
    catalog_changes_init(&self->changes, self->request, reply, self);
    if (self->command.additions.count > 0) {
        catalog_changes_make(&self->changes, &catalog_set_acls_layout, CATALOG_SET_ACLS_RECORD,
                             &self->command, &self->error, &self->message);
    }
    catalog_changes_all_made(&self->changes);
}

static void refuse_all(struct acl_creations *self, enum kafka_error error, struct string message)
{
    for (int32_t i = 0; i < self->out.results.count; i++) {
        refuse(&self->out.results.items[i], error, message);
    }
    request_reply(self->request, &create_acls_response_layout, &self->out);
}

void create_acls_handle(struct request *request)
{
    struct acl_creations *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &create_acls_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    create_acls_response_init(&self->out);
    catalog_set_acls_init(&self->command);
    if (create_acls_response_results_array_alloc(&self->out.results, &request->arena,
                                                 self->in.creations.count) != ERROR_NONE ||
        catalog_set_acls_additions_array_alloc(&self->command.additions, &request->arena,
                                               self->in.creations.count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    self->command.additions.count = 0;
    if (!access_allows(request, ACCESS_ALTER, ACCESS_CLUSTER, ACL_CLUSTER_NAME)) {
        refuse_all(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED,
                   string_from(kafka_error_text(KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED)));
    } else if (!access_is_enforced(request->broker)) {
        refuse_all(self, KAFKA_ERROR_SECURITY_DISABLED, STRING("No Authorizer is configured."));
    } else if (self->in.creations.count > CREATIONS_MAX) {
        refuse_all(self, KAFKA_ERROR_POLICY_VIOLATION,
                   STRING("Excessively large number of entries per request."));
    } else {
        create(self);
    }
}
