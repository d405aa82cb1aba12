/* SPDX-License-Identifier: Apache-2.0 */
#include "format_command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gyre/base/random.h"
#include "gyre/config/config.h"
#include "gyre/runtime/disk_engine.h"
#include "gyre/storage/storage.h"

#include "first_credentials.h"

const char *data_directory(const struct broker_config *config)
{
    const struct config_list *directories =
        config->log_dirs.count > 0 ? &config->log_dirs : &config->log_dir;

    return directories->items[0].bytes;
}

static enum error make_parents(const char *path)
{
    char prefix[PATH_MAX];
    size_t length = strlen(path);

    if (length >= sizeof prefix) {
        return ERROR_INVALID;
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        if (mkdir(prefix, 0750) != 0 && errno != EEXIST) {
            return error_from_errno(errno);
        }
    }
    return ERROR_NONE;
}

enum error format_directory(const struct broker_config *config, struct disk *disk,
                            const char *cluster_id)
{
    struct storage_identity identity = {.node_id = config->node_id};
    struct random random;
    enum error error = ERROR_NONE;

    if (cluster_id != NULL) {
        error = uuid_parse(string_from(cluster_id), &identity.cluster_id);
        if (error == ERROR_NONE && uuid_is_zero(identity.cluster_id)) {
            error = ERROR_MALFORMED; /* stands for a region that is still to be formed */
        }
    }
    if (error != ERROR_NONE) {
        return error;
    }
    random_seed_from_system(&random);
    identity.directory_id = uuid_random(&random);
    error = make_parents(data_directory(config));
    return error == ERROR_NONE ? storage_format(disk, data_directory(config), &identity) : error;
}

/* Into a directory that was just made; a half-made one is better than one without its users. */
static enum error add_users(const char *directory, const struct buffer *users)
{
    if (users == NULL) {
        return ERROR_NONE;
    }
    (void)umask(S_IRWXG | S_IRWXO);
    return first_credentials_write(directory, disk_blocking(), users);
}

int format_command(const struct broker_config *config, const struct format_options *options)
{
    const char *directory = data_directory(config);
    struct buffer *users = NULL;

    if (options->user_count > 0 &&
        format_users_read(options->users, options->user_count, stdin, &users) != ERROR_NONE) {
        return EXIT_FAILURE;
    }
    enum error error = format_directory(config, disk_blocking(), options->cluster_id);
    if (error == ERROR_NONE) {
        error = add_users(directory, users);
    }
    buffer_unref(users);
    switch ((int)error) {
    case ERROR_NONE:
        (void)printf("%s: formatted for node %d\n", directory, config->node_id);
        return EXIT_SUCCESS;
    case ERROR_EXISTS:
        (void)fprintf(stderr, "%s: holds the data of a broker already; nothing was changed\n",
                      directory);
        return EXIT_FAILURE;
    case ERROR_MALFORMED:
        (void)fprintf(stderr, "%s: not a cluster id (22 characters)\n", options->cluster_id);
        return EXIT_FAILURE;
    default: (void)fprintf(stderr, "%s: %s\n", directory, error_text(error)); return EXIT_FAILURE;
    }
}
