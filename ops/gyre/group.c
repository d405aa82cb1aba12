/* SPDX-License-Identifier: Apache-2.0 */
/* gyre group: list and delete; describe has a file of its own. */
#include "group.h"

#include <jansson.h>

#include "gyre/wire/kafka_error.h"

#include "json_print.h"
#include "result_print.h"
#include "session.h"
#include "table.h"
#include "verb.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/delete_groups.h"
#include "wire_messages/find_coordinator.h"
#include "wire_messages/list_groups.h"
#include "wire_messages/metadata.h"

enum {
    FIND_COORDINATOR_VERSION_MAX = 3, /* one key a question */
    RETRY_PAUSE_MS = 100,
    SILENCE_MS = 10 * 1000, /* then another coordinates */
};

/* ---- coordinators ---- */

static enum exit_status learn_nodes(struct session *session)
{
    const struct metadata_response *metadata;
    struct client_call call;
    enum exit_status status = session_ask_metadata(session, &call, NULL, 0, false, &metadata);

    client_call_release(&call);
    return status;
}

/* Waits for one to be there. All brokers are known afterwards. */
static enum exit_status find_coordinator(struct session *session, const char *group,
                                         int32_t *out_node_id)
{
    struct find_coordinator_request request;
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_FIND_COORDINATOR,
                               .version_max = FIND_COORDINATOR_VERSION_MAX,
                               .request = &request};
    const struct find_coordinator_response *response;
    enum exit_status status = learn_nodes(session);
    int16_t code = KAFKA_ERROR_NONE;

    find_coordinator_request_init(&request);
    request.key = string_from(group);
    while (status == STATUS_OK) {
        status = session_ask(session, &call);
        response = call.response;
        code = status == STATUS_OK ? response->error_code : KAFKA_ERROR_NONE;
        *out_node_id = status == STATUS_OK ? response->node_id : -1;
        client_call_release(&call);
        if (!session_may_retry(session, code)) {
            break;
        }
    }
    if (status == STATUS_OK && code != KAFKA_ERROR_NONE) {
        status = session_gave_up(session, group, code, STRING_NULL);
    }
    return status;
}

enum exit_status group_ask(struct session *session, const char *group, struct client_call *call)
{
    enum error error = ERROR_NONE;

    do {
        enum exit_status status;

        client_call_release(call);
        status = find_coordinator(session, group, &call->node_id);
        if (status != STATUS_OK) {
            return status;
        }
        error = session_try_within(session, call, SILENCE_MS);
    } while (session_is_passing(error) && session_pause(session, RETRY_PAUSE_MS));
    return error == ERROR_NONE ? STATUS_OK : session_failed(session, call, error);
}

/* ---- list ---- */

struct listing {
    struct session *session;
    json_t *json; /* owned; a row a group */
    bool is_torn; /* a broker fell silent: its groups are with others soon */
};

static void add_group(struct listing *listing, int32_t coordinator,
                      const struct list_groups_response_groups *group)
{
    (void)json_array_append_new(
        listing->json,
        json_pack("{s:o, s:o, s:o, s:o, s:i}", "group", json_from_string(group->group_id), "state",
                  json_from_string(group->group_state), "protocol_type",
                  json_from_string(group->protocol_type), "type",
                  json_from_string(group->group_type), "coordinator", (int)coordinator));
}

static enum exit_status list_node(struct listing *listing, int32_t node_id)
{
    struct session *session = listing->session;
    struct list_groups_request request;
    struct client_call call = {.node_id = node_id,
                               .api_key = API_LIST_GROUPS,
                               .version_max = LIST_GROUPS_REQUEST_VERSION_MAX,
                               .request = &request};
    const struct list_groups_response *response;
    enum exit_status status = STATUS_OK;
    enum error error;
    int16_t code;

    list_groups_request_init(&request);
    do {
        client_call_release(&call);
        error = session_try_within(session, &call, SILENCE_MS);
        response = call.response;
        code = error == ERROR_NONE ? response->error_code : KAFKA_ERROR_NONE;
    } while (session_may_retry(session, code));
    if (session_is_passing(error) && !session_is_over(session)) {
        listing->is_torn = true;
    } else if (error != ERROR_NONE) {
        status = session_failed(session, &call, error);
    } else if (code != KAFKA_ERROR_NONE) {
        status = session_gave_up(session, "groups", code, STRING_NULL);
    } else {
        for (int32_t i = 0; i < response->groups.count; i++) {
            add_group(listing, node_id, &response->groups.items[i]);
        }
    }
    client_call_release(&call);
    return status;
}

/* Anew when a broker fell silent, until nobody speaks of it any more. */
static enum exit_status list_nodes(struct listing *listing)
{
    const struct client *client = listing->session->client;
    enum exit_status status;

    do {
        if (listing->is_torn) {
            (void)session_pause(listing->session, RETRY_PAUSE_MS);
        }
        listing->is_torn = false;
        (void)json_array_clear(listing->json);
        status = learn_nodes(listing->session);
        for (int i = 0; status == STATUS_OK && !listing->is_torn && i < client_node_count(client);
             i++) {
            status = list_node(listing, client_node_at(client, i)->id);
        }
    } while (status == STATUS_OK && listing->is_torn);
    return status;
}

static void print_list(const json_t *rows)
{
    static const char *const headings[] = {"GROUP", "STATE", "PROTOCOL", "COORDINATOR", NULL};
    static const char *const keys[] = {"group", "state", "protocol_type"};
    struct table table;
    json_t *row;
    size_t i;

    table_init(&table, headings);
    json_array_foreach(rows, i, row)
    {
        table_add_line(&table);
        for (int column = 0; column < 3; column++) {
            const char *text = json_string_value(json_object_get(row, keys[column]));

            table_set(&table, column, "%s", text == NULL ? "" : text);
        }
        table_set(&table, 3, "%d", (int)json_integer_value(json_object_get(row, "coordinator")));
    }
    table_print(&table);
}

static enum exit_status list_with(struct session *session, void *context)
{
    const struct group_arguments *arguments = context;
    struct listing listing = {.session = session, .json = json_array()};
    enum exit_status status = list_nodes(&listing);

    if (status == STATUS_OK && arguments->connect.output == OUTPUT_JSON) {
        json_print(json_incref(listing.json));
    } else if (status == STATUS_OK) {
        print_list(listing.json);
    }
    json_decref(listing.json);
    return status;
}

/* ---- delete ---- */

static enum exit_status delete_with(struct session *session, void *context)
{
    const struct group_arguments *arguments = context;
    struct string name = string_from(arguments->group);
    struct delete_groups_request request = {.groups_names = {&name, 1}};
    struct client_call call = {.api_key = API_DELETE_GROUPS,
                               .version_max = DELETE_GROUPS_REQUEST_VERSION_MAX,
                               .request = &request};
    const struct delete_groups_response *response;
    enum exit_status status;
    int16_t code = KAFKA_ERROR_NONE;

    do {
        status = group_ask(session, arguments->group, &call);
        response = call.response;
        if (status == STATUS_OK) {
            code = response->results.count == 1 ? response->results.items[0].error_code
                                                : KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        }
        client_call_release(&call);
    } while (status == STATUS_OK && session_may_retry(session, code));
    if (status == STATUS_OK && code != KAFKA_ERROR_NONE) {
        status = session_gave_up(session, arguments->group, code, STRING_NULL);
    } else if (status == STATUS_OK) {
        result_print(arguments->connect.output, "group", arguments->group, "deleted");
    }
    return status;
}

/* ---- the table ---- */

static const struct verb verbs[] = {
    {.name = "list",
     .summary = "list the groups",
     .operands = "",
     .documentation = "List the groups of all brokers.\vExample:\n  gyre group list -o json",
     .work = list_with},
    {.name = "describe",
     .summary = "members, positions and lag",
     .operands = "GROUP",
     .documentation = "Describe a group: members, what they are assigned, positions and lag.\v"
                      "Example:\n  gyre group describe reports",
     .work = group_describe_with},
    {.name = "delete",
     .summary = "delete a group that nobody is in",
     .operands = "GROUP",
     .documentation = "Delete a group without members, with its offsets.\vExample:\n"
                      "  gyre group delete reports",
     .work = delete_with},
};

int group_command(int argc, char **argv)
{
    static struct group_arguments arguments;
    static const struct verb_group group = {
        .path = "gyre group",
        .intro = "Look at consumer groups.",
        .examples = "  gyre group list\n"
                    "  gyre group describe reports\n"
                    "  gyre group delete reports\n",
        .verbs = verbs,
        .count = (int)(sizeof verbs / sizeof verbs[0]),
        .arguments = &arguments,
        .connect = &arguments.connect,
        .name = &arguments.group,
        .question = "which group?",
    };

    return verb_group_run(&group, argc, argv);
}
