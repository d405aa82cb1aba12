/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `gyre group` share. */
#ifndef GYRE_OPS_GROUP_H
#define GYRE_OPS_GROUP_H

#include <stdint.h>

#include "connect_options.h"

struct session;

struct group_arguments {
    struct connect_arguments connect;
    const char *group;
};

/* Waits for one to be there. All brokers are known afterwards. */
enum exit_status group_find_coordinator(struct session *session, const char *group,
                                        int32_t *out_node_id);

/* The context is a struct group_arguments. */
enum exit_status group_describe_with(struct session *session, void *context);

#endif
