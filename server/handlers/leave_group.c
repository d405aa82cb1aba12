/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LeaveGroup, of one member up to version 2, then of several at once (KIP-345).
 *
 * A member leaves once and does not look for the coordinator first. If that has changed since its
 * last heartbeat, the leave is handed to the new one: were it lost, the others would wait for the
 * end of the session, and some clients (sarama's Close) tell their users of an error.
 */
#include "wire_messages/leave_group.h"

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/coordinator_wait.h"
#include "handlers/forward.h"
#include "handlers/group_handlers.h"
#include "handlers/request.h"

enum { LEAVE_GROUP_BATCHED = 3 };

static void reply_error(struct request *request, enum kafka_error error)
{
    struct leave_group_response out;

    leave_group_response_init(&out);
    out.error_code = (int16_t)error;
    request_reply(request, &leave_group_response_layout, &out);
}

static void leave_single(struct request *request, const struct leave_group_request *in)
{
    struct group_leaver leaver = {.member_id = in->member_id, .instance_id = STRING_NULL};
    enum kafka_error error =
        group_coordinator_leave(request->broker->groups, in->group_id, &leaver, 1);

    reply_error(request, error != KAFKA_ERROR_NONE ? error : (enum kafka_error)leaver.error_code);
}

static void fill_members(struct leave_group_response *out, const struct group_leaver *leavers)
{
    for (int32_t i = 0; i < out->members.count; i++) {
        out->members.items[i].member_id = leavers[i].member_id;
        out->members.items[i].group_instance_id = leavers[i].instance_id;
        out->members.items[i].error_code = leavers[i].error_code;
    }
}

static void leave_batched(struct request *request, const struct leave_group_request *in)
{
    int32_t count = in->members.count;
    struct group_leaver *leavers =
        arena_alloc_array(&request->arena, (size_t)count + 1, sizeof *leavers);
    struct leave_group_response out;
    enum kafka_error error;

    leave_group_response_init(&out);
    if (leavers == NULL || leave_group_response_members_array_alloc(&out.members, &request->arena,
                                                                    count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        leavers[i].member_id = in->members.items[i].member_id;
        leavers[i].instance_id = in->members.items[i].group_instance_id;
    }
    error = group_coordinator_leave(request->broker->groups, in->group_id, leavers, count);
    if (error != KAFKA_ERROR_NONE) {
        reply_error(request, error);
        return;
    }
    fill_members(&out, leavers);
    request_reply(request, &leave_group_response_layout, &out);
}

static void on_not_forwarded(struct request *request, enum error error)
{
    (void)error; /* the client finds out who it is */
    reply_error(request, KAFKA_ERROR_NOT_COORDINATOR);
}

static bool forward_to_coordinator(struct request *request, struct string group_id)
{
    const struct group_coordinator *groups = request->broker->groups;

    return group_coordinator_check(groups, group_id) == KAFKA_ERROR_NOT_COORDINATOR &&
           forward_to_broker(request, group_coordinator_leader(groups, group_id), on_not_forwarded);
}

void leave_group_handle(struct request *request)
{
    struct leave_group_request in;

    if (!request_decode(request, &leave_group_request_layout, &in)) {
        return;
    }
    if (!access_allows(request, ACCESS_READ, ACCESS_GROUP, in.group_id)) {
        reply_error(request, KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED);
    } else if (coordinator_wait(request, in.group_id, leave_group_handle) ||
               forward_to_coordinator(request, in.group_id)) {
        return;
    } else if (request->api_version < LEAVE_GROUP_BATCHED) {
        leave_single(request, &in);
    } else {
        leave_batched(request, &in);
    }
}
