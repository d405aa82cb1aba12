/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "consensus_confirm.h"
#include "consensus_feed.h"
#include "consensus_group.h"
#include "consensus_sleep.h"

enum { PIN_US = 30 * 1000 * 1000 };

struct snapshot_waiter {
    struct list link;
    consensus_done done;
    void *context;
};

/* Held for a member that pulls, until it has not asked for a while. */
struct pull_pin {
    struct list link; /* in consensus->pins */
    struct consensus_group *group;
    int32_t peer;
    uint64_t expires_us;
    struct log_pin pin;
};

/* ---- taking ---- */

/* A leader applies what others have on disk. Its own snapshot must not promise more than its disk
 * holds: a batch that goes around the journal may be lost though the snapshot's record is not. */
static bool is_stored(const struct consensus_group *group)
{
    return group->applied_index <= group->engine.last_stored;
}

/* A large state is not written anew for a little that came after it. */
static uint64_t bytes_until_snapshot(const struct log_snapshot *last)
{
    uint64_t bytes = CONSENSUS_SNAPSHOT_BYTES_MIN +
                     (uint64_t)last->state.length * CONSENSUS_SNAPSHOT_STATE_SHARE;

    return bytes < CONSENSUS_SNAPSHOT_BYTES ? bytes : CONSENSUS_SNAPSHOT_BYTES;
}

static bool is_time(const struct consensus_group *group)
{
    const struct log_snapshot *last = partition_log_snapshot(group->log);
    uint64_t index = last->index;
    uint64_t fresh =
        group->applied_index - (index < group->applied_index ? index : group->applied_index);

    return fresh > 0 &&
           (group->snapshot_wanted || fresh >= group->consensus->options.snapshot_entries ||
            group->applied_bytes >= bytes_until_snapshot(last));
}

static void answer_waiters(struct consensus_group *group, enum error error)
{
    struct consensus *consensus = group->consensus;
    struct list waiters;

    list_init(&waiters);
    list_append_all(&waiters, &group->snapshot_waiters);
    while (!list_is_empty(&waiters)) {
        struct snapshot_waiter *waiter = list_first(&waiters, struct snapshot_waiter, link);

        list_remove(&waiter->link);
        if (consensus->running == group) {
            waiter->done(waiter->context, error);
        }
        free(waiter);
    }
}

static void take(struct consensus_group *group)
{
    struct consensus_configuration configuration = group->configuration;
    struct buffer *state = group->machine.take_snapshot(group->context);
    struct log_snapshot snapshot = {
        .index = group->applied_index,
        .term = partition_log_term_at(group->log, group->applied_index),
        .next_offset = group->applied_offset,
        .configuration_index = group->configuration_index,
    };

    CHECK(snapshot.term != 0);
    snapshot.start_offset = group->machine.start_offset(group->context);
    configuration.no_vote_below = group->no_vote_below;
    snapshot.configuration = consensus_configuration_encode(&configuration);
    if (state != NULL) {
        snapshot.state =
            (struct buffer_slice){.buffer = state, .bytes = state->bytes, .length = state->size};
    }
    group->snapshot_wanted = false;
    group->applied_bytes = 0;
    group->snapshot_index = snapshot.index;
    group->snapshot_sequence = partition_log_set_snapshot(group->log, &snapshot);
    group->consensus->stats.snapshots_taken++;
}

void consensus_snapshot_consider(struct consensus_group *group)
{
    if (group->state != GROUP_RUNNING || group->snapshot_sequence != 0 || group->install != NULL ||
        group->needs_refill || !group->is_restored) {
        return;
    }
    if (!is_time(group)) {
        if (group->wants_cut && group->leads &&
            group->applied_index == consensus_group_last_index(group) &&
            group->engine.leader_state.transferee == 0) {
            /* The engine cuts at a newer snapshot only: give it something to cover. */
            struct log_entry barrier = {.kind = ENTRY_BARRIER};

            consensus_group_submit(group, &barrier, 1);
            return;
        }
        group->snapshot_wanted = false;
        answer_waiters(group, ERROR_NONE);
        return;
    }
    if (is_stored(group)) {
        take(group);
    }
}

void consensus_snapshot_durable(struct consensus_group *group)
{
    uint64_t trailing = group->wants_cut ? 0 : group->consensus->options.snapshot_entries;

    if (group->state == GROUP_RUNNING && is_time(group)) {
        consensus_work_later(group);
    }
    if (group->snapshot_sequence == 0 || group->durable_sequence < group->snapshot_sequence) {
        return;
    }
    group->snapshot_sequence = 0;
    group->wants_cut = false;
    if (group->state == GROUP_RUNNING) {
        consensus_group_confirm_snapshot(group, trailing);
        if (group->snapshot_index > trailing) {
            partition_log_forget(group->log, group->snapshot_index - trailing);
        }
    }
    consensus_work_later(group);
}

void consensus_snapshot(struct consensus_group *group, consensus_done done, void *context)
{
    group->snapshot_wanted = true;
    if (done != NULL) {
        struct snapshot_waiter *waiter = check_alloc(sizeof *waiter);

        waiter->done = done;
        waiter->context = context;
        list_append(&group->snapshot_waiters, &waiter->link);
    }
    consensus_work_later(group);
}

void consensus_prepare_stop(struct consensus *consensus)
{
    map_for_each(link, &consensus->groups) {
        struct consensus_group *group = CONTAINER_OF(link, struct consensus_group, by_id);

        if (group->applied_bytes >= CONSENSUS_SNAPSHOT_STOP_BYTES) {
            consensus_snapshot(group, NULL, NULL);
        }
    }
}

void consensus_snapshot_cut(struct consensus_group *group)
{
    group->wants_cut = true;
    group->snapshot_wanted = true;
    consensus_work_later(group);
}

/* ---- giving ---- */

static void drop_pin(struct pull_pin *pin)
{
    partition_log_unpin(pin->group->log, &pin->pin);
    list_remove(&pin->link);
    free(pin);
}

void consensus_snapshot_expire_pins(struct consensus *consensus)
{
    uint64_t now_us = consensus_now_us(consensus);

    list_for_each_safe(link, &consensus->pins) {
        struct pull_pin *pin = list_entry(link, struct pull_pin, link);

        if (now_us >= pin->expires_us) {
            drop_pin(pin);
        }
    }
}

void consensus_snapshot_cancel(struct consensus_group *group)
{
    list_for_each_safe(link, &group->consensus->pins) {
        struct pull_pin *pin = list_entry(link, struct pull_pin, link);

        if (pin->group == group) {
            drop_pin(pin);
        }
    }
    list_for_each_safe(waiter_link, &group->snapshot_waiters) {
        list_remove(waiter_link);
        free(list_entry(waiter_link, struct snapshot_waiter, link));
    }
}

/* The snapshot that is given may begin before the log does by now. */
static int64_t given_from(const struct consensus_group *group)
{
    int64_t snapshot = partition_log_snapshot(group->log)->start_offset;
    int64_t log = partition_log_start_offset(group->log);

    return snapshot < log ? snapshot : log;
}

static void renew_pin(struct consensus_group *group, int32_t peer)
{
    uint64_t expires_us = consensus_now_us(group->consensus) + PIN_US;
    struct pull_pin *pin;

    list_for_each(link, &group->consensus->pins) {
        pin = list_entry(link, struct pull_pin, link);
        if (pin->group == group && pin->peer == peer) {
            pin->expires_us = expires_us;
            return;
        }
    }
    pin = check_alloc_zero(sizeof *pin);
    *pin = (struct pull_pin){.group = group, .peer = peer, .expires_us = expires_us};
    list_init(&pin->pin.link);
    pin->pin.offset = given_from(group);
    list_append(&group->consensus->pins, &pin->link);
    partition_log_pin(group->log, &pin->pin);
}

static struct consensus_group *group_of_request(struct consensus *consensus, const char *bytes)
{
    struct group_id id;

    memcpy(id.topic.bytes, bytes, sizeof id.topic.bytes);
    memcpy(&id.partition, bytes + 16, sizeof id.partition);
    return consensus_find_group(consensus, id);
}

static void refuse(struct rpc_request request, enum error error)
{
    rpc_answer(request, error, (struct buffer_slice){0});
}

/*
 * A member that lost entries needs a snapshot behind all it ever acknowledged to us: the engine
 * would otherwise believe that it still has them.
 */
static bool covers_match(struct consensus_group *group, int32_t peer)
{
    const struct consensus_feed *feed = consensus_feed_find(group, peer);
    uint64_t match = feed == NULL ? 0 : feed->match_index;
    uint64_t index = partition_log_snapshot(group->log)->index;

    if (index > 0 && (index >= match || MUTATION(21))) {
        return true;
    }
    if (group->applied_index >= match) {
        consensus_snapshot(group, NULL, NULL);
    }
    return false;
}

static struct buffer_slice encode_state(struct consensus_group *group, uint64_t offset)
{
    const struct log_snapshot *snapshot = partition_log_snapshot(group->log);
    uint64_t last_index = consensus_group_last_index(group);
    uint64_t state_length = snapshot->state.length;
    uint32_t configuration_length = (uint32_t)snapshot->configuration.length;
    size_t piece = snapshot->state.length - offset;
    struct buffer *buffer;
    char *cursor;

    piece = piece < PULL_PIECE_BYTES_MAX ? piece : PULL_PIECE_BYTES_MAX;
    buffer = buffer_new(PULL_STATE_TELL_BYTES + configuration_length + piece);
    cursor = buffer->bytes;
    memcpy(cursor, &snapshot->index, 8);
    memcpy(cursor + 8, &snapshot->term, 8);
    memcpy(cursor + 16, &snapshot->start_offset, 8);
    memcpy(cursor + 24, &snapshot->next_offset, 8);
    memcpy(cursor + 32, &snapshot->configuration_index, 8);
    memcpy(cursor + 40, &last_index, 8);
    memcpy(cursor + 48, &state_length, 8);
    memcpy(cursor + 56, &configuration_length, 4);
    memcpy(cursor + PULL_STATE_TELL_BYTES, snapshot->configuration.bytes, configuration_length);
    if (piece > 0) {
        memcpy(cursor + PULL_STATE_TELL_BYTES + configuration_length,
               snapshot->state.bytes + offset, piece);
    }
    return (struct buffer_slice){.buffer = buffer, .bytes = buffer->bytes, .length = buffer->size};
}

/* NULL: refused. A damaged member remembers the term that it asked in: it must be the one that is
 * confirmed. */
static struct consensus_group *leading_group(struct consensus *consensus,
                                             struct rpc_request request, struct buffer_slice body)
{
    struct consensus_group *group = group_of_request(consensus, body.bytes);
    uint64_t term;

    memcpy(&term, body.bytes + 20, 8);
    if (group == NULL || !group->is_elected || raft_current_term(&group->engine) < term ||
        (body.bytes[44] == PULL_DAMAGED && raft_current_term(&group->engine) != term)) {
        refuse(request, ERROR_NOT_LEADER);
        return NULL;
    }
    consensus_sleep_wake(group);
    return group;
}

static void give_state(struct consensus *consensus, struct rpc_request request,
                       struct buffer_slice body)
{
    struct consensus_group *group = leading_group(consensus, request, body);
    struct buffer_slice answer;
    uint64_t offset;
    uint64_t index;

    if (group == NULL) {
        return;
    }
    memcpy(&offset, body.bytes + 28, 8);
    memcpy(&index, body.bytes + 36, 8);
    if ((body.bytes[44] != PULL_BEHIND && !covers_match(group, request.peer)) ||
        partition_log_snapshot(group->log)->index == 0) {
        refuse(request, ERROR_AGAIN);
        return;
    }
    if ((index != 0 && partition_log_snapshot(group->log)->index != index) ||
        offset > partition_log_snapshot(group->log)->state.length) {
        refuse(request, ERROR_RANGE);
        return;
    }
    renew_pin(group, request.peer);
    answer = encode_state(group, offset);
    consensus_throttle_give(group, answer.length);
    rpc_answer(request, ERROR_NONE, answer);
}

/* Of a state in pieces each is confirmed: who asks may have been damaged again meanwhile. */
static void serve_state(void *context, struct rpc_request request, struct buffer_slice body)
{
    struct consensus_group *group;

    if (body.length != PULL_STATE_ASK_BYTES) {
        refuse(request, ERROR_MALFORMED);
        return;
    }
    if (body.bytes[44] != PULL_DAMAGED) {
        give_state(context, request, body);
        return;
    }
    group = leading_group(context, request, body);
    if (group != NULL) {
        consensus_confirm(group, request, body, give_state);
    }
}

/* A read of batches for a member. Storage answers it even when the consensus is gone. */
struct pull_read {
    struct list link;            /* in consensus->pulls */
    struct consensus *consensus; /* NULL: freed meanwhile */
    struct group_id group_id;    /* found again: it may be closed meanwhile */
    struct rpc_request request;
    struct batches_read read;
};

static void charge_giver(const struct pull_read *pull)
{
    const struct consensus_group *group =
        pull->consensus == NULL ? NULL : consensus_find_group(pull->consensus, pull->group_id);

    if (group != NULL && pull->read.error == ERROR_NONE) {
        consensus_throttle_give(group, pull->read.bytes);
    }
}

void consensus_snapshot_leave_pulls(struct consensus *consensus)
{
    list_for_each_safe(link, &consensus->pulls) {
        list_remove(link);
        list_entry(link, struct pull_read, link)->consensus = NULL;
    }
}

static void segment_read(struct batches_read *read)
{
    struct pull_read *pull = CONTAINER_OF(read, struct pull_read, read);
    struct buffer *buffer;
    char *cursor;

    charge_giver(pull);
    list_remove(&pull->link);
    if (read->error != ERROR_NONE) {
        refuse(pull->request, read->error);
    } else {
        buffer = buffer_new(read->bytes);
        cursor = buffer->bytes;
        for (int i = 0; i < read->slice_count; i++) {
            memcpy(cursor, read->slices[i].bytes, read->slices[i].length);
            cursor += read->slices[i].length;
        }
        rpc_answer(pull->request, ERROR_NONE,
                   (struct buffer_slice){
                       .buffer = buffer, .bytes = buffer->bytes, .length = buffer->size});
    }
    batches_read_release(read);
    free(pull);
}

static void serve_segment(void *context, struct rpc_request request, struct buffer_slice body)
{
    struct consensus_group *group;
    struct pull_read *pull;
    uint32_t bytes_max;

    if (body.length != PULL_SEGMENT_ASK_BYTES) {
        refuse(request, ERROR_MALFORMED);
        return;
    }
    group = group_of_request(context, body.bytes);
    if (group == NULL || group->state != GROUP_RUNNING || group->needs_refill ||
        group->install != NULL) {
        refuse(request, ERROR_NOT_FOUND);
        return;
    }
    renew_pin(group, request.peer);
    if (consensus_throttle_giver_rests(group)) {
        refuse(request, ERROR_BUSY);
        return;
    }
    pull = check_alloc_zero(sizeof *pull);
    pull->request = request;
    memcpy(&pull->read.offset, body.bytes + 20, 8);
    memcpy(&pull->read.limit_offset, body.bytes + 28, 8);
    memcpy(&bytes_max, body.bytes + 36, 4);
    pull->group_id = group->id;
    pull->consensus = context;
    list_append(&pull->consensus->pulls, &pull->link);
    pull->read.bytes_max = consensus_throttle_piece_bytes(
        group, bytes_max < PULL_PIECE_BYTES_MAX ? bytes_max : PULL_PIECE_BYTES_MAX);
    pull->read.at_least_one = true;
    pull->read.done = segment_read;
    if (partition_log_read_batches(group->log, &pull->read)) {
        segment_read(&pull->read);
    }
}

void consensus_snapshot_serve(struct consensus *consensus)
{
    rpc_serve(consensus->rpc, RPC_PULL_STATE, serve_state, consensus);
    rpc_serve(consensus->rpc, RPC_PULL_SEGMENT, serve_segment, consensus);
}
