/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question for each leader with all its partitions; what was not answered is asked again after
 * new metadata, until the session's time is over.
 */
#include "offsets.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "session.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/list_offsets.h"
#include "wire_messages/metadata.h"

enum { RETRY_PAUSE_MS = 100 };

struct asking {
    struct session *session;
    const char *topic;
    int32_t partition; /* or OFFSETS_ALL_PARTITIONS */
    int64_t which;
    int64_t *offsets;
    int32_t count;
    struct list_offsets_request_topics_partitions *rows; /* owned; room for all */
};

static bool is_missing(const struct asking *asking, int32_t partition)
{
    return asking->offsets[partition] == OFFSETS_UNKNOWN &&
           (asking->partition == OFFSETS_ALL_PARTITIONS || asking->partition == partition);
}

/* The partitions of this leader that are still unknown. */
static int32_t gather(const struct asking *asking, int32_t leader)
{
    int32_t row_count = 0;

    for (int32_t i = 0; i < asking->count; i++) {
        if (is_missing(asking, i) &&
            client_find_leader(asking->session->client, string_from(asking->topic), i) == leader) {
            struct list_offsets_request_topics_partitions *row = &asking->rows[row_count++];

            list_offsets_request_topics_partitions_init(row);
            row->partition_index = i;
            row->timestamp = asking->which;
        }
    }
    return row_count;
}

static enum exit_status take(struct asking *asking, const struct list_offsets_response *response)
{
    if (response->topics.count != 1) {
        return STATUS_OK; /* it is asked again */
    }
    for (int32_t i = 0; i < response->topics.items[0].partitions.count; i++) {
        const struct list_offsets_response_topics_partitions *row =
            &response->topics.items[0].partitions.items[i];

        if (row->error_code != KAFKA_ERROR_NONE && !kafka_error_is_retriable(row->error_code)) {
            return session_refused(asking->topic, row->error_code, STRING_NULL);
        }
        if (row->error_code == KAFKA_ERROR_NONE && row->partition_index >= 0 &&
            row->partition_index < asking->count) {
            asking->offsets[row->partition_index] = row->offset;
        }
    }
    return STATUS_OK;
}

static enum exit_status ask_leader(struct asking *asking, int32_t leader)
{
    struct list_offsets_request_topics topic = {.name = string_from(asking->topic),
                                                .partitions = {asking->rows, 0}};
    struct list_offsets_request request;
    struct client_call call = {.node_id = leader,
                               .api_key = API_LIST_OFFSETS,
                               .version_max = LIST_OFFSETS_REQUEST_VERSION_MAX,
                               .request = &request};
    enum exit_status status = STATUS_OK;

    list_offsets_request_init(&request);
    request.replica_id = -1;
    request.topics = (struct list_offsets_request_topics_array){&topic, 1};
    topic.partitions.count = gather(asking, leader);
    if (topic.partitions.count > 0) {
        enum error error = session_try(asking->session, &call);

        if (error == ERROR_NONE) {
            status = take(asking, call.response);
        } else if (!session_is_passing(error)) {
            status = session_failed(asking->session, &call, error);
        }
        client_call_release(&call);
    }
    return status;
}

static int32_t first_missing(const struct asking *asking)
{
    for (int32_t i = 0; i < asking->count; i++) {
        if (is_missing(asking, i)) {
            return i;
        }
    }
    return -1;
}

static enum exit_status ask_all(struct asking *asking)
{
    struct client *client = asking->session->client;
    enum exit_status status = STATUS_OK;

    for (int i = 0; i < client_node_count(client) && status == STATUS_OK; i++) {
        status = ask_leader(asking, client_node_at(client, i)->id);
    }
    return status;
}

static enum exit_status learn_leaders(struct asking *asking)
{
    const struct metadata_response *response;
    struct client_call call;
    enum exit_status status =
        session_ask_metadata(asking->session, &call, &asking->topic, 1, false, &response);

    client_call_release(&call);
    return status;
}

enum exit_status offsets_ask(struct session *session, const char *topic, int32_t partition,
                             int64_t which, int64_t *offsets, int32_t count)
{
    struct asking asking = {session, topic, partition, which, offsets, count, NULL};
    enum exit_status status;

    asking.rows = check_alloc_zero(((size_t)count + 1) * sizeof *asking.rows);
    for (int32_t i = 0; i < count; i++) {
        offsets[i] = OFFSETS_UNKNOWN;
    }
    status = ask_all(&asking);
    while (status == STATUS_OK && first_missing(&asking) >= 0) {
        if (!session_pause(session, RETRY_PAUSE_MS)) {
            complain("partition %d of %s has no leader", (int)first_missing(&asking), topic);
            status = STATUS_TIMEOUT;
            break;
        }
        status = learn_leaders(&asking);
        if (status == STATUS_OK) {
            status = ask_all(&asking);
        }
    }
    free(asking.rows);
    return status;
}
