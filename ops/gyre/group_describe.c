/* SPDX-License-Identifier: Apache-2.0 */
/* gyre group describe: state and members from the coordinator, lag from the partitions' leaders. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"
#include "gyre/wire/reader.h"

#include "group.h"
#include "json_print.h"
#include "offsets.h"
#include "session.h"
#include "table.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/consumer_protocol.h"
#include "wire_messages/describe_groups.h"
#include "wire_messages/metadata.h"
#include "wire_messages/offset_fetch.h"

enum {
    OFFSET_FETCH_VERSION_MAX = 7, /* one group a question */
    TOPIC_NAME_BYTES = 256,
    LAG_PATIENCE_US = 5 * 1000 * 1000,       /* for a leader to be elected */
    LAG_PATIENCE_LATER_US = 1 * 1000 * 1000, /* when the first one was in vain */
};

/* ---- asking ---- */

static enum exit_status ask_group(struct session *session, const char *group,
                                  struct client_call *call)
{
    struct string name = string_from(group);
    struct describe_groups_request request = {.groups = {&name, 1}};
    const struct describe_groups_response *response;
    enum exit_status status;
    int16_t code;

    *call = (struct client_call){.api_key = API_DESCRIBE_GROUPS,
                                 .version_max = DESCRIBE_GROUPS_REQUEST_VERSION_MAX,
                                 .request = &request};
    do {
        status = group_ask(session, group, call);
        response = call->response;
        if (status != STATUS_OK || response->groups.count != 1) {
            return status == STATUS_OK ? STATUS_FAILED : status;
        }
        code = response->groups.items[0].error_code;
    } while (session_may_retry(session, code));
    return code == KAFKA_ERROR_NONE
               ? STATUS_OK
               : session_gave_up(session, group, code, response->groups.items[0].error_message);
}

static enum exit_status ask_offsets(struct session *session, const char *group,
                                    struct client_call *call)
{
    struct offset_fetch_request request;
    const struct offset_fetch_response *response;
    enum exit_status status;
    int16_t code;

    offset_fetch_request_init(&request);
    request.group_id = string_from(group);
    request.topics.count = -1;
    *call = (struct client_call){
        .api_key = API_OFFSET_FETCH, .version_max = OFFSET_FETCH_VERSION_MAX, .request = &request};
    do {
        status = group_ask(session, group, call);
        response = call->response;
        code = status == STATUS_OK ? response->error_code : KAFKA_ERROR_NONE;
    } while (session_may_retry(session, code));
    return code == KAFKA_ERROR_NONE ? status : session_gave_up(session, group, code, STRING_NULL);
}

/* ---- members ---- */

static json_t *assignment_to_json(struct bytes bytes)
{
    struct consumer_protocol_assignment assignment;
    struct reader reader;
    struct arena arena;
    json_t *json = json_object();
    int16_t version;

    arena_init(&arena, 1 << 20);
    reader_init(&reader, bytes.bytes, bytes.length < 0 ? 0 : (size_t)bytes.length);
    version = (int16_t)reader_u16(&reader);
    if (bytes.length >= 2 && version >= 0 &&
        consumer_protocol_assignment_decode(version > 3 ? 3 : version, &reader, &arena,
                                            &assignment) == ERROR_NONE) {
        for (int32_t i = 0; i < assignment.assigned_partitions.count; i++) {
            (void)json_object_setn_new(
                json, assignment.assigned_partitions.items[i].topic.bytes,
                (size_t)assignment.assigned_partitions.items[i].topic.length,
                json_from_int32s(&assignment.assigned_partitions.items[i].partitions));
        }
    }
    arena_release(&arena);
    return json;
}

static json_t *members_to_json(const struct describe_groups_response_groups *group)
{
    json_t *members = json_array();

    for (int32_t i = 0; i < group->members.count; i++) {
        const struct describe_groups_response_groups_members *member = &group->members.items[i];
        bool is_consumer = string_is(group->protocol_type, "consumer");

        (void)json_array_append_new(
            members,
            json_pack("{s:o, s:o, s:o, s:o, s:o}", "member_id", json_from_string(member->member_id),
                      "instance_id", json_from_string(member->group_instance_id), "client_id",
                      json_from_string(member->client_id), "host",
                      json_from_string(member->client_host), "assignment",
                      is_consumer ? assignment_to_json(member->member_assignment) : json_object()));
    }
    return members;
}

/* ---- lag ---- */

struct lag {
    struct session *session;
    uint64_t patience_us; /* for the ends of one topic: the lag is not all that is to be told */
    json_t *rows;         /* owned */
};

/* OFFSETS_UNKNOWN for partitions whose leaders do not answer. NULL: there is no such topic, as far
 * as anybody says. The caller frees it. */
static int64_t *ask_ends(struct lag *lag, const char *topic, int32_t *out_count)
{
    const struct metadata_response *metadata;
    struct client_call call;
    enum exit_status status =
        session_ask_metadata(lag->session, &call, &topic, 1, false, &metadata);
    int64_t *ends;

    client_call_release(&call);
    *out_count = client_find_partition_count(lag->session->client, string_from(topic));
    if (status != STATUS_OK || *out_count <= 0) {
        return NULL;
    }
    ends = check_alloc_zero((size_t)*out_count * sizeof *ends);
    status =
        offsets_ask(lag->session, topic, OFFSETS_ALL_PARTITIONS, OFFSETS_END, ends, *out_count);
    if (status == STATUS_TIMEOUT) {
        lag->patience_us = LAG_PATIENCE_LATER_US;
    }
    return ends;
}

/* A topic without leaders is not to take the time of the others. */
static int64_t *ask_ends_patiently(struct lag *lag, const char *topic, int32_t *out_count)
{
    struct session *session = lag->session;
    uint64_t deadline_us = session->deadline_us;
    uint64_t end_us = session_now_us(session) + lag->patience_us;
    int64_t *ends;

    session->deadline_us = end_us < deadline_us ? end_us : deadline_us;
    ends = ask_ends(lag, topic, out_count);
    session->deadline_us = deadline_us;
    return ends;
}

static void add_topic(struct lag *lag, const struct offset_fetch_response_topics *topic)
{
    char name[TOPIC_NAME_BYTES];
    int32_t count;
    int64_t *ends;

    (void)snprintf(name, sizeof name, "%.*s", STRING_ARGUMENTS(topic->name));
    ends = ask_ends_patiently(lag, name, &count);
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const struct offset_fetch_response_topics_partitions *row = &topic->partitions.items[i];
        bool has_end = ends != NULL && row->partition_index >= 0 && row->partition_index < count &&
                       ends[row->partition_index] != OFFSETS_UNKNOWN;
        json_int_t end = has_end ? ends[row->partition_index] : -1;

        (void)json_array_append_new(
            lag->rows,
            json_pack("{s:s, s:i, s:I, s:I, s:I, s:o}", "topic", name, "partition",
                      (int)row->partition_index, "committed", (json_int_t)row->committed_offset,
                      "end", end, "lag", has_end ? end - row->committed_offset : (json_int_t)-1,
                      "metadata", json_from_string(row->metadata)));
    }
    free(ends);
}

static json_t *offsets_to_json(struct session *session,
                               const struct offset_fetch_response *response)
{
    struct lag lag = {session, LAG_PATIENCE_US, json_array()};

    for (int32_t i = 0; i < response->topics.count; i++) {
        add_topic(&lag, &response->topics.items[i]);
    }
    return lag.rows;
}

/* ---- printing ---- */

static void print_offsets(const json_t *rows)
{
    static const char *const headings[] = {"TOPIC", "PARTITION", "COMMITTED", "END", "LAG", NULL};
    static const char *const keys[] = {"partition", "committed", "end", "lag"};
    struct table table;
    json_t *row;
    size_t i;

    table_init(&table, headings);
    json_array_foreach(rows, i, row)
    {
        table_add_line(&table);
        table_set(&table, 0, "%s", json_string_value(json_object_get(row, "topic")));
        for (int column = 0; column < 4; column++) {
            table_set(&table, column + 1, "%lld",
                      (long long)json_integer_value(json_object_get(row, keys[column])));
        }
    }
    table_print(&table);
}

static void print_members(const json_t *members)
{
    static const char *const headings[] = {"MEMBER", "CLIENT", "HOST", "ASSIGNED", NULL};
    static const char *const keys[] = {"member_id", "client_id", "host"};
    struct table table;
    json_t *member;
    size_t i;

    table_init(&table, headings);
    json_array_foreach(members, i, member)
    {
        char *assignment = json_dumps(json_object_get(member, "assignment"), JSON_COMPACT);

        table_add_line(&table);
        for (int column = 0; column < 3; column++) {
            table_set(&table, column, "%s",
                      json_string_value(json_object_get(member, keys[column])));
        }
        table_set(&table, 3, "%s", assignment == NULL ? "" : assignment);
        free(assignment);
    }
    table_print(&table);
}

static void print_group(const struct describe_groups_response_groups *group, int32_t coordinator,
                        json_t *rows, enum output_format output)
{
    json_t *members = members_to_json(group);

    if (output == OUTPUT_JSON) {
        json_print(json_pack("{s:o, s:o, s:o, s:o, s:i, s:O, s:O}", "group",
                             json_from_string(group->group_id), "state",
                             json_from_string(group->group_state), "protocol_type",
                             json_from_string(group->protocol_type), "protocol",
                             json_from_string(group->protocol_data), "coordinator",
                             (int)coordinator, "members", members, "offsets", rows));
    } else {
        (void)printf("%.*s  state %.*s, %d members, coordinator %d\n",
                     STRING_ARGUMENTS(group->group_id), STRING_ARGUMENTS(group->group_state),
                     (int)group->members.count, (int)coordinator);
        if (group->members.count > 0) {
            print_members(members);
        }
        print_offsets(rows);
    }
    json_decref(members);
}

enum exit_status group_describe_with(struct session *session, void *context)
{
    const struct group_arguments *arguments = context;
    struct client_call group_call = {.node_id = -1};
    struct client_call offsets_call = {.node_id = -1};
    enum exit_status status = ask_group(session, arguments->group, &group_call);
    const struct describe_groups_response *response = group_call.response;

    if (status == STATUS_OK) {
        status = ask_offsets(session, arguments->group, &offsets_call);
    }
    if (status == STATUS_OK) {
        json_t *rows = offsets_to_json(session, offsets_call.response);

        print_group(response->groups.items, group_call.node_id, rows, arguments->connect.output);
        json_decref(rows);
    }
    client_call_release(&offsets_call);
    client_call_release(&group_call);
    return status;
}
