/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of every broker's audit in one topic of the region, "__audit" (gyre.audit.topic): a
 * record a line, in the order of each broker. At least once: a block whose answer was lost is sent
 * again. Lines wait up to a limit while the topic cannot be written, then they are dropped and
 * counted; the file has them all the same.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_AUDIT_TOPIC_H
#define GYRE_HANDLERS_AUDIT_TOPIC_H

#include "gyre/base/bytes.h"

#define AUDIT_TOPIC "__audit"

struct audit_topic;
struct broker;

/* Every broker takes what others send, whether or not it sends lines of its own. */
void audit_topic_serve(struct broker *broker);

struct audit_topic *audit_topic_new(struct broker *broker);

/* Shutdown, before the catalog and the cluster are freed: nothing is asked of them any more, and
 * lines are let go. Calls may still end. NULL is fine. */
void audit_topic_stop(struct audit_topic *topic);
void audit_topic_free(struct audit_topic *topic); /* NULL is fine; calls must have ended */

/* Whole lines, copied. The publish of struct audit_options; `context` is the topic. */
void audit_topic_publish(void *context, struct string lines);

#endif
