/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gyred, one broker of a region.
 *
 *     gyred broker.conf                          run
 *     gyred --check-config broker.conf           say what is wrong with a configuration
 *     gyred --print-config broker.conf           all options with their effective values
 *     gyred format broker.conf                   prepare an empty data directory
 *     gyred recover-catalog broker.conf          go on after the catalog's majority is lost
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "gyre/base/check.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"

#include "broker_process.h"
#include "check_command.h"
#include "format_command.h"
#include "recover_command.h"

enum { EXIT_USAGE = 2, OVERRIDES_MAX = 256 };

enum mode { MODE_RUN, MODE_CHECK, MODE_PRINT, MODE_EXAMPLE, MODE_FORMAT, MODE_RECOVER };

enum option_key {
    KEY_CHECK = 'c',
    KEY_PRINT = 'p',
    KEY_OVERRIDE = 'o',
    KEY_EXAMPLE = 0x100,
    KEY_CLUSTER_ID,
    KEY_ADD_SCRAM,
    KEY_YES,
    KEY_WITHOUT_FILES,
};

struct arguments {
    enum mode mode;
    const char *path;
    struct format_options format;
    bool is_confirmed;
    bool is_without_files;
    const char *overrides[OVERRIDES_MAX];
    int override_count;
};

const char *argp_program_version = "gyred " GYRE_VERSION;

static const struct argp_option options[] = {
    {"check-config", KEY_CHECK, NULL, 0, "Check the configuration and exit", 0},
    {"without-files", KEY_WITHOUT_FILES, NULL, 0,
     "check-config: certificates and keys need not be there yet", 0},
    {"print-config", KEY_PRINT, NULL, 0, "Print the effective configuration and exit", 0},
    {"print-example", KEY_EXAMPLE, NULL, 0, "Print a commented example configuration", 0},
    {"override", KEY_OVERRIDE, "KEY=VALUE", 0, "Stronger than the file; repeatable", 0},
    {"cluster-id", KEY_CLUSTER_ID, "ID", 0, "format: the region's id, if it exists already", 0},
    {"add-scram", KEY_ADD_SCRAM, "NAME", 0,
     "format, on the seeds: an administrator of the region, as NAME or "
     "SCRAM-SHA-512=[name=NAME]; a line of standard input is the password; repeatable",
     0},
    {"yes", KEY_YES, NULL, 0, "recover-catalog: do not ask", 0},
    {0},
};

static const char documentation[] =
    "Run one broker of a Gyre region.\v"
    "Examples:\n"
    "  gyred /etc/gyre/broker.conf\n"
    "  gyred --check-config /etc/gyre/broker.conf\n"
    "  gyred format /etc/gyre/broker.conf\n"
    "  gyred format --add-scram admin /etc/gyre/broker.conf < password\n"
    "  gyred recover-catalog /etc/gyre/broker.conf\n"
    "\n"
    "recover-catalog is for a region that has lost the majority of its catalog's voters for\n"
    "good: on one stopped survivor it says what its copy holds and what may be lost, asks, and\n"
    "makes this broker the catalog's only member. See ops/docs/operations.md.\n"
    "\n"
    "Exit status: 0 stopped in order, 1 failed, 2 wrong usage or configuration.";

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case KEY_CHECK: arguments->mode = MODE_CHECK; return 0;
    case KEY_PRINT: arguments->mode = MODE_PRINT; return 0;
    case KEY_EXAMPLE: arguments->mode = MODE_EXAMPLE; return 0;
    case KEY_CLUSTER_ID: arguments->format.cluster_id = argument; return 0;
    case KEY_YES: arguments->is_confirmed = true; return 0;
    case KEY_WITHOUT_FILES: arguments->is_without_files = true; return 0;
    case KEY_OVERRIDE:
        if (arguments->override_count == OVERRIDES_MAX) {
            argp_error(state, "more than %d overrides", OVERRIDES_MAX);
        }
        arguments->overrides[arguments->override_count++] = argument;
        return 0;
    case KEY_ADD_SCRAM:
        if (arguments->format.user_count == FORMAT_USERS_MAX) {
            argp_error(state, "more than %d users", FORMAT_USERS_MAX);
        }
        arguments->format.users[arguments->format.user_count++] = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0 && strcmp(argument, "format") == 0) {
            arguments->mode = MODE_FORMAT;
        } else if (state->arg_num == 0 && strcmp(argument, "recover-catalog") == 0) {
            arguments->mode = MODE_RECOVER;
        } else if (arguments->path == NULL) {
            arguments->path = argument;
        } else {
            argp_error(state, "one configuration file, not two: %s", argument);
        }
        return 0;
    case ARGP_KEY_END:
        if (arguments->path == NULL && arguments->mode != MODE_EXAMPLE) {
            argp_error(state, "which configuration file?");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void start_log(const struct broker_config *config)
{
    struct log_settings settings = {
        .format = string_is(config->gyre_log_format, "json") ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT,
        .path = config->gyre_log_file.bytes,
        .node_id = config->node_id,
        .level = LOG_LEVEL_INFO,
    };

    CHECK(log_level_parse(config->gyre_log_level, &settings.level) == ERROR_NONE); /* by config */
    if (log_start(&settings) != ERROR_NONE) {
        (void)fprintf(stderr, "%s: cannot be written; the log goes here\n", settings.path);
    }
}

/* Memory holds keys and what clients sent: neither a core file nor another process may have it. */
static void forbid_core_dumps(void)
{
    const struct rlimit none = {0};

    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        log_warning(LOG_MAIN, "core dumps cannot be forbidden",
                    field_string("reason", strerror(errno)));
    }
}

static int run(const struct broker_config *config)
{
    int status;

    start_log(config);
    if (!config->gyre_core_dumps) {
        forbid_core_dumps();
    }
    status = broker_process_run(config);
    log_stop();
    return status;
}

static int run_mode(const struct arguments *arguments, const struct broker_config *config)
{
    switch (arguments->mode) {
    case MODE_RUN: return run(config);
    case MODE_FORMAT: return format_command(config, &arguments->format);
    case MODE_RECOVER: return recover_command(config, arguments->is_confirmed);
    case MODE_PRINT: config_print(config, stdout); return EXIT_SUCCESS;
    case MODE_CHECK:
        return check_command(config, !arguments->is_without_files) ? EXIT_SUCCESS : EXIT_USAGE;
    case MODE_EXAMPLE: return EXIT_SUCCESS;
    }
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static const struct argp parser = {
        options, parse_option, "[format|recover-catalog] CONFIG_FILE", documentation, NULL,
        NULL,    NULL};
    struct config_report report = {0};
    struct arguments arguments = {0};
    struct broker_config *config;
    enum error error;
    int status;

    argp_err_exit_status = EXIT_USAGE;
    (void)argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    if (arguments.mode == MODE_EXAMPLE) {
        config_print_example(stdout);
        return EXIT_SUCCESS;
    }
    error = config_load(arguments.path, arguments.overrides, arguments.override_count, &report,
                        &config);
    if (report.length > 0) {
        (void)fputs(report.text, stderr);
    }
    config_report_release(&report);
    if (error != ERROR_NONE) {
        return EXIT_USAGE;
    }
    status = run_mode(&arguments, config);
    config_free(config);
    return status;
}
