/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics that come to be because somebody needs them: a client that named one, a coordinator that
 * keeps its state in one. CreateTopics has its own, larger ways.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_TOPICS_H
#define GYRE_HANDLERS_TOPICS_H

#include <stdbool.h>

#include "gyre/base/bytes.h"
#include "gyre/wire/kafka_error.h"

struct broker;

/* NONE: it is there now, on every live broker, though its leaders may still be elected. Otherwise
 * what a client is told: INVALID_TOPIC_EXCEPTION, INVALID_REPLICATION_FACTOR, ... */
typedef void (*topics_done)(void *context, enum kafka_error error);

/* A plain topic with the broker's defaults. `name` is borrowed for the call. */
void topics_auto_create(struct broker *broker, struct string name, topics_done done, void *context);

/* "__consumer_offsets", "__transaction_state" or "__audit" with the partitions, replicas and
 * settings that the configuration gives them. */
void topics_ensure_internal(struct broker *broker, struct string name, topics_done done,
                            void *context);

#endif
