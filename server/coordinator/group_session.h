/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staying in a group and leaving it: heartbeats, LeaveGroup, sessions that end. Thread: the
 * shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_SESSION_H
#define GYRE_COORDINATOR_GROUP_SESSION_H

#include <stdint.h>

#include "gyre/wire/kafka_error.h"

struct group;
struct group_leaver;
struct heartbeat_request;
struct timer;

enum kafka_error group_session_heartbeat(struct group *group, const struct heartbeat_request *in);
enum kafka_error group_session_leave(struct group *group, struct group_leaver *leavers,
                                     int32_t count);

/* For the timers of members and of pending ids. */
void group_session_expired(struct timer *timer);
void group_session_pending_expired(struct timer *timer);

#endif
