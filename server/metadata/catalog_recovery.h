/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog of a stopped broker, from its Raft log alone. For the command that recovers a region
 * whose catalog has lost its majority: `gyred recover-catalog`.
 *
 * Thread: the shard's own. No callback runs inside the call that caused it.
 */
#ifndef GYRE_METADATA_CATALOG_RECOVERY_H
#define GYRE_METADATA_CATALOG_RECOVERY_H

#include "gyre/raft/consensus_recovery.h"

struct broker_config;
struct catalog_recovery;
struct storage;

struct catalog_recovery_services {
    struct loop *loop;
    struct storage *storage;
    const struct broker_config *config;
    int32_t node_id;
};

struct catalog_summary {
    struct consensus_copy copy;
    int32_t broker_count;
    int32_t topic_count;
    int64_t partition_count;
};

/* done(): CORRUPT: the copy is damaged. NULL: this broker has no copy. */
struct catalog_recovery *catalog_recovery_read(const struct catalog_recovery_services *services,
                                               void (*done)(void *context, enum error error),
                                               void *context);
void catalog_recovery_free(struct catalog_recovery *recovery); /* after done() */

/* After done(NONE). */
void catalog_recovery_summary(const struct catalog_recovery *recovery,
                              struct catalog_summary *out_summary);

/* Make this broker the catalog's only member. Returns the sequence of the catalog's log to wait
 * for; its context is the caller's to set. */
uint64_t catalog_recovery_take_over(struct catalog_recovery *recovery, void *log_context);

#endif
