/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The regions of one `gyre dev` directory: which brokers, ports and properties. Written to
 * DIR/dev.json by `up`, read by every other command.
 *
 * Region r, broker b (both from 0) listens at port + 100 r + b for clients, 20 higher for other
 * brokers, 40 higher for health and metrics, and 50, 60 and 70 higher for further listeners.
 */
#ifndef GYRE_OPS_DEV_REGION_H
#define GYRE_OPS_DEV_REGION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "dev_security.h"

enum {
    DEV_BROKERS_MAX = 20,           /* more would run into the next port range */
    DEV_BROKERS_LISTENERS_MAX = 10, /* the same, with further listeners */
    DEV_REGIONS_MAX = 9,
    DEV_SETTINGS_MAX = 64,
    DEV_PATH_MAX = 3072,
    DEV_RPC_PORT = 20,
    DEV_ADMIN_PORT = 40,
    DEV_REGION_PORTS = 100,
};

struct dev_broker {
    int node_id;
    pid_t pid; /* 0: not running */
    int kafka_port;
    int rpc_port;
    int admin_port;
    char data_dir[DEV_PATH_MAX];
};

struct dev_region {
    char name[32];
    int index;
    char cluster_id[64]; /* "" until known */
    int broker_count;
    struct dev_broker brokers[DEV_BROKERS_MAX];
};

/* One --set: of all brokers (node_index -1) or of one. */
struct dev_setting {
    int broker_index;
    char text[512]; /* KEY=VALUE */
};

struct dev {
    char dir[DEV_PATH_MAX - 512];
    int region_count;
    struct dev_region regions[DEV_REGIONS_MAX];
    int setting_count;
    struct dev_setting settings[DEV_SETTINGS_MAX];
    struct dev_security security;
};

/* Lay out what `up` asks for. */
void dev_plan(struct dev *dev, int brokers, int regions, int port, int first_node_id);

/* From and to DIR/dev.json. False: it is not there or cannot be used; the reason was printed. */
bool dev_load(struct dev *dev, const char *dir);
bool dev_exists(const char *dir);
bool dev_save(const struct dev *dev);

/* What `up` and `status` print; with states if `has_states`. The caller drops the reference. */
json_t *dev_to_json(const struct dev *dev, bool has_states);

/* DIR/REGION/broker-ID/NAME */
void dev_path(const struct dev *dev, const struct dev_region *region,
              const struct dev_broker *broker, const char *name, char path[DEV_PATH_MAX]);

/* A directory, unless it is there. False: the reason was printed. */
bool dev_make_directory(const char *path);

/* Of a directory: whoever reads dev.json to write it, or to stop what runs, holds this descriptor
 * meanwhile. -1: the reason was printed. */
int dev_lock(const char *dir);

/* A new file with mode 0600 that is seen under its name when dev_finish_file() closed it. NULL: the
 * reason was printed. */
FILE *dev_create_secret(const char *path);
bool dev_finish_file(FILE *file, const char *path);

/* Write broker.conf. False: the reason was printed. */
bool dev_write_config(const struct dev *dev, const struct dev_region *region, int broker_index);

#endif
