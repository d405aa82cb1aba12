/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of `gyre topic`, and its verbs. */
#ifndef GYRE_OPS_TOPIC_OPTIONS_H
#define GYRE_OPS_TOPIC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

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
extern const struct argp_option topic_describe_options[];

struct topic_syntax {
    const struct argp_option *options;
    const char *names; /* "NAME", "[NAME...]" */
    const char *documentation;
    int names_min;
    int names_max;
};

void topic_parse(const struct topic_syntax *syntax, int argc, char **argv,
                 struct topic_arguments *arguments);

int topic_describe(int argc, char **argv);
int topic_alter(int argc, char **argv);

#endif
