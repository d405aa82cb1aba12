/* SPDX-License-Identifier: Apache-2.0 */
/* DeleteGroups: each group for itself; only empty ones go, with their offsets. */
#include "wire_messages/delete_groups.h"

#include "gyre/base/check.h"

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/auditing.h"
#include "handlers/broker.h"
#include "handlers/coordinator_wait.h"
#include "handlers/group_handlers.h"
#include "handlers/request.h"

struct delete_groups {
    struct request *request; /* we live in its arena */
    struct delete_groups_request in;
    struct delete_groups_response out;
    struct group_delete remove;
};

static void audit(const struct delete_groups *self, struct string group, int16_t error)
{
    const struct delete_groups_request change = {.groups_names = {&group, 1}};

    auditing_changed_as(self->request, &delete_groups_request_layout, &change, error);
}

static void on_deleted(struct group_call *call)
{
    struct delete_groups *self = CONTAINER_OF(call, struct delete_groups, remove.call);

    for (int32_t i = 0; i < self->out.results.count; i++) {
        struct delete_groups_response_results *out = &self->out.results.items[i];

        if (out->error_code == KAFKA_ERROR_NONE) { /* not refused before */
            out->error_code = self->remove.errors[i];
            audit(self, out->group_id, out->error_code);
        }
    }
    request_reply(self->request, &delete_groups_response_layout, &self->out);
}

static enum kafka_error check(struct request *request, struct string group)
{
    if (!access_allows(request, ACCESS_DELETE, ACCESS_GROUP, group)) {
        return KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED;
    }
    return auditing_forbids_changes(request) ? KAFKA_ERROR_POLICY_VIOLATION : KAFKA_ERROR_NONE;
}

void delete_groups_handle(struct request *request)
{
    struct delete_groups *self = request_alloc(request, sizeof *self);
    int16_t *errors;
    int32_t count;

    if (self == NULL || !request_decode(request, &delete_groups_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    for (int32_t i = 0; i < self->in.groups_names.count; i++) {
        if (coordinator_wait(request, self->in.groups_names.items[i], delete_groups_handle)) {
            return;
        }
    }
    count = self->in.groups_names.count;
    delete_groups_response_init(&self->out);
    errors = arena_alloc_array(&request->arena, (size_t)count + 1, sizeof *errors);
    if (errors == NULL || delete_groups_response_results_array_alloc(
                              &self->out.results, &request->arena, count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        errors[i] = (int16_t)check(request, self->in.groups_names.items[i]);
        self->out.results.items[i].group_id = self->in.groups_names.items[i];
        self->out.results.items[i].error_code = errors[i];
    }
    self->remove = (struct group_delete){
        .call = {.arena = &request->arena, .done = on_deleted},
        .groups = self->in.groups_names.items,
        .errors = errors,
        .count = count,
    };
    group_coordinator_delete_groups(request->broker->groups, &self->remove);
}
