/* SPDX-License-Identifier: Apache-2.0 */
/* gyre pki: an authority of one's own, and the certificates of brokers and clients. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connect_options.h"
#include "pki_directory.h"
#include "pki_show.h"
#include "result_print.h"

enum {
    KEY_DIR = 'd',
    KEY_OUTPUT = 'o',
    KEY_NAME = 0x700,
    KEY_DAYS,
    KEY_BROKER,
    KEY_DNS,
    KEY_IP,
    KEY_CLUSTER,
    KEY_ORGANIZATION,
    KEY_FORCE,
    KEY_HOST,
    AUTHORITY_DAYS = 3650,
    CERTIFICATE_DAYS = 365,
    LIST_DAYS = 3650,
    DAYS_MAX = 36500,
    ALT_NAME_BYTES = 300,
    NAMES_MAX = 256,
};

struct arguments {
    const char *directory;
    enum output_format output;
    const char *common_name;
    int days; /* 0: not given */
    bool is_broker;
    bool may_replace;
    const char *organization;
    const char *host;
    char alt_names[PKI_ALT_NAMES_MAX][ALT_NAME_BYTES];
    int alt_name_count;
    const char *names[NAMES_MAX];
    int name_count;
    int names_min;
    int names_max;
};

#define OPTION_DIR                                                                                 \
    {                                                                                              \
        "dir", KEY_DIR, "DIR", 0, "Where the authority lies (pki)", 0                              \
    }
#define OPTION_DAYS                                                                                \
    {                                                                                              \
        "days", KEY_DAYS, "N", 0, "How long it is valid (365; an authority 3650)", 0               \
    }
#define OPTION_OUTPUT                                                                              \
    {                                                                                              \
        "output", KEY_OUTPUT, "table|json", 0, "What to print (table)", 0                          \
    }

static void add_alt_name(struct argp_state *state, struct arguments *arguments, const char *kind,
                         const char *value)
{
    char *name;

    if (arguments->alt_name_count == PKI_ALT_NAMES_MAX) {
        argp_error(state, "at most %d names", PKI_ALT_NAMES_MAX);
    }
    if (strlen(value) > ALT_NAME_BYTES - 20 || strpbrk(value, ",\n") != NULL) {
        argp_error(state, "'%s' cannot be a name in a certificate", value);
    }
    name = arguments->alt_names[arguments->alt_name_count++];
    (void)snprintf(name, ALT_NAME_BYTES, "%s:%s", kind, value);
}

static error_t add_argument(struct argp_state *state, struct arguments *arguments, char *text)
{
    if (arguments->name_count == arguments->names_max) {
        argp_error(state, "what is '%s'?", text);
    }
    arguments->names[arguments->name_count++] = text;
    return 0;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case KEY_DIR: arguments->directory = text; return 0;
    case KEY_NAME: arguments->common_name = text; return 0;
    case KEY_DAYS: arguments->days = (int)option_number(state, text, 1, DAYS_MAX); return 0;
    case KEY_BROKER: arguments->is_broker = true; return 0;
    case KEY_FORCE: arguments->may_replace = true; return 0;
    case KEY_ORGANIZATION: arguments->organization = text; return 0;
    case KEY_HOST: arguments->host = text; return 0;
    case KEY_DNS: add_alt_name(state, arguments, "DNS", text); return 0;
    case KEY_IP: add_alt_name(state, arguments, "IP", text); return 0;
    case KEY_CLUSTER: add_alt_name(state, arguments, "URI:gyre", text); return 0;
    case KEY_OUTPUT:
        if (!output_format_parse(text, &arguments->output)) {
            argp_error(state, "'%s' is neither table nor json", text);
        }
        return 0;
    case ARGP_KEY_ARG: return add_argument(state, arguments, text);
    case ARGP_KEY_END:
        if (arguments->name_count < arguments->names_min) {
            argp_error(state, "a NAME is missing");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void parse(const struct argp_option *options, const char *usage, const char *documentation,
                  struct arguments *arguments, int argc, char **argv)
{
    const struct argp parser = {options, parse_option, usage, documentation, NULL, NULL, NULL};

    arguments->directory = "pki";
    (void)argp_parse(&parser, argc, argv, 0, NULL, arguments);
}

/* ---- making ---- */

/* Programs hear what was made, as from `show`; people see files. */
static enum exit_status say_made(const struct pki_directory *directory,
                                 const struct arguments *arguments)
{
    return arguments->output == OUTPUT_JSON
               ? pki_show(directory, arguments->names, arguments->name_count, OUTPUT_JSON)
               : STATUS_OK;
}

static int init_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        OPTION_DIR,
        {"name", KEY_NAME, "TEXT", 0, "The authority's name (Gyre)", 0},
        OPTION_DAYS,
        OPTION_OUTPUT,
        {0}};
    struct arguments arguments = {
        .common_name = "Gyre", .days = AUTHORITY_DAYS, .names = {"ca"}, .name_count = 1};
    struct pki_directory directory;
    enum exit_status status;

    parse(options, "",
          "Make an authority.\vExamples:\n"
          "  gyre pki init --dir pki --name \"Example GmbH\"",
          &arguments, argc, argv);
    if (!pki_directory_create(arguments.directory, arguments.common_name, arguments.days)) {
        return STATUS_FAILED;
    }
    if (arguments.output == OUTPUT_TABLE) {
        (void)printf("%s/ca.crt is for whoever has to trust; %s/ca.key stays here\n",
                     arguments.directory, arguments.directory);
        return STATUS_OK;
    }
    if (!pki_directory_open(&directory, arguments.directory, false)) {
        return STATUS_FAILED;
    }
    status = say_made(&directory, &arguments);
    pki_directory_close(&directory);
    return (int)status;
}

static int issue_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        OPTION_DIR,
        {"broker", KEY_BROKER, NULL, 0, "For a broker, which is dialled and dials (for a client)",
         0},
        {"dns", KEY_DNS, "HOST", 0, "A name by which it is dialled; repeatable", 0},
        {"ip", KEY_IP, "ADDRESS", 0, "An address by which it is dialled; repeatable", 0},
        {"cluster-id", KEY_CLUSTER, "ID", 0, "The region it belongs to, as the URI gyre:ID", 0},
        {"name", KEY_NAME, "TEXT", 0, "Its common name (NAME)", 0},
        {"organization", KEY_ORGANIZATION, "TEXT", 0, "O= of its name (none)", 0},
        {"force", KEY_FORCE, NULL, 0, "Replace one of this name", 0},
        OPTION_DAYS,
        OPTION_OUTPUT,
        {0}};
    struct arguments arguments = {.days = CERTIFICATE_DAYS, .names_min = 1, .names_max = 1};
    struct pki_request request = {.valid_from_s = -PKI_BACKDATE_S};
    struct pki_directory directory;
    enum exit_status status;

    parse(options, "NAME",
          "Issue NAME.crt, NAME.key and NAME.pem with both.\vExamples:\n"
          "  gyre pki issue broker-0 --broker --dns kafka-0.example --ip 10.0.0.1\n"
          "  gyre pki issue alice --organization ads",
          &arguments, argc, argv);
    request.purpose = arguments.is_broker ? PKI_BROKER : PKI_CLIENT;
    request.common_name =
        arguments.common_name != NULL ? arguments.common_name : arguments.names[0];
    request.organization = arguments.organization;
    request.valid_to_s = (int64_t)arguments.days * PKI_DAY_S;
    request.alt_name_count = arguments.alt_name_count;
    for (int i = 0; i < arguments.alt_name_count; i++) {
        request.alt_names[i] = arguments.alt_names[i];
    }
    if (arguments.is_broker && arguments.alt_name_count == 0) {
        complain("a broker's certificate wants --dns or --ip: clients look for them");
        return STATUS_USAGE;
    }
    if (!pki_directory_open(&directory, arguments.directory, true)) {
        return STATUS_FAILED;
    }
    status = pki_directory_issue(&directory, arguments.names[0], &request, arguments.may_replace)
                 ? say_made(&directory, &arguments)
                 : STATUS_FAILED;
    pki_directory_close(&directory);
    return (int)status;
}

static int renew_command(int argc, char **argv)
{
    static const struct argp_option options[] = {OPTION_DIR, OPTION_DAYS, OPTION_OUTPUT, {0}};
    struct arguments arguments = {.days = CERTIFICATE_DAYS, .names_min = 1, .names_max = NAMES_MAX};
    struct pki_directory directory;
    enum exit_status status;
    bool is_made = true;

    parse(options, "NAME...",
          "Issue certificates anew, with the same names and new keys.\vExamples:\n"
          "  gyre pki renew broker-0 broker-1 --days 365",
          &arguments, argc, argv);
    if (!pki_directory_open(&directory, arguments.directory, true)) {
        return STATUS_FAILED;
    }
    for (int i = 0; i < arguments.name_count && is_made; i++) {
        is_made = pki_directory_renew(&directory, arguments.names[i], arguments.days);
    }
    status = is_made ? say_made(&directory, &arguments) : STATUS_FAILED;
    pki_directory_close(&directory);
    return (int)status;
}

static int revoke_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        OPTION_DIR,
        {"days", KEY_DAYS, "N", 0, "How long the list is valid (3650)", 0},
        OPTION_OUTPUT,
        {0}};
    struct arguments arguments = {.days = LIST_DAYS, .names_min = 1, .names_max = 1};
    struct pki_directory directory;
    bool is_made;

    parse(options, "NAME|FILE",
          "Add a certificate to the list of revoked ones, ca.crl.\vExamples:\n"
          "  gyre pki revoke alice",
          &arguments, argc, argv);
    if (!pki_directory_open(&directory, arguments.directory, true)) {
        return STATUS_FAILED;
    }
    is_made = pki_directory_revoke(&directory, arguments.names[0], arguments.days);
    pki_directory_close(&directory);
    if (is_made) {
        result_print(arguments.output, "certificate", arguments.names[0], "revoked");
    }
    return is_made ? STATUS_OK : STATUS_FAILED;
}

/* ---- looking ---- */

static int show_command(int argc, char **argv)
{
    static const struct argp_option options[] = {OPTION_DIR, OPTION_OUTPUT, {0}};
    struct arguments arguments = {.names_max = NAMES_MAX};
    struct pki_directory directory;
    enum exit_status status;

    parse(options, "[NAME|FILE...]",
          "Show certificates, all of the directory or those named.\vExamples:\n"
          "  gyre pki show\n"
          "  gyre pki show broker-0 -o json",
          &arguments, argc, argv);
    if (!pki_directory_open(&directory, arguments.directory, false)) {
        return STATUS_FAILED;
    }
    status = pki_show(&directory, arguments.names, arguments.name_count, arguments.output);
    pki_directory_close(&directory);
    return (int)status;
}

static int verify_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        OPTION_DIR,
        {"host", KEY_HOST, "HOST", 0, "It must be for this name or address", 0},
        {"broker", KEY_BROKER, NULL, 0, "It must do for a broker", 0},
        OPTION_OUTPUT,
        {0}};
    struct arguments arguments = {.names_min = 1, .names_max = 1};
    struct pki_directory directory;
    enum exit_status status;

    parse(options, "NAME|FILE",
          "Verify a certificate: its authority, its time, revocation and its key.\vExamples:\n"
          "  gyre pki verify broker-0 --broker --host kafka-0.example",
          &arguments, argc, argv);
    if (!pki_directory_open(&directory, arguments.directory, false)) {
        return STATUS_FAILED;
    }
    status = pki_verify(&directory, arguments.names[0], arguments.host, arguments.is_broker,
                        arguments.output);
    pki_directory_close(&directory);
    return (int)status;
}

int pki_command(int argc, char **argv)
{
    static const struct command commands[] = {
        {"init", "make an authority", init_command},
        {"issue", "a certificate for a broker or a client", issue_command},
        {"renew", "certificates with the same names", renew_command},
        {"revoke", "a certificate that must not be believed", revoke_command},
        {"show", "certificates and when they end", show_command},
        {"verify", "whether a certificate is good", verify_command},
    };

    static const struct command_table table = {
        .path = "gyre pki",
        .intro = "Certificates for brokers and clients.",
        .examples = "  gyre pki init --dir pki\n"
                    "  gyre pki issue broker-0 --broker --dns kafka-0.example --dir pki\n"
                    "  gyre pki issue alice --dir pki\n"
                    "  gyre pki show --dir pki\n",
        .commands = commands,
        .count = sizeof commands / sizeof commands[0],
    };

    return command_dispatch(&table, argc, argv);
}
