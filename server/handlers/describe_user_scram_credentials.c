/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeUserScramCredentials (50): which mechanisms a user has, never the keys. */
#include "wire_messages/describe_user_scram_credentials.h"

#include <stdlib.h>

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"

enum { MECHANISMS_MAX = 2 };

struct scram_description {
    struct request *request;
    struct describe_user_scram_credentials_request in;
    struct describe_user_scram_credentials_response out;
    struct string *names; /* sorted, perhaps several times each */
    int32_t count;
};

static int compare_names(const void *a, const void *b)
{
    return string_compare(*(const struct string *)a, *(const struct string *)b);
}

static void add_name(void *context, const struct catalog_scram *scram)
{
    struct scram_description *self = context;

    self->names[self->count++] = scram->user;
}

/* Those that were asked for, or all. False: the request is ended. */
static bool collect_names(struct scram_description *self)
{
    const struct catalog *catalog = self->request->broker->catalog;
    bool is_all = self->in.users.count <= 0;
    int32_t room = is_all ? catalog_security_count(catalog, CATALOG_SCRAM) : self->in.users.count;

    self->names = request_alloc(self->request, ((size_t)room + 1) * sizeof *self->names);
    if (self->names == NULL) {
        return false;
    }
    if (is_all) {
        catalog_for_each_scram(catalog, add_name, self);
    }
    for (int32_t i = 0; !is_all && i < room; i++) {
        self->names[self->count++] = self->in.users.items[i].name;
    }
    qsort(self->names, (size_t)self->count, sizeof *self->names, compare_names);
    return true;
}

static void refuse(struct describe_user_scram_credentials_response_results *result,
                   enum kafka_error error, struct string message)
{
    result->error_code = (int16_t)error;
    result->error_message = message;
}

static bool fill_user(struct scram_description *self,
                      struct describe_user_scram_credentials_response_results *result)
{
    static const enum scram_mechanism mechanisms[MECHANISMS_MAX] = {SCRAM_SHA_256, SCRAM_SHA_512};

    if (describe_user_scram_credentials_response_results_credential_infos_array_alloc(
            &result->credential_infos, &self->request->arena, MECHANISMS_MAX) != ERROR_NONE) {
        return false;
    }
    result->credential_infos.count = 0;
    for (int i = 0; i < MECHANISMS_MAX; i++) {
        const struct scram_credential *credential =
            catalog_find_scram(self->request->broker->catalog, result->user, mechanisms[i]);
        if (credential != NULL) {
            struct describe_user_scram_credentials_response_results_credential_infos *info =
                &result->credential_infos.items[result->credential_infos.count++];
            info->mechanism = (int8_t)credential->mechanism;
            info->iterations = credential->iterations;
        }
    }
    if (result->credential_infos.count == 0) {
        refuse(result, KAFKA_ERROR_RESOURCE_NOT_FOUND,
               catalog_changes_text(
                   self->request, "Attempt to describe a user credential that does not exist: %.*s",
                   STRING_ARGUMENTS(result->user)));
    }
    return true;
}

static bool fill(struct scram_description *self)
{
    struct describe_user_scram_credentials_response_results_array *results = &self->out.results;

    if (describe_user_scram_credentials_response_results_array_alloc(results, &self->request->arena,
                                                                     self->count) != ERROR_NONE) {
        return false;
    }
    results->count = 0;
    for (int32_t i = 0, next; i < self->count; i = next) {
        for (next = i + 1; next < self->count && string_equal(self->names[i], self->names[next]);) {
            next++;
        }
        struct describe_user_scram_credentials_response_results *result =
            &results->items[results->count++];
        result->user = self->names[i];
        if (next - i > 1 && self->in.users.count > 0) {
            refuse(result, KAFKA_ERROR_DUPLICATE_RESOURCE,
                   catalog_changes_text(self->request,
                                        "Cannot describe SCRAM credentials for the same user twice "
                                        "in a single request: %.*s",
                                        STRING_ARGUMENTS(result->user)));
        } else if (!fill_user(self, result)) {
            return false;
        }
    }
    return true;
}

static bool forbid(struct scram_description *self)
{
    int32_t count = self->in.users.count > 0 ? self->in.users.count : 0;

    self->out.error_code = KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED;
    self->out.error_message =
        string_from(kafka_error_text(KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED));
    if (describe_user_scram_credentials_response_results_array_alloc(
            &self->out.results, &self->request->arena, count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        self->out.results.items[i].user = self->in.users.items[i].name;
        refuse(&self->out.results.items[i], KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED,
               self->out.error_message);
    }
    return true;
}

void describe_user_scram_credentials_handle(struct request *request)
{
    struct scram_description self = {.request = request};

    if (!request_decode(request, &describe_user_scram_credentials_request_layout, &self.in)) {
        return;
    }
    describe_user_scram_credentials_response_init(&self.out);
    if (access_allows(request, ACCESS_DESCRIBE, ACCESS_CLUSTER, ACL_CLUSTER_NAME)) {
        if (!collect_names(&self)) {
            return;
        }
        if (!fill(&self)) {
            request_close(request);
            return;
        }
    } else if (!forbid(&self)) {
        request_close(request);
        return;
    }
    request_reply(request, &describe_user_scram_credentials_response_layout, &self.out);
}
