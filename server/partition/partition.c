/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine that consensus drives, and the life of a replica. */
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/observe/log.h"
#include "gyre/storage/storage.h"

#include "partition/partition_state.h"

static void tell_leader(struct partition *partition)
{
    list_for_each_safe(link, &partition->table->listeners) {
        const struct partition_listener *listener =
            list_entry(link, struct partition_listener, link);

        if (listener->leader_changed != NULL) {
            listener->leader_changed(listener->context, partition, partition->leader,
                                     partition->leader_epoch);
        }
    }
}

static void fail(struct partition *partition, const char *reason)
{
    char topic[UUID_TEXT_LENGTH + 1];

    uuid_format(partition->group.topic, topic);
    log_error(LOG_PARTITION, "replica stopped", field_string("topic_id", topic),
              field_i64("partition", partition->group.partition), field_string("reason", reason));
    partition->is_failed = true;
    partition->leads = false;
    append_fail_all(partition, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    log_start_fail_all(partition, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    partition_table_mark_changed(partition);
}

static void apply_epoch_base(struct partition *partition, int32_t epoch_base)
{
    if (epoch_base <= partition->epoch_base) {
        return;
    }
    partition->epoch_base = epoch_base;
    if (partition->leads) {
        partition->leader_epoch = epoch_base + (int32_t)partition->term;
        tell_leader(partition);
    }
    partition_table_mark_changed(partition);
}

static void apply_command(struct partition *partition, const struct log_entry *entry)
{
    struct partition_command command;
    enum error error =
        partition_command_decode(entry->payload.bytes, entry->payload.length, &command);

    if (error != ERROR_NONE) {
        fail(partition, error == ERROR_VERSION ? "a command is newer than this program"
                                               : "a command does not follow the format");
        return;
    }
    switch (command.type) {
    case COMMAND_LOG_START: log_start_apply(partition, &command, entry->index); break;
    case COMMAND_EPOCH_BASE: apply_epoch_base(partition, command.epoch_base); break;
    case COMMAND_PRODUCER_EXPIRY:
        producer_state_tick(&partition->producers, command.now_ms, command.expiration_ms);
        break;
    }
}

static void on_apply(void *context, const struct log_entry *entry)
{
    struct partition *partition = context;

    if (partition->is_failed) {
        return;
    }
    high_watermark_apply(partition, entry);
    switch (entry->kind) {
    case ENTRY_BATCH: append_applied(partition, entry); break;
    case ENTRY_COMMAND: apply_command(partition, entry); break;
    case ENTRY_BARRIER:
    case ENTRY_CHANGE: break;
    }
    append_confirm(partition, entry->index);
    if (partition->leads &&
        !(list_is_empty(&partition->queue) && list_is_empty(&partition->prepared) &&
          list_is_empty(&partition->truncates) && list_is_empty(&partition->doubted))) {
        loop_defer(partition->table->services.loop, &partition->submit);
    }
}

static void on_lead(void *context, uint64_t term)
{
    struct partition *partition = context;

    if (partition->is_failed) {
        return;
    }
    CHECK(list_is_empty(&partition->inflight));
    partition->term = term;
    partition->leads = true;
    partition->refusal = KAFKA_ERROR_NONE;
    partition->leader = partition->table->services.node_id;
    partition->leader_epoch = partition->epoch_base + (int32_t)term;
    partition->next_offset = partition->high_watermark;
    CHECK(partition_log_end_offset(partition->log) == partition->next_offset);
    if (!list_is_empty(&partition->queue)) {
        loop_defer(partition->table->services.loop, &partition->submit);
    }
    list_for_each_safe(link, &partition->table->listeners) {
        const struct partition_listener *listener =
            list_entry(link, struct partition_listener, link);

        if (listener->lead != NULL) {
            listener->lead(listener->context, partition, partition->leader_epoch);
        }
    }
    partition_table_mark_changed(partition);
}

static void announce_follow(struct partition *partition)
{
    list_for_each_safe(link, &partition->table->listeners) {
        const struct partition_listener *listener =
            list_entry(link, struct partition_listener, link);

        if (listener->follow != NULL) {
            listener->follow(listener->context, partition);
        }
    }
}

static void on_follow(void *context)
{
    struct partition *partition = context;

    partition->leads = false;
    if (partition->leader == partition->table->services.node_id) {
        partition->leader = -1;
    }
    append_fail_all(partition, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    log_start_fail_all(partition, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    announce_follow(partition);
    partition_table_mark_changed(partition);
}

static void on_leader_changed(void *context, int32_t node, uint64_t term)
{
    struct partition *partition = context;
    int32_t epoch = partition->epoch_base + (int32_t)term;

    partition->leader = node;
    if (node >= 0 && epoch > partition->leader_epoch) {
        partition->leader_epoch = epoch;
    }
    if (!partition->leads && !consensus_will_lead(partition->consensus)) {
        /* Elected and deposed again before it led: what waited for that goes elsewhere. */
        append_fail_all(partition, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    }
    tell_leader(partition);
    partition_table_mark_changed(partition);
}

static struct buffer *on_take_snapshot(void *context)
{
    return partition_snapshot_encode(context);
}

static int64_t on_start_offset(void *context)
{
    return ((struct partition *)context)->log_start_offset;
}

static enum error on_restore(void *context, const struct log_snapshot *snapshot)
{
    struct partition *partition = context;
    enum error error = partition_snapshot_decode(partition, snapshot);

    if (error != ERROR_NONE) {
        fail(partition, error == ERROR_VERSION ? "the snapshot is newer than this program"
                                               : "the snapshot does not follow the format");
        return ERROR_CORRUPT;
    }
    free(partition->history);
    partition->history = NULL;
    partition_log_set_start_offset(partition->log, partition->log_start_offset);
    partition_table_mark_changed(partition);
    return ERROR_NONE;
}

static void on_progressed(void *context)
{
    append_check_matches(context);
}

static void on_members_changed(void *context, const struct consensus_member *members, int count)
{
    struct partition *partition = context;

    (void)members;
    (void)count;
    append_check_matches(partition);
    list_for_each_safe(link, &partition->table->listeners) {
        const struct partition_listener *listener =
            list_entry(link, struct partition_listener, link);

        if (listener->members_changed != NULL) {
            listener->members_changed(listener->context, partition);
        }
    }
}

static void on_failed(void *context, const char *reason)
{
    fail(context, reason);
}

static const struct state_machine machine = {
    .apply = on_apply,
    .lead = on_lead,
    .follow = on_follow,
    .leader_changed = on_leader_changed,
    .take_snapshot = on_take_snapshot,
    .start_offset = on_start_offset,
    .restore = on_restore,
    .progressed = on_progressed,
    .members_changed = on_members_changed,
    .failed = on_failed,
};

static void set_log_options(const struct partition *partition)
{
    const struct topic_config *config = &partition->config;
    const struct log_options options = {
        .durability = config->is_memory_durable ? LOG_DURABILITY_MEMORY : LOG_DURABILITY_FSYNC,
        .segment_bytes = config->segment_bytes,
        .segment_ms = config->segment_ms,
        .index_interval_bytes = config->index_interval_bytes,
    };

    partition_log_set_options(partition->log, &options);
}

static void run_submit(struct task *task)
{
    struct partition *partition = CONTAINER_OF(task, struct partition, submit);

    append_submit(partition);
    log_start_retry(partition);
}

static struct partition *partition_new(struct partition_table *table, struct group_id group,
                                       const struct topic_config *config)
{
    struct partition *partition = check_alloc_zero(sizeof *partition);

    partition->table = table;
    partition->group = group;
    partition->storage = table->services.storage;
    partition->config = *config;
    partition->leader = -1;
    partition->leader_epoch = -1;
    list_init(&partition->changed);
    list_init(&partition->busy);
    list_init(&partition->truncates);
    list_init(&partition->waiters);
    leader_epochs_init(&partition->epochs);
    producer_state_init(&partition->producers);
    append_init(partition);
    task_init(&partition->submit, run_submit);
    return partition;
}

void partition_free(struct partition *partition)
{
    list_remove(&partition->busy);
    producer_overlay_release(&partition->overlay);
    leader_epochs_release(&partition->epochs);
    producer_state_release(&partition->producers);
    free(partition->history);
    free(partition);
}

enum error partition_open(struct partition_table *table, struct group_id group,
                          const struct consensus_member *members, int count,
                          const struct topic_config *config, struct partition **out_partition)
{
    struct partition *partition;
    enum error error;

    if (partition_find(table, group) != NULL) {
        return ERROR_EXISTS;
    }
    partition = partition_new(table, group, config);
    partition->log = storage_find_log(partition->storage, group);
    if (partition->log == NULL) {
        partition->log = storage_create_log(partition->storage, group);
    }
    set_log_options(partition);
    /* As of the snapshot, not of the files: what moved the start since is replayed too. */
    partition->log_start_offset = partition_log_snapshot(partition->log)->start_offset;
    partition->high_watermark = partition_log_snapshot(partition->log)->next_offset;
    error = consensus_open_group(table->services.consensus, partition->log, members, count,
                                 &machine, partition, &partition->consensus);
    if (error != ERROR_NONE) {
        partition_free(partition);
        return error;
    }
    map_insert(&table->by_group, &partition->by_group, group_id_hash(group));
    *out_partition = partition;
    return ERROR_NONE;
}

void partition_close(struct partition *partition, bool remove_data)
{
    struct partition_table *table = partition->table;
    bool led = partition->leads;

    CHECK(!partition->is_closed);
    consensus_close_group(partition->consensus);
    partition->consensus = NULL;
    partition->is_closed = true;
    partition->leads = false;
    if (remove_data) {
        /* At once, whoever reads: a replica that is opened here again begins with nothing. */
        storage_remove_log(partition->storage, partition->log);
        partition->log = NULL;
    }
    append_fail_all(partition, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    log_start_fail_all(partition, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    if (led) {
        announce_follow(partition);
    }
    task_cancel(&partition->submit);
    map_remove(&table->by_group, &partition->by_group);
    list_remove(&partition->changed);
    list_remove(&partition->busy);
    if (!list_is_empty(&partition->waiters)) {
        list_append_all(&table->orphans, &partition->waiters);
        loop_defer(table->services.loop, &table->wake);
    }
    if (partition->open_reads == 0) {
        partition_free(partition);
    } else {
        list_append(&table->closing, &partition->busy);
    }
}

void partition_after_read(struct partition *partition)
{
    CHECK(partition->open_reads > 0);
    partition->open_reads--;
    if (partition->is_closed && partition->open_reads == 0) {
        partition_free(partition);
    }
}

void partition_set_config(struct partition *partition, const struct topic_config *config)
{
    partition->config = *config;
    set_log_options(partition);
}

const struct topic_config *partition_config(const struct partition *partition)
{
    return &partition->config;
}

struct group_id partition_group(const struct partition *partition)
{
    return partition->group;
}

struct consensus_group *partition_consensus(struct partition *partition)
{
    return partition->consensus;
}
