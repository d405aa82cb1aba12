/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group whose majority is lost for good, seen from the stopped node that still has a copy: what
 * the copy holds, and how it becomes a group of its own. For tools; no group is open meanwhile.
 *
 * The recovered group begins a new lineage: its terms and indexes lie beyond all that the lost
 * members can have reached. A replica whose log is of an older lineage than its term neither votes
 * nor leads, and it hears of the term with the first message that it exchanges with a member of the
 * new one. From then on it waits to be fed, and what it is fed is a snapshot that replaces all it
 * had.
 *
 * Thread: the shard's own. No callback runs inside the call that caused it.
 */
#ifndef GYRE_RAFT_CONSENSUS_RECOVERY_H
#define GYRE_RAFT_CONSENSUS_RECOVERY_H

#include "gyre/raft/consensus.h"

struct consensus_recovery;

/* What this copy says. All of its entries count as committed. */
struct consensus_copy {
    struct consensus_member members[CONSENSUS_MEMBERS_MAX];
    int member_count;
    uint64_t last_index;
    uint64_t last_term;
    uint64_t lineage; /* how often it has been recovered */
};

/* `context` is the owner's. */
struct consensus_recovery_reader {
    /* The snapshot, if there is one, before all entries. */
    enum error (*restore)(void *context, const struct log_snapshot *snapshot);
    /* Every entry behind it. */
    void (*apply)(void *context, const struct log_entry *entry);
    /* CORRUPT: the copy is damaged. */
    void (*done)(void *context, enum error error);
    void *context;
};

/* Read the copy from its beginning to its end. `log` is borrowed. */
struct consensus_recovery *consensus_recovery_read(struct loop *loop, struct partition_log *log,
                                                   const struct consensus_recovery_reader *reader);
/* After done(). */
const struct consensus_copy *consensus_recovery_copy(const struct consensus_recovery *recovery);
void consensus_recovery_free(struct consensus_recovery *recovery); /* after done() */

/*
 * Make `node` the only member of the group, a voter, with this state (one reference is taken).
 * Either all of it is on the disk or nothing. Returns the log's sequence to wait for.
 */
uint64_t consensus_recovery_take_over(struct consensus_recovery *recovery, int32_t node,
                                      struct buffer *state);

#endif
