/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of commands that talk to a region, as tables: a new verb is a row and a function. All
 * verbs of a group fill one struct of arguments, whose options not every verb has to offer.
 */
#ifndef GYRE_OPS_VERB_H
#define GYRE_OPS_VERB_H

#include <argp.h>

#include "admin.h"
#include "connect_options.h"

struct verb {
    const char *name;
    const char *summary;               /* one line, for the list */
    const struct argp_option *options; /* besides those of connect_options; NULL: none */
    const char *operands;              /* "STREAM", "[STREAM]" that may be left out, "" */
    const char *documentation;         /* of --help, with examples */
    admin_work work;                   /* its context: the arguments */
    unsigned demands;                  /* the group's own, for its parse() */
    bool (*prepare)(void *arguments);  /* before there is a session; false: it was said. Or NULL */
    enum exit_status unprepared;       /* the status then */
};

struct verb_group {
    const char *path; /* "gyre stream" */
    const char *intro;
    const char *examples; /* of --help, as in struct command_table */
    const struct verb *verbs;
    int count;

    void *arguments; /* as they are before anything is told */
    struct connect_arguments *connect;
    void (*release)(void *arguments); /* NULL: nothing to release */

    /* An option or operand; its state->input is a struct verb_input. NULL: there are none. */
    argp_parser_t parse;
    const char **name;    /* where the only operand goes; NULL: parse() takes operands */
    const char *question; /* to who left it out: "which stream?" */
};

struct verb_input {
    const struct verb_group *group;
    const struct verb *verb;
};

/* Find argv[1] among the verbs, parse what follows, and do it. The exit status. */
int verb_group_run(const struct verb_group *group, int argc, char **argv);

#endif
