/* SPDX-License-Identifier: Apache-2.0 */
/* gyre team: principals, groups, streams, quotas and regions as one object. */
#include <argp.h>
#include <stdio.h>

#include "json_print.h"
#include "team_changes.h"
#include "team_file.h"
#include "verb.h"

enum option_key { KEY_FILE = 'f', KEY_DRY_RUN = 'n' };

struct team_arguments {
    struct connect_arguments connect;
    const char *path;
    bool is_dry_run;
    struct team_file file;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    const struct verb_input *input = state->input;
    struct team_arguments *arguments = input->group->arguments;

    switch (key) {
    case KEY_FILE: arguments->path = argument; return 0;
    case KEY_DRY_RUN: arguments->is_dry_run = true; return 0;
    case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", argument); return 0;
    case ARGP_KEY_END:
        if (arguments->path == NULL) {
            argp_error(state, "which file? (-f)");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum exit_status apply_with(struct session *session, void *context)
{
    const struct team_arguments *arguments = context;
    struct team_changes changes;
    enum exit_status status = STATUS_OK;

    team_changes_init(&changes, session, arguments->is_dry_run, arguments->connect.output);
    for (int i = 0; i < arguments->file.count && status == STATUS_OK; i++) {
        status = team_changes_apply(&changes, &arguments->file.teams[i]);
    }
    if (arguments->connect.output == OUTPUT_JSON && status == STATUS_OK) {
        json_print(json_incref(changes.list));
    } else if (status == STATUS_OK) {
        (void)printf("%d change%s%s\n", changes.count, changes.count == 1 ? "" : "s",
                     changes.count == 0      ? ": the region agrees with the file"
                     : arguments->is_dry_run ? " to make"
                                             : "");
    }
    team_changes_release(&changes);
    return status;
}

static bool read_file(void *context)
{
    struct team_arguments *arguments = context;

    return team_file_read(arguments->path, &arguments->file);
}

static void release_file(void *context)
{
    struct team_arguments *arguments = context;

    team_file_release(&arguments->file);
}

static const struct argp_option apply_options[] = {
    {"file", KEY_FILE, "TEAM.YAML", 0, "The team, or several as documents of one file", 1},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "Only show what would change", 1},
    {0},
};

static const struct verb verbs[] = {
    {.name = "apply",
     .summary = "make the region agree with a team's file",
     .options = apply_options,
     .operands = "",
     .documentation =
         "Make a region agree with a team's file, and print what changes.\v"
         "The file:\n\n"
         "  team: ads\n"
         "  principals: [alice, bob]\n"
         "  groups: [ads]            # who is in g:ads; the team's name if not told\n"
         "  prefix: ads.             # they may do everything to topics named so\n"
         "  streams:\n"
         "    /ads/clicks:\n"
         "      produce: g:ads & !g:interns\n"
         "      consume: g:ads\n"
         "      ttl: 7d\n"
         "  quotas: {producer_byte_rate: 10485760}\n"
         "  regions: [eu, us]        # everywhere if not told\n\n"
         "What the file named when it was last applied and names no more is taken away: principals "
         "out of the groups, rules of the prefix, quotas, settings and policies of streams. A "
         "stream that is not named any more stays with its records, for its owner alone; how to "
         "delete it is said. The same file again changes nothing.\n\n"
         "Examples:\n"
         "  gyre team apply -f ads.yaml --dry-run\n"
         "  gyre team apply -f ads.yaml",
     .work = apply_with,
     .prepare = read_file,
     .unprepared = STATUS_FAILED},
};

int team_command(int argc, char **argv)
{
    static struct team_arguments arguments;
    static const struct verb_group group = {
        .path = "gyre team",
        .intro = "Teams: principals, streams, quotas in one file.",
        .examples = "  gyre team apply -f ads.yaml --dry-run\n"
                    "  gyre team apply -f ads.yaml\n",
        .verbs = verbs,
        .count = (int)(sizeof verbs / sizeof verbs[0]),
        .arguments = &arguments,
        .connect = &arguments.connect,
        .release = release_file,
        .parse = parse_option,
    };

    return verb_group_run(&group, argc, argv);
}
