/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/raft/consensus.h"

#include <stdlib.h>

#include "gyre/observe/log.h"

#include "consensus_apply.h"
#include "consensus_change.h"
#include "consensus_feed.h"
#include "consensus_group.h"
#include "consensus_install.h"
#include "consensus_sleep.h"
#include "consensus_snapshot.h"

enum { DIFFERENCES_MAX = 3 };

/* ---- readers and lookups ---- */

struct consensus_reader *consensus_reader_take(struct consensus *consensus,
                                               struct consensus_group *group)
{
    struct consensus_reader *reader;

    if (list_is_empty(&consensus->readers)) {
        reader = check_alloc(sizeof *reader);
        list_init(&reader->link);
    } else {
        reader = list_first(&consensus->readers, struct consensus_reader, link);
        list_remove(&reader->link);
    }
    list_append(&consensus->busy_readers, &reader->link);
    reader->consensus = consensus;
    reader->group = group;
    reader->feed = NULL;
    reader->install = NULL;
    reader->done = NULL;
    reader->read.entry_count = 0;
    reader->read.error = ERROR_NONE;
    reader->read.private_state = NULL;
    reader->read.done = consensus_reader_done;
    return reader;
}

void consensus_reader_return(struct consensus_reader *reader)
{
    entries_read_release(&reader->read);
    list_remove(&reader->link);
    list_append(&reader->consensus->readers, &reader->link);
}

void consensus_reader_done(struct entries_read *read)
{
    struct consensus_reader *reader = CONTAINER_OF(read, struct consensus_reader, read);

    if (reader->consensus == NULL) {
        entries_read_release(&reader->read);
        free(reader);
    } else if (reader->group == NULL) {
        consensus_reader_return(reader);
    } else {
        reader->done(reader);
    }
}

struct consensus_group *consensus_find_group(const struct consensus *consensus, struct group_id id)
{
    map_for_each_match(link, &consensus->groups, group_id_hash(id)) {
        struct consensus_group *group = CONTAINER_OF(link, struct consensus_group, by_id);

        if (group_id_equal(group->id, id)) {
            return group;
        }
    }
    return NULL;
}

/* ---- deferred work ---- */

void consensus_work_later(struct consensus_group *group)
{
    if (list_is_alone(&group->work_link)) {
        list_append(&group->consensus->working, &group->work_link);
        loop_defer(group->consensus->loop, &group->consensus->work);
    }
}

static void run_work(struct task *task)
{
    struct consensus *consensus = CONTAINER_OF(task, struct consensus, work);
    struct list now;

    list_init(&now);
    list_append_all(&now, &consensus->working);
    while (!list_is_empty(&now)) {
        struct consensus_group *group = list_first(&now, struct consensus_group, work_link);

        list_remove(&group->work_link);
        consensus->running = group;
        if (consensus_apply_run(group) && list_is_alone(&group->work_link)) {
            list_append(&consensus->working, &group->work_link);
            timer_start(consensus->loop, &consensus->more, 0);
        }
        consensus->running = NULL;
    }
}

static void on_more(struct timer *timer)
{
    struct consensus *consensus = CONTAINER_OF(timer, struct consensus, more);

    loop_defer(consensus->loop, &consensus->work);
}

static void run_flush(struct task *task)
{
    struct consensus *consensus = CONTAINER_OF(task, struct consensus, flush);

    for (int i = 0; i < consensus->peer_count; i++) {
        consensus_peer_flush(consensus->peers[i]);
    }
}

static void on_walk(struct timer *timer)
{
    struct consensus *consensus = CONTAINER_OF(timer, struct consensus, walk);

    list_for_each_safe(link, &consensus->awake) {
        consensus_group_walk(list_entry(link, struct consensus_group, walk_link));
    }
    timer_start(consensus->loop, timer, CONSENSUS_WALK_US);
}

/* ---- peers ---- */

static void peer_died(struct consensus *consensus, struct consensus_peer *peer)
{
    bool was_alive = peer->is_alive;

    peer->is_alive = false;
    peer->incarnation = 0;
    peer->mismatches = 0;
    map_for_each(link, &consensus->groups) {
        struct consensus_group *group = CONTAINER_OF(link, struct consensus_group, by_id);
        struct consensus_feed *feed = consensus_feed_find(group, peer->node);

        if (MUTATION(24)) {
            continue;
        }
        if (group->is_asleep && (feed != NULL || consensus_group_leader(group) == peer->node)) {
            consensus_sleep_wake(group);
        }
        if (feed != NULL && !peer->is_up) {
            consensus_feed_reset(feed);
        } else if (consensus_group_leader(group) == peer->node) {
            consensus_group_lost_leader(group);
        }
        consensus_group_lost_peer(group);
    }
    if (was_alive && consensus->listener.peer_dead != NULL) {
        consensus->listener.peer_dead(consensus->listener.context, peer->node);
    }
}

static void note_heard(struct consensus *consensus, struct consensus_peer *peer)
{
    peer->heard_us = consensus_now_us(consensus);
}

static void receive_beat(struct consensus *consensus, struct consensus_peer *peer,
                         const struct consensus_message *message)
{
    bool differs =
        message->digest != peer->followed.sum || message->digest_count != peer->followed.count;

    if (peer->incarnation != 0 && peer->incarnation != message->incarnation) {
        peer_died(consensus, peer);
    }
    peer->heard_incarnation = message->heard_incarnation;
    if (!peer->is_alive) {
        peer->is_alive = true;
        peer->alive_since_us = consensus_now_us(consensus);
        peer->incarnation = message->incarnation;
        if (consensus->listener.peer_alive != NULL) {
            consensus->listener.peer_alive(consensus->listener.context, peer->node,
                                           peer->incarnation);
        }
    }
    peer->mismatches = differs ? peer->mismatches + 1 : 0;
    if (MUTATION(55)) {
        return;
    }
    if (peer->mismatches >= DIFFERENCES_MAX || (message->flags & MESSAGE_FLAG_DIFFERS) != 0) {
        consensus_sleep_wake_shared(consensus, peer);
    }
}

static void send_beat(struct consensus *consensus, struct consensus_peer *peer)
{
    struct consensus_message message = {
        .type = MESSAGE_BEAT,
        .flags = peer->mismatches >= DIFFERENCES_MAX ? MESSAGE_FLAG_DIFFERS : 0,
        .incarnation = consensus->incarnation,
        .heard_incarnation = peer->incarnation,
        .digest = peer->led.sum,
        .digest_count = peer->led.count,
    };

    consensus_peer_send(peer, &message);
}

static void on_beat(struct timer *timer)
{
    struct consensus *consensus = CONTAINER_OF(timer, struct consensus, beat);
    uint64_t now_us = consensus_now_us(consensus);

    for (int i = 0; i < consensus->peer_count; i++) {
        struct consensus_peer *peer = consensus->peers[i];

        if (peer->is_alive && now_us - peer->heard_us > consensus->options.peer_timeout_us) {
            peer_died(consensus, peer);
        }
        send_beat(consensus, peer);
    }
    consensus_snapshot_expire_pins(consensus);
    timer_start(consensus->loop, timer, consensus->options.shard_heartbeat_us);
}

static void on_frame(void *context, int32_t node, struct buffer_slice frame)
{
    struct consensus *consensus = context;
    struct consensus_peer *peer = consensus_peer_get(consensus, node);
    size_t offset = 0;

    note_heard(consensus, peer);
    while (offset < frame.length) {
        struct consensus_message message;
        struct consensus_group *group;

        if (consensus_message_decode(frame, &offset, consensus->frame_entries, &message) !=
            ERROR_NONE) {
            consensus->stats.malformed_frames++;
            log_warning(LOG_RAFT, "a peer's message makes no sense: its link is made anew",
                        field_i64("peer", node), field_u64("at", offset));
            consensus->links->operations->reset(consensus->links, node);
            return;
        }
        consensus->stats.messages_received++;
        if (message.type == MESSAGE_BEAT) {
            receive_beat(consensus, peer, &message);
            continue;
        }
        group = consensus_find_group(consensus, message.group);
        if (group != NULL) {
            consensus_group_receive(group, peer, &message);
            continue;
        }
        for (int i = 0; i < message.entry_count; i++) {
            buffer_slice_unref(&message.entries[i].payload);
        }
    }
}

static void on_up(void *context, int32_t node)
{
    struct consensus *consensus = context;
    struct consensus_peer *peer = consensus_peer_get(consensus, node);

    peer->is_up = true;
    peer->incarnation = 0;
    note_heard(consensus, peer);
    send_beat(consensus, peer);
}

static void on_down(void *context, int32_t node)
{
    struct consensus *consensus = context;
    struct consensus_peer *peer = consensus_peer_get(consensus, node);

    peer->is_up = false;
    consensus_peer_flush(peer);
    peer_died(consensus, peer);
}

/* ---- storage's news ---- */

static void on_durable(void *log_context, uint64_t sequence)
{
    if (log_context != NULL) {
        consensus_group_durable(log_context, sequence);
    }
}

static void on_corrupt(void *log_context, const char *reason)
{
    if (log_context != NULL) {
        consensus_group_corrupt(log_context, reason);
    }
}

static void on_space(void *context, bool has_space)
{
    struct consensus *consensus = context;

    /* Members that withheld an ACK are fed again by the leaders' ticks. */
    consensus->stats.space_changes++;
    (void)has_space;
}

/* ---- life ---- */

struct consensus *consensus_new(struct loop *loop, struct storage *storage, struct links *links,
                                struct rpc *rpc, struct random *random,
                                const struct consensus_options *options)
{
    struct consensus *consensus = check_alloc_zero(sizeof *consensus);
    struct storage_listener storage_listener = {
        .durable = on_durable, .corrupt = on_corrupt, .space = on_space, .context = consensus};
    struct link_receiver receiver = {
        .frame = on_frame, .up = on_up, .down = on_down, .context = consensus};

    consensus_engine_init();
    consensus_throttle_init(consensus);
    consensus->loop = loop;
    consensus->storage = storage;
    consensus->links = links;
    consensus->rpc = rpc;
    consensus->random = random;
    consensus->options = *options;
    consensus->node = links->self;
    consensus->incarnation = random_u64(random) | 1;
    consensus->started_us = consensus_now_us(consensus);
    map_init(&consensus->groups);
    list_init(&consensus->awake);
    list_init(&consensus->working);
    list_init(&consensus->readers);
    list_init(&consensus->busy_readers);
    list_init(&consensus->pins);
    list_init(&consensus->pulls);
    list_init(&consensus->answers);
    task_init(&consensus->work, run_work);
    task_init(&consensus->flush, run_flush);
    timer_init(&consensus->more, on_more);
    timer_init(&consensus->walk, on_walk);
    timer_init(&consensus->beat, on_beat);
    consensus_election_init(consensus);
    consensus->engine_entries = check_alloc_zero(MESSAGE_ENTRIES_MAX * sizeof(struct raft_entry));
    consensus->frame_entries = check_alloc_zero(MESSAGE_ENTRIES_MAX * sizeof(struct log_entry));
    storage_set_listener(storage, &storage_listener);
    links->operations->set_receiver(links, LINK_RAFT, &receiver);
    if (rpc != NULL) {
        consensus_snapshot_serve(consensus);
    }
    timer_start(loop, &consensus->walk, CONSENSUS_WALK_US);
    timer_start(loop, &consensus->beat, options->shard_heartbeat_us);
    return consensus;
}

static void free_readers(struct list *readers)
{
    list_for_each_safe(link, readers) {
        list_remove(link);
        free(list_entry(link, struct consensus_reader, link));
    }
}

void consensus_abandon(struct consensus *consensus)
{
    free_readers(&consensus->busy_readers);
    consensus_free(consensus);
}

void consensus_free(struct consensus *consensus)
{
    if (consensus == NULL) {
        return;
    }
    CHECK(consensus->groups.count == 0);
    timer_stop(consensus->loop, &consensus->more);
    timer_stop(consensus->loop, &consensus->walk);
    timer_stop(consensus->loop, &consensus->beat);
    consensus_election_release(consensus);
    task_cancel(&consensus->work);
    task_cancel(&consensus->flush);
    consensus->links->operations->set_receiver(consensus->links, LINK_RAFT,
                                               &(struct link_receiver){0});
    storage_set_listener(consensus->storage, &(struct storage_listener){0});
    for (int i = 0; i < consensus->peer_count; i++) {
        consensus_peer_free(consensus->peers[i]);
    }
    free_readers(&consensus->readers);
    list_for_each_safe(link, &consensus->busy_readers) {
        list_remove(link);
        list_entry(link, struct consensus_reader, link)->consensus = NULL;
    }
    consensus_snapshot_leave_pulls(consensus);
    map_release(&consensus->groups);
    free(consensus->peers);
    free(consensus->engine_entries);
    free(consensus->frame_entries);
    free(consensus);
}

void consensus_set_listener(struct consensus *consensus, const struct consensus_listener *listener)
{
    consensus->listener = *listener;
}

bool consensus_peer_is_live(const struct consensus *consensus, int32_t node)
{
    const struct consensus_peer *peer = consensus_peer_find(consensus, node);

    return node == consensus->node || (peer != NULL && peer->is_alive);
}

uint64_t consensus_peer_live_us(const struct consensus *consensus, int32_t node)
{
    const struct consensus_peer *peer = consensus_peer_find(consensus, node);

    if (peer == NULL || !peer->is_alive) {
        return 0;
    }
    return consensus_now_us(consensus) - peer->alive_since_us;
}

uint64_t consensus_peer_silent_us(const struct consensus *consensus, int32_t node)
{
    const struct consensus_peer *peer = consensus_peer_find(consensus, node);
    uint64_t heard_us = peer != NULL && peer->heard_us > consensus->started_us
                            ? peer->heard_us
                            : consensus->started_us;

    return node == consensus->node ? 0 : consensus_now_us(consensus) - heard_us;
}

void consensus_stats(const struct consensus *consensus, struct consensus_stats *out_stats)
{
    uint64_t led = 0;

    map_for_each(link, &consensus->groups) {
        led += CONTAINER_OF(link, struct consensus_group, by_id)->leads;
    }
    *out_stats = consensus->stats;
    out_stats->throttled_given_bytes = consensus->given.bytes;
    out_stats->throttled_taken_bytes = consensus->taken.bytes;
    out_stats->groups = consensus->groups.count;
    out_stats->groups_led = led;
}
