/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this module share. Each file owns one group of fields and one idea:
 * formation.c, registration.c, catalog_members.c, leadership.c, replicas.c, replica_moves.c,
 * balance.c, election.c.
 */
#ifndef GYRE_CLUSTER_CLUSTER_PRIVATE_H
#define GYRE_CLUSTER_CLUSTER_PRIVATE_H

#include "gyre/partition/partition.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/rpc.h"

#include "cluster/cluster.h"
#include "cluster/cluster_services.h"

struct cluster_join_response;

enum { CLUSTER_FOUNDERS_MAX = 5 };

struct cluster_founder {
    int32_t node_id;
    struct uuid directory_id;
};

/*
 *     SEEKING --all seeds are new, we are the first of them--> MEMBER (as founder)
 *        |  '--told by the founder (RPC_FORM)---------------> MEMBER (as founder)
 *        '-----a formed broker answered---------------------> MEMBER (to be fed)
 */
enum formation_phase { FORMATION_SEEKING, FORMATION_MEMBER };

/* One answer to our question "who are you?" while the region is being formed. */
struct seed_answer {
    struct list link;
    int32_t node_id;
    struct uuid directory_id;
    bool is_formed;
};

/* One replica of ours, or a leader that we only heard of. */
struct cluster_replica {
    struct map_link by_group;
    struct list dirty; /* cluster.dirty_replicas */
    struct group_id group;
    struct partition *partition; /* NULL: no replica here */
    int32_t leader;              /* as announced; -1: nobody yet */
    int32_t leader_epoch;
    struct move *move;     /* owned: a membership change or transfer of ours that is under way */
    struct finish *finish; /* the catalog is being told that targets are reached; NULL: it is not */
};

struct cluster {
    struct cluster_services services;
    struct cluster_events events;
    struct catalog_listener catalog_listener;
    struct partition_listener partition_listener;

    /* formation.c */
    enum formation_phase phase;
    struct cluster_founder founders[CLUSTER_FOUNDERS_MAX];
    int founder_count;
    struct list seed_answers; /* struct seed_answer, owned */
    struct timer formation_timer;
    uint64_t formation_told_us; /* when we last said what we wait for, or began to wait */

    /* registration.c */
    bool is_registered;
    bool is_registering;
    bool is_current; /* the catalog has reached that entry: what it says was so after our start */
    uint64_t entered_index;     /* catalog index of our entry */
    bool is_loaded;             /* the catalog has told all that it held at the start */
    struct list known_peers;    /* struct known_peer, owned; empty once we are registered */
    int32_t told_leader;        /* of the catalog, by the last answer; -1: none */
    struct list join_questions; /* struct join_question: each is its call's */
    struct list entries;        /* struct entry: each is its submission's */
    struct timer registration_timer;

    /* catalog_members.c */
    struct timer members_timer;
    bool is_changing_catalog;
    int32_t changing_node; /* whose membership that is, or was last */
    uint64_t changing_since_us;
    int32_t candidate;    /* who was last to become a voter; -1: nobody yet */
    int32_t leaving_node; /* wants to come back under a node id that was forgotten; -1: none */

    /* replicas.c */
    struct map replicas; /* struct cluster_replica by group, owned */
    struct list dirty_replicas;
    struct task reconcile;
    struct timer reconcile_timer; /* what one turn left for the next */

    /* leadership.c */
    struct list announced; /* struct announcement, owned */
    struct task announce;

    /* replica_moves.c */
    struct timer moves_timer;

    /* balance.c */
    struct timer balance_timer;
    int transfers_open;
    bool is_draining;
    uint64_t drain_deadline_us;
    void (*drained)(void *context);
    void *drained_context;
};

/* ---- formation.c ---- */
enum error formation_start(struct cluster *cluster);
void formation_stop(struct cluster *cluster);
void formation_peer_up(struct cluster *cluster, int32_t peer);
/* Does the answer of a formed broker make us a member? Also used by registration. */
void formation_adopt(struct cluster *cluster, struct uuid cluster_id,
                     const struct cluster_founder *founders, int founder_count);
/* Is this very disk one of those that the region was formed with? */
bool formation_names(const struct cluster *cluster, int32_t node_id, struct uuid directory_id);

/* ---- registration.c ---- */
void registration_init(struct cluster *cluster);  /* answers from now on */
void registration_start(struct cluster *cluster); /* asks from now on */
void registration_stop(struct cluster *cluster);
void registration_peer_up(struct cluster *cluster, int32_t peer);
/* Who leads the catalog, or what it says of us, may be new: what can be done is done in this turn
 * or the next, and not when it is time to ask again. */
void registration_look(struct cluster *cluster);
/* Asks a peer who it is and what it knows of the region, and to be entered into the catalog. `in`
 * is NULL with an error. Nothing is answered to a cluster that was stopped. */
typedef void (*registration_answered)(struct cluster *cluster, enum error error,
                                      const struct cluster_join_response *in);
void registration_ask(struct cluster *cluster, int32_t peer, bool wants_entry, uint64_t timeout_us,
                      registration_answered answered);

/* ---- catalog_members.c ---- */
void catalog_members_init(struct cluster *cluster);
void catalog_members_start(struct cluster *cluster);
void catalog_members_stop(struct cluster *cluster);
/* At the leader: a broker that is not in the catalog wants to be. False: its node id is still a
 * member's, who may have voted from another disk; it is let go first. */
bool catalog_members_admit(struct cluster *cluster, int32_t node_id, struct uuid directory_id);

/* ---- replicas.c ---- */
void replicas_start(struct cluster *cluster);
void replicas_stop(struct cluster *cluster);
struct cluster_replica *replicas_find(const struct cluster *cluster, struct group_id group);
struct cluster_replica *replicas_get(struct cluster *cluster, struct group_id group);
void replicas_topic_changed(struct cluster *cluster, const struct catalog_topic *topic);
void replicas_became_current(struct cluster *cluster);
void replicas_topic_deleted(struct cluster *cluster, const struct catalog_topic *topic);

/* ---- leadership.c ---- */
void leadership_start(struct cluster *cluster);
void leadership_stop(struct cluster *cluster);
void leadership_led(struct cluster *cluster, struct partition *partition, int32_t leader_epoch);
void leadership_peer_up(struct cluster *cluster, int32_t peer);

/* ---- replica_moves.c ---- */
void replica_moves_start(struct cluster *cluster);
void replica_moves_stop(struct cluster *cluster);
void replica_moves_look(struct cluster *cluster, struct cluster_replica *replica);
/* Before the replica is freed. */
void replica_moves_forget(struct cluster_replica *replica);

/* ---- replica_throttles.c ---- */
void replica_throttles_apply(const struct cluster *cluster, const struct cluster_replica *replica,
                             const struct catalog_topic *topic);

/* ---- balance.c ---- */
void balance_start(struct cluster *cluster);
void balance_stop(struct cluster *cluster);

/* ---- election.c ---- */
void election_start(struct cluster *cluster);

#endif
