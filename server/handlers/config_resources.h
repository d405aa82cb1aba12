/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AlterConfigs and IncrementalAlterConfigs share: which resource is meant, whether its changes
 * are sound, and the command that carries them out. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_CONFIG_RESOURCES_H
#define GYRE_HANDLERS_CONFIG_RESOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/map.h"
#include "gyre/observe/log.h"

#include "handlers/catalog_changes.h"

struct request;

struct config_fault {
    enum kafka_error error;
    struct string message; /* in the request's arena, or constant */
};

/* Does the name of a BROKER or BROKER_LOGGER resource mean the one who was asked? */
bool config_resources_is_this_broker(struct request *request, struct string name,
                                     struct config_fault *out_fault);

/* "INFO", "WARN", ...: as Kafka's tools write them. */
const char *config_resources_level_name(enum log_level level);

/* One resolved change: null value means back to the default. */
struct config_change {
    struct string name;
    struct string value;
};

struct config_target {
    int8_t type; /* enum config_resource */
    struct string name;
};

/* One resource of a request; private but for the target. */
struct config_mention {
    struct map_link link;
    struct config_target target;
    bool is_repeated;
};

/* Their targets are set: marks those that are named more than once. */
void config_resources_mark_repeated(struct config_mention *mentions, int32_t count);
/* Kafka refuses all of those, before it looks at anything else. */
bool config_resources_is_named_once(const struct config_mention *mention,
                                    struct config_fault *out_fault);

/* Exists it, and may the one who asks change it? */
bool config_resources_check_target(struct request *request, const struct config_target *target,
                                   struct config_fault *out_fault);

/* The explicit settings of the resource, for APPEND, SUBTRACT and replacement; never NULL. */
const struct list *config_resources_settings(const struct request *request,
                                             const struct config_target *target);

/* Is every value one that the resource takes? */
bool config_resources_check_changes(struct request *request, const struct config_target *target,
                                    const struct config_change *changes, int32_t count,
                                    struct config_fault *out_fault);

/* Is a key named twice? Kafka refuses that before it looks at anything else. */
bool config_resources_repeat_a_key(struct request *request, const struct config_change *changes,
                                   int32_t count);

/* Sound changes of one resource, and where their outcome goes; what it points to lives as long as
 * the request. */
struct config_submission {
    struct config_target target;
    const struct config_change *changes;
    int32_t count;
    bool is_dry; /* only looked at */
    int16_t *out_error;
    struct string *out_message;
};

/* Carry them out: by a command, or at once for loggers, which are this broker's own. What has to be
 * tried first is (listener_certificates.h). The submission itself is copied. */
void config_resources_submit(struct catalog_changes *to,
                             const struct config_submission *submission);

#endif
