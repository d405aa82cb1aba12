/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_messages/heartbeat.h"

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/coordinator_wait.h"
#include "handlers/group_handlers.h"
#include "handlers/request.h"

void heartbeat_handle(struct request *request)
{
    struct heartbeat_request in;
    struct heartbeat_response out;
    enum kafka_error error;

    if (!request_decode(request, &heartbeat_request_layout, &in)) {
        return;
    }
    heartbeat_response_init(&out);
    error = KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED;
    if (access_allows(request, ACCESS_READ, ACCESS_GROUP, in.group_id)) {
        if (coordinator_wait(request, in.group_id, heartbeat_handle)) {
            return;
        }
        error = group_coordinator_heartbeat(request->broker->groups, &in);
    }
    out.error_code = (int16_t)error;
    request_reply(request, &heartbeat_response_layout, &out);
}
