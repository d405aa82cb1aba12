/* SPDX-License-Identifier: Apache-2.0 */
/* What a replica says of itself. */
#include "partition/partition_state.h"

void partition_status(const struct partition *partition, struct partition_status *out_status)
{
    *out_status = (struct partition_status){
        .leads = partition->leads,
        .will_lead = partition->consensus != NULL && consensus_will_lead(partition->consensus),
        .hands_over = partition->consensus != NULL && consensus_hands_over(partition->consensus),
        .leader = partition->leader,
        .leader_epoch = partition->leader_epoch,
        .log_start_offset = partition->log_start_offset,
        .high_watermark = partition->high_watermark,
        .last_stable_offset = partition->high_watermark, /* no transactions yet */
        .end_offset =
            partition->leads ? partition->next_offset : partition_log_end_offset(partition->log),
        .size_bytes = partition_log_size_bytes(partition->log),
    };
}

enum kafka_error partition_check_epoch(const struct partition *partition, int32_t epoch,
                                       bool must_lead)
{
    if (partition->is_failed) {
        return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    }
    if (epoch >= 0 && epoch < partition->leader_epoch) {
        return KAFKA_ERROR_FENCED_LEADER_EPOCH;
    }
    if (epoch >= 0 && epoch > partition->leader_epoch) {
        return KAFKA_ERROR_UNKNOWN_LEADER_EPOCH;
    }
    return must_lead && !partition->leads ? KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER : KAFKA_ERROR_NONE;
}

void partition_end_of_epoch(const struct partition *partition, int32_t epoch, int32_t *out_epoch,
                            int64_t *out_end_offset)
{
    /* The high watermark, not the end of the log: no client has read further. */
    int64_t end_offset = partition->high_watermark;
    int32_t latest = leader_epochs_latest(&partition->epochs);
    struct leader_epoch_row end;

    if (partition->leads && epoch == partition->leader_epoch) {
        *out_epoch = epoch; /* also while it has written nothing yet */
        *out_end_offset = end_offset;
        return;
    }
    if (partition->leads && epoch > latest && epoch >= 0 && epoch < partition->leader_epoch) {
        /* Kafka's leader has a row of its own epoch at once. Ours begins behind all there is, so
         * the epochs between wrote nothing and end with the last that did. */
        *out_epoch = latest < 0 ? epoch : latest;
        *out_end_offset = end_offset;
        return;
    }
    leader_epochs_end_of(&partition->epochs, epoch, end_offset, &end);
    *out_epoch = end.epoch;
    *out_end_offset = end.start_offset;
}
