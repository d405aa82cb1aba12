/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies between a team as its file describes it and the team as the region has it: found,
 * printed as a diff, and made. Applying a file twice changes nothing the second time.
 */
#ifndef GYRE_OPS_TEAM_CHANGES_H
#define GYRE_OPS_TEAM_CHANGES_H

#include <jansson.h>
#include <stdbool.h>

#include "acl_rules.h"
#include "session.h"
#include "team_file.h"
#include "team_record.h"

enum { TEAM_LINE_BYTES = 1024 };

struct team_changes {
    struct session *session;
    bool is_dry_run;
    enum output_format output;
    int count;    /* of changes found */
    json_t *list; /* of them, for -o json; owned */

    /* ---- of the team that is compared ---- */
    struct acl_rules gone; /* principals that have left it; only `principal` is set */
    struct team_record record;
};

void team_changes_init(struct team_changes *changes, struct session *session, bool is_dry_run,
                       enum output_format output);
void team_changes_release(struct team_changes *changes);

/* Say one change: `sign` is '+', '-' or '~'. True: it is to be made. */
__attribute__((format(printf, 4, 5))) bool team_change(struct team_changes *changes, char sign,
                                                       const char *kind, const char *format, ...);

/* Say what stays although the file no longer has it, and what to do about it. */
__attribute__((format(printf, 3, 4))) void team_left(struct team_changes *changes, const char *kind,
                                                     const char *format, ...);

/* Whatever the team has and its file does not name goes; all of it in a region that it is not for.
 */
enum exit_status team_changes_apply(struct team_changes *changes, const struct team *team);

/* The parts, in files of their own. */
enum exit_status team_apply_streams(struct team_changes *changes, const struct team *team);
enum exit_status team_apply_groups(struct team_changes *changes, const struct team *team);
enum exit_status team_apply_prefix(struct team_changes *changes, const struct team *team);
enum exit_status team_apply_quotas(struct team_changes *changes, const struct team *team);

#endif
