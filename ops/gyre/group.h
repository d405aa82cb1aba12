/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `gyre group` share. */
#ifndef GYRE_OPS_GROUP_H
#define GYRE_OPS_GROUP_H

#include <stdint.h>

#include "connect_options.h"

struct client_call;
struct session;

struct group_arguments {
    struct connect_arguments connect;
    const char *group;
};

/* As session_ask(), of the group's coordinator: of another when one falls silent. Sets node_id. */
enum exit_status group_ask(struct session *session, const char *group, struct client_call *call);

/* The context is a struct group_arguments. */
enum exit_status group_describe_with(struct session *session, void *context);

#endif
