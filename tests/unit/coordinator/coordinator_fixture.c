/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/coordinator/coordinator_fixture.h"

#include <stdlib.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/storage/partition_log.h"
#include "gyre/wire/record_batch.h"

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static struct fixture *current; /* one a process: the functions below know no other */
static struct partition_listener *partition_listener;
static struct catalog_listener *catalog_listener;

/* ---- partition.h, as far as the coordinator goes ---- */

void partition_table_add_listener(struct partition_table *table,
                                  struct partition_listener *listener)
{
    (void)table;
    partition_listener = listener;
}

struct group_id partition_group(const struct partition *partition)
{
    return partition->group;
}

void partition_status(const struct partition *partition, struct partition_status *out_status)
{
    *out_status = (struct partition_status){
        .leads = partition->leads,
        .hands_over = partition->hands_over,
        .leader = partition->leader,
        .high_watermark = partition->end_offset,
        .end_offset = partition->end_offset,
    };
}

static void store(struct partition *partition, struct partition_append *append)
{
    struct record_batch_info info;

    CHECK(partition->batch_count < FIXTURE_BATCHES_MAX);
    CHECK(record_batch_parse(append->batch.bytes, append->batch.length, &info) == ERROR_NONE);
    CHECK(record_batch_crc_holds(append->batch.bytes, append->batch.length));
    record_batch_set_base_offset(append->batch.bytes, partition->end_offset);
    append->base_offset = partition->end_offset;
    partition->end_offset += info.count;
    partition->batches[partition->batch_count++] =
        buffer_copy(append->batch.bytes, append->batch.length);
    append->error = KAFKA_ERROR_NONE;
}

static void complete(struct partition *partition, struct partition_append *append)
{
    buffer_slice_unref(&append->batch);
    list_append(&partition->done, &append->link);
    loop_defer(partition->loop, &partition->finish);
}

static void run_finish(struct task *task)
{
    struct partition *partition = CONTAINER_OF(task, struct partition, finish);

    while (!list_is_empty(&partition->done)) {
        struct partition_append *append =
            list_first(&partition->done, struct partition_append, link);

        list_remove(&append->link);
        append->done(append);
    }
}

void partition_append(struct partition *partition, struct partition_append *append)
{
    CHECK(append->acks == -1);
    list_init(&append->link);
    partition->appends++;
    append->error = partition->append_error;
    if (!partition->leads) {
        append->error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    }
    if (append->error == KAFKA_ERROR_NONE && partition->holds_appends) {
        list_append(&partition->held, &append->link);
        return;
    }
    if (append->error == KAFKA_ERROR_NONE) {
        store(partition, append);
    }
    complete(partition, append);
}

bool partition_read(struct partition *partition, struct partition_read *read)
{
    read->error = KAFKA_ERROR_NONE;
    read->batches.slice_count = 0;
    for (int i = 0; i < partition->batch_count; i++) {
        struct buffer *batch = partition->batches[i];

        if (record_batch_last_offset(batch->bytes) >= read->offset) {
            read->batches.slices[read->batches.slice_count++] = buffer_slice(batch, 0, batch->size);
            break; /* in small pieces, so that loading takes several turns */
        }
    }
    return true;
}

void batches_read_release(struct batches_read *read)
{
    for (int i = 0; i < read->slice_count; i++) {
        buffer_slice_unref(&read->slices[i]);
    }
    read->slice_count = 0;
}

/* ---- catalog.h ---- */

const struct catalog_topic *catalog_find_topic(const struct catalog *catalog, struct string name)
{
    (void)catalog;
    if (string_is(name, GROUP_COORDINATOR_TOPIC)) {
        return &current->offsets_topic;
    }
    return string_is(name, "t") ? &current->topic : NULL;
}

const struct catalog_topic *catalog_find_topic_by_id(const struct catalog *catalog, struct uuid id)
{
    (void)catalog;
    return uuid_equal(id, current->topic.id) ? &current->topic : NULL;
}

bool catalog_is_stale(const struct catalog *catalog, uint64_t limit_us)
{
    (void)catalog;
    (void)limit_us;
    return false;
}

const struct catalog_broker *catalog_find_broker(const struct catalog *catalog, int32_t node_id)
{
    (void)catalog;
    (void)node_id;
    return NULL;
}

struct partition *partition_find(const struct partition_table *table, struct group_id group)
{
    (void)table;
    return group_id_equal(group, current->partition.group) ? &current->partition : NULL;
}

void catalog_add_listener(struct catalog *catalog, struct catalog_listener *listener)
{
    (void)catalog;
    catalog_listener = listener;
}

/* ---- the fixture ---- */

static void start(struct fixture *fixture)
{
    struct group_coordinator_services services = {
        .loop = &fixture->loop, .random = &fixture->random, .config = &fixture->config};

    fixture->coordinator = group_coordinator_new(&services);
    fixture_lead(fixture);
    fixture_run(fixture);
}

void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){0};
    current = fixture;
    fake_clock_init(&fixture->clock);
    loop_init(&fixture->loop, &fixture->clock.clock);
    random_seed(&fixture->random, 1);
    arena_init(&fixture->arena, ARENA_BYTES);
    fixture->config = (struct broker_config){
        .group_initial_rebalance_delay_ms = 3000,
        .group_min_session_timeout_ms = 6000,
        .group_max_session_timeout_ms = 1800000,
        .group_max_size = 100,
        .offset_metadata_max_bytes = 16,
        .offsets_commit_timeout_ms = 5000,
        .offsets_retention_minutes = 60,
        .offsets_retention_check_interval_ms = 600000,
        .offsets_topic_num_partitions = 50,
    };
    fixture->offsets_topic.name = STRING(GROUP_COORDINATOR_TOPIC);
    fixture->offsets_topic.id.bytes[0] = 9;
    fixture->offsets_topic.partition_count = 1;
    fixture->topic.name = STRING("t");
    fixture->topic.id.bytes[0] = 1;
    fixture->topic.partition_count = 1;
    fixture->partition.group.topic = fixture->offsets_topic.id;
    fixture->partition.loop = &fixture->loop;
    list_init(&fixture->partition.held);
    list_init(&fixture->partition.done);
    task_init(&fixture->partition.finish, run_finish);
    start(fixture);
}

static void end(struct fixture *fixture)
{
    fixture_follow(fixture);
    fixture_run(fixture);
    group_coordinator_free(fixture->coordinator);
}

void fixture_release(struct fixture *fixture)
{
    end(fixture);
    for (int i = 0; i < fixture->partition.batch_count; i++) {
        buffer_unref(fixture->partition.batches[i]);
    }
    loop_release(&fixture->loop);
    arena_release(&fixture->arena);
}

void fixture_run(struct fixture *fixture)
{
    while (!fixture->is_paused && loop_turn(&fixture->loop) <= fixture->clock.now_us) {
        continue;
    }
}

void fixture_pass_ms(struct fixture *fixture, uint64_t ms)
{
    uint64_t end_us = fixture->clock.now_us + ms * 1000;
    uint64_t due_us = loop_turn(&fixture->loop);

    while (due_us <= end_us) {
        fixture->clock.now_us = due_us > fixture->clock.now_us ? due_us : fixture->clock.now_us;
        due_us = loop_turn(&fixture->loop);
    }
    fixture->clock.now_us = end_us;
    fixture_run(fixture);
}

void fixture_lead(struct fixture *fixture)
{
    fixture->partition.leads = true;
    partition_listener->lead(partition_listener->context, &fixture->partition, 1);
}

void fixture_follow(struct fixture *fixture)
{
    struct partition *partition = &fixture->partition;

    partition->leads = false;
    while (!list_is_empty(&partition->held)) {
        struct partition_append *append =
            list_first(&partition->held, struct partition_append, link);

        list_remove(&append->link);
        append->error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
        complete(partition, append);
    }
    partition_listener->follow(partition_listener->context, partition);
}

void fixture_restart(struct fixture *fixture)
{
    end(fixture);
    start(fixture);
}

void fixture_commit_held(struct fixture *fixture)
{
    struct partition *partition = &fixture->partition;

    partition->holds_appends = false;
    while (!list_is_empty(&partition->held)) {
        struct partition_append *append =
            list_first(&partition->held, struct partition_append, link);

        list_remove(&append->link);
        store(partition, append);
        complete(partition, append);
    }
    fixture_run(fixture);
}

void fixture_delete_topic(struct fixture *fixture)
{
    catalog_listener->topic_deleted(catalog_listener->context, &fixture->topic);
    fixture_run(fixture);
}

/* ---- members ---- */

static void *alloc(struct fixture *fixture, size_t bytes)
{
    void *memory = arena_alloc(&fixture->arena, bytes);

    CHECK(memory != NULL);
    return memory;
}

static struct string or_else(struct string text, const char *usual)
{
    return text.bytes == NULL ? string_from(usual) : text;
}

static struct bytes bytes_of(struct string text)
{
    return (struct bytes){.bytes = (char *)(uintptr_t)text.bytes, .length = text.length};
}

static void on_joined(struct group_call *call)
{
    CONTAINER_OF(call, struct joiner, join.call)->is_done = true;
}

struct joiner *fixture_join(struct fixture *fixture, struct joining joining)
{
    struct joiner *joiner = alloc(fixture, sizeof *joiner);
    struct join_group_request *in = &joiner->in;

    join_group_request_init(in);
    join_group_response_init(&joiner->out);
    in->group_id = or_else(joining.group_id, "g");
    in->member_id = or_else(joining.member_id, "");
    in->group_instance_id = joining.instance_id;
    in->protocol_type = STRING("consumer");
    in->session_timeout_ms = joining.session_ms != 0 ? joining.session_ms : FIXTURE_SESSION_MS;
    in->rebalance_timeout_ms =
        joining.rebalance_ms != 0 ? joining.rebalance_ms : FIXTURE_REBALANCE_MS;
    in->protocols.items = alloc(fixture, 2 * sizeof *in->protocols.items);
    joining.protocols[0] = or_else(joining.protocols[0], "range");
    for (int i = 0; i < 2 && joining.protocols[i].bytes != NULL; i++) {
        in->protocols.items[i].name = joining.protocols[i];
        in->protocols.items[i].metadata = bytes_of(or_else(joining.metadata, "m"));
        in->protocols.count = i + 1;
    }
    joiner->join = (struct group_join){
        .call = {.arena = &fixture->arena, .done = on_joined},
        .in = in,
        .out = &joiner->out,
        .version = joining.version != 0 ? joining.version : 3,
        .client_id = STRING("c"),
        .client_host = STRING("/127.0.0.1"),
    };
    group_coordinator_join(fixture->coordinator, &joiner->join);
    CHECK(!joiner->is_done);
    fixture_run(fixture);
    return joiner;
}

static void on_synced(struct group_call *call)
{
    CONTAINER_OF(call, struct syncer, sync.call)->is_done = true;
}

struct syncer *fixture_sync(struct fixture *fixture, struct string member_id, int32_t generation,
                            const struct string *assignments, int32_t count)
{
    struct syncer *syncer = alloc(fixture, sizeof *syncer);
    struct sync_group_request *in = &syncer->in;

    sync_group_request_init(in);
    sync_group_response_init(&syncer->out);
    in->group_id = STRING("g");
    in->member_id = member_id;
    in->generation_id = generation;
    in->assignments.count = count;
    in->assignments.items = alloc(fixture, ((size_t)count + 1) * sizeof *in->assignments.items);
    for (int32_t i = 0; i < count; i++) {
        in->assignments.items[i].member_id = assignments[(size_t)i * 2];
        in->assignments.items[i].assignment = bytes_of(assignments[(size_t)i * 2 + 1]);
    }
    syncer->sync = (struct group_sync){
        .call = {.arena = &fixture->arena, .done = on_synced},
        .in = in,
        .out = &syncer->out,
    };
    group_coordinator_sync(fixture->coordinator, &syncer->sync);
    CHECK(!syncer->is_done);
    fixture_run(fixture);
    return syncer;
}

int16_t fixture_heartbeat(struct fixture *fixture, struct string member_id, int32_t generation)
{
    struct heartbeat_request in;

    heartbeat_request_init(&in);
    in.group_id = STRING("g");
    in.member_id = member_id;
    in.generation_id = generation;
    return (int16_t)group_coordinator_heartbeat(fixture->coordinator, &in);
}

int16_t fixture_leave(struct fixture *fixture, struct string member_id)
{
    struct group_leaver leaver = {.member_id = member_id};
    enum kafka_error error = group_coordinator_leave(fixture->coordinator, STRING("g"), &leaver, 1);

    fixture_run(fixture);
    return error != KAFKA_ERROR_NONE ? (int16_t)error : leaver.error_code;
}

struct string fixture_stable_member(struct fixture *fixture, struct joining joining)
{
    struct joiner *joiner = fixture_join(fixture, joining);
    struct string assignments[2];

    fixture_pass_ms(fixture, (uint64_t)fixture->config.group_initial_rebalance_delay_ms);
    CHECK(joiner->is_done);
    CHECK(joiner->out.error_code == KAFKA_ERROR_NONE);
    assignments[0] = joiner->out.member_id;
    assignments[1] = STRING("a");
    (void)fixture_sync(fixture, joiner->out.member_id, joiner->out.generation_id, assignments, 1);
    return joiner->out.member_id;
}

/* ---- offsets ---- */

static void on_committed(struct group_call *call)
{
    struct committer *committer = CONTAINER_OF(call, struct committer, commit.call);

    committer->is_done = true;
    committer->error = committer->out.topics.items[0].partitions.items[0].error_code;
}

struct committer *fixture_commit(struct fixture *fixture, struct committing committing)
{
    struct committer *committer = alloc(fixture, sizeof *committer);
    struct offset_commit_request *in = &committer->in;
    struct offset_commit_response *out = &committer->out;
    struct arena *arena = &fixture->arena;
    struct offset_commit_request_topics_partitions *partition;

    offset_commit_request_init(in);
    offset_commit_response_init(out);
    in->group_id = or_else(committing.group_id, "g");
    in->member_id = or_else(committing.member_id, "");
    in->generation_id_or_member_epoch = committing.generation;
    in->retention_time_ms = committing.retention_ms != 0 ? committing.retention_ms : -1;
    CHECK(offset_commit_request_topics_array_alloc(&in->topics, arena, 1) == ERROR_NONE);
    in->topics.items[0].name = STRING("t");
    CHECK(offset_commit_request_topics_partitions_array_alloc(&in->topics.items[0].partitions,
                                                              arena, 1) == ERROR_NONE);
    partition = &in->topics.items[0].partitions.items[0];
    partition->committed_offset = committing.offset;
    partition->committed_metadata = committing.metadata;
    CHECK(offset_commit_response_topics_array_alloc(&out->topics, arena, 1) == ERROR_NONE);
    CHECK(offset_commit_response_topics_partitions_array_alloc(&out->topics.items[0].partitions,
                                                               arena, 1) == ERROR_NONE);
    committer->commit = (struct group_commit){
        .call = {.arena = arena, .done = on_committed},
        .in = in,
        .out = out,
        .version = 8,
    };
    group_coordinator_commit(fixture->coordinator, &committer->commit);
    CHECK(!committer->is_done);
    fixture_run(fixture);
    return committer;
}

int64_t fixture_offset(const struct fixture *fixture, struct string group_id)
{
    return group_coordinator_find_offset(fixture->coordinator, group_id, STRING("t"), 0).offset;
}

/* ---- administration ---- */

const char *fixture_state(struct fixture *fixture, struct string group_id)
{
    struct describe_groups_response_groups out;
    char *text;

    describe_groups_response_groups_init(&out);
    group_coordinator_describe(fixture->coordinator, group_id, &fixture->arena, &out);
    text = arena_copy_text(&fixture->arena, out.group_state.bytes, (size_t)out.group_state.length);
    CHECK(text != NULL);
    return text;
}

static void on_group_deleted(struct group_call *call)
{
    (void)call;
}

int16_t fixture_delete_group(struct fixture *fixture, struct string group_id)
{
    struct group_delete *remove = alloc(fixture, sizeof *remove);
    struct string *groups = alloc(fixture, sizeof *groups);
    int16_t *errors = alloc(fixture, sizeof *errors);

    *groups = group_id;
    *remove = (struct group_delete){
        .call = {.arena = &fixture->arena, .done = on_group_deleted},
        .groups = groups,
        .errors = errors,
        .count = 1,
    };
    group_coordinator_delete_groups(fixture->coordinator, remove);
    fixture_run(fixture);
    return *errors;
}

int16_t fixture_delete_offset(struct fixture *fixture)
{
    struct group_offset_delete *remove = alloc(fixture, sizeof *remove);
    struct offset_delete_request *in = alloc(fixture, sizeof *in);
    struct offset_delete_response *out = alloc(fixture, sizeof *out);
    struct arena *arena = &fixture->arena;

    offset_delete_request_init(in);
    offset_delete_response_init(out);
    in->group_id = STRING("g");
    CHECK(offset_delete_request_topics_array_alloc(&in->topics, arena, 1) == ERROR_NONE);
    in->topics.items[0].name = STRING("t");
    CHECK(offset_delete_request_topics_partitions_array_alloc(&in->topics.items[0].partitions,
                                                              arena, 1) == ERROR_NONE);
    CHECK(offset_delete_response_topics_array_alloc(&out->topics, arena, 1) == ERROR_NONE);
    CHECK(offset_delete_response_topics_partitions_array_alloc(&out->topics.items[0].partitions,
                                                               arena, 1) == ERROR_NONE);
    *remove = (struct group_offset_delete){
        .call = {.arena = arena, .done = on_group_deleted}, .in = in, .out = out};
    group_coordinator_delete_offsets(fixture->coordinator, remove);
    fixture_run(fixture);
    return out->error_code != KAFKA_ERROR_NONE
               ? out->error_code
               : out->topics.items[0].partitions.items[0].error_code;
}
