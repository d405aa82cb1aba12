/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocols (assignors) that members bring along, and the vote between them. Thread: the
 * shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_PROTOCOLS_H
#define GYRE_COORDINATOR_GROUP_PROTOCOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "gyre/base/bytes.h"

struct group;
struct group_member;
struct join_group_request;
struct join_group_request_protocols_array;

/* Replace what the member supports; a name that comes twice counts once. */
void group_protocols_set(struct group_member *member,
                         const struct join_group_request_protocols_array *protocols);
void group_protocols_clear(struct group_member *member);

/* Just the same names, bytes and order? */
bool group_protocols_match(const struct group_member *member,
                           const struct join_group_request_protocols_array *protocols);

/* Could one with these join: is one of them supported by all members? */
bool group_protocols_accept(const struct group *group, const struct join_group_request *in);

/* The one that all support and most prefer; of the member that came first if they are even. The
 * null string if there is none. */
struct string group_protocols_vote(const struct group *group);

/* What the member said under the group's protocol; empty if it does not know it. */
struct string group_protocols_metadata(const struct group_member *member, struct string protocol);

/* Does some member say that it reads the topic? True as well where members use the consumer
 * protocol but cannot be understood. */
bool group_protocols_subscribe(const struct group *group, struct string topic);

size_t group_protocols_bytes(const struct join_group_request_protocols_array *protocols);
size_t group_protocols_bytes_of(const struct group_member *member);

#endif
