/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands at the leader: the log start moves forward by retention and DeleteRecords, producers
 * age. Files go later, when a durable snapshot names the new start.
 */
#include "gyre/base/buffer.h"
#include "gyre/base/check.h"

#include "partition/partition_state.h"

enum { PRODUCER_EXPIRATION_DEFAULT_MS = 24 * 60 * 60 * 1000 };

static enum error submit(struct partition *partition, const struct partition_command *command,
                         uint64_t *out_index)
{
    struct buffer *payload = partition_command_encode(command);
    struct log_entry entry = {
        .kind = ENTRY_COMMAND,
        .base_offset = append_submit_offset(partition),
        .payload = buffer_slice(payload, 0, payload->size),
    };
    enum error error;

    buffer_unref(payload);
    if (!list_is_empty(&partition->prepared)) {
        buffer_slice_unref(&entry.payload);
        return ERROR_BUSY; /* batches wait for room already */
    }
    error = consensus_submit(partition->consensus, &entry, 1);
    if (error == ERROR_NONE) {
        *out_index = entry.index;
    }
    return error;
}

enum error log_start_submit_unchanged(struct partition *partition, uint64_t *out_index)
{
    const struct partition_command command = {.type = COMMAND_LOG_START,
                                              .offset = partition->log_start_offset};

    return submit(partition, &command, out_index);
}

/* Without an answer to wait for: what is refused now is proposed again in the next round. */
static bool propose(struct partition *partition, const struct partition_command *command)
{
    uint64_t index;

    return submit(partition, command, &index) == ERROR_NONE;
}

static void finish(struct partition_truncate *truncate, struct partition *partition,
                   enum kafka_error error)
{
    list_remove(&truncate->link);
    truncate->low_watermark = error == KAFKA_ERROR_NONE ? partition->log_start_offset : -1;
    partition_table_complete_truncate(partition->table, truncate, error);
}

/* BUSY leaves it for the next apply. */
static void submit_truncate(struct partition *partition, struct partition_truncate *truncate)
{
    struct partition_command command = {.type = COMMAND_LOG_START, .offset = truncate->offset};
    enum error error = submit(partition, &command, &truncate->private_index);

    if (error == ERROR_NO_SPACE) {
        finish(truncate, partition, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    } else if (error != ERROR_NONE && error != ERROR_BUSY) {
        finish(truncate, partition, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    }
}

static enum kafka_error check_truncate(const struct partition *partition,
                                       struct partition_truncate *truncate)
{
    if (partition->is_failed) {
        return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    }
    if (!partition->leads) {
        return KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    }
    if (!partition->config.cleanup_delete) {
        return KAFKA_ERROR_POLICY_VIOLATION;
    }
    if (truncate->offset == -1) {
        truncate->offset = partition->high_watermark;
    }
    if (truncate->offset < 0 || truncate->offset > partition->high_watermark) {
        return KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    }
    return KAFKA_ERROR_NONE;
}

void partition_delete_records(struct partition *partition, struct partition_truncate *truncate)
{
    enum kafka_error error = check_truncate(partition, truncate);

    list_init(&truncate->link);
    truncate->private_index = 0;
    truncate->private_deadline_us =
        loop_now_us(partition->table->services.loop) + truncate->timeout_us;
    if (error != KAFKA_ERROR_NONE || truncate->offset <= partition->log_start_offset) {
        finish(truncate, partition, error);
        return;
    }
    list_append(&partition->truncates, &truncate->link);
    partition_table_mark_busy(partition);
    submit_truncate(partition, truncate);
}

void log_start_retry(struct partition *partition)
{
    list_for_each_safe(link, &partition->truncates) {
        struct partition_truncate *truncate = list_entry(link, struct partition_truncate, link);

        if (truncate->private_index == 0) {
            submit_truncate(partition, truncate);
        }
    }
}

static void advance(struct partition *partition, int64_t offset)
{
    if (offset <= partition->log_start_offset) {
        return;
    }
    CHECK(offset <= partition->high_watermark);
    partition->log_start_offset = offset;
    partition->needs_snapshot = true;
    leader_epochs_trim(&partition->epochs, offset);
    partition_log_set_start_offset(partition->log, offset);
}

void log_start_apply(struct partition *partition, const struct partition_command *command,
                     uint64_t index)
{
    advance(partition, command->offset);
    partition->retention_is_proposed = false;
    list_for_each_safe(link, &partition->truncates) {
        struct partition_truncate *truncate = list_entry(link, struct partition_truncate, link);

        if (truncate->private_index == index) {
            finish(truncate, partition, KAFKA_ERROR_NONE);
        }
    }
}

void log_start_expire(struct partition *partition, uint64_t now_us)
{
    list_for_each_safe(link, &partition->truncates) {
        struct partition_truncate *truncate = list_entry(link, struct partition_truncate, link);

        if (truncate->private_deadline_us <= now_us) {
            finish(truncate, partition, KAFKA_ERROR_REQUEST_TIMED_OUT);
        }
    }
}

void log_start_fail_all(struct partition *partition, enum kafka_error error)
{
    while (!list_is_empty(&partition->truncates)) {
        finish(list_first(&partition->truncates, struct partition_truncate, link), partition,
               error);
    }
    partition->retention_is_proposed = false;
}

void partition_apply_retention(struct partition *partition, int64_t now_ms)
{
    const struct topic_config *config = &partition->config;
    struct partition_command command = {.type = COMMAND_LOG_START};

    if (!partition->leads || !config->cleanup_delete || partition->retention_is_proposed) {
        return;
    }
    command.offset = partition_log_retention_offset(partition->log, now_ms, config->retention_ms,
                                                    config->retention_bytes);
    if (command.offset > partition->high_watermark) {
        command.offset = partition->high_watermark;
    }
    if (command.offset > partition->log_start_offset && propose(partition, &command)) {
        partition->retention_is_proposed = true;
    }
}

void log_start_expire_producers(struct partition *partition, int64_t now_ms)
{
    struct partition_command command = {
        .type = COMMAND_PRODUCER_EXPIRY,
        .now_ms = now_ms,
        .expiration_ms = partition->table->services.producer_expiration_ms,
    };

    if (command.expiration_ms == 0) {
        command.expiration_ms = PRODUCER_EXPIRATION_DEFAULT_MS;
    }
    if (partition->leads &&
        producer_state_needs_tick(&partition->producers, now_ms, command.expiration_ms)) {
        (void)propose(partition, &command);
    }
}
