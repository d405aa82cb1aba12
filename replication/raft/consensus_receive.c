/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from other replicas is checked, trimmed and held here before the engine sees it. */
#include <stdlib.h>

#include "consensus_feed.h"
#include "consensus_group.h"
#include "consensus_install.h"
#include "consensus_sleep.h"
#include "consensus_step.h"

static void release_entries(struct consensus_message *message, const struct consensus_step *step)
{
    for (int i = 0; i < message->entry_count; i++) {
        if (i < step->taken_from || i >= step->taken_from + step->taken_count) {
            buffer_slice_unref(&message->entries[i].payload);
        }
    }
    message->entry_count = 0;
}

static bool deliver(struct consensus_group *group, struct consensus_peer *peer,
                    struct raft_message *engine, struct consensus_step *step)
{
    char address[CONSENSUS_ENGINE_ADDRESS_BYTES];
    struct raft_event event = {.type = RAFT_RECEIVE, .receive = {.message = engine}};

    engine->server_id = consensus_engine_id(peer->node);
    consensus_engine_address(engine->server_id, address);
    engine->server_address = address;
    return consensus_step(group, &event, step);
}

/* ---- APPEND ---- */

/* Only what the engine reads: term and kind; a change in its own encoding (rule 9). */
static enum error entries_for_engine(struct consensus_group *group,
                                     const struct consensus_message *message,
                                     struct raft_entry *out_entries)
{
    struct consensus_configuration configuration;
    struct raft_configuration engine;
    struct raft_buffer buffer = {.base = NULL, .len = 0};

    (void)group;
    for (int i = 0; i < message->entry_count; i++) {
        const struct log_entry *entry = &message->entries[i];

        out_entries[i] = (struct raft_entry){.term = entry->term, .type = RAFT_COMMAND};
        if (entry->kind == ENTRY_BARRIER) {
            out_entries[i].type = RAFT_BARRIER;
        }
        if (entry->kind != ENTRY_CHANGE) {
            continue;
        }
        if (message->entry_count != 1 ||
            consensus_configuration_decode(entry->payload, &configuration) != ERROR_NONE) {
            return ERROR_MALFORMED;
        }
        consensus_configuration_to_engine(&configuration, &engine);
        CHECK(raft_configuration_encode(&engine, &buffer) == 0);
        raft_configuration_close(&engine);
        out_entries[i].type = RAFT_CHANGE;
        out_entries[i].buf = buffer;
    }
    if (message->entry_count > 0) {
        void *batch = buffer.base != NULL ? buffer.base : raft_malloc(1);

        for (int i = 0; i < message->entry_count; i++) {
            out_entries[i].batch = batch;
        }
    }
    return ERROR_NONE;
}

/*
 * Drop from the front what is committed here; it must be the same (rules 5 and 7). Where all of it
 * is, and so old that we know no terms of it, the engine gets an empty message, and *out_ack is
 * what we have: the committed prefix is the leader's too.
 */
static bool trim_committed(struct consensus_group *group, struct consensus_message *message,
                           int *out_skip, uint64_t *out_ack)
{
    uint64_t commit = raft_commit_index(&group->engine);
    int skip = 0;

    while (skip < message->entry_count && message->entries[skip].index <= commit) {
        uint64_t term = partition_log_term_at(group->log, message->entries[skip].index);

        if (term != 0 && term != message->entries[skip].term) {
            return false;
        }
        skip++;
    }
    if (skip > 0) {
        message->previous_term = message->entries[skip - 1].term;
        message->previous_index += (uint64_t)skip;
    }
    if (skip == message->entry_count && message->previous_index < commit &&
        message->previous_index > 0 &&
        partition_log_term_at(group->log, message->previous_index) == 0) {
        *out_ack = commit < group->engine.last_stored ? commit : group->engine.last_stored;
        message->previous_index = 0;
        message->previous_term = 0;
        message->commit = 0;
    }
    *out_skip = skip;
    return true;
}

static bool has_space_for(const struct consensus_group *group,
                          const struct consensus_message *message)
{
    size_t bytes = 0;

    for (int i = 0; i < message->entry_count; i++) {
        bytes += message->entries[i].payload.length;
    }
    return bytes == 0 || storage_has_space(group->consensus->storage, bytes) || MUTATION(22);
}

/* A replica that lost entries may vote again when it has what this leader has. */
void consensus_receive_maybe_vote_again(struct consensus_group *group, uint64_t leader_last_index)
{
    uint64_t bound =
        group->no_vote_below < leader_last_index ? group->no_vote_below : leader_last_index;

    if (group->state == GROUP_RUNNING && group->no_vote_below > 0 &&
        group->engine.state == RAFT_FOLLOWER && group->engine.follower_state.match >= bound &&
        group->engine.last_stored >= bound) {
        group->no_vote_below = 0;
    }
}

static void deliver_append(struct consensus_group *group, struct consensus_peer *peer,
                           const struct consensus_message *message, int skip, uint64_t ack)
{
    struct consensus_message rest = *message;
    struct raft_message engine = {.type = RAFT_APPEND_ENTRIES};
    struct consensus_step step = {
        .entries = message->entries + skip,
        .count = message->entry_count - skip,
        .first_index = message->previous_index + 1,
        .request_term = message->term,
        .ack_index = ack,
        .is_quiet = (message->flags & MESSAGE_FLAG_QUIET) != 0,
    };

    rest.entries += skip;
    rest.entry_count -= skip;
    engine.append_entries = (struct raft_append_entries){
        .term = message->term,
        .prev_log_index = message->previous_index,
        .prev_log_term = message->previous_term,
        .leader_commit = message->commit,
        .entries = group->consensus->engine_entries,
        .n_entries = (unsigned)rest.entry_count,
    };
    if (entries_for_engine(group, &rest, engine.append_entries.entries) == ERROR_NONE) {
        (void)deliver(group, peer, &engine, &step);
    }
    step.taken_from += skip;
    rest = *message;
    release_entries(&rest, &step);
}

static void note_leader(struct consensus_group *group, const struct consensus_peer *peer,
                        const struct consensus_message *message)
{
    if (group->state == GROUP_RUNNING && raft_current_term(&group->engine) == message->term &&
        group->engine.state == RAFT_FOLLOWER) {
        group->leader_heard_us = consensus_now_us(group->consensus);
        group->election_due_us = 0;
        group->election_attempts = 0;
        consensus_receive_maybe_vote_again(group, message->last_index);
        if (group->needs_refill && group->install == NULL && !MUTATION(26)) {
            consensus_install_begin(group, peer->node);
        }
    }
}

/* While it waits for an install, a replica says "here I am" and nothing else (rule 11). */
static void make_empty(struct consensus_message *message)
{
    release_entries(message, &(struct consensus_step){0});
    message->previous_index = 0;
    message->previous_term = 0;
    message->commit = 0;
}

static void hold_append(struct consensus_group *group, struct consensus_peer *peer,
                        const struct consensus_message *message)
{
    struct consensus_message *waiting = check_alloc(sizeof *waiting);

    *waiting = *message;
    waiting->entries = check_alloc((size_t)message->entry_count * sizeof *waiting->entries + 1);
    for (int i = 0; i < message->entry_count; i++) {
        waiting->entries[i] = message->entries[i];
    }
    group->waiting = waiting;
    group->waiting_peer = peer;
}

static void receive_append(struct consensus_group *group, struct consensus_peer *peer,
                           struct consensus_message *message)
{
    uint64_t term = raft_current_term(&group->engine);
    uint64_t ack = 0;
    int skip = 0;

    if (group->waiting != NULL) {
        release_entries(message, &(struct consensus_step){0});
        return;
    }
    /* A vote may have raised the term before. */
    if (message->term >= term && message->term > group->flights_term && group->flights.count > 0 &&
        !MUTATION(6)) {
        hold_append(group, peer, message);
        return;
    }
    if (message->term == term && group->engine.state == RAFT_LEADER) {
        release_entries(message, &(struct consensus_step){0});
        consensus_group_fail(group, "another replica leads in the same term");
        return;
    }
    if (group->install != NULL || group->needs_refill) {
        make_empty(message);
    } else if (!has_space_for(group, message)) {
        /* No acknowledgement: the leader repeats it until there is room. What it says is committed
         * may be among these, and less of it than we know. */
        release_entries(message, &(struct consensus_step){0});
        message->commit =
            message->commit < message->previous_index ? message->commit : message->previous_index;
    } else if (message->term >= term && !trim_committed(group, message, &skip, &ack)) {
        release_entries(message, &(struct consensus_step){0});
        consensus_group_fail(group, "the leader contradicts what is committed here");
        return;
    }
    consensus_throttle_received(group, message);
    deliver_append(group, peer, message, skip, ack);
    note_leader(group, peer, message);
}

void consensus_receive_waiting(struct consensus_group *group)
{
    struct consensus_message *waiting = group->waiting;

    if (waiting == NULL || group->flights.count > 0) {
        return;
    }
    group->waiting = NULL;
    if (group->state == GROUP_RUNNING) {
        receive_append(group, group->waiting_peer, waiting);
    } else {
        release_entries(waiting, &(struct consensus_step){0});
    }
    free(waiting->entries);
    free(waiting);
}

void consensus_receive_drop_waiting(struct consensus_group *group)
{
    if (group->waiting != NULL) {
        release_entries(group->waiting, &(struct consensus_step){0});
        free(group->waiting->entries);
        free(group->waiting);
        group->waiting = NULL;
    }
}

/* ---- the others ---- */

static void receive_ack(struct consensus_group *group, struct consensus_peer *peer,
                        const struct consensus_message *message)
{
    struct consensus_feed *feed = consensus_feed_find(group, peer->node);
    struct raft_message engine = {.type = RAFT_APPEND_ENTRIES_RESULT};

    if (group->engine.state != RAFT_LEADER || feed == NULL) {
        return;
    }
    feed->is_asked_to_rest = (message->flags & MESSAGE_FLAG_REST) != 0;
    if (message->rejected > 0) {
        consensus_feed_rejected(feed);
    }
    engine.append_entries_result = (struct raft_append_entries_result){
        .version = message->engine_version,
        .term = message->term,
        .rejected = message->rejected,
        .last_log_index = message->last_index,
        .features = message->features,
        .capacity = message->capacity,
    };
    if (deliver(group, peer, &engine, &(struct consensus_step){.request_term = message->term})) {
        feed = consensus_feed_find(group, peer->node);
        if (feed != NULL) {
            consensus_feed_acked(feed);
        }
        consensus_work_later(group);
    }
}

/* NULL: we are no member. */
static struct raft_server *find_ourselves(struct consensus_group *group)
{
    struct raft_configuration *members = &group->engine.configuration;

    for (unsigned i = 0; i < members->n; i++) {
        if (members->servers[i].id == group->engine.id) {
            return &members->servers[i];
        }
    }
    return NULL;
}

/*
 * The engine grants no vote where its configuration has it as a standby. But who has been made a
 * voter may not have heard of it, and with its leader gone nobody would ever be elected to tell it:
 * whom a vote counts for, the candidate knows. So while it considers one, a standby is a voter.
 */
static void deliver_vote(struct consensus_group *group, struct consensus_peer *peer,
                         struct raft_message *engine, struct consensus_step *step)
{
    struct raft_server *ourselves = find_ourselves(group);
    bool is_standby = ourselves != NULL && ourselves->role == RAFT_STANDBY;

    if (is_standby) {
        ourselves->role = RAFT_VOTER;
    }
    (void)deliver(group, peer, engine, step);
    ourselves = find_ourselves(group);
    if (is_standby && ourselves != NULL) {
        ourselves->role = RAFT_STANDBY;
    }
}

static void receive_vote(struct consensus_group *group, struct consensus_peer *peer,
                         const struct consensus_message *message)
{
    struct raft_message engine = {.type = RAFT_REQUEST_VOTE};

    if (!consensus_group_may_vote(group)) {
        return;
    }
    if (group->engine.state == RAFT_FOLLOWER &&
        group->engine.follower_state.current_leader.id != 0) {
        group->refused_us = consensus_now_us(group->consensus);
    }
    engine.request_vote = (struct raft_request_vote){
        .version = message->engine_version,
        .term = message->term,
        .candidate_id = consensus_engine_id(peer->node),
        .last_log_index = message->last_index,
        .last_log_term = message->last_term,
        .disrupt_leader = (message->flags & MESSAGE_FLAG_DISRUPT) != 0,
        .pre_vote = (message->flags & MESSAGE_FLAG_PRE_VOTE) != 0,
    };
    deliver_vote(group, peer, &engine, &(struct consensus_step){.request_term = message->term});
}

static void receive_voted(struct consensus_group *group, struct consensus_peer *peer,
                          const struct consensus_message *message)
{
    struct raft_message engine = {.type = RAFT_REQUEST_VOTE_RESULT};

    /* In other states the engine reads a candidate's fields that are not there. */
    if (group->engine.state != RAFT_CANDIDATE) {
        return;
    }
    engine.request_vote_result = (struct raft_request_vote_result){
        .version = message->engine_version,
        .term = message->term,
        .vote_granted = (message->flags & MESSAGE_FLAG_GRANTED) != 0,
        .pre_vote = (message->flags & MESSAGE_FLAG_PRE_VOTE) != 0,
        .features = message->features,
        .capacity = message->capacity,
    };
    (void)deliver(group, peer, &engine, &(struct consensus_step){0});
}

static void receive_timeout(struct consensus_group *group, struct consensus_peer *peer,
                            const struct consensus_message *message)
{
    struct raft_message engine = {.type = RAFT_TIMEOUT_NOW};

    if (!consensus_group_may_vote(group) || group->install != NULL) {
        return;
    }
    engine.timeout_now = (struct raft_timeout_now){
        .version = message->engine_version,
        .term = message->term,
        .last_log_index = message->last_index,
        .last_log_term = message->last_term,
    };
    (void)deliver(group, peer, &engine, &(struct consensus_step){0});
}

/* The engine is told of a living leader; the snapshot itself is pulled and then read from disk. */
static void receive_install(struct consensus_group *group, struct consensus_peer *peer,
                            struct consensus_message *message)
{
    uint64_t wanted_index = message->last_index;
    uint64_t wanted_term = message->last_term;

    if (group->install == NULL && !group->needs_refill &&
        (partition_log_snapshot(group->log)->index >= wanted_index ||
         partition_log_term_at(group->log, wanted_index) == wanted_term)) {
        /* We have all of it: say so in the words of an empty APPEND. */
        message->previous_index = wanted_index;
        message->previous_term = wanted_term;
    } else {
        message->previous_index = 0;
        message->previous_term = 0;
        group->install_wanted = true;
    }
    message->type = MESSAGE_APPEND;
    message->commit = 0;
    message->last_index = UINT64_MAX;
    message->entry_count = 0;
    receive_append(group, peer, message);
    if (group->install_wanted && group->state == GROUP_RUNNING && group->install == NULL &&
        consensus_group_leader(group) == peer->node) {
        consensus_install_begin(group, peer->node);
    }
    group->install_wanted = false;
}

void consensus_group_receive(struct consensus_group *group, struct consensus_peer *peer,
                             struct consensus_message *message)
{
    if (group->state != GROUP_RUNNING || message->term == 0) {
        release_entries(message, &(struct consensus_step){0});
        return;
    }
    if (message->type >= MESSAGE_SLEEP_ASK) {
        consensus_sleep_receive(group, peer, message);
        return;
    }
    consensus_sleep_wake(group);
    switch (message->type) {
    case MESSAGE_APPEND: receive_append(group, peer, message); break;
    case MESSAGE_ACK: receive_ack(group, peer, message); break;
    case MESSAGE_VOTE: receive_vote(group, peer, message); break;
    case MESSAGE_VOTED: receive_voted(group, peer, message); break;
    case MESSAGE_INSTALL: receive_install(group, peer, message); break;
    case MESSAGE_TIMEOUT: receive_timeout(group, peer, message); break;
    case MESSAGE_SLEEP_ASK:
    case MESSAGE_SLEEP_YES:
    case MESSAGE_SLEEP_NOW:
    case MESSAGE_WAKE:
    case MESSAGE_BEAT: break;
    }
}
