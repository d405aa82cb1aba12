/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/topics.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/access/stream_name.h"
#include "gyre/base/arena.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/runtime/loop.h"

#include "cluster/cluster.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/stream_topics.h"
#include "metadata/catalog_commands.h"
#include "metadata/topic_name.h"

/* As Kafka has it. */
enum { TRANSACTION_STATE_SEGMENT_BYTES = 100 * 1024 * 1024 };

struct creation {
    struct task task; /* for answers that are known at once */
    struct broker *broker;
    topics_done done;
    void *context;
    enum kafka_error error;
};

struct plan {
    struct string name;
    bool is_internal;
    int32_t partition_count;
    int replication_factor;
    const struct catalog_create_topic_settings *settings;
    int32_t setting_count;
};

static void end(struct creation *creation, enum kafka_error error)
{
    creation->done(creation->context, error);
    free(creation);
}

static void run_end(struct task *task)
{
    struct creation *creation = CONTAINER_OF(task, struct creation, task);

    end(creation, creation->error);
}

static void end_later(struct creation *creation, enum kafka_error error)
{
    creation->error = error;
    task_init(&creation->task, run_end);
    loop_defer(creation->broker->loop, &creation->task);
}

static void on_outcome(void *context, const struct catalog_outcome *outcome)
{
    enum kafka_error error = catalog_changes_error(outcome);

    /* Somebody else was faster: all the same. */
    end(context, error == KAFKA_ERROR_TOPIC_ALREADY_EXISTS ? KAFKA_ERROR_NONE : error);
}

static void fill_partitions(struct catalog_create_topic *command, struct arena *arena,
                            struct catalog_partition *places, int32_t count)
{
    enum error error =
        catalog_create_topic_partitions_array_alloc(&command->partitions, arena, count);

    CHECK(error == ERROR_NONE);
    for (int32_t i = 0; i < count; i++) {
        command->partitions.items[i].replicas =
            (struct int32_array){places[i].replicas, places[i].replica_count};
    }
}

static enum kafka_error submit(struct creation *creation, const struct plan *plan)
{
    struct broker *broker = creation->broker;
    struct catalog_create_topic command;
    struct buffer *bytes = NULL;
    struct arena arena;

    struct catalog_partition *places =
        check_alloc_zero((size_t)plan->partition_count * sizeof *places);
    if (cluster_place(broker->cluster, plan->partition_count, plan->replication_factor, places) !=
        ERROR_NONE) {
        free(places);
        return KAFKA_ERROR_INVALID_REPLICATION_FACTOR;
    }
    arena_init(&arena, SIZE_MAX / 2);
    catalog_create_topic_init(&command);
    command.name = plan->name;
    command.topic_id = uuid_random(broker->random);
    command.is_internal = plan->is_internal;
    fill_partitions(&command, &arena, places, plan->partition_count);
    command.settings.items = (struct catalog_create_topic_settings *)(uintptr_t)plan->settings;
    command.settings.count = plan->setting_count;
    enum error error = catalog_commands_of(create_topic, CREATE_TOPIC, &command, &bytes);
    arena_release(&arena);
    free(places);
    if (error != ERROR_NONE) {
        return KAFKA_ERROR_INVALID_PARTITIONS;
    }
    catalog_submit(broker->catalog, bytes, on_outcome, creation);
    return KAFKA_ERROR_NONE;
}

static void create(struct broker *broker, const struct plan *plan, topics_done done, void *context)
{
    struct creation *creation = check_alloc_zero(sizeof *creation);
    char reason[512];

    creation->broker = broker;
    creation->done = done;
    creation->context = context;
    if (catalog_find_topic(broker->catalog, plan->name) != NULL) {
        end_later(creation, KAFKA_ERROR_NONE);
        return;
    }
    if (!topic_name_is_valid(plan->name, reason, sizeof reason) ||
        catalog_find_colliding_topic(broker->catalog, plan->name).bytes != NULL) {
        end_later(creation, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
        return;
    }
    enum kafka_error error = submit(creation, plan);
    if (error != KAFKA_ERROR_NONE) {
        log_warning(LOG_HANDLERS, "a topic cannot be created", field_text("topic", plan->name),
                    field_string("error", kafka_error_name((int16_t)error)));
        end_later(creation, error);
    }
}

void topics_auto_create(struct broker *broker, struct string name, topics_done done, void *context)
{
    struct stream_name_text legal;
    struct plan plan = {
        .name = stream_name_legal(name, &legal),
        .partition_count = stream_topics_partitions(broker, name),
        .replication_factor = cluster_default_replication_factor(broker->cluster),
    };

    if (topic_name_is_internal(name)) {
        topics_ensure_internal(broker, name, done, context);
    } else {
        create(broker, &plan, done, context);
    }
}

/* A broker that is down for a moment counts: the topic keeps its replicas for ever. */
static int at_most_brokers(const struct broker *broker, int replication_factor)
{
    int brokers = catalog_broker_count(broker->catalog);

    return replication_factor < brokers ? replication_factor : brokers;
}

/* What coordinators keep: in Kafka's layout, so with Kafka's settings. */
static void ensure_state(struct broker *broker, struct string name, topics_done done, void *context)
{
    const struct broker_config *config = broker->config;
    char segment_bytes[16];
    struct catalog_create_topic_settings settings[] = {
        {.name = STRING("cleanup.policy"), .value = STRING("compact")},
        {.name = STRING("compression.type"), .value = STRING("producer")},
        {.name = STRING("segment.bytes")},
        {.name = STRING("min.insync.replicas")},
    };
    bool is_offsets = string_is(name, "__consumer_offsets");
    char min_insync[16];
    struct plan plan = {
        .name = name,
        .is_internal = true,
        .partition_count = is_offsets ? config->offsets_topic_num_partitions
                                      : config->transaction_state_log_num_partitions,
        .replication_factor =
            at_most_brokers(broker, is_offsets ? config->offsets_topic_replication_factor
                                               : config->transaction_state_log_replication_factor),
        .settings = settings,
        .setting_count = is_offsets ? 3 : 4,
    };

    (void)snprintf(segment_bytes, sizeof segment_bytes, "%d",
                   is_offsets ? config->offsets_topic_segment_bytes
                              : TRANSACTION_STATE_SEGMENT_BYTES);
    (void)snprintf(min_insync, sizeof min_insync, "%d",
                   plan.replication_factor < config->transaction_state_log_min_isr
                       ? plan.replication_factor
                       : config->transaction_state_log_min_isr);
    settings[2].value = string_from(segment_bytes);
    settings[3].value = string_from(min_insync);
    create(broker, &plan, done, context);
}

/* One partition, so that one reader sees all in order; kept as long as the broker's default. */
static void ensure_audit(struct broker *broker, topics_done done, void *context)
{
    struct plan plan = {
        .name = STRING("__audit"),
        .is_internal = true,
        .partition_count = 1,
        .replication_factor =
            at_most_brokers(broker, broker->config->offsets_topic_replication_factor),
    };

    create(broker, &plan, done, context);
}

void topics_ensure_internal(struct broker *broker, struct string name, topics_done done,
                            void *context)
{
    if (string_is(name, "__audit")) {
        ensure_audit(broker, done, context);
    } else {
        ensure_state(broker, name, done, context);
    }
}
