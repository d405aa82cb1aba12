/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 128 };

static void list_commands(FILE *out, const struct command_table *table)
{
    (void)fprintf(out, "Usage: %s COMMAND [OPTION...]\n%s\n\nCommands:\n", table->path,
                  table->intro);
    for (int i = 0; i < table->count; i++) {
        (void)fprintf(out, "  %-12s %s\n", table->commands[i].name, table->commands[i].summary);
    }
    (void)fprintf(out,
                  "\n`%s COMMAND --help` tells more.\n"
                  "Exit status: 0 done, 1 failed, 2 wrong usage, 3 unhealthy, 4 time ran out, "
                  "5 denied.\n\nExamples:\n%s",
                  table->path, table->examples);
}

int command_dispatch(const struct command_table *table, int argc, char **argv)
{
    static char name[PATH_BYTES]; /* argp keeps it as the program's name */

    if (argc < 2) {
        list_commands(stderr, table);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        list_commands(stdout, table);
        return STATUS_OK;
    }
    for (int i = 0; i < table->count; i++) {
        if (strcmp(argv[1], table->commands[i].name) == 0) {
            (void)snprintf(name, sizeof name, "%s %s", table->path, argv[1]);
            argv[1] = name;
            return table->commands[i].run(argc - 1, argv + 1);
        }
    }
    complain("there is no command '%s %s'; `%s --help` lists them", table->path, argv[1],
             table->path);
    return STATUS_USAGE;
}

bool output_format_parse(const char *text, enum output_format *out_format)
{
    if (strcmp(text, "table") == 0) {
        *out_format = OUTPUT_TABLE;
    } else if (strcmp(text, "json") == 0) {
        *out_format = OUTPUT_JSON;
    } else {
        return false;
    }
    return true;
}

void complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fputs("gyre: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
}
