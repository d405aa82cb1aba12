/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of `gyre dev`. */
#ifndef GYRE_OPS_DEV_OPTIONS_H
#define GYRE_OPS_DEV_OPTIONS_H

#include <argp.h>

#include "command.h"
#include "dev_region.h"

enum dev_option_key {
    DEV_KEY_DIR = 'd',
    DEV_KEY_OUTPUT = 'o',
    DEV_KEY_BROKERS = 'n',
    DEV_KEY_REGIONS = 0x100,
    DEV_KEY_PORT,
    DEV_KEY_PLAINTEXT,
    DEV_KEY_LISTENERS,
    DEV_KEY_USER,
    DEV_KEY_SUPER_USER,
    DEV_KEY_SET,
    DEV_KEY_FIRST_NODE_ID,
    DEV_KEY_BROKER,
    DEV_KEY_REGION,
    DEV_KEY_SIGNAL,
    DEV_KEY_TIMEOUT,
};

struct dev_arguments {
    const char *dir;
    enum output_format output;
    int brokers;
    int regions;
    int port;
    int first_node_id;
    bool is_shaped; /* one of these four was given */
    int timeout_s;
    int node_id; /* -1: all */
    const char *region;
    int signal;
    int setting_count;
    struct dev_setting settings[DEV_SETTINGS_MAX];
    struct dev_security security;
};

#define DEV_OPTION_DIR                                                                             \
    {                                                                                              \
        "dir", DEV_KEY_DIR, "DIR", 0, "The regions' directory", 0                                  \
    }
#define DEV_OPTION_OUTPUT                                                                          \
    {                                                                                              \
        "output", DEV_KEY_OUTPUT, "table|json", 0, "What to print", 0                              \
    }
#define DEV_OPTION_REGION                                                                          \
    {                                                                                              \
        "region", DEV_KEY_REGION, "NAME", 0, "Only this region", 0                                 \
    }
#define DEV_OPTION_BROKER                                                                          \
    {                                                                                              \
        "broker", DEV_KEY_BROKER, "ID", 0, "Only this node id", 0                                  \
    }
#define DEV_OPTION_TIMEOUT                                                                         \
    {                                                                                              \
        "timeout", DEV_KEY_TIMEOUT, "SECONDS", 0, "How long to wait (60)", 0                       \
    }

/* Exits on wrong usage. */
void dev_parse(const struct argp_option *options, const char *documentation, int argc, char **argv,
               struct dev_arguments *arguments);

#endif
