/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One membership change or transfer of leadership at a time, at the leader.
 *
 *     node unknown:  ADD (as STANDBY) ──► CATCH_UP ──► PROMOTE ──► done
 *     transfer:      DRAIN (match == last) ──► ASKED ──► done, or DRAIN again
 */
#ifndef GYRE_CONSENSUS_CHANGE_H
#define GYRE_CONSENSUS_CHANGE_H

#include "consensus_private.h"

/* Go on if the log allows it. */
void consensus_change_advance(struct consensus_group *group);
/* We lead no longer: what runs ends. A transfer waits for the new leader's name. */
void consensus_change_leadership_lost(struct consensus_group *group);
void consensus_change_leader_known(struct consensus_group *group, int32_t leader);
/* Writes are refused while leadership moves. */
bool consensus_change_blocks_writes(const struct consensus_group *group);
/* The group is closed: nothing is reported any more. */
void consensus_change_drop(struct consensus_group *group);

#endif
