/* SPDX-License-Identifier: Apache-2.0 */
/* `gyred format`: make an empty data directory for one broker. */
#ifndef GYRE_FORMAT_COMMAND_H
#define GYRE_FORMAT_COMMAND_H

#include "gyre/base/error.h"

#include "format_users.h"

struct broker_config;
struct disk;

struct format_options {
    const char *cluster_id; /* NULL: the region is not formed yet, or is found through the seeds */
    const char *users[FORMAT_USERS_MAX]; /* the first administrators, see format_users.h */
    int user_count;
};

/* Exit status. */
int format_command(const struct broker_config *config, const struct format_options *options);

/* The data directory of this configuration: log.dirs, or log.dir. */
const char *data_directory(const struct broker_config *config);

/* Make the directory with its parents and format it. EXISTS if it holds data already. */
MUST_USE
enum error format_directory(const struct broker_config *config, struct disk *disk,
                            const char *cluster_id);

#endif
