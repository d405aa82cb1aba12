/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/catalog_recovery.h"

#include <stdlib.h>

#include "gyre/storage/storage.h"

#include "metadata/catalog_apply.h"
#include "metadata/catalog_rows.h"

struct catalog_recovery {
    struct catalog_recovery_services services;
    struct partition_log *log;
    struct consensus_recovery *consensus;
    struct catalog_state state;
    struct catalog_result result;
    void (*done)(void *context, enum error error);
    void *context;
};

static enum error on_restore(void *context, const struct log_snapshot *snapshot)
{
    struct catalog_recovery *recovery = context;

    if (snapshot->state.length > INT32_MAX) {
        return ERROR_CORRUPT;
    }
    return catalog_rows_restore(
        &recovery->state, (struct bytes){snapshot->state.bytes, (int32_t)snapshot->state.length},
        snapshot->index);
}

static void on_apply(void *context, const struct log_entry *entry)
{
    struct catalog_recovery *recovery = context;

    if (entry->kind == ENTRY_COMMAND) {
        catalog_apply(&recovery->state, entry->index,
                      (struct bytes){entry->payload.bytes, (int32_t)entry->payload.length},
                      &recovery->result);
    }
}

static void on_read(void *context, enum error error)
{
    struct catalog_recovery *recovery = context;

    recovery->done(recovery->context, error);
}

struct catalog_recovery *catalog_recovery_read(const struct catalog_recovery_services *services,
                                               void (*done)(void *context, enum error error),
                                               void *context)
{
    static const struct group_id group = {.partition = 0};
    struct partition_log *log = storage_find_log(services->storage, group);
    struct consensus_recovery_reader reader = {
        .restore = on_restore, .apply = on_apply, .done = on_read};
    struct catalog_recovery *recovery;

    if (log == NULL) {
        return NULL;
    }
    recovery = check_alloc_zero(sizeof *recovery);
    recovery->services = *services;
    recovery->log = log;
    recovery->done = done;
    recovery->context = context;
    catalog_state_init(&recovery->state, services->config, services->node_id);
    reader.context = recovery;
    recovery->consensus = consensus_recovery_read(services->loop, log, &reader);
    return recovery;
}

void catalog_recovery_free(struct catalog_recovery *recovery)
{
    if (recovery == NULL) {
        return;
    }
    consensus_recovery_free(recovery->consensus);
    catalog_state_release(&recovery->state);
    free(recovery);
}

void catalog_recovery_summary(const struct catalog_recovery *recovery,
                              struct catalog_summary *out_summary)
{
    *out_summary = (struct catalog_summary){
        .copy = *consensus_recovery_copy(recovery->consensus),
        .broker_count = (int32_t)recovery->state.brokers.count,
        .topic_count = (int32_t)recovery->state.topics_by_id.count,
        .partition_count = recovery->state.partition_count,
    };
}

uint64_t catalog_recovery_take_over(struct catalog_recovery *recovery, void *log_context)
{
    partition_log_set_context(recovery->log, log_context);
    return consensus_recovery_take_over(recovery->consensus, recovery->services.node_id,
                                        catalog_rows_snapshot(&recovery->state));
}
