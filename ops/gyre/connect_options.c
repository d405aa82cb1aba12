/* SPDX-License-Identifier: Apache-2.0 */
#include "connect_options.h"

#include <errno.h>
#include <stdlib.h>

#define BOOTSTRAP_DEFAULT                                                                          \
    "127.0.0.1:19092" /* where `gyre dev up` listens unless told otherwise                         \
                       */

enum {
    KEY_BOOTSTRAP = 'b',
    KEY_OUTPUT = 'o',
    KEY_TIMEOUT = 0x700,
    KEY_CONFIG,
    KEY_USER,
    KEY_CA,
    KEY_CERTIFICATE,
    KEY_KEY,
    TIMEOUT_DEFAULT_S = 60
};

static const struct argp_option options[] = {
    {"bootstrap-server", KEY_BOOTSTRAP, "HOST:PORT,...", 0,
     "Brokers to begin with ($GYRE_BOOTSTRAP_SERVER, else " BOOTSTRAP_DEFAULT ")", 10},
    {"output", KEY_OUTPUT, "table|json", 0, "What to print (table)", 10},
    {"command-config", KEY_CONFIG, "FILE", 0,
     "Client properties, of Java or librdkafka: security.protocol, sasl... ($GYRE_COMMAND_CONFIG)",
     10},
    {"user", KEY_USER, "NAME", 0,
     "Say who you are, by SCRAM-SHA-512 where the file does not say how. The password is "
     "$GYRE_PASSWORD, or asked for, or the first line of standard input",
     10},
    {"ca", KEY_CA, "FILE", 0, "TLS, with brokers that this authority vouches for (PEM)", 10},
    {"cert", KEY_CERTIFICATE, "FILE", 0, "Our certificate (PEM)", 10},
    {"key", KEY_KEY, "FILE", 0, "Its key, where it is not in the same file", 10},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "How long to try (60)", 10},
    {0},
};

void connect_arguments_init(struct connect_arguments *arguments)
{
    const char *bootstrap = getenv("GYRE_BOOTSTRAP_SERVER");

    *arguments = (struct connect_arguments){
        .bootstrap = bootstrap == NULL ? BOOTSTRAP_DEFAULT : bootstrap,
        .output = OUTPUT_TABLE,
        .command_config = getenv("GYRE_COMMAND_CONFIG"),
        .timeout_s = TIMEOUT_DEFAULT_S,
    };
}

long option_number(struct argp_state *state, const char *text, long low, long high)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || value < low || value > high) {
        argp_error(state, "'%s' is not a number from %ld to %ld", text, low, high);
    }
    return value;
}

error_t option_topic(int key, char *argument, struct argp_state *state, const char **topic,
                     const char *question)
{
    if (key == ARGP_KEY_ARG) {
        if (*topic != NULL) {
            argp_error(state, "what is '%s'?", argument);
        }
        *topic = argument;
        return 0;
    }
    if (key == ARGP_KEY_END) {
        if (*topic == NULL) {
            argp_error(state, "%s", question);
        }
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct connect_arguments *arguments = state->input;

    switch (key) {
    case KEY_BOOTSTRAP: arguments->bootstrap = argument; return 0;
    case KEY_OUTPUT:
        if (!output_format_parse(argument, &arguments->output)) {
            argp_error(state, "'%s' is neither table nor json", argument);
        }
        return 0;
    case KEY_CONFIG: arguments->command_config = argument; return 0;
    case KEY_USER: arguments->user = argument; return 0;
    case KEY_CA: arguments->ca = argument; return 0;
    case KEY_CERTIFICATE: arguments->certificate = argument; return 0;
    case KEY_KEY: arguments->key = argument; return 0;
    case KEY_TIMEOUT:
        arguments->timeout_s = (int)option_number(state, argument, 1, 86400);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp connect_options = {options, parse_option, NULL, NULL, NULL, NULL, NULL};
