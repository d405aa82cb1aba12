/* SPDX-License-Identifier: Apache-2.0 */
#include "verb.h"

#include <string.h>

#include "gyre/base/check.h"

#include "command.h"

enum { VERBS_MAX = 16 };

static const struct verb_group *the_group; /* of this process: it runs one command */

static error_t take_name(const struct verb_input *input, int key, char *argument,
                         struct argp_state *state)
{
    const struct verb_group *group = input->group;
    char first = input->verb->operands[0];

    if (key == ARGP_KEY_ARG) {
        if (first == '\0' || *group->name != NULL || argument[0] == '\0') {
            argp_error(state, "what is '%s'?", argument);
        }
        *group->name = argument;
    } else if (first != '\0' && first != '[' && *group->name == NULL) {
        argp_error(state, "%s", group->question);
    }
    return 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    const struct verb_input *input = state->input;

    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = input->group->connect;
        return 0;
    }
    if (input->group->name != NULL && (key == ARGP_KEY_ARG || key == ARGP_KEY_END)) {
        return take_name(input, key, argument, state);
    }
    return input->group->parse == NULL ? ARGP_ERR_UNKNOWN
                                       : input->group->parse(key, argument, state);
}

static int run(const struct verb *verb, int argc, char **argv)
{
    static const struct argp_option none[] = {{0}};
    const struct verb_group *group = the_group;
    const struct argp_child children[] = {{&connect_options, 0, NULL, 0}, {0}};
    const struct argp parser = {
        .options = verb->options == NULL ? none : verb->options,
        .parser = parse_option,
        .args_doc = verb->operands,
        .doc = verb->documentation,
        .children = children,
    };
    struct verb_input input = {group, verb};
    enum exit_status status = verb->unprepared;

    connect_arguments_init(group->connect);
    (void)argp_parse(&parser, argc, argv, 0, NULL, &input);
    if (verb->prepare == NULL || verb->prepare(group->arguments)) {
        status = admin_run(group->connect, verb->work, group->arguments);
    }
    if (group->release != NULL) {
        group->release(group->arguments);
    }
    return (int)status;
}

/* argv[0] is "gyre GROUP VERB". */
static int run_named(int argc, char **argv)
{
    const char *name = strrchr(argv[0], ' ') + 1;

    for (int i = 0; i < the_group->count; i++) {
        if (strcmp(the_group->verbs[i].name, name) == 0) {
            return run(&the_group->verbs[i], argc, argv);
        }
    }
    return STATUS_USAGE;
}

int verb_group_run(const struct verb_group *group, int argc, char **argv)
{
    struct command commands[VERBS_MAX];
    const struct command_table table = {.path = group->path,
                                        .intro = group->intro,
                                        .examples = group->examples,
                                        .commands = commands,
                                        .count = group->count};

    CHECK(group->count <= VERBS_MAX);
    the_group = group;
    for (int i = 0; i < group->count; i++) {
        commands[i] = (struct command){group->verbs[i].name, group->verbs[i].summary, run_named};
    }
    return command_dispatch(&table, argc, argv);
}
