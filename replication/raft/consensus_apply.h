/* SPDX-License-Identifier: Apache-2.0 */
/* What was decided reaches the state machine, in order; and so does who leads. */
#ifndef GYRE_CONSENSUS_APPLY_H
#define GYRE_CONSENSUS_APPLY_H

#include "consensus_private.h"

/* The deferred part of a group's work. True: there is more. The group may be gone. */
bool consensus_apply_run(struct consensus_group *group);

#endif
