/* SPDX-License-Identifier: Apache-2.0 */
/* What a topic has of the stream that it lies in. Thread: the shard's own. */
#ifndef GYRE_HANDLERS_STREAM_TOPICS_H
#define GYRE_HANDLERS_STREAM_TOPICS_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct broker;
struct request;

/* The legal spelling, in memory of the request where it is another one. Null: memory is exhausted.
 */
struct string stream_topics_legal(struct request *request, struct string name);

/* Partitions of a topic that is created without a number: the stream's word, or the broker's. */
int32_t stream_topics_partitions(const struct broker *broker, struct string name);

/* May it be created because somebody names it? */
bool stream_topics_come_by_themselves(const struct broker *broker, struct string name);

/* Why it cannot lie where its name says; null: it can. */
struct string stream_topics_fault(struct request *request, struct string name);

#endif
