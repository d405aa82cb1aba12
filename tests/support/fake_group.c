/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_group.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/storage/storage.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_batch_builder.h"

static struct fake_group *current; /* one group a process: the calls below know no other */

/* ---- storage ---- */

struct partition_log *storage_find_log(const struct storage *storage, struct group_id group)
{
    (void)storage;
    (void)group;
    return current->group == NULL ? NULL : current->group->log;
}

struct partition_log *storage_create_log(struct storage *storage, struct group_id group)
{
    struct partition_log *log = check_alloc_zero(sizeof *log);

    (void)storage;
    log->group = group;
    return log;
}

void storage_remove_log(struct storage *storage, struct partition_log *log)
{
    (void)storage;
    for (uint64_t i = 0; i < log->count; i++) {
        buffer_slice_unref(&log->entries[i].payload);
    }
    free(log);
}

bool storage_has_space(struct storage *storage, size_t bytes)
{
    (void)storage;
    (void)bytes;
    return current->has_space;
}

/* ---- partition log ---- */

void partition_log_set_options(struct partition_log *log, const struct log_options *options)
{
    (void)log;
    (void)options;
}

uint64_t partition_log_last_index(const struct partition_log *log)
{
    return log->count;
}

int64_t partition_log_start_offset(const struct partition_log *log)
{
    return log->start_offset;
}

const struct log_snapshot *partition_log_snapshot(const struct partition_log *log)
{
    static const struct log_snapshot none;

    (void)log;
    return &none;
}

int64_t partition_log_end_offset(const struct partition_log *log)
{
    const struct log_entry *last;

    if (log->count == 0) {
        return 0;
    }
    last = &log->entries[log->count - 1];
    return last->base_offset + last->offset_count;
}

int64_t partition_log_size_bytes(const struct partition_log *log)
{
    int64_t bytes = 0;

    for (uint64_t i = 0; i < log->count; i++) {
        bytes += (int64_t)log->entries[i].payload.length;
    }
    return bytes;
}

void partition_log_set_start_offset(struct partition_log *log, int64_t offset)
{
    log->start_offset = offset;
}

int64_t partition_log_retention_offset(const struct partition_log *log, int64_t now_ms,
                                       int64_t retention_ms, int64_t retention_bytes)
{
    (void)now_ms;
    (void)retention_ms;
    (void)retention_bytes;
    return log->retention_offset;
}

static void read_now(const struct partition_log *log, struct batches_read *read)
{
    read->slice_count = 0;
    read->bytes = 0;
    read->error = ERROR_NONE;
    for (uint64_t i = 0; i < log->count; i++) {
        const struct log_entry *entry = &log->entries[i];
        int64_t end = entry->base_offset + entry->offset_count;

        if (entry->kind != ENTRY_BATCH || end <= read->offset || end > read->limit_offset ||
            read->slice_count == BATCHES_READ_SLICES_MAX) {
            continue;
        }
        if (read->bytes + entry->payload.length > read->bytes_max &&
            !(read->at_least_one && read->slice_count == 0)) {
            return;
        }
        read->slices[read->slice_count++] = buffer_slice_ref(entry->payload);
        read->bytes += entry->payload.length;
    }
}

bool partition_log_read_batches(struct partition_log *log, struct batches_read *read)
{
    if (log->reads_late) {
        log->late_read = read;
        return false;
    }
    read_now(log, read);
    return true;
}

void batches_read_release(struct batches_read *read)
{
    for (int i = 0; i < read->slice_count; i++) {
        buffer_slice_unref(&read->slices[i]);
    }
    read->slice_count = 0;
}

static bool find(const struct partition_log *log, struct time_search *search, int64_t timestamp_ms)
{
    search->error = ERROR_NONE;
    search->batch = (struct buffer_slice){0};
    for (uint64_t i = 0; i < log->count; i++) {
        const struct log_entry *entry = &log->entries[i];

        if (entry->kind == ENTRY_BATCH &&
            entry->base_offset + entry->offset_count > search->from_offset &&
            entry->base_offset < search->limit_offset &&
            record_batch_max_timestamp_ms(entry->payload.bytes) >= timestamp_ms) {
            search->batch = buffer_slice_ref(entry->payload);
            return true;
        }
    }
    return true;
}

bool partition_log_find_time(struct partition_log *log, struct time_search *search)
{
    return find(log, search, search->timestamp_ms);
}

bool partition_log_find_max_time(struct partition_log *log, struct time_search *search)
{
    int64_t largest = -1;

    for (uint64_t i = 0; i < log->count; i++) {
        const struct log_entry *entry = &log->entries[i];

        if (entry->kind == ENTRY_BATCH && entry->base_offset < search->limit_offset &&
            record_batch_max_timestamp_ms(entry->payload.bytes) > largest) {
            largest = record_batch_max_timestamp_ms(entry->payload.bytes);
        }
    }
    return find(log, search, largest);
}

/* ---- consensus ---- */

enum error consensus_open_group(struct consensus *consensus, struct partition_log *log,
                                const struct consensus_member *members, int count,
                                const struct state_machine *machine, void *context,
                                struct consensus_group **out_group)
{
    struct consensus_group *group = check_alloc_zero(sizeof *group);

    (void)consensus;
    (void)members;
    (void)count;
    group->log = log;
    group->machine = machine;
    group->context = context;
    group->leader = -1;
    for (int i = 0; i < 3; i++) {
        group->is_live[i] = true;
    }
    current->group = group;
    *out_group = group;
    return ERROR_NONE;
}

void consensus_close_group(struct consensus_group *group)
{
    current->group = NULL;
    free(group);
}

static void append(struct partition_log *log, const struct log_entry *entry)
{
    CHECK(log->count < FAKE_GROUP_ENTRIES_MAX);
    CHECK(entry->base_offset == partition_log_end_offset(log));
    log->entries[log->count++] = *entry;
}

enum error consensus_submit(struct consensus_group *group, struct log_entry *entries, int count)
{
    enum error error = group->submit_error;

    if (error == ERROR_NONE && !group->leads) {
        error = ERROR_NOT_LEADER;
    }
    if (error == ERROR_NONE && group->room > 0 &&
        group->log->count - group->applied + (uint64_t)count > group->room) {
        error = ERROR_BUSY;
    }
    for (int i = 0; i < count; i++) {
        if (error != ERROR_NONE) {
            buffer_slice_unref(&entries[i].payload);
            continue;
        }
        entries[i].index = group->log->count + 1;
        entries[i].term = group->term;
        append(group->log, &entries[i]);
    }
    return error;
}

bool consensus_will_lead(const struct consensus_group *group)
{
    return group->will_lead;
}

bool consensus_hands_over(const struct consensus_group *group)
{
    return group->submit_error == ERROR_STATE;
}

int32_t consensus_leader(const struct consensus_group *group)
{
    return group->leader;
}

int consensus_members(const struct consensus_group *group, struct member_progress *out_members)
{
    for (int i = 0; i < 3; i++) {
        out_members[i] = (struct member_progress){.node = i + 1,
                                                  .role = MEMBER_VOTER,
                                                  .match_index = group->match[i],
                                                  .is_live = group->is_live[i]};
    }
    return 3;
}

void consensus_snapshot(struct consensus_group *group, consensus_done done, void *context)
{
    CHECK(done == NULL);
    (void)context;
    group->snapshots++;
}

/* ---- the test's hand ---- */

static uint64_t monotonic_us(const struct clock *clock)
{
    return CONTAINER_OF(clock, const struct fake_group, clock)->now_us;
}

static int64_t wall_ms(const struct clock *clock)
{
    return (int64_t)(CONTAINER_OF(clock, const struct fake_group, clock)->now_us / 1000);
}

struct pooled {
    struct list link;
    struct work *work;
};

static void pool_submit(struct work_pool *pool, struct work *work)
{
    struct fake_group *fake = CONTAINER_OF(pool, struct fake_group, pool);
    struct pooled *pooled = check_alloc_zero(sizeof *pooled);

    pooled->work = work;
    list_append(&fake->works, &pooled->link);
}

static const struct work_pool_operations pool_operations = {.submit = pool_submit};

static void open_partition(struct fake_group *fake)
{
    const struct group_id group = {.topic = {.bytes = {1}}, .partition = 0};
    const struct consensus_member members[] = {
        {.node = 1, .role = MEMBER_VOTER},
        {.node = 2, .role = MEMBER_VOTER},
        {.node = 3, .role = MEMBER_VOTER},
    };
    enum error error =
        partition_open(fake->table, group, members, 3, &fake->config, &fake->partition);

    CHECK(error == ERROR_NONE);
}

void fake_group_init(struct fake_group *fake)
{
    struct partition_services services;

    memset(fake, 0, sizeof *fake);
    current = fake;
    fake->clock = (struct clock){.monotonic_us = monotonic_us, .wall_ms = wall_ms};
    fake->now_us = 1000000;
    fake->has_space = true;
    fake->pool.operations = &pool_operations;
    list_init(&fake->works);
    loop_init(&fake->loop, &fake->clock);
    fake->config = (struct topic_config){
        .cleanup_delete = true,
        .compression = TOPIC_COMPRESSION_PRODUCER,
        .max_message_bytes = 1 << 20,
        .min_insync_replicas = 1,
        .segment_bytes = 1 << 30,
        .retention_ms = -1,
        .retention_bytes = -1,
        .timestamp_before_max_ms = INT64_MAX,
        .timestamp_after_max_ms = INT64_MAX,
    };
    services = (struct partition_services){
        .loop = &fake->loop, .pool = &fake->pool, .node_id = FAKE_GROUP_NODE};
    fake->table = partition_table_new(&services);
    open_partition(fake);
}

void fake_group_release(struct fake_group *fake)
{
    fake_group_turn(fake);
    if (fake->partition != NULL) {
        partition_close(fake->partition, true);
    }
    partition_table_free(fake->table);
    loop_release(&fake->loop);
}

void fake_group_turn(struct fake_group *fake)
{
    (void)loop_turn(&fake->loop);
    while (!list_is_empty(&fake->works)) {
        struct pooled *pooled = list_first(&fake->works, struct pooled, link);
        struct work *work = pooled->work;

        list_remove(&pooled->link);
        free(pooled);
        work->run(work);
        work->done(work);
        (void)loop_turn(&fake->loop);
    }
}

void fake_group_pass(struct fake_group *fake, uint64_t us)
{
    fake->now_us += us;
    fake_group_turn(fake);
}

static void apply_next(struct consensus_group *group)
{
    const struct log_entry *entry = &group->log->entries[group->applied];

    group->applied++;
    group->match[0] = group->log->count;
    if (entry->kind == ENTRY_BATCH || entry->kind == ENTRY_COMMAND) { /* as consensus does */
        group->machine->apply(group->context, entry);
    }
}

void fake_group_commit_one(struct fake_group *fake)
{
    apply_next(fake->group);
    fake_group_turn(fake);
}

void fake_group_commit(struct fake_group *fake)
{
    fake_group_turn(fake);
    while (fake->group->applied < fake->group->log->count) {
        fake_group_commit_one(fake);
    }
}

void fake_group_replicate(struct fake_group *fake, uint64_t term, enum entry_kind kind,
                          struct buffer_slice payload, int32_t offset_count)
{
    struct log_entry entry = {
        .index = fake->group->log->count + 1,
        .term = term,
        .kind = kind,
        .offset_count = offset_count,
        .base_offset = partition_log_end_offset(fake->group->log),
        .payload = payload,
    };

    if (kind == ENTRY_BATCH) {
        record_batch_set_base_offset(payload.bytes, entry.base_offset);
    }
    append(fake->group->log, &entry);
    fake_group_commit(fake);
}

void fake_group_elect(struct fake_group *fake)
{
    fake->group->will_lead = true;
}

void fake_group_lead(struct fake_group *fake, uint64_t term)
{
    struct consensus_group *group = fake->group;

    group->leader = FAKE_GROUP_NODE;
    group->term = term;
    fake_group_replicate(fake, term, ENTRY_BARRIER, (struct buffer_slice){0}, 0);
    group->leads = true;
    group->will_lead = false;
    group->machine->lead(group->context, term);
    group->machine->leader_changed(group->context, FAKE_GROUP_NODE, term);
    fake_group_turn(fake);
}

void fake_group_follow(struct fake_group *fake, int32_t leader, uint64_t term)
{
    struct consensus_group *group = fake->group;
    struct partition_log *log = group->log;

    group->will_lead = false;
    if (group->leads) {
        group->leads = false;
        while (log->count > group->applied) { /* the new leader does not have them */
            buffer_slice_unref(&log->entries[--log->count].payload);
        }
        group->machine->follow(group->context);
    }
    group->leader = leader;
    group->term = term;
    group->machine->leader_changed(group->context, leader, term);
    fake_group_turn(fake);
}

void fake_group_match(struct fake_group *fake, int32_t node, uint64_t index)
{
    fake->group->match[node - 1] = index;
    fake->group->machine->progressed(fake->group->context);
    fake_group_turn(fake);
}

void fake_group_restart_from_snapshot(struct fake_group *fake)
{
    struct consensus_group *group = fake->group;
    struct partition_log *log = group->log;
    struct log_snapshot snapshot = {
        .index = group->applied,
        .start_offset = group->machine->start_offset(group->context),
        .next_offset = partition_log_end_offset(log),
    };
    struct buffer *state = group->machine->take_snapshot(group->context);
    uint64_t applied = group->applied;
    enum error error;

    snapshot.state = buffer_slice(state, 0, state->size);
    buffer_unref(state);
    partition_close(fake->partition, false);
    current->group = &(struct consensus_group){.log = log}; /* what storage_find_log() finds */
    open_partition(fake);
    fake->group->applied = applied;
    error = fake->group->machine->restore(fake->group->context, &snapshot);
    CHECK(error == ERROR_NONE);
    buffer_slice_unref(&snapshot.state);
    fake_group_turn(fake);
}

void fake_group_restart_from_log(struct fake_group *fake)
{
    struct partition_log *log = fake->group->log;

    partition_close(fake->partition, false);
    current->group = &(struct consensus_group){.log = log}; /* what storage_find_log() finds */
    open_partition(fake);
    fake_group_commit(fake);
}

void fake_group_finish_read(struct fake_group *fake)
{
    struct partition_log *log = fake->group->log;
    struct batches_read *read = log->late_read;

    CHECK(read != NULL);
    log->late_read = NULL;
    read_now(log, read);
    read->done(read);
    fake_group_turn(fake);
}

struct buffer *fake_group_batch(int count, size_t value_bytes, int64_t producer_id, int16_t epoch,
                                int32_t base_sequence)
{
    struct record_batch_builder builder;
    struct buffer *batch;
    char *value = check_alloc_zero(value_bytes + 1);
    enum error error = ERROR_NONE;

    record_batch_builder_init(&builder, 1 << 24);
    builder.producer_id = producer_id;
    builder.producer_epoch = epoch;
    builder.base_sequence = base_sequence;
    for (int i = 0; i < count && error == ERROR_NONE; i++) {
        const struct record record = {
            .timestamp_ms = 1000 + i,
            .key = STRING("key"),
            .value = {.bytes = value, .length = (int32_t)value_bytes},
        };

        error = record_batch_builder_append(&builder, &record);
    }
    CHECK(error == ERROR_NONE);
    error = record_batch_builder_finish(&builder, &batch);
    CHECK(error == ERROR_NONE);
    record_batch_builder_release(&builder);
    free(value);
    return batch;
}
