/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upper bits of a term count how often an operator recovered the group from a single copy
 * (gyre/raft/consensus_recovery.h). Elections never come so far. Entries of a new lineage also
 * begin at an index that no log of the old one reaches, so the two are never compared entry by
 * entry.
 */
#ifndef GYRE_CONSENSUS_LINEAGE_H
#define GYRE_CONSENSUS_LINEAGE_H

#include "gyre/storage/partition_log.h"

enum { LINEAGE_TERM_BITS = 24 };
static const uint64_t LINEAGE_INDEX_DISTANCE = 1u << 24;

static inline uint64_t lineage_of_term(uint64_t term)
{
    return term >> LINEAGE_TERM_BITS;
}

static inline uint64_t lineage_first_term(uint64_t lineage)
{
    return lineage << LINEAGE_TERM_BITS;
}

/* 0 while the log is empty. */
static inline uint64_t lineage_of_log(const struct partition_log *log)
{
    return lineage_of_term(partition_log_term_at(log, partition_log_last_index(log)));
}

/* The group was recovered without what this log holds. */
static inline bool lineage_is_over(const struct partition_log *log, uint64_t term)
{
    return partition_log_last_index(log) > 0 && lineage_of_log(log) < lineage_of_term(term);
}

#endif
