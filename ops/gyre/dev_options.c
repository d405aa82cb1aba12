/* SPDX-License-Identifier: Apache-2.0 */
#include "dev_options.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_DEFAULT = 19092, BROKERS_DEFAULT = 3, TIMEOUT_DEFAULT_S = 60 };

static int number_of(struct argp_state *state, const char *text, long low, long high)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < low || value > high) {
        argp_error(state, "'%s' is not a number from %ld to %ld", text, low, high);
    }
    return (int)value;
}

static int signal_of(struct argp_state *state, const char *text)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"KILL", SIGKILL}, {"TERM", SIGTERM}, {"STOP", SIGSTOP}, {"CONT", SIGCONT},
                   {"INT", SIGINT},   {"ABRT", SIGABRT}, {"HUP", SIGHUP}};

    if (strncmp(text, "SIG", 3) == 0) {
        text += 3;
    }
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (strcmp(text, signals[i].name) == 0) {
            return signals[i].number;
        }
    }
    argp_error(state, "'%s' is not one of KILL, TERM, STOP, CONT, INT, ABRT, HUP", text);
    return 0;
}

/* KEY=VALUE, or B:KEY=VALUE for broker B (from 0). */
static void add_setting(struct argp_state *state, struct dev_arguments *arguments, const char *text)
{
    struct dev_setting *setting = &arguments->settings[arguments->setting_count];
    char *end;
    long broker = strtol(text, &end, 10);

    if (arguments->setting_count == DEV_SETTINGS_MAX) {
        argp_error(state, "more than %d settings", DEV_SETTINGS_MAX);
    }
    setting->broker_index = -1;
    if (end != text && *end == ':') {
        if (broker < 0 || broker >= DEV_BROKERS_MAX) {
            argp_error(state, "'%s' is of no broker from 0 to %d", text, DEV_BROKERS_MAX - 1);
        }
        setting->broker_index = (int)broker;
        text = end + 1;
    }
    if (strchr(text, '=') == NULL || strlen(text) >= sizeof setting->text) {
        argp_error(state, "'%s' is not KEY=VALUE", text);
    }
    (void)snprintf(setting->text, sizeof setting->text, "%s", text);
    arguments->setting_count++;
}

/* PROTOCOL,PROTOCOL... */
static void take_listeners(struct argp_state *state, struct dev_arguments *arguments,
                           const char *text)
{
    struct dev_security *security = &arguments->security;

    if (security->listener_count > 0) {
        argp_error(state, "--listeners and --plaintext are told once, and not both");
    }
    for (;;) {
        size_t length = strcspn(text, ",");
        enum dev_protocol protocol;

        if (!dev_protocol_parse(text, length, &protocol)) {
            argp_error(state, "'%.*s' is none of PLAINTEXT, SASL_PLAINTEXT, SSL, SASL_SSL",
                       (int)length, text);
            return;
        }
        for (int i = 0; i < security->listener_count; i++) {
            if (security->listeners[i] == protocol) {
                argp_error(state, "%s is told twice", dev_protocol_name(protocol));
            }
        }
        security->listeners[security->listener_count++] = protocol;
        if (text[length] == '\0') {
            return;
        }
        text += length + 1;
    }
}

/* NAME:PASSWORD */
static void add_user(struct argp_state *state, struct dev_arguments *arguments, const char *text)
{
    struct dev_user *user = &arguments->security.users[arguments->security.user_count];
    size_t length = strcspn(text, ":");

    if (arguments->security.user_count == DEV_USERS_MAX) {
        argp_error(state, "more than %d users", DEV_USERS_MAX);
    }
    if (length == 0 || length >= DEV_NAME_BYTES || text[length] == '\0' ||
        text[length + 1] == '\0' || strlen(text + length + 1) >= DEV_PASSWORD_BYTES) {
        argp_error(state, "'%.*s...' is not NAME:PASSWORD", (int)length, text);
    }
    (void)snprintf(user->name, sizeof user->name, "%.*s", (int)length, text);
    (void)snprintf(user->password, sizeof user->password, "%s", text + length + 1);
    arguments->security.user_count++;
}

static void add_super_user(struct argp_state *state, struct dev_arguments *arguments,
                           const char *text)
{
    struct dev_security *security = &arguments->security;

    if (strncmp(text, "User:", 5) == 0) {
        text += 5;
    }
    if (text[0] == '\0' || strlen(text) >= DEV_NAME_BYTES || strchr(text, ';') != NULL ||
        security->super_user_count == DEV_USERS_MAX) {
        argp_error(state, "'%s' cannot be an administrator", text);
    }
    (void)snprintf(security->super_users[security->super_user_count++], DEV_NAME_BYTES, "%s", text);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct dev_arguments *arguments = state->input;

    arguments->is_shaped |= key == DEV_KEY_BROKERS || key == DEV_KEY_REGIONS ||
                            key == DEV_KEY_PORT || key == DEV_KEY_FIRST_NODE_ID;
    switch (key) {
    case DEV_KEY_DIR: arguments->dir = argument; return 0;
    case DEV_KEY_OUTPUT:
        if (!output_format_parse(argument, &arguments->output)) {
            argp_error(state, "'%s' is neither table nor json", argument);
        }
        return 0;
    case DEV_KEY_BROKERS:
        arguments->brokers = number_of(state, argument, 1, DEV_BROKERS_MAX);
        return 0;
    case DEV_KEY_REGIONS:
        arguments->regions = number_of(state, argument, 1, DEV_REGIONS_MAX);
        return 0;
    case DEV_KEY_PORT: arguments->port = number_of(state, argument, 1024, 64000); return 0;
    case DEV_KEY_PLAINTEXT: take_listeners(state, arguments, "PLAINTEXT"); return 0;
    case DEV_KEY_LISTENERS: take_listeners(state, arguments, argument); return 0;
    case DEV_KEY_USER: add_user(state, arguments, argument); return 0;
    case DEV_KEY_SUPER_USER: add_super_user(state, arguments, argument); return 0;
    case DEV_KEY_SET: add_setting(state, arguments, argument); return 0;
    case DEV_KEY_FIRST_NODE_ID:
        arguments->first_node_id = number_of(state, argument, 0, INT_MAX - 100);
        return 0;
    case DEV_KEY_BROKER: arguments->node_id = number_of(state, argument, 0, INT_MAX); return 0;
    case DEV_KEY_REGION: arguments->region = argument; return 0;
    case DEV_KEY_SIGNAL: arguments->signal = signal_of(state, argument); return 0;
    case DEV_KEY_TIMEOUT: arguments->timeout_s = number_of(state, argument, 1, 3600); return 0;
    case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", argument); return 0;
    case ARGP_KEY_END:
        if (arguments->dir == NULL) {
            argp_error(state, "which directory? (--dir)");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

void dev_parse(const struct argp_option *options, const char *documentation, int argc, char **argv,
               struct dev_arguments *arguments)
{
    const struct argp parser = {options, parse_option, NULL, documentation, NULL, NULL, NULL};

    *arguments = (struct dev_arguments){.brokers = BROKERS_DEFAULT,
                                        .regions = 1,
                                        .port = PORT_DEFAULT,
                                        .timeout_s = TIMEOUT_DEFAULT_S,
                                        .node_id = -1,
                                        .signal = SIGKILL};
    (void)argp_parse(&parser, argc, argv, 0, NULL, arguments);
}
