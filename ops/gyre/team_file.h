/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A team file says in YAML what a team is and what it has; a document each, where there are
 * several.
 *
 *     team: ads
 *     principals: [alice, User:bob]
 *     groups: [ads]               # groups of policy expressions, g:ads; the team's name if absent
 *     prefix: ads.                # plain topics, consumer groups and transactional ids
 *     streams:
 *       /ads/clicks:
 *         produce: g:ads & !g:interns
 *         consume: g:ads
 *         ttl: 7d
 *     quotas:                     # of each principal
 *       producer_byte_rate: 10485760
 *     regions: [eu, us]           # where the team is at home; everywhere if absent
 */
#ifndef GYRE_OPS_TEAM_FILE_H
#define GYRE_OPS_TEAM_FILE_H

#include <stdbool.h>

#include "gyre/base/arena.h"
#include "gyre/base/bytes.h"

#include "quotas.h"
#include "stream_words.h"

enum { TEAM_NAMES_MAX = 1000, TEAM_STREAMS_MAX = 100, TEAMS_MAX = 100, TEAM_NAME_BYTES_MAX = 200 };

struct team_names {
    const char **items;
    int count;
};

struct team_property {
    const char *name;
    const char *value;
};

struct team_stream {
    const char *name;
    const char *owner;                           /* NULL: not told */
    const char *expressions[STREAM_PERMISSIONS]; /* NULL: not told */
    int8_t mode;                                 /* -1: not told */
    struct team_property properties[STREAM_PROPERTIES_MAX];
    int property_count;
};

struct team {
    const char *name;
    struct team_names principals; /* "User:alice" */
    struct team_names groups;     /* "g:ads" */
    const char *prefix;           /* NULL: none */
    struct team_stream *streams;
    int stream_count;
    struct quota_change quotas[QUOTA_CHANGES_MAX];
    int quota_count;
    struct team_names regions;
};

struct team_file {
    struct team teams[TEAMS_MAX];
    int count;
    struct arena arena; /* of all texts */
};

/* False: what is wrong was said, with its line. Release the file in both cases. "-" is stdin. */
bool team_file_read(const char *path, struct team_file *file);
void team_file_release(struct team_file *file);

#endif
