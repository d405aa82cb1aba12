/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a leader asks the others before it refills a member whose log was damaged.
 *
 * Damage may have taken the newest term, the vote and entries that this member acknowledged. A
 * leader of an older term, which that member would have refused, is then believed by it; refilled
 * by such a leader and acknowledging to it, it would help to decide anew what was decided. So a
 * damaged replica stores nothing of a leader that has not proved, after it was asked, that a
 * majority which does not count the damaged one knows no newer term. Every majority that the
 * damaged one helped to make has a member there, which remembers for it.
 *
 * Time proves nothing: a process may be stopped for long, and go on leading for a moment. An
 * acknowledgement would not either: it may have been on its way since before. These are questions
 * of their own, each with its answer.
 *
 *     RPC_CONFIRM_TERM  asks   16 topic, i32 partition, u64 term
 *                       tells  nothing; AGAIN: it knows a newer one, or cannot say
 */
#ifndef GYRE_CONSENSUS_CONFIRM_H
#define GYRE_CONSENSUS_CONFIRM_H

#include "consensus_private.h"

enum { CONFIRM_ASK_BYTES = 28 };

/* What waits for it, a request for a state: it is given, by the group as it is then, or refused. */
typedef void (*consensus_confirm_give)(struct consensus *consensus, struct rpc_request request,
                                       struct buffer_slice body);

/* `body` begins as the question does. The leader's; give() may come before this returns. */
void consensus_confirm(struct consensus_group *group, struct rpc_request request,
                       struct buffer_slice body, consensus_confirm_give give);
void consensus_confirm_serve(struct consensus *consensus);

#endif
