/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeleteAcls (31): what filters match is looked up here and named in the answer; exactly those
 * entries go, in one command. A rule that comes in between stays.
 */
#include "wire_messages/delete_acls.h"

#include "handlers/access.h"
#include "handlers/acl_filters.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"
#include "metadata/catalog_commands.h"

enum { DELETIONS_MAX = 10000 };

struct acl_deletions {
    struct request *request; /* we live in its arena */
    struct delete_acls_request in;
    struct delete_acls_response out;
    struct catalog_set_acls command;
    struct catalog_changes changes;
    int16_t error; /* of the command */
    struct string message;

    /* ---- the filter at work ---- */
    struct delete_acls_response_filter_results *result;
    int32_t match_count; /* also those that are too many */
    bool is_out_of_memory;
};

static void refuse(struct delete_acls_response_filter_results *result, enum kafka_error error,
                   struct string message)
{
    result->error_code = (int16_t)error;
    result->error_message = message;
    result->matching_acls.count = 0;
}

/* The entry may be gone when the answer is written. */
static struct string copy(struct acl_deletions *self, struct string text)
{
    const char *bytes = arena_copy_text(&self->request->arena, text.bytes, (size_t)text.length);

    if (bytes == NULL) {
        self->is_out_of_memory = true;
        return STRING("");
    }
    return (struct string){bytes, text.length};
}

static void count_match(void *context, const struct acl *acl)
{
    struct acl_deletions *self = context;

    (void)acl;
    self->match_count++;
}

static void take_match(void *context, const struct acl *acl)
{
    struct acl_deletions *self = context;
    struct delete_acls_response_filter_results_matching_acls *match =
        &self->result->matching_acls.items[self->result->matching_acls.count++];

    match->error_message = STRING_NULL;
    match->resource_type = (int8_t)acl->resource;
    match->resource_name = copy(self, acl->name);
    match->pattern_type = (int8_t)acl->pattern;
    match->principal = copy(self, acl->principal);
    match->host = copy(self, acl->host);
    match->operation = (int8_t)acl->operation;
    match->permission_type = (int8_t)acl->permission;
    self->command.removals.items[self->command.removals.count++] =
        (struct catalog_set_acls_removals){
            .resource = match->resource_type,
            .pattern = match->pattern_type,
            .name = match->resource_name,
            .principal = match->principal,
            .host = match->host,
            .operation = match->operation,
            .permission = match->permission_type,
        };
}

/* False: out of the request's memory. */
static bool search(struct acl_deletions *self, const struct delete_acls_request_filters *in)
{
    const struct acl_set *acls = catalog_acls(self->request->broker->catalog);
    struct acl filter = {
        .resource = (enum acl_resource)in->resource_type_filter,
        .pattern = (enum acl_pattern)in->pattern_type_filter,
        .principal = in->principal_filter,
        .host = in->host_filter,
        .operation = (enum acl_operation)in->operation,
        .permission = (enum acl_permission)in->permission_type,
    };

    if (!acl_filters_legal_name(self->request, filter.resource, filter.pattern,
                                in->resource_name_filter, &filter.name)) {
        return false;
    }
    const char *problem = acl_filters_problem(&filter);
    if (problem != NULL) {
        refuse(self->result, KAFKA_ERROR_INVALID_REQUEST, string_from(problem));
        return true;
    }
    self->match_count = 0;
    acl_set_for_each(acls, &filter, count_match, self);
    if (self->match_count > DELETIONS_MAX - self->command.removals.count) {
        refuse(self->result, KAFKA_ERROR_INVALID_REQUEST,
               STRING("Cannot remove more than 10000 acls in a single delete operation."));
        return true;
    }
    if (delete_acls_response_filter_results_matching_acls_array_alloc(
            &self->result->matching_acls, &self->request->arena, self->match_count) != ERROR_NONE) {
        return false;
    }
    self->result->matching_acls.count = 0;
    acl_set_for_each(acls, &filter, take_match, self);
    return !self->is_out_of_memory;
}

static void refuse_all(struct acl_deletions *self, enum kafka_error error, struct string message)
{
    for (int32_t i = 0; i < self->out.filter_results.count; i++) {
        if (self->out.filter_results.items[i].error_code == KAFKA_ERROR_NONE) {
            refuse(&self->out.filter_results.items[i], error, message);
        }
    }
}

static void reply(struct catalog_changes *changes)
{
    struct acl_deletions *self = changes->context;

    if (self->error != KAFKA_ERROR_NONE) {
        refuse_all(self, (enum kafka_error)self->error, self->message);
    }
    request_reply(self->request, &delete_acls_response_layout, &self->out);
}

static void delete_matches(struct acl_deletions *self)
{
    if (catalog_set_acls_removals_array_alloc(&self->command.removals, &self->request->arena,
                                              DELETIONS_MAX) != ERROR_NONE) {
        request_close(self->request);
        return;
    }
    self->command.removals.count = 0;
    for (int32_t i = 0; i < self->in.filters.count; i++) {
        self->result = &self->out.filter_results.items[i];
        self->result->error_message = STRING_NULL;
        if (!search(self, &self->in.filters.items[i])) {
            request_close(self->request);
            return;
        }
    }
    catalog_changes_init(&self->changes, self->request, reply, self);
    if (self->command.removals.count > 0) {
        catalog_changes_make(&self->changes, &catalog_set_acls_layout, CATALOG_SET_ACLS_RECORD,
                             &self->command, &self->error, &self->message);
    }
    catalog_changes_all_made(&self->changes);
}

void delete_acls_handle(struct request *request)
{
    struct acl_deletions *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &delete_acls_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    delete_acls_response_init(&self->out);
    catalog_set_acls_init(&self->command);
    if (delete_acls_response_filter_results_array_alloc(&self->out.filter_results, &request->arena,
                                                        self->in.filters.count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    if (!access_allows(request, ACCESS_ALTER, ACCESS_CLUSTER, ACL_CLUSTER_NAME)) {
        refuse_all(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED,
                   string_from(kafka_error_text(KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED)));
    } else if (!access_is_enforced(request->broker)) {
        refuse_all(self, KAFKA_ERROR_SECURITY_DISABLED, STRING("No Authorizer is configured."));
    } else {
        delete_matches(self);
        return;
    }
    request_reply(request, &delete_acls_response_layout, &self->out);
}
