/* SPDX-License-Identifier: Apache-2.0 */
/* JoinGroup: the answer comes when the group's next generation begins. */
#include "wire_messages/join_group.h"

#include <stdio.h>

#include "gyre/base/check.h"

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/coordinator_wait.h"
#include "handlers/group_handlers.h"
#include "handlers/request.h"

enum { JOIN_GROUP_NO_PROTOCOL = 7 };

struct join_group {
    struct request *request; /* we live in its arena */
    struct join_group_request in;
    struct join_group_response out;
    struct group_join join;
    char host[CONNECTION_PEER_BYTES_MAX + 1]; /* "/127.0.0.1", as Java prints an address */
};

/* From version 7 on no protocol is null, as with Kafka; before, it cannot be. */
static void answer(struct join_group *self)
{
    if (self->out.error_code != KAFKA_ERROR_NONE &&
        self->request->api_version >= JOIN_GROUP_NO_PROTOCOL) {
        self->out.protocol_name = STRING_NULL;
    }
    request_reply(self->request, &join_group_response_layout, &self->out);
}

static void on_joined(struct group_call *call)
{
    answer(CONTAINER_OF(call, struct join_group, join.call));
}

void join_group_handle(struct request *request)
{
    struct join_group *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &join_group_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    join_group_response_init(&self->out);
    if (!access_allows(request, ACCESS_READ, ACCESS_GROUP, self->in.group_id)) {
        self->out.error_code = KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED;
        answer(self);
        return;
    }
    if (coordinator_wait(request, self->in.group_id, join_group_handle)) {
        return;
    }
    (void)snprintf(self->host, sizeof self->host, "/%s", request->connection->peer_host);
    self->join = (struct group_join){
        .call = {.arena = &request->arena, .done = on_joined},
        .in = &self->in,
        .out = &self->out,
        .version = request->api_version,
        .client_id = request->client_id,
        .client_host = string_from(self->host),
    };
    group_coordinator_join(request->broker->groups, &self->join);
}
