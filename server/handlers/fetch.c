/* SPDX-License-Identifier: Apache-2.0 */
/* Fetch: the steps, waiting and reading. The picture is in fetch_state.h. */
#include "handlers/fetch.h"

#include "gyre/access/identity.h"
#include "gyre/base/map.h"
#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/fetch_state.h"
#include "handlers/quotas.h"

static void advance(struct fetch *fetch);

/* ---- looking and waiting ---- */

static void look_at(struct fetch_part *part)
{
    struct fetch *fetch = part->fetch;

    fetch->available -= part->available;
    fetch->decided -= part->is_decided ? 1 : 0;
    fetch_part_look(part);
    fetch->available += part->available;
    fetch->decided += part->is_decided ? 1 : 0;
}

static bool has_enough(const struct fetch *fetch)
{
    return fetch->is_late || fetch->plan.count == 0 || fetch->decided > 0 ||
           fetch->request->is_orphaned || fetch->available >= fetch->in.min_bytes;
}

static void on_changed(struct partition_waiter *waiter)
{
    struct fetch_part *part = CONTAINER_OF(waiter, struct fetch_part, waiter);
    struct fetch *fetch = part->fetch;

    if (fetch->step == FETCH_WAIT) {
        look_at(part);
        if (has_enough(fetch)) {
            loop_defer(fetch->request->broker->loop, &fetch->task);
        }
    }
}

static void on_task(struct task *task)
{
    struct fetch *fetch = CONTAINER_OF(task, struct fetch, task);

    if (fetch->step == FETCH_WAIT) { /* else a read is under way and will go on by itself */
        advance(fetch);
    }
}

static void on_deadline(struct timer *timer)
{
    struct fetch *fetch = CONTAINER_OF(timer, struct fetch, deadline);

    fetch->is_late = true;
    loop_defer(fetch->request->broker->loop, &fetch->task);
}

static void register_waiters(struct fetch *fetch)
{
    for (int32_t i = 0; i < fetch->plan.count; i++) {
        struct fetch_part *part = &fetch->parts[i];
        struct partition *partition = fetch_part_partition(part);

        if (partition != NULL) {
            part->waiter.changed = on_changed;
            partition_wait(partition, &part->waiter);
        }
    }
    fetch->is_registered = true;
}

static void cancel_waiters(struct fetch *fetch)
{
    if (!fetch->is_registered) {
        return;
    }
    for (int32_t i = 0; i < fetch->plan.count; i++) {
        partition_wait_cancel(&fetch->parts[i].waiter);
    }
    fetch->is_registered = false;
}

/* Nobody waits any more. Answer soon, not in this call. */
static void on_orphaned(struct request *request)
{
    struct fetch *fetch = request->parked;

    loop_defer(request->broker->loop, &fetch->task);
}

static void start_waiting(struct fetch *fetch)
{
    struct loop *loop = fetch->request->broker->loop;

    fetch->request->parked = fetch;
    fetch->request->orphaned = on_orphaned;
    if (!fetch->is_registered) {
        register_waiters(fetch);
    }
    if (!timer_is_running(&fetch->deadline)) {
        timer_start(loop, &fetch->deadline, (uint64_t)fetch->in.max_wait_ms * 1000);
    }
}

/* ---- reading ---- */

static void on_read(struct partition_read *read)
{
    struct fetch *fetch = CONTAINER_OF(read, struct fetch, read);

    fetch_part_take(&fetch->parts[fetch->next++], read);
    advance(fetch);
}

/* True: the next partition is read, or there was nothing to read in it. */
static bool read_next(struct fetch *fetch)
{
    struct fetch_part *part = &fetch->parts[fetch->next];
    struct partition *partition;
    size_t bytes_max = part->want->bytes_max > 0 ? (size_t)part->want->bytes_max : 0;

    look_at(part);
    partition = fetch_part_partition(part);
    if (part->is_decided || part->available == 0 || partition == NULL ||
        (fetch->bytes_left == 0 && fetch->bytes > 0)) {
        fetch->next++;
        return true;
    }
    fetch->read.offset = part->want->fetch_offset;
    fetch->read.bytes_max = bytes_max < fetch->bytes_left ? bytes_max : fetch->bytes_left;
    fetch->read.at_least_one = fetch->bytes == 0;
    fetch->read.takes_ranges = fetch->request->connection->takes_ranges &&
                               fetch->request->api_version >= FETCH_ZSTD; /* nothing looks inside */
    fetch->read.isolation = fetch->in.isolation_level == 1 ? READ_COMMITTED : READ_UNCOMMITTED;
    fetch->read.done = on_read;
    if (!partition_read(partition, &fetch->read)) {
        return false;
    }
    fetch_part_take(part, &fetch->read);
    fetch->next++;
    return true;
}

static bool read_all(struct fetch *fetch)
{
    while (fetch->next < fetch->plan.count) {
        if (!read_next(fetch)) {
            return false;
        }
    }
    return true;
}

/* The guess was wrong and nothing came: wait on instead of answering with nothing too early. */
static bool must_wait_on(struct fetch *fetch)
{
    return fetch->bytes == 0 && !fetch->is_late && fetch->decided == 0 && fetch->plan.count > 0 &&
           fetch->in.min_bytes > 0 && !fetch->request->is_orphaned;
}

/* ---- converting ---- */

static void on_converted(struct work *work)
{
    struct fetch *fetch = CONTAINER_OF(work, struct fetch, convert);

    fetch->step = FETCH_ANSWER;
    advance(fetch);
}

static bool start_converting(struct fetch *fetch)
{
    if (fetch->request->api_version < FETCH_ZSTD) {
        for (int32_t i = 0; i < fetch->plan.count; i++) {
            fetch_convert_check(&fetch->parts[i]);
        }
    }
    if (fetch->request->api_version >= FETCH_BATCHES || fetch->bytes == 0) {
        return false;
    }
    fetch->convert.run = fetch_convert_run;
    fetch->convert.done = on_converted;
    work_submit(fetch->request->broker->pool, &fetch->convert);
    return true;
}

/* ---- the steps ---- */

static void end(struct fetch *fetch)
{
    cancel_waiters(fetch);
    timer_stop(fetch->request->broker->loop, &fetch->deadline);
    task_cancel(&fetch->task);
    fetch->request->orphaned = NULL;
    fetch_answer(fetch);
}

static void advance(struct fetch *fetch)
{
    switch (fetch->step) {
    case FETCH_LOOK:
        for (int32_t i = 0; i < fetch->plan.count; i++) {
            look_at(&fetch->parts[i]);
        }
        fetch->step = FETCH_WAIT;
        FALLTHROUGH;
    case FETCH_WAIT:
        if (!has_enough(fetch)) {
            start_waiting(fetch);
            return;
        }
        fetch->step = FETCH_READ;
        FALLTHROUGH;
    case FETCH_READ:
        if (!read_all(fetch)) {
            return;
        }
        if (must_wait_on(fetch)) {
            fetch->step = FETCH_WAIT;
            fetch->next = 0;
            start_waiting(fetch);
            return;
        }
        fetch->step = FETCH_CONVERT;
        FALLTHROUGH;
    case FETCH_CONVERT:
        if (start_converting(fetch)) {
            return;
        }
        fetch->step = FETCH_ANSWER;
        FALLTHROUGH;
    case FETCH_ANSWER: end(fetch); return;
    }
}

static void refuse(struct request *request, enum kafka_error error)
{
    struct fetch_response out;

    fetch_response_init(&out);
    out.error_code = (int16_t)error;
    request_reply(request, &fetch_response_layout, &out);
}

static struct string find_topic_name(void *context, struct uuid topic_id)
{
    const struct catalog_topic *topic = catalog_find_topic_by_id(context, topic_id);

    return topic == NULL ? STRING_NULL : topic->name;
}

static enum kafka_error make_plan(struct fetch *fetch)
{
    struct request *request = fetch->request;
    const struct fetch_naming naming = {
        .owner = string_hash(request->connection->identity->principal),
        .by_id = request->api_version >= FETCH_TOPIC_IDS,
        .find_name = find_topic_name,
        .context = request->broker->catalog,
    };
    enum kafka_error error = fetch_sessions_plan(request->broker->fetch_sessions, &fetch->in,
                                                 &naming, &request->arena, &fetch->plan);

    if (error != KAFKA_ERROR_NONE || fetch->plan.count == 0) {
        return error;
    }
    fetch->parts =
        arena_alloc_array(&request->arena, (size_t)fetch->plan.count, sizeof *fetch->parts);
    if (fetch->parts == NULL) {
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    for (int32_t i = 0; i < fetch->plan.count; i++) {
        fetch->parts[i].fetch = fetch;
        fetch->parts[i].want = &fetch->plan.wants[i];
        list_init(&fetch->parts[i].waiter.link);
    }
    return KAFKA_ERROR_NONE;
}

static size_t bytes_limit(const struct fetch *fetch)
{
    const struct broker_config *config = fetch->request->broker->config;
    int32_t limit = config == NULL ? INT32_MAX : config->fetch_max_bytes;

    if (fetch->in.max_bytes < limit) {
        limit = fetch->in.max_bytes;
    }
    if (limit <= 0) {
        return 0;
    }
    return (size_t)limit < quotas_fetch_bytes_max(fetch->request)
               ? (size_t)limit
               : quotas_fetch_bytes_max(fetch->request);
}

/* Kafka: who wants more than may come at once has enough when that is there. */
static int32_t bytes_wanted(const struct fetch *fetch)
{
    size_t limit = fetch->bytes_left > 0 ? fetch->bytes_left : 1;

    return fetch->in.min_bytes > 0 && (size_t)fetch->in.min_bytes > limit ? (int32_t)limit
                                                                          : fetch->in.min_bytes;
}

/* Replicas do not fetch this way: a number here is somebody else's (CVE-2018-1288). */
static bool poses_as_replica(const struct fetch *fetch)
{
    return fetch->in.replica_id >= 0 || fetch->in.replica_state.replica_id >= 0;
}

void fetch_handle(struct request *request)
{
    struct fetch *fetch = request_alloc(request, sizeof *fetch);
    enum kafka_error error;

    if (fetch == NULL || !request_decode(request, &fetch_request_layout, &fetch->in)) {
        return;
    }
    fetch->request = request;
    task_init(&fetch->task, on_task);
    timer_init(&fetch->deadline, on_deadline);
    error = make_plan(fetch);
    if (error != KAFKA_ERROR_NONE) {
        refuse(request, error);
        return;
    }
    fetch->is_forbidden =
        poses_as_replica(fetch) && !access_allows_cluster(request, ACCESS_CLUSTER_ACTION);
    fetch->is_late = fetch->in.max_wait_ms <= 0;
    fetch->bytes_left = bytes_limit(fetch);
    fetch->in.min_bytes = bytes_wanted(fetch);
    fetch->step = FETCH_LOOK;
    advance(fetch);
}
