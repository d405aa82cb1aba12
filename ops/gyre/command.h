/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gyre is a tree of commands: `gyre GROUP VERB`. Each group is a file with a table of verbs; each
 * verb parses its own arguments with argp and returns an exit status. Groups that talk to a region
 * are tables of verbs: verb.h.
 */
#ifndef GYRE_OPS_COMMAND_H
#define GYRE_OPS_COMMAND_H

#include <stdbool.h>

/* What scripts can rely on. */
enum exit_status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_UNHEALTHY = 3,
    STATUS_TIMEOUT = 4,
    STATUS_DENIED = 5,
};

struct command {
    const char *name;
    const char *summary;               /* one line, for the list */
    int (*run)(int argc, char **argv); /* argv[0] is "gyre GROUP VERB" */
};

struct command_table {
    const char *path;     /* "gyre topic" */
    const char *intro;    /* one sentence */
    const char *examples; /* of --help: "  gyre topic list\n..." */
    const struct command *commands;
    int count;
};

/* Find argv[1] in the table and run it; print the table for --help or when it is not there. */
int command_dispatch(const struct command_table *table, int argc, char **argv);

enum output_format { OUTPUT_TABLE, OUTPUT_JSON };

/* "table" or "json"; false: neither. */
bool output_format_parse(const char *text, enum output_format *out_format);

/* "gyre: ..." on stderr. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* ---- the groups ---- */
int acl_command(int argc, char **argv);
int bench_command(int argc, char **argv);
int cluster_command(int argc, char **argv);
int consume_command(int argc, char **argv);
int dev_command(int argc, char **argv);
int group_command(int argc, char **argv);
int pki_command(int argc, char **argv);
int produce_command(int argc, char **argv);
int quota_command(int argc, char **argv);
int stream_command(int argc, char **argv);
int team_command(int argc, char **argv);
int topic_command(int argc, char **argv);
int user_command(int argc, char **argv);

#endif
