/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeGroups. Before version 6 a group that is not there is a dead one, without error. */
#include "wire_messages/describe_groups.h"

#include <stdio.h>

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/authorized_operations.h"
#include "handlers/broker.h"
#include "handlers/coordinator_wait.h"
#include "handlers/group_handlers.h"
#include "handlers/request.h"

enum { DESCRIBE_GROUPS_TELLS_ABSENCE = 6 };

static struct string absence_of(struct request *request, struct string group_id)
{
    int length = snprintf(NULL, 0, "Group %.*s not found.", STRING_ARGUMENTS(group_id));
    char *text = arena_alloc(&request->arena, (size_t)length + 1);

    if (text == NULL) {
        return STRING_NULL;
    }
    (void)snprintf(text, (size_t)length + 1, "Group %.*s not found.", STRING_ARGUMENTS(group_id));
    return string_from(text);
}

static void describe(struct request *request, const struct describe_groups_request *in,
                     struct string group_id, struct describe_groups_response_groups *out)
{
    out->group_id = group_id;
    if (!access_allows(request, ACCESS_DESCRIBE, ACCESS_GROUP, group_id)) {
        out->error_code = KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED;
        return;
    }
    group_coordinator_describe(request->broker->groups, group_id, &request->arena, out);
    if (out->error_code == KAFKA_ERROR_GROUP_ID_NOT_FOUND) {
        if (request->api_version < DESCRIBE_GROUPS_TELLS_ABSENCE) {
            out->error_code = KAFKA_ERROR_NONE;
        } else {
            out->error_message = absence_of(request, group_id);
        }
    }
    if (in->include_authorized_operations && out->error_code == KAFKA_ERROR_NONE) {
        out->authorized_operations = authorized_operations_of_group(request, group_id);
    }
}

void describe_groups_handle(struct request *request)
{
    struct describe_groups_request in;
    struct describe_groups_response out;

    if (!request_decode(request, &describe_groups_request_layout, &in)) {
        return;
    }
    for (int32_t i = 0; i < in.groups.count; i++) {
        if (coordinator_wait(request, in.groups.items[i], describe_groups_handle)) {
            return;
        }
    }
    describe_groups_response_init(&out);
    if (describe_groups_response_groups_array_alloc(&out.groups, &request->arena,
                                                    in.groups.count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < in.groups.count; i++) {
        describe(request, &in, in.groups.items[i], &out.groups.items[i]);
    }
    request_reply(request, &describe_groups_response_layout, &out);
}
