/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog is what a region knows of itself: brokers, topics, configurations, blocks of
 * producer ids, who may do what (catalog_security.h); later mirrors. It is the state machine of a
 * Raft group of its own, so that every broker has the whole of it and decides from local memory;
 * LMDB keeps the applied state for a fast start (never on a request's path).
 *
 * What it returns is borrowed until the end of the loop's turn. Thread: the shard's own.
 */
#ifndef GYRE_METADATA_CATALOG_H
#define GYRE_METADATA_CATALOG_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "gyre/base/buffer.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/config/topic_config.h"
#include "gyre/metadata/catalog_security.h"
#include "gyre/raft/consensus.h"
#include "gyre/wire/kafka_error.h"

struct catalog; /* born and buried by metadata/catalog_open.h */

enum {
    CATALOG_BROKERS_MAX = CONSENSUS_MEMBERS_MAX, /* each is a member of the catalog's group */
    CATALOG_REPLICAS_MAX = 9,                    /* of a partition */
    CATALOG_LISTENERS_MAX = 8,
    CATALOG_PRODUCER_ID_BLOCK = 1000,
    CATALOG_TOPIC_PARTITIONS_MAX = 100000,
    CATALOG_COMMAND_BYTES_MAX = 8 * 1024 * 1024,
    /* Without news for so long a broker changes nothing and lets nobody new in. */
    CATALOG_STALE_US = 10 * 1000 * 1000,
};
_Static_assert(3 * CATALOG_REPLICAS_MAX <= CONSENSUS_MEMBERS_MAX,
               "replicas, targets and those that leave may all be members of the group");

/* ---- brokers ---- */
struct catalog_endpoint {
    struct string name; /* listener name, as in listeners=NAME://... */
    struct string host; /* as advertised */
    uint16_t port;
    int16_t security_protocol; /* 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL */
};

struct catalog_broker {
    struct map_link by_id;
    int32_t node_id;
    struct uuid directory_id; /* identity of its disk; another one with this node id is refused */
    uint64_t incarnation;     /* of the process that registered last */
    struct string rack;       /* null: none */
    struct string rpc_host;
    uint16_t rpc_port;
    int endpoint_count;
    struct catalog_endpoint endpoints[CATALOG_LISTENERS_MAX];
    bool is_draining; /* it is being stopped: leads nothing new */
};

/* ---- topics ---- */
struct catalog_partition {
    int replica_count;
    int32_t replicas[CATALOG_REPLICAS_MAX]; /* the first is the preferred leader */
    bool has_moved;   /* the replicas are no longer those it was created with */
    int target_count; /* 0: no reassignment runs */
    int32_t targets[CATALOG_REPLICAS_MAX]; /* the replicas themselves while one is called off */
    /* Targets of before, which a reassignment made later or called off does not name: they may be
     * members of the group, all of them perhaps, until the leader says where the replicas are. */
    int leaving_count;
    int32_t leaving[CATALOG_REPLICAS_MAX];
};

static inline bool catalog_is_among(const int32_t *nodes, int count, int32_t node_id)
{
    for (int i = 0; i < count; i++) {
        if (nodes[i] == node_id) {
            return true;
        }
    }
    return false;
}

/* May this broker's replica be a member of the partition's group? Its data must stay. */
static inline bool catalog_partition_names(const struct catalog_partition *partition,
                                           int32_t node_id)
{
    return catalog_is_among(partition->replicas, partition->replica_count, node_id) ||
           catalog_is_among(partition->targets, partition->target_count, node_id) ||
           catalog_is_among(partition->leaving, partition->leaving_count, node_id);
}

/* A reassignment runs, other than on its way back. */
static inline bool catalog_partition_moves(const struct catalog_partition *partition)
{
    return partition->target_count > 0 &&
           !(partition->target_count == partition->replica_count &&
             memcmp(partition->targets, partition->replicas,
                    (size_t)partition->target_count * sizeof partition->targets[0]) == 0);
}

/* One setting that was given explicitly. */
struct catalog_setting {
    struct list link;
    struct string name;
    struct string value;
};

struct catalog_topic {
    struct map_link by_name;
    struct map_link by_id;
    struct string name;
    struct uuid id;
    bool is_internal;
    int32_t partition_count;
    struct catalog_partition *partitions;
    struct list settings;       /* struct catalog_setting, sorted by name */
    struct topic_config config; /* effective: defaults, the brokers', the topic's own */
    uint64_t created_index;     /* catalog index of its creation */
};

/* ---- looking things up ---- */
/* The name may have either spelling, of a topic inside of a stream; the topic's own is the legal
 * one (gyre/access/stream_name.h). */
const struct catalog_topic *catalog_find_topic(const struct catalog *catalog, struct string name);
const struct catalog_topic *catalog_find_topic_by_id(const struct catalog *catalog, struct uuid id);
const struct catalog_broker *catalog_find_broker(const struct catalog *catalog, int32_t node_id);
/* In no order. */
void catalog_for_each_topic(const struct catalog *catalog,
                            void (*visit)(void *context, const struct catalog_topic *topic),
                            void *context);
void catalog_for_each_broker(const struct catalog *catalog,
                             void (*visit)(void *context, const struct catalog_broker *broker),
                             void *context);
int catalog_broker_count(const struct catalog *catalog);
int32_t catalog_topic_count(const struct catalog *catalog);
int64_t catalog_partition_count(const struct catalog *catalog);

/* Settings of a broker (node id as text) or of all brokers (""): struct catalog_setting, sorted by
 * name; an empty list where nothing was set. */
const struct list *catalog_broker_settings(const struct catalog *catalog, struct string broker);
const struct list *catalog_group_settings(const struct catalog *catalog, struct string group);
/* What was set for this broker or, where it has nothing of its own, for all; null: nothing. */
struct string catalog_effective_setting(const struct catalog *catalog, struct string name);
/* The null string where nothing was set. */
struct string catalog_find_setting(const struct list *settings, struct string name);
/* Groups that have settings of their own, in no order. */
void catalog_for_each_group_settings(const struct catalog *catalog,
                                     void (*visit)(void *context, struct string group,
                                                   const struct list *settings),
                                     void *context);

struct uuid catalog_cluster_id(const struct catalog *catalog); /* zero: no region formed yet */
struct string catalog_region(const struct catalog *catalog);
int32_t catalog_region_index(const struct catalog *catalog);
uint64_t catalog_applied_index(const struct catalog *catalog);
bool catalog_leads(const struct catalog *catalog);
int32_t catalog_leader(const struct catalog *catalog); /* Kafka's controller id; -1 unknown */
/* For at least `limit_us`, or since the start of the process, nothing was heard of a leader with a
 * quorum: what this broker knows may have been revoked meanwhile. */
bool catalog_is_stale(const struct catalog *catalog, uint64_t limit_us);

/* ---- changing things ---- */
/*
 * A command is one encoded catalog record (wire/schema/internal/catalog_*.kmsg, built by
 * metadata/catalog_commands.h). It is checked and carried out when it is applied, on every broker
 * alike; the outcome comes back to the one who submitted it.
 */
struct catalog_outcome {
    enum error error;             /* NOT_LEADER, TIMEOUT: unknown whether it was carried out */
    enum kafka_error kafka_error; /* when error is NONE */
    struct string message;        /* borrowed for the call */
    struct bytes value;           /* what the command returns, e.g. the first producer id */
    uint64_t index;
};
typedef void (*catalog_done)(void *context, const struct catalog_outcome *outcome);

/* The name of another topic that differs only in '.' and '_', which Kafka forbids; null: none. */
struct string catalog_find_colliding_topic(const struct catalog *catalog, struct string name);

/* Takes `command`. Forwards to the leader where that is another broker. done() comes when the
 * change is applied here and on every live broker, at most one second after it was committed. */
void catalog_submit(struct catalog *catalog, struct buffer *command, catalog_done done,
                    void *context);

/* Call done(context, error) when `index` is applied here; TIMEOUT after `timeout_us`. */
typedef void (*catalog_applied)(void *context, enum error error);
void catalog_wait(struct catalog *catalog, uint64_t index, uint64_t timeout_us,
                  catalog_applied done, void *context);

/* ---- hearing of changes: called while they are applied, in order ----
 *
 * They come inside the apply of Raft's entry: look and note, put work off. Members may be NULL. */
struct catalog_listener {
    struct list link;
    void (*topic_created)(void *context, const struct catalog_topic *topic);
    void (*topic_deleted)(void *context, const struct catalog_topic *topic); /* still whole */
    /* Partitions were added, replicas or targets changed, or the effective configuration did. */
    void (*topic_changed)(void *context, const struct catalog_topic *topic);
    void (*broker_changed)(void *context, const struct catalog_broker *broker);
    void (*broker_removed)(void *context, int32_t node_id);
    void (*leader_changed)(void *context, int32_t node_id);
    /* Settings of this broker or of all may be others. */
    void (*broker_settings_changed)(void *context);
    /* Something of this kind came, changed or went; once for each kind before loaded(). */
    void (*security_changed)(void *context, enum catalog_security kind);
    /* Once: all that the store held came by topic_created and broker_changed before. Raft goes on
     * from there, so what is missing now may still come: not yet a reason to remove anything. */
    void (*loaded)(void *context);
    void *context;
};
void catalog_add_listener(struct catalog *catalog, struct catalog_listener *listener);

#endif
