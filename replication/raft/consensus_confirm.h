/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a leader proves before it refills a member whose log was damaged.
 *
 * Damage may have taken the newest term, the vote and entries that this member acknowledged. A
 * leader of an older term, which that member would have refused, is then believed by it; refilled
 * by such a leader and acknowledging to it, it would help to decide anew what was decided. A vote
 * of before the damage may still be on its way, too, to a candidate that nobody here has heard of.
 *
 * So a damaged replica stores nothing of a leader that has not committed an entry of its own which
 * it wrote after it was asked. The damaged one holds nothing meanwhile and does not count for it: a
 * majority without it knew no newer term when it took this entry, and votes for nobody from then on
 * who has not got it. Every majority that the damaged one helped to make, or still helps to make
 * by what it sent before, needs a member of that one; and whoever it voted for stood for election
 * before the entry was there, and has not got it.
 *
 * Neither time nor an acknowledgement proves that: a process may be stopped for long and go on
 * leading for a moment, and acknowledgements may have been on their way since before.
 */
#ifndef GYRE_CONSENSUS_CONFIRM_H
#define GYRE_CONSENSUS_CONFIRM_H

#include "consensus_private.h"

/* What waits for it, a request for a state: it is given, by the group as it is then, or refused
 * with AGAIN. */
typedef void (*consensus_confirm_give)(struct consensus *consensus, struct rpc_request request,
                                       struct buffer_slice body);

/* The leader's; give() may come before this returns. One a peer waits, the newest. */
void consensus_confirm(struct consensus_group *group, struct rpc_request request,
                       struct buffer_slice body, consensus_confirm_give give);
/* The commit index may have moved. */
void consensus_confirm_advance(struct consensus_group *group);
/* We lead no longer. */
void consensus_confirm_refuse_all(struct consensus_group *group);
/* The group is closed, perhaps because the process ends: who asked gives up by itself. */
void consensus_confirm_drop_all(struct consensus_group *group);

#endif
