/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"

#include "offsets.h"
#include "session.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/fetch.h"
#include "wire_messages/metadata.h"

enum {
    FETCH_VERSION_MAX = 12, /* topics by name */
    FETCH_WAIT_MS = 500,
    FETCH_BYTES_MAX = 32 << 20,
    PARTITION_BYTES_MAX = 4 << 20,
    EXPANDED_BYTES_MAX = 256 << 20,
    RETRY_PAUSE_MS = 100,
    MS_PER_S = 1000,
};

/* One partition that is read. */
struct reading {
    int64_t position;
    int64_t end; /* INT64_MAX: none */
    bool is_chosen;
};

/* What is asked from one leader. */
struct fetcher {
    struct consumer *consumer;
    int32_t node_id;
    bool is_asking;
    bool is_answered;
    enum error error;
    struct client_call call;
    struct fetch_request request;
    struct fetch_request_topics topic;
    struct fetch_request_topics_partitions *partitions; /* owned; room for all */
};

struct consumer {
    struct session *session;
    const struct consumer_options *options;
    struct reading *readings; /* owned; one a partition */
    int32_t reading_count;
    struct fetcher **fetchers; /* owned; each at its own place, since calls point to it */
    int fetcher_count;
    bool is_stopped;
    bool needs_leaders;
    enum exit_status status;
};

/* ---- records ---- */

static void take_batch(struct consumer *consumer, int32_t partition, const char *batch)
{
    struct reading *reading = &consumer->readings[partition];
    struct record_iterator iterator;
    struct record record;
    enum error error = record_iterator_open(&iterator, batch, EXPANDED_BYTES_MAX);

    if (error == ERROR_NONE) {
        while (!consumer->is_stopped && record_iterator_next(&iterator, &record)) {
            if (record.offset >= reading->position && record.offset < reading->end) {
                consumer->is_stopped =
                    !consumer->options->take(consumer->options->context, partition, &record);
            }
        }
        error = record_iterator_close(&iterator);
    }
    if (error != ERROR_NONE) {
        complain("partition %d, offset %lld: the batch cannot be read: %s", (int)partition,
                 (long long)record_batch_base_offset(batch), error_text(error));
        consumer->status = STATUS_FAILED;
    }
}

/* A batch that was cut off at the end of the answer comes again. */
static void take_records(struct consumer *consumer, int32_t partition,
                         const struct records *records)
{
    struct reading *reading = &consumer->readings[partition];
    const char *at = records->bytes;
    size_t left = records->length < 0 ? 0 : (size_t)records->length;
    struct record_batch_info info;
    enum error error = ERROR_NONE;

    while (left > 0 && !consumer->is_stopped && consumer->status == STATUS_OK) {
        error = record_batch_parse(at, left, &info);
        if (error != ERROR_NONE) {
            break;
        }
        if (!record_batch_crc_holds(at, info.size)) {
            error = ERROR_CORRUPT;
            break;
        }
        if (!info.is_control) {
            take_batch(consumer, partition, at);
        }
        if (info.last_offset >= reading->position) {
            reading->position = info.last_offset + 1;
        }
        at += info.size;
        left -= info.size;
    }
    if (error != ERROR_NONE && error != ERROR_AGAIN) {
        complain("partition %d: what the broker sent after offset %lld cannot be used: %s",
                 (int)partition, (long long)reading->position - 1, error_text(error));
        consumer->status = STATUS_FAILED;
    }
}

/* What is to come may take for ever; what is there may not. */
static void start_timeout(struct consumer *consumer)
{
    const struct consumer_options *options = consumer->options;

    session_set_timeout(consumer->session, options->is_bounded ? options->timeout_s : 0);
}

static void take_partition(struct consumer *consumer,
                           const struct fetch_response_responses_partitions *partition)
{
    struct reading *reading;

    if (partition->partition_index < 0 || partition->partition_index >= consumer->reading_count) {
        return;
    }
    reading = &consumer->readings[partition->partition_index];
    if (partition->error_code == KAFKA_ERROR_NONE) {
        int64_t before = reading->position;

        take_records(consumer, partition->partition_index, &partition->records);
        if (reading->position > before) {
            start_timeout(consumer);
        }
    } else if (partition->error_code == KAFKA_ERROR_OFFSET_OUT_OF_RANGE &&
               consumer->options->start < 0 && partition->log_start_offset > reading->position) {
        reading->position = partition->log_start_offset; /* retention has moved on */
    } else if (kafka_error_is_retriable(partition->error_code)) {
        consumer->needs_leaders = true;
    } else {
        consumer->status =
            session_refused(consumer->options->topic, partition->error_code, STRING_NULL);
    }
}

static void take_answer(struct consumer *consumer, const struct fetch_response *response)
{
    if (response->error_code != KAFKA_ERROR_NONE) {
        consumer->needs_leaders = true;
    }
    for (int32_t t = 0; t < response->responses.count; t++) {
        const struct fetch_response_responses *topic = &response->responses.items[t];

        for (int32_t p = 0; p < topic->partitions.count; p++) {
            take_partition(consumer, &topic->partitions.items[p]);
        }
    }
}

/* ---- asking ---- */

static void on_answer(struct client_call *call, enum error error)
{
    struct fetcher *fetcher = CONTAINER_OF(call, struct fetcher, call);

    fetcher->error = error;
    fetcher->is_answered = true;
    session_wake(fetcher->consumer->session);
}

static bool is_at_end(const struct reading *reading)
{
    return !reading->is_chosen || reading->position >= reading->end;
}

static int32_t gather(struct fetcher *fetcher)
{
    const struct consumer *consumer = fetcher->consumer;
    int32_t count = 0;

    for (int32_t i = 0; i < consumer->reading_count; i++) {
        if (!is_at_end(&consumer->readings[i]) &&
            client_find_leader(consumer->session->client, string_from(consumer->options->topic),
                               i) == fetcher->node_id) {
            fetch_request_topics_partitions_init(&fetcher->partitions[count]);
            fetcher->partitions[count].partition = i;
            fetcher->partitions[count].fetch_offset = consumer->readings[i].position;
            fetcher->partitions[count].partition_max_bytes = PARTITION_BYTES_MAX;
            count++;
        }
    }
    return count;
}

/* 0: the client's. */
static uint32_t call_timeout_ms(const struct consumer_options *options)
{
    return options->is_bounded ? FETCH_WAIT_MS + (uint32_t)options->timeout_s * MS_PER_S : 0;
}

static void ask(struct fetcher *fetcher)
{
    int32_t count = gather(fetcher);

    if (count == 0) {
        return;
    }
    fetch_request_init(&fetcher->request);
    fetcher->request.max_wait_ms = FETCH_WAIT_MS;
    fetcher->request.min_bytes = 1;
    fetcher->request.max_bytes = FETCH_BYTES_MAX;
    fetcher->topic =
        (struct fetch_request_topics){.topic = string_from(fetcher->consumer->options->topic),
                                      .partitions = {fetcher->partitions, count}};
    fetcher->request.topics = (struct fetch_request_topics_array){&fetcher->topic, 1};
    fetcher->call = (struct client_call){.node_id = fetcher->node_id,
                                         .api_key = API_FETCH,
                                         .version_max = FETCH_VERSION_MAX,
                                         .request = &fetcher->request,
                                         .timeout_ms = call_timeout_ms(fetcher->consumer->options),
                                         .done = on_answer};
    fetcher->is_asking = true;
    fetcher->is_answered = false;
    client_send(fetcher->consumer->session->client, &fetcher->call);
}

static void add_fetcher(struct consumer *consumer, int32_t node_id)
{
    struct fetcher *fetcher;

    for (int i = 0; i < consumer->fetcher_count; i++) {
        if (consumer->fetchers[i]->node_id == node_id) {
            return;
        }
    }
    fetcher = check_alloc_zero(sizeof *fetcher);
    fetcher->consumer = consumer;
    fetcher->node_id = node_id;
    fetcher->partitions =
        check_alloc_zero((size_t)consumer->reading_count * sizeof *fetcher->partitions);
    consumer->fetchers = check_realloc(consumer->fetchers, ((size_t)consumer->fetcher_count + 1) *
                                                               sizeof *consumer->fetchers);
    consumer->fetchers[consumer->fetcher_count++] = fetcher;
}

static void find_fetchers(struct consumer *consumer)
{
    const struct client *client = consumer->session->client;

    for (int i = 0; i < client_node_count(client); i++) {
        add_fetcher(consumer, client_node_at(client, i)->id);
    }
}

static void learn_leaders(struct consumer *consumer)
{
    const struct metadata_response *response;
    struct client_call call;

    consumer->needs_leaders = false;
    (void)session_pause(consumer->session, RETRY_PAUSE_MS);
    consumer->status = session_ask_metadata(consumer->session, &call, &consumer->options->topic, 1,
                                            false, &response);
    client_call_release(&call);
    find_fetchers(consumer);
}

/* ---- the loop ---- */

static void harvest(struct fetcher *fetcher)
{
    struct consumer *consumer = fetcher->consumer;

    fetcher->is_asking = false;
    if (fetcher->error == ERROR_NONE) {
        take_answer(consumer, fetcher->call.response);
    } else {
        consumer->needs_leaders = true;
    }
    client_call_release(&fetcher->call);
}

static bool goes_on(const struct consumer *consumer)
{
    if (consumer->is_stopped || consumer->status != STATUS_OK) {
        return false;
    }
    for (int32_t i = 0; i < consumer->reading_count; i++) {
        if (!is_at_end(&consumer->readings[i])) {
            return true;
        }
    }
    return false;
}

/* One round: ask who is free, wait for any answer, take what came. */
static void go_round(struct consumer *consumer)
{
    bool is_asking = false;
    bool is_answered = false;

    for (int i = 0; i < consumer->fetcher_count; i++) {
        if (!consumer->fetchers[i]->is_asking) {
            ask(consumer->fetchers[i]);
        }
        is_asking = is_asking || consumer->fetchers[i]->is_asking;
    }
    if (!is_asking) {
        consumer->needs_leaders = true;
        return;
    }
    session_turn(consumer->session);
    for (int i = 0; i < consumer->fetcher_count && goes_on(consumer); i++) {
        if (consumer->fetchers[i]->is_asking && consumer->fetchers[i]->is_answered) {
            harvest(consumer->fetchers[i]);
            is_answered = true;
        }
    }
    if (is_answered && consumer->options->pause != NULL) {
        consumer->options->pause(consumer->options->context);
    }
}

static void check_timeout(struct consumer *consumer)
{
    if (goes_on(consumer) && session_is_over(consumer->session)) {
        complain("no more of what is there came within %d s", consumer->options->timeout_s);
        consumer->status = STATUS_TIMEOUT;
    }
}

/* Calls in flight point into the fetchers: end them, whoever is silent. */
static void release(struct consumer *consumer)
{
    session_hang_up(consumer->session);
    for (int i = 0; i < consumer->fetcher_count; i++) {
        struct fetcher *fetcher = consumer->fetchers[i];

        if (fetcher->is_asking) {
            client_call_release(&fetcher->call);
        }
        free(fetcher->partitions);
        free(fetcher);
    }
    free(consumer->fetchers);
    free(consumer->readings);
}

/* ---- where to begin and to end ---- */

static enum exit_status find_bounds(struct consumer *consumer)
{
    const struct consumer_options *options = consumer->options;
    int32_t count = consumer->reading_count;
    int64_t *starts = check_alloc_zero((size_t)count * sizeof *starts);
    int64_t *ends = check_alloc_zero((size_t)count * sizeof *ends);
    enum exit_status status = STATUS_OK;

    if (options->start < 0) {
        status = offsets_ask(consumer->session, options->topic, options->partition, options->start,
                             starts, count);
    }
    if (status == STATUS_OK && options->is_bounded) {
        status = offsets_ask(consumer->session, options->topic, options->partition, OFFSETS_END,
                             ends, count);
    }
    for (int32_t i = 0; i < count; i++) {
        consumer->readings[i] = (struct reading){
            .position = options->start < 0 ? starts[i] : options->start,
            .end = options->is_bounded ? ends[i] : INT64_MAX,
            .is_chosen = options->partition == CONSUMER_ALL_PARTITIONS || options->partition == i,
        };
    }
    free(starts);
    free(ends);
    return status;
}

static enum exit_status find_topic(struct consumer *consumer)
{
    const struct consumer_options *options = consumer->options;
    const struct metadata_response *response;
    struct client_call call;
    enum exit_status status =
        session_ask_metadata(consumer->session, &call, &options->topic, 1, false, &response);

    if (status == STATUS_OK && response->topics.count == 1 &&
        response->topics.items[0].error_code != KAFKA_ERROR_NONE) {
        status = session_refused(options->topic, response->topics.items[0].error_code, STRING_NULL);
    }
    client_call_release(&call);
    consumer->reading_count =
        client_find_partition_count(consumer->session->client, string_from(options->topic));
    if (status == STATUS_OK && options->partition >= consumer->reading_count) {
        complain("%s has the partitions 0 to %d", options->topic, (int)consumer->reading_count - 1);
        status = STATUS_FAILED;
    }
    return status;
}

enum exit_status consumer_run(struct session *session, const struct consumer_options *options)
{
    struct consumer consumer = {.session = session, .options = options};
    enum exit_status status = find_topic(&consumer);

    if (status != STATUS_OK) {
        return status;
    }
    consumer.readings =
        check_alloc_zero((size_t)consumer.reading_count * sizeof *consumer.readings);
    consumer.status = find_bounds(&consumer);
    find_fetchers(&consumer);
    start_timeout(&consumer);
    while (goes_on(&consumer)) {
        go_round(&consumer);
        check_timeout(&consumer);
        if (consumer.needs_leaders && goes_on(&consumer)) {
            learn_leaders(&consumer);
        }
    }
    release(&consumer);
    return consumer.status;
}
