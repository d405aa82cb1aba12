/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of a Fetch: partitions in the order in which they were wanted, grouped by topic. */
#include "gyre/observe/metrics.h"

#include "handlers/broker.h"
#include "handlers/fetch_state.h"
#include "handlers/hosted_partition.h"
#include "handlers/quotas.h"

enum { ENDPOINTS_MAX = 64 };

static bool is_news(struct fetch_session *session, const struct fetch *fetch,
                    const struct fetch_part *part)
{
    const struct fetch_news news = {
        .high_watermark = part->status.high_watermark,
        .log_start_offset = part->status.log_start_offset,
        .is_error = part->error != KAFKA_ERROR_NONE,
        .has_records = part->bytes > 0,
        .has_advice = part->diverging_epoch >= 0 || part->preferred_replica >= 0,
    };

    if (session == NULL) {
        return true;
    }
    return fetch_session_note(session, part->want, &news) || !fetch->plan.is_incremental;
}

static void fill(const struct fetch_part *part, struct fetch_response_responses_partitions *out)
{
    bool is_error = part->error != KAFKA_ERROR_NONE;

    out->partition_index = part->want->partition;
    out->error_code = (int16_t)part->error;
    out->high_watermark = is_error ? -1 : part->status.high_watermark;
    out->last_stable_offset = is_error ? -1 : part->status.last_stable_offset;
    out->log_start_offset = is_error ? -1 : part->status.log_start_offset;
    out->aborted_transactions.count = part->fetch->in.isolation_level == 1 && !is_error ? 0 : -1;
    out->preferred_read_replica = part->preferred_replica;
    out->current_leader.leader_id = part->leader_id;
    out->current_leader.leader_epoch = part->leader_epoch;
    if (part->diverging_epoch >= 0) {
        out->diverging_epoch.epoch = part->diverging_epoch;
        out->diverging_epoch.end_offset = part->diverging_end_offset;
    }
    out->records = (struct records){
        .bytes = NULL,
        .length = 0,
        .slices = part->slices,
        .slice_count = part->slice_count,
    };
}

static bool is_same_topic(const struct fetch_want *a, const struct fetch_want *b)
{
    return string_equal(a->topic, b->topic) && uuid_equal(a->topic_id, b->topic_id);
}

static void add_endpoint(struct fetch *fetch, struct fetch_response *out, int32_t node_id)
{
    struct fetch_response_node_endpoints_array *endpoints = &out->node_endpoints;
    struct broker_endpoint endpoint;

    for (int32_t i = 0; i < endpoints->count; i++) {
        if (endpoints->items[i].node_id == node_id) {
            return;
        }
    }
    if (endpoints->count == ENDPOINTS_MAX ||
        !hosted_partition_endpoint(fetch->request, node_id, &endpoint)) {
        return;
    }
    if (endpoints->items == NULL) {
        endpoints->items =
            arena_alloc_array(&fetch->request->arena, ENDPOINTS_MAX, sizeof *endpoints->items);
    }
    if (endpoints->items != NULL) {
        endpoints->items[endpoints->count++] = (struct fetch_response_node_endpoints){
            .node_id = node_id,
            .host = endpoint.host,
            .port = endpoint.port,
            .rack = endpoint.rack,
        };
    }
}

/* The parts that go out, in one array; topics point into it. */
struct selection {
    const struct fetch_part **parts;
    int32_t count;
};

static bool select_parts(struct fetch *fetch, struct selection *selection)
{
    struct fetch_session *session =
        fetch_sessions_find(fetch->request->broker->fetch_sessions, &fetch->plan);

    selection->count = 0;
    selection->parts = arena_alloc_array(&fetch->request->arena, (size_t)fetch->plan.count + 1,
                                         sizeof(const struct fetch_part *));
    if (selection->parts == NULL) {
        return false;
    }
    for (int32_t i = 0; i < fetch->plan.count; i++) {
        if (is_news(session, fetch, &fetch->parts[i])) {
            selection->parts[selection->count++] = &fetch->parts[i];
        }
    }
    return true;
}

static int32_t count_topics(const struct selection *selection)
{
    int32_t count = 0;

    for (int32_t i = 0; i < selection->count; i++) {
        if (i == 0 || !is_same_topic(selection->parts[i]->want, selection->parts[i - 1]->want)) {
            count++;
        }
    }
    return count;
}

static enum error fill_topics(struct fetch *fetch, const struct selection *selection,
                              struct fetch_response *out)
{
    struct arena *arena = &fetch->request->arena;
    struct fetch_response_responses_partitions *all;
    struct fetch_response_responses_partitions_array every;
    struct fetch_response_responses *topic = NULL;
    enum error error =
        fetch_response_responses_array_alloc(&out->responses, arena, count_topics(selection));

    if (error == ERROR_NONE) {
        error = fetch_response_responses_partitions_array_alloc(&every, arena, selection->count);
    }
    if (error != ERROR_NONE) {
        return error;
    }
    all = every.items;
    for (int32_t i = 0; i < selection->count; i++) {
        const struct fetch_part *part = selection->parts[i];

        if (i == 0 || !is_same_topic(part->want, selection->parts[i - 1]->want)) {
            topic = topic == NULL ? out->responses.items : topic + 1;
            topic->topic = part->want->topic;
            topic->topic_id = part->want->topic_id;
            topic->partitions.items = &all[i];
            topic->partitions.count = 0;
        }
        fill(part, &all[i]);
        topic->partitions.count++;
        if (part->leader_id >= 0 && fetch->request->api_version >= FETCH_ENDPOINTS) {
            add_endpoint(fetch, out, part->leader_id);
        }
    }
    return ERROR_NONE;
}

/* Only the time to wait. Who asked for everything asks so again: as in Kafka it gets no session,
 * which would lie there unused. */
static void answer_nothing(struct fetch *fetch, struct fetch_response *out)
{
    if (!fetch->plan.is_incremental) {
        fetch_sessions_drop(fetch->request->broker->fetch_sessions, &fetch->plan);
        out->session_id = 0;
    }
    request_reply(fetch->request, &fetch_response_layout, out);
}

void fetch_answer(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct fetch_response out;
    struct selection selection;

    fetch_response_init(&out);
    out.session_id = fetch->plan.session_id;
    if (!quotas_charge_fetch(request, fetch->bytes)) {
        answer_nothing(fetch, &out);
    } else if (!select_parts(fetch, &selection) ||
               fill_topics(fetch, &selection, &out) != ERROR_NONE) {
        request_close(request);
    } else {
        if (request->broker->metrics != NULL) {
            metric_add(request->broker->metrics, METRIC_FETCH_BYTES, (int64_t)fetch->bytes);
        }
        request_reply(request, &fetch_response_layout, &out);
    }
    for (int32_t i = 0; i < fetch->plan.count; i++) {
        fetch_part_release(&fetch->parts[i]);
    }
}
