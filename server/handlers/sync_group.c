/* SPDX-License-Identifier: Apache-2.0 */
/* SyncGroup: the answer comes when the leader's assignment is stored. */
#include "wire_messages/sync_group.h"

#include "gyre/base/check.h"

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/coordinator_wait.h"
#include "handlers/group_handlers.h"
#include "handlers/request.h"

enum { SYNC_GROUP_NAMES_PROTOCOL = 5 };

struct sync_group {
    struct request *request; /* we live in its arena */
    struct sync_group_request in;
    struct sync_group_response out;
    struct group_sync sync;
};

static void on_synced(struct group_call *call)
{
    struct sync_group *self = CONTAINER_OF(call, struct sync_group, sync.call);

    request_reply(self->request, &sync_group_response_layout, &self->out);
}

static enum kafka_error check(const struct sync_group *self)
{
    if (!access_allows(self->request, ACCESS_READ, ACCESS_GROUP, self->in.group_id)) {
        return KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED;
    }
    if (self->request->api_version >= SYNC_GROUP_NAMES_PROTOCOL &&
        (self->in.protocol_type.bytes == NULL || self->in.protocol_name.bytes == NULL)) {
        return KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL; /* mandatory since KIP-559 */
    }
    return KAFKA_ERROR_NONE;
}

void sync_group_handle(struct request *request)
{
    struct sync_group *self = request_alloc(request, sizeof *self);
    enum kafka_error error;

    if (self == NULL || !request_decode(request, &sync_group_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    sync_group_response_init(&self->out);
    error = check(self);
    if (error != KAFKA_ERROR_NONE) {
        self->out.error_code = (int16_t)error;
        request_reply(request, &sync_group_response_layout, &self->out);
        return;
    }
    if (coordinator_wait(request, self->in.group_id, sync_group_handle)) {
        return;
    }
    self->sync = (struct group_sync){
        .call = {.arena = &request->arena, .done = on_synced},
        .in = &self->in,
        .out = &self->out,
    };
    group_coordinator_sync(request->broker->groups, &self->sync);
}
