/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_step.h"

#include <stdlib.h>
#include <string.h>

#include "consensus_apply.h"
#include "consensus_confirm.h"
#include "consensus_feed.h"
#include "consensus_group.h"

/* A message that waits for a term or vote. Entries never do: who leads has voted long ago. */
struct held_message {
    struct list link;
    struct consensus_peer *peer; /* borrowed: peers live as long as the shard */
    struct consensus_message message;
};

/* ---- time ---- */

uint64_t consensus_step_now_us(const struct consensus_group *group)
{
    uint64_t now_us = group->is_asleep ? group->slept_at_us : consensus_now_us(group->consensus);
    uint64_t frozen_us = MUTATION(18) ? 0 : group->frozen_us;

    return now_us - frozen_us + group->advanced_us;
}

/* Never 0, which the engine takes for "not yet". */
static raft_time engine_time(const struct consensus_group *group)
{
    return consensus_step_now_us(group) / 1000 + 1;
}

void consensus_step_expire_timer(struct consensus_group *group)
{
    raft_time due = raft_timeout(&group->engine);
    raft_time now = engine_time(group);

    if (due > now) {
        group->advanced_us += (due - now) * 1000;
    }
}

/* ---- appends on their way to the disk ---- */

static struct consensus_flight *flight_at(struct consensus_flights *flights, unsigned position)
{
    return &flights->items[(flights->front + position) & (flights->capacity - 1)];
}

static void flights_grow(struct consensus_flights *flights)
{
    unsigned capacity = flights->capacity == 0 ? 8 : flights->capacity * 2;
    struct consensus_flight *items = check_alloc(capacity * sizeof *items);

    for (unsigned i = 0; i < flights->count; i++) {
        items[i] = *flight_at(flights, i);
    }
    free(flights->items);
    *flights = (struct consensus_flights){
        .items = items, .capacity = capacity, .front = 0, .count = flights->count};
}

static void flights_add(struct consensus_group *group, uint64_t sequence, uint64_t last_index,
                        uint64_t term)
{
    struct consensus_flights *flights = &group->flights;

    if (flights->count == flights->capacity) {
        flights_grow(flights);
    }
    flights->count++;
    group->flights_term = raft_current_term(&group->engine);
    *flight_at(flights, flights->count - 1) =
        (struct consensus_flight){.sequence = sequence, .last_index = last_index, .term = term};
}

/* ---- carrying out ---- */

static void write_term_and_vote(struct consensus_group *group)
{
    if (MUTATION(2)) {
        return;
    }
    group->vote_sequence = partition_log_set_term_vote(
        group->log, raft_current_term(&group->engine), raft_voted_for(&group->engine));
}

/* Do the offsets continue ours? They come from a peer. */
static bool offsets_continue(const struct consensus_group *group, const struct log_entry *entries,
                             unsigned count)
{
    int64_t expected = partition_log_end_offset(group->log);

    for (unsigned i = 0; i < count; i++) {
        if (entries[i].base_offset != expected) {
            return false;
        }
        expected += entries[i].offset_count;
    }
    return true;
}

static bool append_entries(struct consensus_group *group, const struct raft_update *update,
                           struct consensus_step *step)
{
    struct log_entry barrier = {.kind = ENTRY_BARRIER};
    struct log_entry *entries = &barrier;
    uint64_t first = update->entries.index;
    unsigned count = update->entries.n;
    uint64_t last_index = first + count - 1;
    int64_t next_offset;

    if (update->entries.batch != &group->engine.barrier) {
        CHECK(first >= step->first_index);
        step->taken_from = (int)(first - step->first_index);
        step->taken_count = (int)count;
        CHECK(step->taken_from + step->taken_count <= step->count);
        entries = &step->entries[step->taken_from];
    }
    if (first <= consensus_group_last_index(group)) {
        (void)partition_log_truncate(group->log, first);
        group->consensus->stats.truncations++;
    }
    next_offset = partition_log_end_offset(group->log);
    for (unsigned i = 0; i < count; i++) {
        entries[i].index = first + i;
        entries[i].term = update->entries.batch[i].term;
        if (entries[i].kind != ENTRY_BATCH && step->request_term == 0) {
            entries[i].base_offset = next_offset;
        }
        next_offset = entries[i].base_offset + entries[i].offset_count;
    }
    raft_free(update->entries.batch[0].batch);
    if (MUTATION(8)) {
        raft_free(update->entries.batch[0].batch);
    }
    if (step->request_term != 0 && !offsets_continue(group, entries, count)) {
        step->taken_count = 0;
        return false;
    }
    flights_add(group, partition_log_append(group->log, entries, (int)count), last_index,
                update->entries.batch[count - 1].term);
    if (group->engine.state == RAFT_LEADER && update->entries.batch[0].type == RAFT_BARRIER) {
        group->barrier_index = first;
    }
    return true;
}

static void note_state(struct consensus_group *group, bool members_moved)
{
    bool is_leader = group->engine.state == RAFT_LEADER;
    bool is_new = is_leader && !group->is_elected;

    if (is_new) {
        group->is_elected = true;
        group->next_tick_us =
            consensus_now_us(group->consensus) + group->consensus->options.tick_us;
        group->election_due_us = 0;
        group->election_attempts = 0;
        group->no_vote_below = 0;
        group->consensus->stats.elections++;
    }
    if (is_new || (is_leader && members_moved)) {
        consensus_feed_arrange(group);
    }
    if (!is_leader && group->is_elected) {
        group->is_elected = false;
        group->barrier_index = 0;
        group->open_bytes = 0;
        consensus_feed_release_all(group);
        consensus_confirm_refuse_all(group);
    }
}

static void post_ack(const struct raft_append_entries_result *result,
                     const struct consensus_step *step, struct consensus_message *message)
{
    message->type = MESSAGE_ACK;
    message->engine_version = result->version;
    message->term = result->term;
    message->rejected = result->rejected;
    message->last_index = result->last_log_index;
    message->features = result->features;
    message->capacity = result->capacity;
    if (step->ack_index != 0 && result->rejected == 0) {
        message->last_index = step->ack_index;
    }
    /* Fault N19: a request of an older term is answered with a number that was never set. */
    if (step->request_term != 0 && step->request_term < result->term) {
        message->last_index = MUTATION(19) ? INT64_MAX : 0;
    }
}

static void post_vote(const struct raft_request_vote *vote, struct consensus_message *message)
{
    message->type = MESSAGE_VOTE;
    message->engine_version = vote->version;
    message->term = vote->term;
    message->last_index = vote->last_log_index;
    message->last_term = vote->last_log_term;
    message->flags = (uint8_t)((vote->disrupt_leader ? MESSAGE_FLAG_DISRUPT : 0) |
                               (vote->pre_vote ? MESSAGE_FLAG_PRE_VOTE : 0));
}

static void post_voted(const struct raft_request_vote_result *result,
                       const struct consensus_step *step, uint64_t term,
                       struct consensus_message *message)
{
    message->type = MESSAGE_VOTED;
    message->engine_version = result->version;
    message->term = result->term;
    message->features = result->features;
    message->capacity = result->capacity;
    message->flags = (uint8_t)((result->vote_granted ? MESSAGE_FLAG_GRANTED : 0) |
                               (result->pre_vote ? MESSAGE_FLAG_PRE_VOTE : 0));
    /* The engine answers a mere question in the term that was asked for. A candidate with all
     * entries and an old term would ask for ever, if another that has few is in a newer term. */
    if (result->pre_vote && !result->vote_granted && step->request_term < term && !MUTATION(27)) {
        message->term = term;
    }
}

static void carry_out_message(struct consensus_group *group, const struct raft_message *engine,
                              const struct consensus_step *step)
{
    struct consensus_message message = {.group = group->id};
    struct consensus_peer *peer;

    if (engine->server_id == 0) {
        return;
    }
    peer = consensus_peer_get(group->consensus, consensus_engine_node(engine->server_id));
    switch (engine->type) {
    case RAFT_APPEND_ENTRIES: {
        struct consensus_feed *feed = consensus_feed_find(group, peer->node);

        if (feed != NULL) {
            consensus_feed_append(feed, engine->append_entries.prev_log_index,
                                  engine->append_entries.prev_log_term,
                                  engine->append_entries.n_entries);
        }
        return;
    }
    case RAFT_APPEND_ENTRIES_RESULT:
        if (step->is_quiet) {
            return;
        }
        post_ack(&engine->append_entries_result, step, &message);
        message.flags = consensus_throttle_asks_for_rest(group) ? MESSAGE_FLAG_REST : 0;
        if (MUTATION(7) && message.rejected == 0) {
            message.last_index = consensus_group_last_index(group);
        }
        break;
    case RAFT_REQUEST_VOTE: post_vote(&engine->request_vote, &message); break;
    case RAFT_REQUEST_VOTE_RESULT:
        post_voted(&engine->request_vote_result, step, raft_current_term(&group->engine), &message);
        break;
    case RAFT_INSTALL_SNAPSHOT:
        message.type = MESSAGE_INSTALL;
        message.term = engine->install_snapshot.term;
        message.last_index = engine->install_snapshot.last_index;
        message.last_term = engine->install_snapshot.last_term;
        break;
    case RAFT_TIMEOUT_NOW:
        message.type = MESSAGE_TIMEOUT;
        message.term = engine->timeout_now.term;
        message.last_index = engine->timeout_now.last_log_index;
        message.last_term = engine->timeout_now.last_log_term;
        break;
    }
    consensus_group_post(group, peer, &message);
}

/* Is there something for the deferred part? */
static void look_for_work(struct consensus_group *group)
{
    if (consensus_group_apply_limit(group) > group->applied_index ||
        group->is_elected != group->leads || consensus_group_leader(group) != group->told_leader ||
        (group->told_leader != -1 && raft_current_term(&group->engine) != group->told_term)) {
        consensus_work_later(group);
    }
}

bool consensus_step(struct consensus_group *group, struct raft_event *event,
                    struct consensus_step *step)
{
    struct raft_update update = {0};
    bool was_change;

    CHECK(group->state == GROUP_RUNNING);
    event->time = engine_time(group);
    if (raft_step(&group->engine, event, &update) != 0) {
        consensus_group_fail(group, "the log contradicts what is committed");
        return false;
    }
    if (MUTATION(1)) {
        struct consensus_group *running = group->consensus->running;

        group->consensus->running = group;
        (void)consensus_apply_run(group);
        group->consensus->running = running;
    }
    was_change =
        (update.flags & (RAFT_UPDATE_ENTRIES)) != 0 && update.entries.batch[0].type == RAFT_CHANGE;
    if ((update.flags & (RAFT_UPDATE_CURRENT_TERM)) != 0 ||
        (update.flags & (RAFT_UPDATE_VOTED_FOR)) != 0) {
        write_term_and_vote(group);
    }
    if ((update.flags & (RAFT_UPDATE_ENTRIES)) != 0 && !append_entries(group, &update, step)) {
        consensus_group_fail(group, "the leader's offsets do not continue ours");
        return false;
    }
    note_state(group, was_change);
    if ((update.flags & (RAFT_UPDATE_MESSAGES)) != 0) {
        for (unsigned i = 0; i < update.messages.n; i++) {
            carry_out_message(group, &update.messages.batch[i], step);
        }
    }
    look_for_work(group);
    return true;
}

/* ---- messages that wait ---- */

void consensus_group_post(struct consensus_group *group, struct consensus_peer *peer,
                          const struct consensus_message *message)
{
    struct held_message *held;

    if (group->durable_sequence >= group->vote_sequence || MUTATION(3) ||
        (message->type == MESSAGE_ACK && MUTATION(6))) {
        consensus_peer_send(peer, message);
        return;
    }
    CHECK(message->entry_count == 0);
    held = check_alloc(sizeof *held);
    *held = (struct held_message){.peer = peer, .message = *message};
    list_append(&group->held, &held->link);
}

void consensus_step_drop_held(struct consensus_group *group)
{
    list_for_each_safe(link, &group->held) {
        list_remove(link);
        free(list_entry(link, struct held_message, link));
    }
}

static void send_held(struct consensus_group *group)
{
    if (group->durable_sequence < group->vote_sequence) {
        return;
    }
    list_for_each_safe(link, &group->held) {
        struct held_message *held = list_entry(link, struct held_message, link);

        list_remove(link);
        consensus_peer_send(held->peer, &held->message);
        free(held);
    }
}

/* Highest index that is durable and still is what was written (rule 4). */
static uint64_t take_landed(struct consensus_group *group)
{
    struct consensus_flights *flights = &group->flights;
    uint64_t index = 0;

    while (flights->count > 0 &&
           (flight_at(flights, 0)->sequence <= group->durable_sequence || MUTATION(5))) {
        const struct consensus_flight *flight = flight_at(flights, 0);

        if (partition_log_term_at(group->log, flight->last_index) == flight->term || MUTATION(6)) {
            index = MUTATION(4) ? consensus_group_last_index(group) : flight->last_index;
        }
        flights->front = (flights->front + 1) & (flights->capacity - 1);
        flights->count--;
    }
    return index;
}

void consensus_step_durable(struct consensus_group *group, uint64_t sequence)
{
    struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES};

    group->durable_sequence = sequence;
    send_held(group);
    event.persisted_entries.index = take_landed(group);
    if (group->state == GROUP_RUNNING && group->engine.state != RAFT_CANDIDATE &&
        event.persisted_entries.index > group->engine.last_stored) {
        (void)consensus_step(group, &event, &(struct consensus_step){0});
    }
}
