/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a region remembers of a team: the principals, groups, streams, prefix and quotas that its
 * file named when it was last applied, so that what the file no longer names can be taken away. It
 * lies among the groups and roles as t:NAME, which no policy expression can ask for; its members
 * are lines like "stream:/ads/clicks".
 */
#ifndef GYRE_OPS_TEAM_RECORD_H
#define GYRE_OPS_TEAM_RECORD_H

#include <stdbool.h>

#include "gyre/base/arena.h"

#include "session.h"
#include "team_file.h"

struct team_record {
    const char *name;         /* of the team */
    struct team_names had;    /* lines; texts lie in the arena, as the next */
    struct team_names wanted; /* what is to be remembered */
    struct arena arena;
};

/* Of a team as it is wanted. Release the record in any case. */
enum exit_status team_record_fetch(struct session *session, const struct team *team,
                                   struct team_record *record);
void team_record_release(struct team_record *record);

/* The `index`th thing that the team had, where it is of this kind ("stream"); NULL: of another. */
const char *team_record_had(const struct team_record *record, const char *kind, int index);

/* As the above, but only what is wanted no more. */
const char *team_record_dropped(const struct team_record *record, const char *kind, int index);

/* Before anything is made: remember what will be, so that nothing is ever forgotten. */
enum exit_status team_record_widen(struct session *session, const struct team_record *record);

/* After all is made: forget the rest. */
enum exit_status team_record_narrow(struct session *session, const struct team_record *record);

#endif
