/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of the engine and what it asks for, in the order that keeps the promises: term and vote,
 * entries, messages. Nothing here calls the engine again for the same group.
 */
#ifndef GYRE_CONSENSUS_STEP_H
#define GYRE_CONSENSUS_STEP_H

#include "consensus_peer.h"

/* What goes with an event beside what the engine is told. */
struct consensus_step {
    struct log_entry *entries; /* the event's entries, with their payloads */
    int count;
    uint64_t first_index;  /* index of entries[0] */
    uint64_t request_term; /* of the message that is answered; 0: none */
    uint64_t ack_index;    /* what the ACK says is here; 0: the engine's word */
    bool is_quiet;         /* no ACK is sent */
    int taken_from;        /* out: storage took the references of these */
    int taken_count;
};

/* False: the group failed. */
bool consensus_step(struct consensus_group *group, struct raft_event *event,
                    struct consensus_step *step);

/* Report to the engine what became durable, and send what waited for it. */
void consensus_step_durable(struct consensus_group *group, uint64_t sequence);
void consensus_step_drop_held(struct consensus_group *group);

uint64_t consensus_step_now_us(const struct consensus_group *group);
/* Move the group's clock to where the engine's election timer ends. */
void consensus_step_expire_timer(struct consensus_group *group);

#endif
