/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few nodes with one group each, over fake links, a fake clock and storage in memory. Each
 * node's state machine keeps the list of values that were applied, in order.
 */
#ifndef GYRE_TESTS_SUPPORT_RAFT_CLUSTER_H
#define GYRE_TESTS_SUPPORT_RAFT_CLUSTER_H

#include "gyre/base/random.h"
#include "gyre/raft/consensus.h"
#include "gyre/runtime/loop.h"

#include "support/fake_clock.h"
#include "support/fake_links.h"
#include "support/memory_storage.h"

enum { RAFT_NODES_MAX = 6 };

struct raft_value {
    uint64_t value;
    uint64_t index;
    int64_t offset;
};

struct raft_cluster;
struct raft_node {
    struct raft_cluster *cluster;
    int32_t id;
    bool is_running;
    bool is_woken;
    uint64_t next_us;
    struct loop loop;
    struct links *links;
    struct rpc *rpc;
    struct memory_disk *disk;
    struct storage *storage;
    struct consensus *consensus;
    struct consensus_group *group;
    /* the state machine */
    struct raft_value *values; /* owned */
    int value_count, value_capacity;
    bool leads;
    uint64_t lead_term;
    int32_t leader;
    int restores, lead_calls, member_calls, member_count;
    char failure[128];
};

struct raft_cluster {
    struct fake_clock clock;
    struct random random;
    struct fake_network *network;
    struct consensus_options options;
    struct consensus_member members[RAFT_NODES_MAX]; /* of the new group */
    int member_count;
    int node_count;
    struct raft_node nodes[RAFT_NODES_MAX];
};

extern const struct group_id raft_cluster_group;

/* `node_count` nodes, of which the first `member_count` found the group. Nothing runs yet. */
struct raft_cluster *raft_cluster_new(int node_count, int member_count, uint64_t seed);
void raft_cluster_free(struct raft_cluster *cluster);
void raft_cluster_start(struct raft_cluster *cluster, int node);
void raft_cluster_start_all(struct raft_cluster *cluster);
void raft_cluster_crash(struct raft_cluster *cluster, int node);

void raft_cluster_run(struct raft_cluster *cluster, uint64_t microseconds);
/* Until condition(cluster) holds or `seconds` passed: says which. */
bool raft_cluster_run_until(struct raft_cluster *cluster, int seconds,
                            bool (*condition)(struct raft_cluster *cluster));

struct raft_node *raft_cluster_leader(struct raft_cluster *cluster); /* NULL: none; newest term */
/* A batch of one record that holds `value`. */
enum error raft_cluster_submit(struct raft_node *node, uint64_t value);
/* Submit at the leader, waiting for one, until it is applied there. */
bool raft_cluster_write(struct raft_cluster *cluster, uint64_t value);
/* Do all running members hold the same values, `count` of them? */
bool raft_cluster_agrees(const struct raft_cluster *cluster, int count);

#endif
