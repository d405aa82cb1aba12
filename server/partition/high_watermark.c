/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The high watermark is the end of what was applied: consensus applies at a leader what a majority
 * has, at a follower what is committed and durable here as well. It never goes back.
 */
#include "gyre/base/check.h"
#include "gyre/wire/record_batch.h"

#include "partition/partition_state.h"

static void note_bytes(struct partition *partition, const struct log_entry *entry)
{
    if (partition->history == NULL) {
        partition->history = check_alloc_zero(sizeof *partition->history);
    }
    byte_history_add(partition->history, entry->base_offset,
                     entry->base_offset + entry->offset_count, (int64_t)entry->payload.length);
}

void high_watermark_apply(struct partition *partition, const struct log_entry *entry)
{
    int32_t epoch = partition->epoch_base + (int32_t)entry->term;
    int64_t end = entry->base_offset + entry->offset_count;
    struct record_batch_info info;

    if (entry->kind != ENTRY_BATCH) {
        return;
    }
    leader_epochs_assign(&partition->epochs, epoch, entry->base_offset);
    /* After a restart entries are applied anew, also those with deleted records: what was deleted
     * was committed, so the high watermark began at the log's start. */
    CHECK(entry->base_offset >= partition->high_watermark ||
          entry->base_offset < partition->log_start_offset);
    if (end > partition->high_watermark) {
        partition->high_watermark = end;
    }
    note_bytes(partition, entry);
    if (record_batch_parse(entry->payload.bytes, entry->payload.length, &info) == ERROR_NONE &&
        info.producer_id > RECORD_BATCH_NO_PRODUCER && !info.is_control) {
        producer_state_apply(&partition->producers, &info, entry->base_offset);
    }
    partition_table_mark_changed(partition);
}

/* min.insync.replicas, but no more than there are replicas, as in Kafka. Who is fed and does not
 * vote yet is none of them. */
static int replicas_needed(const struct partition *partition, const struct member_progress *members,
                           int count)
{
    int voters = 0;

    for (int i = 0; i < count; i++) {
        voters += members[i].role == MEMBER_VOTER ? 1 : 0;
    }
    return partition->config.min_insync_replicas < voters ? partition->config.min_insync_replicas
                                                          : voters;
}

bool high_watermark_has_matches(const struct partition *partition, uint64_t index)
{
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    int count = consensus_members(partition->consensus, members);
    int matches = 0;

    for (int i = 0; i < count; i++) {
        if (members[i].node == partition->table->services.node_id ||
            members[i].match_index >= index) {
            matches++;
        }
    }
    return matches >= replicas_needed(partition, members, count);
}

static int find_in_sync(const struct partition *partition, const struct member_progress *members,
                        int count, int32_t out_nodes[CONSENSUS_MEMBERS_MAX])
{
    uint64_t last_index = partition_log_last_index(partition->log);
    int in_sync = 0;

    for (int i = 0; i < count; i++) {
        bool is_self = members[i].node == partition->table->services.node_id;

        /* Who is fed and does not vote yet is not in sync, however short the log is. */
        if (is_self || (members[i].is_live && members[i].role == MEMBER_VOTER &&
                        members[i].match_index + PARTITION_IN_SYNC_ENTRIES >= last_index)) {
            out_nodes[in_sync++] = members[i].node;
        }
    }
    return in_sync;
}

int partition_in_sync(const struct partition *partition, int32_t out_nodes[CONSENSUS_MEMBERS_MAX])
{
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    int count = consensus_members(partition->consensus, members);

    return find_in_sync(partition, members, count, out_nodes);
}

bool high_watermark_has_replicas(const struct partition *partition)
{
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    int32_t nodes[CONSENSUS_MEMBERS_MAX];
    int count = consensus_members(partition->consensus, members);

    return find_in_sync(partition, members, count, nodes) >=
           replicas_needed(partition, members, count);
}
