/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_feed.h"

#include <stdlib.h>

#include "consensus_group.h"
#include "consensus_snapshot.h"

enum {
    SMALL_CHUNK_BYTES = 64 * 1024,
    PACED_WINDOW_BYTES = 256 * 1024, /* of a member that may ask for a rest */
};

struct consensus_feed *consensus_feed_find(const struct consensus_group *group, int32_t node)
{
    for (int i = 0; i < group->feed_count; i++) {
        if (group->feeds[i].peer->node == node) {
            return &group->feeds[i];
        }
    }
    return NULL;
}

static void leave_reader(struct consensus_feed *feed)
{
    if (feed->reader != NULL) {
        feed->reader->feed = NULL;
        feed->reader->group = NULL;
        feed->reader = NULL;
    }
}

static void release(struct consensus_feed *feed)
{
    leave_reader(feed);
    free(feed->chunks);
    feed->chunks = NULL;
}

void consensus_feed_release_all(struct consensus_group *group)
{
    for (int i = 0; i < group->feed_count; i++) {
        release(&group->feeds[i]);
    }
    free(group->feeds);
    group->feeds = NULL;
    group->feed_count = 0;
}

void consensus_feed_arrange(struct consensus_group *group)
{
    const struct raft_configuration *members = &group->engine.configuration;
    struct consensus_feed *old = group->feeds;
    int old_count = group->feed_count;
    int count = 0;

    group->feeds = check_alloc_zero((size_t)members->n * sizeof *group->feeds + 1);
    for (unsigned i = 0; i < members->n; i++) {
        int32_t node = consensus_engine_node(members->servers[i].id);
        struct consensus_feed *feed = &group->feeds[count];

        if (node == group->consensus->node) {
            continue;
        }
        *feed = (struct consensus_feed){.group = group, .next = 1};
        for (int j = 0; j < old_count; j++) {
            if (old[j].peer != NULL && old[j].peer->node == node) {
                *feed = old[j];
                old[j] = (struct consensus_feed){0};
            }
        }
        feed->peer = consensus_peer_get(group->consensus, node);
        if (feed->reader != NULL) {
            feed->reader->feed = feed;
        }
        count++;
    }
    for (int j = 0; j < old_count; j++) {
        release(&old[j]);
    }
    free(old);
    group->feed_count = count;
}

/* ---- the window of what is on its way ---- */

static void window_add(struct consensus_feed *feed, uint64_t last_index, size_t bytes)
{
    struct consensus_chunk *tail;

    if (feed->chunks == NULL) {
        feed->chunks = check_alloc(FEED_CHUNKS_MAX * sizeof *feed->chunks);
    }
    feed->open_bytes += bytes;
    tail = &feed->chunks[(feed->chunk_front + feed->chunk_count - 1) % FEED_CHUNKS_MAX];
    if (feed->chunk_count > 0 && tail->bytes + bytes <= SMALL_CHUNK_BYTES) {
        tail->last_index = last_index;
        tail->bytes += bytes;
        return;
    }
    feed->chunks[(feed->chunk_front + feed->chunk_count) % FEED_CHUNKS_MAX] =
        (struct consensus_chunk){.last_index = last_index, .bytes = bytes};
    feed->chunk_count++;
}

static void window_drop_to(struct consensus_feed *feed, uint64_t match_index)
{
    while (feed->chunk_count > 0 && feed->chunks[feed->chunk_front].last_index <= match_index) {
        feed->open_bytes -= feed->chunks[feed->chunk_front].bytes;
        feed->chunk_front = (feed->chunk_front + 1) % FEED_CHUNKS_MAX;
        feed->chunk_count--;
    }
}

static void window_clear(struct consensus_feed *feed)
{
    feed->chunk_count = 0;
    feed->open_bytes = 0;
}

static bool window_is_full(const struct consensus_feed *feed)
{
    size_t bytes_max = consensus_throttle_paces(feed)
                           ? (size_t)PACED_WINDOW_BYTES
                           : feed->group->consensus->options.inflight_bytes_max;

    return feed->chunk_count == FEED_CHUNKS_MAX ||
           (feed->chunk_count > 0 && feed->open_bytes >= bytes_max) ||
           consensus_peer_queued_bytes(feed->peer) > CONSENSUS_QUEUED_BYTES_MAX;
}

/* ---- sending ---- */

static void send_append(struct consensus_feed *feed, uint64_t previous_index,
                        uint64_t previous_term, struct log_entry *entries, int count)
{
    struct consensus_group *group = feed->group;
    uint64_t covered = previous_index + (uint64_t)count;
    uint64_t commit = raft_commit_index(&group->engine);
    struct consensus_message message = {
        .type = MESSAGE_APPEND,
        .engine_version = 0,
        .group = group->id,
        .term = raft_current_term(&group->engine),
        .previous_index = previous_index,
        .previous_term = previous_term,
        .commit = commit,
        .last_index = partition_log_last_index(group->log),
        .entries = entries,
        .entry_count = count,
    };

    /* Rule 7: what the receiver has not got it must not take for committed. */
    if (commit > covered) {
        message.commit = covered;
    }
    feed->told_commit = message.commit;
    consensus_peer_send(feed->peer, &message);
}

/* How many of the entries read go into one message: a CHANGE travels alone (fault N1). */
static int count_for_one_message(const struct consensus_feed *feed, const struct entries_read *read)
{
    int count = 0;
    size_t bytes = 0;

    while (count < read->entry_count && count < MESSAGE_ENTRIES_MAX) {
        const struct log_entry *entry = &read->entries[count];

        if (feed->next + (uint64_t)count > feed->last) {
            break;
        }
        if (count > 0 && (bytes + entry->payload.length > CONSENSUS_APPEND_BYTES_MAX ||
                          entry->kind == ENTRY_CHANGE)) {
            break;
        }
        bytes += entry->payload.length;
        count++;
        if (entry->kind == ENTRY_CHANGE && !MUTATION(11)) {
            break;
        }
    }
    return count;
}

static size_t payload_bytes(const struct log_entry *entries, int count)
{
    size_t bytes = 0;

    for (int i = 0; i < count; i++) {
        bytes += entries[i].payload.length;
    }
    return bytes;
}

/* Send what was read. Entries that do not fit one message are read again: they are in memory. */
static void send_read(struct consensus_feed *feed, struct entries_read *read)
{
    struct consensus_group *group = feed->group;
    uint64_t previous_index = feed->next - 1;
    uint64_t previous_term = partition_log_term_at(group->log, previous_index);
    int count;

    if (read->error != ERROR_NONE || read->entry_count == 0 || read->from_index != feed->next ||
        (previous_index > 0 && previous_term == 0)) {
        /* Forgotten meanwhile: the member gets a snapshot instead. */
        feed->last = feed->next - 1;
        if (read->error == ERROR_RANGE) {
            consensus_snapshot_cut(group);
        }
        return;
    }
    count = count_for_one_message(feed, read);
    if (count == 0) {
        return;
    }
    if (consensus_throttle_paces(feed)) {
        consensus_throttle_give(group, payload_bytes(read->entries, count));
    }
    send_append(feed, previous_index, previous_term, read->entries, count);
    feed->next += (uint64_t)count;
    if (feed->next - 1 > feed->sent_last) {
        feed->sent_last = feed->next - 1;
    }
    feed->repeat_at_us = consensus_now_us(group->consensus) + 2 * group->consensus->options.tick_us;
    window_add(feed, feed->next - 1, payload_bytes(read->entries, count));
}

static void read_done(struct consensus_reader *reader)
{
    struct consensus_feed *feed = reader->feed;

    feed->reader = NULL;
    if (reader->read.from_index == feed->next) {
        send_read(feed, &reader->read);
    }
    consensus_reader_return(reader);
    consensus_feed_continue(feed);
}

void consensus_feed_continue(struct consensus_feed *feed)
{
    while (feed->reader == NULL && feed->next <= feed->last && feed->peer->is_up &&
           !window_is_full(feed) && !consensus_throttle_holds(feed)) {
        struct consensus_reader *reader =
            consensus_reader_take(feed->group->consensus, feed->group);

        reader->feed = feed;
        reader->done = read_done;
        reader->read.from_index = feed->next;
        reader->read.bytes_max =
            consensus_throttle_paces(feed)
                ? consensus_throttle_piece_bytes(feed->group, CONSENSUS_APPEND_BYTES_MAX)
                : CONSENSUS_APPEND_BYTES_MAX;
        if (!partition_log_read_entries(feed->group->log, &reader->read)) {
            feed->reader = reader;
            return;
        }
        send_read(feed, &reader->read);
        consensus_reader_return(reader);
    }
}

/* ---- what the engine asks for ---- */

static void append_nothing(struct consensus_feed *feed, uint64_t previous_index,
                           uint64_t previous_term)
{
    uint64_t turn_us = loop_now_us(feed->group->consensus->loop);

    /* Entries on their way say the same; so does another empty one of this turn (fault N11). */
    if (feed->next <= feed->last ||
        (feed->beat_turn_us == turn_us && feed->beat_index == previous_index &&
         feed->told_commit == raft_commit_index(&feed->group->engine))) {
        return;
    }
    feed->beat_turn_us = turn_us;
    feed->beat_index = previous_index;
    send_append(feed, previous_index, previous_term, NULL, 0);
}

void consensus_feed_append(struct consensus_feed *feed, uint64_t previous_index,
                           uint64_t previous_term, unsigned count)
{
    uint64_t first = previous_index + 1;
    uint64_t last = previous_index + count;

    if (!feed->peer->is_up) {
        return;
    }
    if (count == 0) {
        append_nothing(feed, previous_index, previous_term);
        return;
    }
    if (first <= feed->sent_last && consensus_now_us(feed->group->consensus) < feed->repeat_at_us) {
        /* It is on a link that loses nothing (fault N12). The time covers a receiver's refusal. */
        first = feed->sent_last + 1;
        if (first > last) {
            return;
        }
    }
    if (feed->next <= feed->last && first >= feed->next && first <= feed->last + 1) {
        feed->last = last > feed->last ? last : feed->last;
    } else {
        if (first <= feed->sent_last) {
            window_clear(feed);
        }
        feed->next = first;
        feed->last = last;
    }
    consensus_feed_continue(feed);
}

void consensus_feed_rejected(struct consensus_feed *feed)
{
    feed->sent_last = 0;
    window_clear(feed);
}

void consensus_feed_acked(struct consensus_feed *feed)
{
    raft_index match = 0;

    feed->heard_us = consensus_now_us(feed->group->consensus);
    if (raft_match_index(&feed->group->engine, consensus_engine_id(feed->peer->node), &match) ==
        0) {
        feed->group->progress_moved = feed->group->progress_moved || match != feed->match_index;
        feed->match_index = match;
        window_drop_to(feed, match);
    }
    consensus_feed_continue(feed);
}

void consensus_feed_reset(struct consensus_feed *feed)
{
    leave_reader(feed);
    feed->next = feed->last + 1;
    feed->sent_last = 0;
    feed->told_commit = 0;
    feed->is_asked_to_rest = false;
    window_clear(feed);
}

/* Nothing is on its way that would say that we lead. */
static void send_sign_of_life(struct consensus_feed *feed)
{
    uint64_t term = partition_log_term_at(feed->group->log, feed->match_index);

    if (term != 0 || feed->match_index == 0) {
        send_append(feed, feed->match_index, term, NULL, 0);
    }
}

/*
 * The engine sends no heartbeat to whom it sent something within a tick, and takes a member that
 * was not heard between two ticks for lost: the next entry would wait for a tick of its own.
 */
void consensus_feed_tick(struct consensus_feed *feed)
{
    struct consensus_group *group = feed->group;
    uint64_t last = consensus_group_last_index(group);

    consensus_feed_continue(feed);
    if (feed->peer->is_up && feed->match_index == last) {
        append_nothing(feed, last, partition_log_term_at(group->log, last));
    } else if (feed->peer->is_up && feed->next <= feed->last && consensus_throttle_holds(feed)) {
        send_sign_of_life(feed);
    }
}

void consensus_feed_tell_commit(struct consensus_feed *feed)
{
    struct consensus_group *group = feed->group;
    uint64_t commit = raft_commit_index(&group->engine);
    uint64_t covered = feed->match_index < commit ? feed->match_index : commit;
    uint64_t term = partition_log_term_at(group->log, covered);
    struct consensus_message message = {
        .type = MESSAGE_APPEND,
        .flags = MESSAGE_FLAG_QUIET,
        .group = group->id,
        .term = raft_current_term(&group->engine),
        .previous_index = covered,
        .previous_term = term,
        .commit = covered,
        .last_index = partition_log_last_index(group->log),
    };

    if (feed->next <= feed->last || covered <= feed->told_commit || term == 0) {
        return;
    }
    feed->told_commit = covered;
    consensus_peer_send(feed->peer, &message);
}
