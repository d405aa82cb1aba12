/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lineage of a partition: at which offset each leader epoch began (KIP-101). Rows grow in both
 * columns; epochs that wrote nothing leave no row. Thread: the shard's own.
 */
#ifndef GYRE_SERVER_PARTITION_LEADER_EPOCHS_H
#define GYRE_SERVER_PARTITION_LEADER_EPOCHS_H

#include <stddef.h>
#include <stdint.h>

#include "gyre/base/error.h"

struct reader;
struct writer;

struct leader_epoch_row {
    int32_t epoch;
    int64_t start_offset;
};

struct leader_epochs {
    struct leader_epoch_row *rows; /* owned */
    size_t count;
    size_t capacity;
};

void leader_epochs_init(struct leader_epochs *epochs);
void leader_epochs_release(struct leader_epochs *epochs); /* empty afterwards, usable */

/* The entry applied at `offset` was written by this epoch. Known and older epochs change nothing.
 */
void leader_epochs_assign(struct leader_epochs *epochs, int32_t epoch, int64_t offset);

/* The log begins at `start_offset` now: keep what says who wrote it. */
void leader_epochs_trim(struct leader_epochs *epochs, int64_t start_offset);

int32_t leader_epochs_latest(const struct leader_epochs *epochs); /* -1: none */

/* The epoch that wrote `offset`; -1 if that is not known. */
int32_t leader_epochs_at(const struct leader_epochs *epochs, int64_t offset);

/* End of the largest epoch <= `epoch`, by Kafka's rules for what lies outside; (-1, -1): unknown.
 */
void leader_epochs_end_of(const struct leader_epochs *epochs, int32_t epoch, int64_t end_offset,
                          struct leader_epoch_row *out_end);

void leader_epochs_encode(const struct leader_epochs *epochs, struct writer *writer);
MUST_USE
enum error leader_epochs_decode(struct leader_epochs *epochs, struct reader *reader);

#endif
