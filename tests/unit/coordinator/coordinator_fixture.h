/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A coordinator over __consumer_offsets with one partition whose log is in memory, and a clock that
 * tests set. The log outlives the coordinator, so that it can be started again over it.
 *
 * Members and calls live in the fixture until it is released.
 */
#ifndef GYRE_TESTS_UNIT_COORDINATOR_COORDINATOR_FIXTURE_H
#define GYRE_TESTS_UNIT_COORDINATOR_COORDINATOR_FIXTURE_H

#include "gyre/base/arena.h"
#include "gyre/base/random.h"
#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"
#include "gyre/partition/partition.h"
#include "gyre/runtime/loop.h"

#include "coordinator/group_coordinator.h"
#include "support/fake_clock.h"
#include "wire_messages/describe_groups.h"
#include "wire_messages/heartbeat.h"
#include "wire_messages/join_group.h"
#include "wire_messages/offset_commit.h"
#include "wire_messages/offset_delete.h"
#include "wire_messages/sync_group.h"

enum { FIXTURE_BATCHES_MAX = 512, FIXTURE_SESSION_MS = 10000, FIXTURE_REBALANCE_MS = 60000 };

/* ---- the partition that the coordinator sees (partition.h is answered from here) ---- */
struct partition {
    struct group_id group;
    bool leads;
    bool hands_over;
    int32_t leader;                /* who leads where we do not; -1: nobody yet */
    bool holds_appends;            /* they are neither committed nor refused */
    enum kafka_error append_error; /* of those to come */
    struct buffer *batches[FIXTURE_BATCHES_MAX];
    int batch_count;
    int64_t end_offset;
    struct list held; /* struct partition_append */
    struct list done;
    struct task finish;
    struct loop *loop;
    int appends; /* how often it was asked */
};

struct fixture {
    struct fake_clock clock;
    struct loop loop;
    struct random random;
    struct broker_config config;
    struct catalog_topic offsets_topic;
    struct catalog_topic topic; /* "t", which groups read */
    struct partition partition;
    struct group_coordinator *coordinator;
    struct arena arena;
    bool is_paused; /* calls do not run the loop: they come in one turn */
};

void fixture_init(struct fixture *fixture); /* leads, loaded */
void fixture_release(struct fixture *fixture);
void fixture_run(struct fixture *fixture); /* all that is due now */
void fixture_pass_ms(struct fixture *fixture, uint64_t ms);

void fixture_lead(struct fixture *fixture);
void fixture_follow(struct fixture *fixture);
void fixture_restart(struct fixture *fixture); /* a new coordinator over the same log */
void fixture_commit_held(struct fixture *fixture);
void fixture_delete_topic(struct fixture *fixture);

/* ---- members ---- */
struct joiner {
    struct join_group_request in;
    struct join_group_response out;
    struct group_join join;
    bool is_done;
};

/* What a member says; zero fields mean the usual: group "g", "range" with metadata "m". */
struct joining {
    struct string group_id;
    struct string member_id;
    struct string instance_id;
    struct string protocols[2];
    struct string metadata;
    int32_t session_ms;
    int32_t rebalance_ms;
    int16_t version; /* 0: 3, without MEMBER_ID_REQUIRED */
};
struct joiner *fixture_join(struct fixture *fixture, struct joining joining);

struct syncer {
    struct sync_group_request in;
    struct sync_group_response out;
    struct group_sync sync;
    bool is_done;
};
/* `assignments`: pairs of member id and assignment, count of pairs; a leader's. */
struct syncer *fixture_sync(struct fixture *fixture, struct string member_id, int32_t generation,
                            const struct string *assignments, int32_t count);

int16_t fixture_heartbeat(struct fixture *fixture, struct string member_id, int32_t generation);
int16_t fixture_leave(struct fixture *fixture, struct string member_id);

/* One member that has joined "g" and has its assignment "a". */
struct string fixture_stable_member(struct fixture *fixture, struct joining joining);

/* ---- offsets ---- */
struct committer {
    struct offset_commit_request in;
    struct offset_commit_response out;
    struct group_commit commit;
    bool is_done;
    int16_t error; /* of the one partition, once it is done */
};
struct committing {
    struct string group_id;
    struct string member_id;
    int32_t generation; /* as sent: -1 for a simple consumer */
    int64_t offset;
    struct string metadata;
    int64_t retention_ms; /* 0: the broker's */
};
/* Partition 0 of "t". */
struct committer *fixture_commit(struct fixture *fixture, struct committing committing);
int64_t fixture_offset(const struct fixture *fixture, struct string group_id);

/* ---- administration ---- */
const char *fixture_state(struct fixture *fixture, struct string group_id);
int16_t fixture_delete_group(struct fixture *fixture, struct string group_id);
/* Of partition 0 of "t" in group "g": the group's error or the partition's. */
int16_t fixture_delete_offset(struct fixture *fixture);

#endif
