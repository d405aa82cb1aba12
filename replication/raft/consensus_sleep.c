/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_sleep.h"

#include <string.h>

#include "consensus_feed.h"
#include "consensus_group.h"

/* ---- digests: the same on both sides of a link, in any order ---- */

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

/* Not hash_bytes(): that is seeded differently in each process. */
static uint64_t mark_of(const struct consensus_group *group)
{
    uint64_t halves[2];

    memcpy(halves, group->id.topic.bytes, sizeof halves);
    return mix(mix(mix(halves[0]) ^ halves[1]) ^ (uint64_t)(uint32_t)group->id.partition) ^
           mix(raft_current_term(&group->engine));
}

static void digest_add(struct consensus_digest *digest, uint64_t mark, bool add)
{
    digest->sum += add ? mark : 0 - mark;
    digest->count += add ? 1 : UINT64_MAX;
}

static struct consensus_peer *leader_peer(const struct consensus_group *group)
{
    int32_t leader = consensus_group_leader(group);

    return leader < 0 || leader == group->consensus->node
               ? NULL
               : consensus_peer_find(group->consensus, leader);
}

static void count(struct consensus_group *group, bool add)
{
    struct consensus_peer *leader = leader_peer(group);
    uint64_t mark = mark_of(group);

    if (group->is_counted == add) {
        return;
    }
    group->is_counted = add;
    if (group->is_elected) {
        for (int i = 0; i < group->feed_count; i++) {
            digest_add(&group->feeds[i].peer->led, mark, add);
        }
    } else if (leader != NULL) {
        digest_add(&leader->followed, mark, add);
    }
}

/* ---- falling asleep and waking ---- */

static void send(struct consensus_group *group, struct consensus_peer *peer,
                 enum consensus_message_type type)
{
    struct consensus_message message = {
        .type = type,
        .group = group->id,
        .term = raft_current_term(&group->engine),
        .last_index = consensus_group_last_index(group),
    };

    consensus_peer_send(peer, &message);
}

static void send_to_all(struct consensus_group *group, enum consensus_message_type type)
{
    for (int i = 0; i < group->feed_count; i++) {
        send(group, group->feeds[i].peer, type);
    }
}

static void fall_asleep(struct consensus_group *group)
{
    group->slept_at_us = consensus_now_us(group->consensus);
    group->is_asleep = true;
    group->ask_index = 0;
    list_remove(&group->walk_link);
    group->consensus->stats.groups_asleep++;
}

void consensus_sleep_wake(struct consensus_group *group)
{
    uint64_t now_us;

    if (!group->is_asleep) {
        return;
    }
    now_us = consensus_now_us(group->consensus);
    count(group, false);
    group->frozen_us += now_us - group->slept_at_us;
    group->is_asleep = false;
    group->quiet_since_us = now_us;
    group->next_tick_us = now_us;
    list_append(&group->consensus->awake, &group->walk_link);
    group->consensus->stats.groups_asleep--;
    if (MUTATION(55)) {
        return;
    }
    if (group->is_elected) {
        send_to_all(group, MESSAGE_WAKE);
    } else if (leader_peer(group) != NULL) {
        send(group, leader_peer(group), MESSAGE_WAKE);
    }
}

static bool is_idle(const struct consensus_group *group)
{
    uint64_t last = consensus_group_last_index(group);

    return group->state == GROUP_RUNNING && group->applied_index == last &&
           raft_commit_index(&group->engine) == last && group->engine.last_stored == last &&
           group->engine.configuration_uncommitted_index == 0 && group->flights.count == 0 &&
           group->change == NULL && group->install == NULL && group->snapshot_sequence == 0 &&
           group->waiting == NULL && group->no_vote_below == 0 && !group->needs_refill &&
           group->durable_sequence >= group->vote_sequence;
}

static bool members_are_idle(const struct consensus_group *group)
{
    uint64_t last = consensus_group_last_index(group);

    for (int i = 0; i < group->feed_count; i++) {
        const struct consensus_feed *feed = &group->feeds[i];

        if (feed->match_index != last || feed->told_commit < last || !feed->peer->is_alive ||
            feed->next <= feed->last) {
            return false;
        }
    }
    return true;
}

static bool all_agreed(const struct consensus_group *group)
{
    for (int i = 0; i < group->feed_count; i++) {
        if (group->feeds[i].agreed_index != group->ask_index) {
            return false;
        }
    }
    return true;
}

static void sleep_if_agreed(struct consensus_group *group)
{
    if (group->ask_index == consensus_group_last_index(group) && is_idle(group) &&
        members_are_idle(group) && all_agreed(group)) {
        send_to_all(group, MESSAGE_SLEEP_NOW);
        fall_asleep(group);
        count(group, true);
    }
}

void consensus_sleep_consider(struct consensus_group *group)
{
    const struct consensus_options *options = &group->consensus->options;
    uint64_t now_us = consensus_now_us(group->consensus);

    if (!options->sleep_when_idle || !group->leads || group->is_asleep) {
        return;
    }
    if (!is_idle(group) || !members_are_idle(group)) {
        group->quiet_since_us = now_us;
        group->ask_index = 0;
        return;
    }
    if (now_us - group->quiet_since_us < 2 * options->tick_us) {
        return;
    }
    group->ask_index = consensus_group_last_index(group);
    for (int i = 0; i < group->feed_count; i++) {
        group->feeds[i].agreed_index = 0;
    }
    send_to_all(group, MESSAGE_SLEEP_ASK);
    sleep_if_agreed(group);
    group->quiet_since_us = now_us; /* ask again after a while if one does not agree */
}

/* ---- messages ---- */

static void receive_ask(struct consensus_group *group, struct consensus_peer *peer,
                        const struct consensus_message *message)
{
    if (group->is_asleep || group->is_elected || !is_idle(group) ||
        message->term != raft_current_term(&group->engine) ||
        message->last_index != consensus_group_last_index(group) || leader_peer(group) != peer ||
        !group->consensus->options.sleep_when_idle) {
        return;
    }
    send(group, peer, MESSAGE_SLEEP_YES);
    fall_asleep(group);
}

static void receive_yes(struct consensus_group *group, struct consensus_peer *peer,
                        const struct consensus_message *message)
{
    struct consensus_feed *feed = consensus_feed_find(group, peer->node);

    if (feed != NULL && !group->is_asleep && group->leads && group->ask_index != 0 &&
        message->term == raft_current_term(&group->engine)) {
        feed->agreed_index = message->last_index;
        sleep_if_agreed(group);
    }
}

static void receive_now(struct consensus_group *group, struct consensus_peer *peer,
                        const struct consensus_message *message)
{
    if (group->is_asleep && !group->is_elected && leader_peer(group) == peer &&
        message->term == raft_current_term(&group->engine) &&
        message->last_index == consensus_group_last_index(group)) {
        count(group, true);
        return;
    }
    consensus_sleep_wake(group);
    send(group, peer, MESSAGE_WAKE);
}

void consensus_sleep_receive(struct consensus_group *group, struct consensus_peer *peer,
                             const struct consensus_message *message)
{
    switch (message->type) {
    case MESSAGE_SLEEP_ASK: receive_ask(group, peer, message); break;
    case MESSAGE_SLEEP_YES: receive_yes(group, peer, message); break;
    case MESSAGE_SLEEP_NOW: receive_now(group, peer, message); break;
    case MESSAGE_WAKE: consensus_sleep_wake(group); break;
    case MESSAGE_APPEND:
    case MESSAGE_ACK:
    case MESSAGE_VOTE:
    case MESSAGE_VOTED:
    case MESSAGE_INSTALL:
    case MESSAGE_TIMEOUT:
    case MESSAGE_BEAT: break;
    }
}

void consensus_sleep_wake_shared(struct consensus *consensus, struct consensus_peer *peer)
{
    map_for_each(link, &consensus->groups) {
        struct consensus_group *group = CONTAINER_OF(link, struct consensus_group, by_id);

        if (group->is_asleep &&
            (leader_peer(group) == peer || consensus_feed_find(group, peer->node) != NULL)) {
            consensus_sleep_wake(group);
        }
    }
}
