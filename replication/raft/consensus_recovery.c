/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/raft/consensus_recovery.h"

#include <stdlib.h>

#include "gyre/runtime/loop.h"

#include "consensus_configuration.h"
#include "consensus_lineage.h"

static const size_t READ_BYTES_MAX = 1024 * 1024;

struct consensus_recovery {
    struct partition_log *log;
    struct consensus_recovery_reader reader;
    struct consensus_copy copy;
    struct entries_read read;
    struct task begin;
};

static enum error take_members(struct consensus_recovery *recovery, struct buffer_slice bytes)
{
    struct consensus_configuration configuration;
    enum error error = consensus_configuration_decode(bytes, &configuration);

    if (error != ERROR_NONE) {
        return ERROR_CORRUPT;
    }
    for (int i = 0; i < configuration.count; i++) {
        recovery->copy.members[i] = configuration.members[i];
    }
    recovery->copy.member_count = configuration.count;
    return ERROR_NONE;
}

static enum error take_snapshot(struct consensus_recovery *recovery)
{
    const struct log_snapshot *snapshot = partition_log_snapshot(recovery->log);
    enum error error;

    if (partition_log_is_corrupt(recovery->log)) {
        return ERROR_CORRUPT;
    }
    if (snapshot->index == 0) {
        return ERROR_NONE;
    }
    error = take_members(recovery, snapshot->configuration);
    return error == ERROR_NONE ? recovery->reader.restore(recovery->reader.context, snapshot)
                               : error;
}

/* Takes the references. */
static enum error take_entries(struct consensus_recovery *recovery)
{
    struct entries_read *read = &recovery->read;
    enum error error = read->error;

    if (error == ERROR_NONE && read->entry_count == 0) {
        error = ERROR_CORRUPT;
    }
    for (int i = 0; i < read->entry_count && error == ERROR_NONE; i++) {
        if (read->entries[i].kind == ENTRY_CHANGE) {
            error = take_members(recovery, read->entries[i].payload);
        }
        recovery->reader.apply(recovery->reader.context, &read->entries[i]);
        read->from_index = read->entries[i].index + 1;
    }
    entries_read_release(read);
    return error;
}

static void advance(struct consensus_recovery *recovery, enum error error);

static void on_read(struct entries_read *read)
{
    struct consensus_recovery *recovery = CONTAINER_OF(read, struct consensus_recovery, read);

    advance(recovery, take_entries(recovery));
}

static void advance(struct consensus_recovery *recovery, enum error error)
{
    while (error == ERROR_NONE && recovery->read.from_index <= recovery->copy.last_index) {
        recovery->read.bytes_max = READ_BYTES_MAX;
        recovery->read.entry_count = 0;
        recovery->read.done = on_read;
        if (!partition_log_read_entries(recovery->log, &recovery->read)) {
            return;
        }
        error = take_entries(recovery);
    }
    recovery->reader.done(recovery->reader.context, error);
}

static void begin(struct task *task)
{
    struct consensus_recovery *recovery = CONTAINER_OF(task, struct consensus_recovery, begin);

    advance(recovery, take_snapshot(recovery));
}

struct consensus_recovery *consensus_recovery_read(struct loop *loop, struct partition_log *log,
                                                   const struct consensus_recovery_reader *reader)
{
    struct consensus_recovery *recovery = check_alloc_zero(sizeof *recovery);
    uint64_t last_index = partition_log_last_index(log);

    recovery->log = log;
    recovery->reader = *reader;
    recovery->copy.last_index = last_index;
    recovery->copy.last_term = partition_log_term_at(log, last_index);
    recovery->copy.lineage = lineage_of_log(log);
    recovery->read.from_index = partition_log_snapshot(log)->index + 1;
    task_init(&recovery->begin, begin);
    loop_defer(loop, &recovery->begin);
    return recovery;
}

const struct consensus_copy *consensus_recovery_copy(const struct consensus_recovery *recovery)
{
    return &recovery->copy;
}

void consensus_recovery_free(struct consensus_recovery *recovery)
{
    free(recovery);
}

uint64_t consensus_recovery_take_over(struct consensus_recovery *recovery, int32_t node,
                                      struct buffer *state)
{
    struct partition_log *log = recovery->log;
    struct consensus_configuration configuration = {
        .count = 1, .members = {{.node = node, .role = MEMBER_VOTER}}};
    uint64_t newest_term = partition_log_term(log);
    struct log_snapshot snapshot = {
        .index = recovery->copy.last_index + LINEAGE_INDEX_DISTANCE,
        .start_offset = partition_log_start_offset(log),
        .next_offset = partition_log_end_offset(log),
        .configuration = consensus_configuration_encode(&configuration),
        .state = {.buffer = state, .bytes = state->bytes, .length = state->size},
    };

    if (recovery->copy.last_term > newest_term) {
        newest_term = recovery->copy.last_term; /* recovered before, and not started since */
    }
    snapshot.term = lineage_first_term(lineage_of_term(newest_term) + 1);
    snapshot.configuration_index = snapshot.index;
    /* Nothing goes before the record that replaces it is there. The term follows at the next start.
     */
    (void)partition_log_install_start(log, recovery->copy.last_index, snapshot.start_offset);
    return partition_log_install_finish(log, &snapshot);
}
