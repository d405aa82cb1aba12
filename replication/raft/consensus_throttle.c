/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_throttle.h"

#include "consensus_feed.h"
#include "consensus_private.h"

enum {
    PIECE_BYTES_MIN = 4 * 1024,
    /* As behind as this a replica is out of sync: PARTITION_IN_SYNC_ENTRIES says the same. */
    IN_SYNC_ENTRIES = 10000,
};

static const double BURST_SECONDS = 1;

/* ---- a rate ---- */

static void fill(struct consensus_throttle *throttle, uint64_t now_us)
{
    double rate = (double)throttle->bytes_per_second;

    quota_bucket_fill(&throttle->bucket, rate, rate * BURST_SECONDS, now_us);
}

static bool rests(struct consensus_throttle *throttle, uint64_t now_us)
{
    if (throttle->bytes_per_second == INT64_MAX) {
        return false;
    }
    fill(throttle, now_us);
    return throttle->bucket.tokens <= 0;
}

static void charge(struct consensus_throttle *throttle, size_t bytes, uint64_t now_us)
{
    throttle->bytes += bytes;
    if (throttle->bytes_per_second != INT64_MAX) {
        fill(throttle, now_us);
        throttle->bucket.tokens -= (double)bytes;
    }
}

static void set_rate(struct consensus_throttle *throttle, int64_t bytes_per_second, uint64_t now_us)
{
    if (throttle->bytes_per_second != bytes_per_second) {
        throttle->bytes_per_second = bytes_per_second;
        throttle->bucket = (struct quota_bucket){(double)bytes_per_second * BURST_SECONDS, now_us};
    }
}

void consensus_throttle_init(struct consensus *consensus)
{
    consensus->given.bytes_per_second = INT64_MAX;
    consensus->taken.bytes_per_second = INT64_MAX;
}

void consensus_set_throttle_rates(struct consensus *consensus, int64_t leader_bytes_per_second,
                                  int64_t follower_bytes_per_second)
{
    uint64_t now_us = consensus_now_us(consensus);

    set_rate(&consensus->given, leader_bytes_per_second, now_us);
    set_rate(&consensus->taken, follower_bytes_per_second, now_us);
}

void consensus_set_throttled(struct consensus_group *group,
                             const struct consensus_throttled *throttled)
{
    group->throttled = *throttled;
}

/* ---- installs ---- */

bool consensus_throttle_giver_rests(const struct consensus_group *group)
{
    return group->throttled.gives &&
           rests(&group->consensus->given, consensus_now_us(group->consensus));
}

void consensus_throttle_give(const struct consensus_group *group, size_t bytes)
{
    if (group->throttled.gives) {
        charge(&group->consensus->given, bytes, consensus_now_us(group->consensus));
    }
}

bool consensus_throttle_taker_rests(const struct consensus_group *group)
{
    return group->throttled.takes &&
           rests(&group->consensus->taken, consensus_now_us(group->consensus));
}

void consensus_throttle_take(const struct consensus_group *group, size_t bytes)
{
    if (group->throttled.takes) {
        charge(&group->consensus->taken, bytes, consensus_now_us(group->consensus));
    }
}

static size_t lesser(size_t bytes, bool is_limited, const struct consensus_throttle *throttle)
{
    uint64_t rate = (uint64_t)throttle->bytes_per_second;

    if (!is_limited || rate >= bytes) {
        return bytes;
    }
    return rate > PIECE_BYTES_MIN ? (size_t)rate : PIECE_BYTES_MIN;
}

size_t consensus_throttle_piece_bytes(const struct consensus_group *group, size_t bytes_max)
{
    size_t bytes = lesser(bytes_max, group->throttled.gives, &group->consensus->given);

    return lesser(bytes, group->throttled.takes, &group->consensus->taken);
}

/* ---- feeds ---- */

static bool is_in_sync(const struct consensus_feed *feed)
{
    return feed->peer->is_alive &&
           feed->match_index + IN_SYNC_ENTRIES >= partition_log_last_index(feed->group->log);
}

/* Behind, and the others can decide without it: a standby, or a voter besides a majority. */
static bool is_spare(const struct consensus_feed *feed)
{
    const struct raft_configuration *members = &feed->group->engine.configuration;
    int32_t self = feed->group->consensus->node;
    unsigned voters = 0;
    unsigned ready = 0;

    for (unsigned i = 0; i < members->n; i++) {
        int32_t node = consensus_engine_node(members->servers[i].id);
        const struct consensus_feed *other = consensus_feed_find(feed->group, node);

        if (members->servers[i].role != RAFT_VOTER) {
            if (other == feed) {
                return true;
            }
            continue;
        }
        voters++;
        ready += node == self || (other != NULL && other != feed && is_in_sync(other));
    }
    return ready > voters / 2 && !is_in_sync(feed);
}

bool consensus_throttle_paces(const struct consensus_feed *feed)
{
    const struct consensus_throttled *throttled = &feed->group->throttled;

    return (throttled->gives || throttled->others_take) && is_spare(feed);
}

bool consensus_throttle_holds(const struct consensus_feed *feed)
{
    return consensus_throttle_paces(feed) &&
           (feed->is_asked_to_rest || consensus_throttle_giver_rests(feed->group));
}

/* ---- a follower's side ---- */

static bool is_standby(const struct consensus_group *group)
{
    const struct raft_configuration *members = &group->engine.configuration;

    for (unsigned i = 0; i < members->n; i++) {
        if (members->servers[i].id == group->engine.id) {
            return members->servers[i].role != RAFT_VOTER;
        }
    }
    return true; /* it was added behind what it has */
}

void consensus_throttle_received(struct consensus_group *group,
                                 const struct consensus_message *message)
{
    uint64_t last_index = message->previous_index + (uint64_t)message->entry_count;

    if (!group->throttled.takes) {
        return;
    }
    group->is_behind = is_standby(group) || (message->last_index > IN_SYNC_ENTRIES &&
                                             message->last_index - IN_SYNC_ENTRIES > last_index);
    for (int i = 0; i < message->entry_count && group->is_behind; i++) {
        consensus_throttle_take(group, message->entries[i].payload.length);
    }
}

bool consensus_throttle_asks_for_rest(const struct consensus_group *group)
{
    return group->is_behind && consensus_throttle_taker_rests(group);
}
