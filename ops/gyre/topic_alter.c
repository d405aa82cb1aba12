/* SPDX-License-Identifier: Apache-2.0 */
/* gyre topic alter: more partitions, other settings. */
#include <stdio.h>

#include "gyre/base/check.h"

#include "result_print.h"
#include "session.h"
#include "topic_options.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/create_partitions.h"
#include "wire_messages/incremental_alter_configs.h"

enum { RESOURCE_TOPIC = 2, OPERATION_SET = 0, OPERATION_DELETE = 1, REQUEST_ARENA_BYTES = 1 << 20 };

static enum exit_status grow(struct session *session, const struct topic_arguments *arguments)
{
    struct create_partitions_request_topics topic = {
        .name = string_from(arguments->names[0]),
        .count = arguments->partitions,
        .assignments = {NULL, -1},
    };
    struct create_partitions_request request = {
        .topics = {&topic, 1},
        .timeout_ms = arguments->connect.timeout_s * 1000,
    };
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_CREATE_PARTITIONS,
                               .version_max = CREATE_PARTITIONS_REQUEST_VERSION_MAX,
                               .request = &request};
    enum exit_status status = session_ask(session, &call);
    const struct create_partitions_response *response = call.response;

    if (status == STATUS_OK && response->results.count == 1 &&
        response->results.items[0].error_code != 0) {
        status = session_refused(arguments->names[0], response->results.items[0].error_code,
                                 response->results.items[0].error_message);
    }
    client_call_release(&call);
    return status;
}

static enum exit_status change(struct session *session, const struct topic_arguments *arguments)
{
    struct incremental_alter_configs_request_resources_configs configs[TOPIC_CONFIGS_MAX];
    struct incremental_alter_configs_request_resources resource = {
        .resource_type = RESOURCE_TOPIC,
        .resource_name = string_from(arguments->names[0]),
        .configs = {configs, arguments->setting_count},
    };
    struct incremental_alter_configs_request request = {.resources = {&resource, 1}};
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_INCREMENTAL_ALTER_CONFIGS,
                               .version_max = INCREMENTAL_ALTER_CONFIGS_REQUEST_VERSION_MAX,
                               .request = &request};
    const struct incremental_alter_configs_response *response;
    enum exit_status status;

    for (int i = 0; i < arguments->setting_count; i++) {
        const struct topic_setting *setting = &arguments->settings[i];

        configs[i].name = setting->key;
        configs[i].value = setting->value;
        configs[i].config_operation =
            setting->value.bytes == NULL ? OPERATION_DELETE : OPERATION_SET;
    }
    status = session_ask(session, &call);
    response = call.response;
    if (status == STATUS_OK && response->responses.count == 1 &&
        response->responses.items[0].error_code != 0) {
        status = session_refused(arguments->names[0], response->responses.items[0].error_code,
                                 response->responses.items[0].error_message);
    }
    client_call_release(&call);
    return status;
}

bool topic_alter_prepare(void *context)
{
    const struct topic_arguments *arguments = context;
    bool is_something = arguments->setting_count > 0 || arguments->partitions >= 0;

    if (!is_something) {
        complain("what is to change? (--partitions, --config, --delete-config)");
    }
    return is_something;
}

enum exit_status topic_alter_with(struct session *session, void *context)
{
    const struct topic_arguments *arguments = context;
    enum exit_status status = STATUS_OK;

    if (arguments->setting_count > 0) {
        status = change(session, arguments);
    }
    if (status == STATUS_OK && arguments->partitions > 0) {
        status = grow(session, arguments);
    }
    if (status == STATUS_OK) {
        result_print(arguments->connect.output, "topic", arguments->names[0], "altered");
    }
    return status;
}
