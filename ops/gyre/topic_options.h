/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of `gyre topic`, and the verbs that have files of their own. */
#ifndef GYRE_OPS_TOPIC_OPTIONS_H
#define GYRE_OPS_TOPIC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

#include "admin.h"
#include "connect_options.h"

enum { TOPIC_CONFIGS_MAX = 128, TOPIC_NAMES_MAX = 1024 };

/* One --config KEY=VALUE, or --delete-config KEY with a null value. */
struct topic_setting {
    struct string key;
    struct string value;
};

struct topic_arguments {
    struct connect_arguments connect;
    int32_t partitions; /* -1: the broker's default */
    int16_t replication_factor;
    bool if_not_exists;
    bool if_exists;
    bool has_internal;
    int setting_count;
    struct topic_setting settings[TOPIC_CONFIGS_MAX];
    int name_count;
    const char *names[TOPIC_NAMES_MAX];
};

/* Which of the options a verb has, in any order. */
extern const struct argp_option topic_create_options[];
extern const struct argp_option topic_alter_options[];
extern const struct argp_option topic_delete_options[];
extern const struct argp_option topic_list_options[];

/* struct verb_group.parse: options, and as many names as the operands of the verb say. */
error_t topic_parse(int key, char *argument, struct argp_state *state);

/* Of the verbs with a file of their own; the context is a struct topic_arguments. */
enum exit_status topic_describe_with(struct session *session, void *context);
enum exit_status topic_alter_with(struct session *session, void *context);
/* Is anything to change? */
bool topic_alter_prepare(void *context);

#endif
