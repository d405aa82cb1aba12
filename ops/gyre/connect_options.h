/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of every command that talks to a cluster: which one, how long, and how to print. Use
 * `connect_options` as an argp child whose input is a struct connect_arguments.
 */
#ifndef GYRE_OPS_CONNECT_OPTIONS_H
#define GYRE_OPS_CONNECT_OPTIONS_H

#include <argp.h>

#include "command.h"

struct connect_arguments {
    const char *bootstrap;
    enum output_format output;
    int timeout_s;
    const char *command_config; /* NULL: none */
    const char *user;           /* NULL: none, or as the file says */
    const char *ca;             /* these three: NULL, or as the file says */
    const char *certificate;
    const char *key;
};

extern const struct argp connect_options;

void connect_arguments_init(struct connect_arguments *arguments);

/* The number, or an argp error. */
long option_number(struct argp_state *state, const char *text, long low, long high);

/* For the rest of a parser whose only operand is a topic: `question` is for who left it out. */
error_t option_topic(int key, char *argument, struct argp_state *state, const char **topic,
                     const char *question);

#endif
