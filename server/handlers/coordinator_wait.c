/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/coordinator_wait.h"

#include "coordinator/group_coordinator.h"
#include "handlers/broker.h"
#include "handlers/leader_wait.h"
#include "handlers/request.h"

/* Transfers take milliseconds, on a busy machine with a slow disk some hundreds. */
static const uint64_t COORDINATOR_WAIT_US = 1000 * 1000;

struct coordinator_waiting {
    struct leader_wait wait; /* we live in the request's arena */
    struct string group_id;  /* points into its frame */
    request_handler handle;
};

static bool is_moving(void *context)
{
    const struct coordinator_waiting *waiting = context;

    return group_coordinator_is_moving(waiting->wait.request->broker->groups, waiting->group_id);
}

static void begin_anew(void *context)
{
    const struct coordinator_waiting *waiting = context;
    struct request *request = waiting->wait.request;

    request_rewind(request);
    waiting->handle(request);
}

bool coordinator_wait(struct request *request, struct string group_id, request_handler handle)
{
    struct coordinator_waiting *waiting;

    if (request->has_waited || !group_coordinator_is_moving(request->broker->groups, group_id)) {
        return false;
    }
    waiting = arena_alloc(&request->arena, sizeof *waiting);
    if (waiting == NULL) {
        return false;
    }
    *waiting = (struct coordinator_waiting){
        .wait = {.request = request,
                 .is_electing = is_moving,
                 .done = begin_anew,
                 .context = waiting},
        .group_id = group_id,
        .handle = handle,
    };
    request->has_waited = true;
    leader_wait_start(&waiting->wait, COORDINATOR_WAIT_US);
    return true;
}
