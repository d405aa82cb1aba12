/* SPDX-License-Identifier: Apache-2.0 */
/* ListGroups: those that this broker coordinates, by state (KIP-518) and type (KIP-848). */
#include "wire_messages/list_groups.h"

#include <strings.h>

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/group_handlers.h"
#include "handlers/request.h"

struct list_groups {
    struct request *request;
    struct list_groups_request in;
    struct list_groups_response out;
    bool sees_all;
    int32_t count; /* of groups that match */
};

/* An empty filter lets everything through. */
static bool passes(const struct string_array *filter, struct string value)
{
    for (int32_t i = 0; i < filter->count; i++) {
        if (filter->items[i].length == value.length &&
            strncasecmp(filter->items[i].bytes, value.bytes, (size_t)value.length) == 0) {
            return true;
        }
    }
    return filter->count <= 0;
}

static bool matches(const struct list_groups *self, const struct group_listing *listing)
{
    return passes(&self->in.states_filter, listing->state) &&
           passes(&self->in.types_filter, listing->type) &&
           (self->sees_all ||
            access_sees(self->request, ACCESS_DESCRIBE, ACCESS_GROUP, listing->group_id));
}

static void count_group(void *context, const struct group_listing *listing)
{
    struct list_groups *self = context;

    self->count += matches(self, listing) ? 1 : 0;
}

static void add_group(void *context, const struct group_listing *listing)
{
    struct list_groups *self = context;

    if (matches(self, listing)) {
        struct list_groups_response_groups *out = &self->out.groups.items[self->count++];

        out->group_id = listing->group_id;
        out->protocol_type = listing->protocol_type;
        out->group_state = listing->state;
        out->group_type = listing->type;
    }
}

void list_groups_handle(struct request *request)
{
    struct list_groups self = {.request = request};
    const struct group_coordinator *groups = request->broker->groups;

    if (!request_decode(request, &list_groups_request_layout, &self.in)) {
        return;
    }
    list_groups_response_init(&self.out);
    if (group_coordinator_is_loading(groups)) {
        self.out.error_code = KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS;
        request_reply(request, &list_groups_response_layout, &self.out);
        return;
    }
    self.sees_all = access_sees_cluster(request, ACCESS_DESCRIBE);
    group_coordinator_for_each_group(groups, count_group, &self);
    if (list_groups_response_groups_array_alloc(&self.out.groups, &request->arena, self.count) !=
        ERROR_NONE) {
        request_close(request);
        return;
    }
    self.count = 0;
    group_coordinator_for_each_group(groups, add_group, &self);
    request_reply(request, &list_groups_response_layout, &self.out);
}
