/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group coordinator keeps consumer groups and their committed offsets. A group belongs to one
 * partition of __consumer_offsets, and to the broker that leads it: everything that matters is a
 * record there, in Kafka's own layout, and memory is what those records say plus what is underway.
 *
 * It knows partitions and the catalog; it knows no connections and asks nobody for permission:
 * handlers do that before they call.
 *
 * Thread: the shard's own. A call is a struct of the asker's that must live until done(); done()
 * comes exactly once and never inside the function that took the call.
 */
#ifndef GYRE_COORDINATOR_GROUP_COORDINATOR_H
#define GYRE_COORDINATOR_GROUP_COORDINATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/list.h"
#include "gyre/wire/kafka_error.h"

struct arena;
struct broker_config;
struct catalog;
struct group_coordinator;
struct loop;
struct partition_table;
struct random;

#define GROUP_COORDINATOR_TOPIC "__consumer_offsets"

enum {
    GROUP_COORDINATOR_GROUPS_MAX = 500000,   /* on one broker */
    GROUP_COORDINATOR_OFFSETS_MAX = 8000000, /* committed, on one broker */
    GROUP_MEMBER_PROTOCOLS_MAX = 128,
    GROUP_BYTES_MAX = 4 * 1024 * 1024, /* what the members of one group bring along */
};

/* Borrowed for the coordinator's life. */
struct group_coordinator_services {
    struct loop *loop;
    struct random *random;
    struct catalog *catalog;
    struct partition_table *partitions;
    const struct broker_config *config;
};

/* Before any partition is opened, so that it hears of them all. */
struct group_coordinator *group_coordinator_new(const struct group_coordinator_services *services);
/* Everybody who waits is told NOT_COORDINATOR, and so is who comes later. */
void group_coordinator_stop(struct group_coordinator *coordinator);
/* After the partitions are closed; calls that still wait are forgotten. */
void group_coordinator_free(struct group_coordinator *coordinator);

/* The partition of __consumer_offsets that keeps the group, as Kafka computes it. */
int32_t group_coordinator_partition(const struct group_coordinator *coordinator,
                                    struct string group_id);

/* May the group be asked for here and now? NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS. */
enum kafka_error group_coordinator_check(const struct group_coordinator *coordinator,
                                         struct string group_id);

/* Is the group's partition changing hands, as our replica of it sees it? It is being given away,
 * has no leader yet, or is being loaded here: who asks again in a moment gets a better answer. */
bool group_coordinator_is_moving(const struct group_coordinator *coordinator,
                                 struct string group_id);
/* Who leads the group's partition, as our replica of it knows; -1: nobody, or we have none. */
int32_t group_coordinator_leader(const struct group_coordinator *coordinator,
                                 struct string group_id);

/* ---- calls that answer later ---- */
struct group_call {
    struct list link;    /* private */
    struct arena *arena; /* what the answer points to; its limit is respected */
    void (*done)(struct group_call *call);
};

/* Each has the request as it came and the answer that it fills, error code included. */
struct join_group_request;
struct join_group_response;
struct group_join {
    struct group_call call;
    const struct join_group_request *in;
    struct join_group_response *out;
    int16_t version;
    struct string client_id;
    struct string client_host;
};
void group_coordinator_join(struct group_coordinator *coordinator, struct group_join *join);

struct sync_group_request;
struct sync_group_response;
struct group_sync {
    struct group_call call;
    const struct sync_group_request *in;
    struct sync_group_response *out;
};
void group_coordinator_sync(struct group_coordinator *coordinator, struct group_sync *sync);

/* `out` has a topic for each of `in`, with partitions and their index. Only those are committed
 * whose error code there is NONE; topics of `in` have their names also where ids were sent. */
struct offset_commit_request;
struct offset_commit_response;
struct group_commit {
    struct group_call call;
    const struct offset_commit_request *in;
    struct offset_commit_response *out;
    int16_t version;
};
void group_coordinator_commit(struct group_coordinator *coordinator, struct group_commit *commit);

/* `errors` has one for each of `in`; those that are not NONE already are left alone. */
struct group_delete {
    struct group_call call;
    const struct string *groups;
    int16_t *errors;
    int32_t count;
    /* private */
    struct group_coordinator *coordinator;
    int32_t pending;
};
void group_coordinator_delete_groups(struct group_coordinator *coordinator,
                                     struct group_delete *remove);

/* As group_commit: `out` is prepared; partitions with an error are left alone. */
struct offset_delete_request;
struct offset_delete_response;
struct group_offset_delete {
    struct group_call call;
    const struct offset_delete_request *in;
    struct offset_delete_response *out;
};
void group_coordinator_delete_offsets(struct group_coordinator *coordinator,
                                      struct group_offset_delete *remove);

/* ---- calls that answer at once ---- */
struct heartbeat_request;
enum kafka_error group_coordinator_heartbeat(struct group_coordinator *coordinator,
                                             const struct heartbeat_request *in);

/* One member to leave, of LeaveGroup in any version. */
struct group_leaver {
    struct string member_id;
    struct string instance_id; /* null: none */
    int16_t error_code;        /* out */
};
/* An error that concerns all; else each leaver has its own. */
enum kafka_error group_coordinator_leave(struct group_coordinator *coordinator,
                                         struct string group_id, struct group_leaver *leavers,
                                         int32_t count);

/* One committed offset, of the topic that has its name at present. Strings are borrowed until the
 * end of the turn. */
struct group_offset {
    int64_t offset; /* -1: none was committed */
    int32_t leader_epoch;
    struct string metadata;
};
struct group_offset group_coordinator_find_offset(const struct group_coordinator *coordinator,
                                                  struct string group_id, struct string topic,
                                                  int32_t partition);
/* Topic by topic, in no order within one. */
void group_coordinator_for_each_offset(const struct group_coordinator *coordinator,
                                       struct string group_id,
                                       void (*visit)(void *context, struct string topic,
                                                     int32_t partition,
                                                     const struct group_offset *offset),
                                       void *context);
/* How many topics and offsets that will visit at most. */
void group_coordinator_count_offsets(const struct group_coordinator *coordinator,
                                     struct string group_id, int32_t *out_topics,
                                     int32_t *out_offsets);

/* ---- looking at groups ---- */
struct describe_groups_response_groups;
/* Fills all but id and authorized operations; the error is in it (GROUP_ID_NOT_FOUND, ...). */
void group_coordinator_describe(const struct group_coordinator *coordinator, struct string group_id,
                                struct arena *arena, struct describe_groups_response_groups *out);

struct group_listing {
    struct string group_id;
    struct string protocol_type; /* "" of simple groups */
    struct string state;         /* "Stable" and so on */
    struct string type;          /* "Classic" */
};
void group_coordinator_for_each_group(const struct group_coordinator *coordinator,
                                      void (*visit)(void *context,
                                                    const struct group_listing *listing),
                                      void *context);
/* Is some partition of __consumer_offsets that this broker leads not loaded yet? */
bool group_coordinator_is_loading(const struct group_coordinator *coordinator);

#endif
