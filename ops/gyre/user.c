/* SPDX-License-Identifier: Apache-2.0 */
/* gyre user: the users whose passwords the region checks. */
#include <argp.h>
#include <jansson.h>

#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "json_print.h"
#include "result_print.h"
#include "scram_users.h"
#include "secret.h"
#include "table.h"
#include "verb.h"
#include "wire_messages/describe_user_scram_credentials.h"

#define PASSWORD_VARIABLE "GYRE_NEW_PASSWORD"

enum option_key { KEY_ITERATIONS = 'i', KEY_MECHANISM = 'm', KEY_IF_EXISTS = 0x100 };

struct user_arguments {
    struct connect_arguments connect;
    const char *name; /* NULL: all */
    int32_t iterations;
    enum scram_mechanism mechanism; /* UNKNOWN: both */
    bool if_exists;
    char password[SECRET_BYTES];
};

/* ---- arguments ---- */

static enum scram_mechanism mechanism_of(struct argp_state *state, const char *text)
{
    for (int i = SCRAM_SHA_256; i <= SCRAM_SHA_512; i++) {
        if (strcmp(text, scram_mechanism_name(i)) == 0) {
            return (enum scram_mechanism)i;
        }
    }
    argp_error(state, "'%s' is neither SCRAM-SHA-256 nor SCRAM-SHA-512", text);
    return SCRAM_UNKNOWN;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    const struct verb_input *input = state->input;
    struct user_arguments *arguments = input->group->arguments;

    switch (key) {
    case KEY_ITERATIONS:
        arguments->iterations =
            (int32_t)option_number(state, argument, SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX);
        return 0;
    case KEY_MECHANISM: arguments->mechanism = mechanism_of(state, argument); return 0;
    case KEY_IF_EXISTS: arguments->if_exists = true; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

#define OPTION_ITERATIONS                                                                          \
    {                                                                                              \
        "iterations", KEY_ITERATIONS, "N", 0, "How slow guessing is made, 4096 to 16384 (4096)", 0 \
    }
#define OPTION_MECHANISM                                                                           \
    {                                                                                              \
        "mechanism", KEY_MECHANISM, "NAME", 0, "Only SCRAM-SHA-256 or SCRAM-SHA-512 (both)", 0     \
    }

/* ---- create and rotate ---- */

/* One request each. Those that the session itself came in by are the last: who changes his own is
 * shut out by that. */
static enum scram_mechanism turn_of(const struct session *session, int turn)
{
    bool is_first = turn == 0;

    return is_first == session->is_by_sha_256 ? SCRAM_SHA_512 : SCRAM_SHA_256;
}

static bool is_meant(const struct user_arguments *arguments, enum scram_mechanism mechanism)
{
    return arguments->mechanism == SCRAM_UNKNOWN || arguments->mechanism == mechanism;
}

static enum exit_status set_password(struct session *session, struct user_arguments *arguments)
{
    enum exit_status status = STATUS_OK;

    for (int turn = 0; turn < 2 && status == STATUS_OK; turn++) {
        struct scram_change change = {turn_of(session, turn), arguments->iterations};

        if (is_meant(arguments, change.mechanism)) {
            status = scram_users_set(session, arguments->name, arguments->password, &change);
        }
    }
    return status;
}

static void say(const struct user_arguments *arguments, const char *result)
{
    result_print(arguments->connect.output, "user", arguments->name, result);
}

static enum exit_status create_with(struct session *session, void *context)
{
    struct user_arguments *arguments = context;
    bool is_there;
    enum exit_status status = scram_users_have(session, arguments->name, &is_there);

    if (status == STATUS_OK && is_there) {
        complain("%s: there is such a user; `gyre user rotate` changes the password",
                 arguments->name);
        return STATUS_FAILED;
    }
    if (status == STATUS_OK) {
        status = set_password(session, arguments);
    }
    if (status == STATUS_OK) {
        say(arguments, "created");
    }
    return status;
}

static enum exit_status rotate_with(struct session *session, void *context)
{
    struct user_arguments *arguments = context;
    bool is_there;
    enum exit_status status = scram_users_have(session, arguments->name, &is_there);

    if (status == STATUS_OK && !is_there) {
        complain("%s: there is no such user; `gyre user create` makes one", arguments->name);
        return STATUS_FAILED;
    }
    if (status == STATUS_OK) {
        status = set_password(session, arguments);
    }
    if (status == STATUS_OK) {
        say(arguments, "rotated");
    }
    return status;
}

static bool read_password(void *context)
{
    struct user_arguments *arguments = context;

    return secret_read(PASSWORD_VARIABLE, "password", true, arguments->password);
}

static void wipe_password(void *context)
{
    struct user_arguments *arguments = context;

    secret_wipe(arguments->password, sizeof arguments->password);
}

static const struct argp_option password_options[] = {OPTION_ITERATIONS, OPTION_MECHANISM, {0}};

/* ---- delete ---- */

static bool has_credential(const struct describe_user_scram_credentials_response_results *user,
                           enum scram_mechanism mechanism)
{
    for (int32_t i = 0; i < user->credential_infos.count; i++) {
        if (user->credential_infos.items[i].mechanism == (int8_t)mechanism) {
            return true;
        }
    }
    return false;
}

static enum exit_status delete_known(struct session *session, struct user_arguments *arguments,
                                     const struct describe_user_scram_credentials_response *found)
{
    const struct describe_user_scram_credentials_response_results *user = found->results.items;
    enum exit_status status = STATUS_OK;

    if (found->results.count != 1 || user->error_code == KAFKA_ERROR_RESOURCE_NOT_FOUND) {
        if (arguments->if_exists) {
            say(arguments, "missing");
            return STATUS_OK;
        }
        complain("%s: there is no such user", arguments->name);
        return STATUS_FAILED;
    }
    for (int turn = 0; turn < 2 && status == STATUS_OK; turn++) {
        enum scram_mechanism mechanism = turn_of(session, turn);

        if (is_meant(arguments, mechanism) && has_credential(user, mechanism)) {
            status = scram_users_remove(session, arguments->name, mechanism);
        }
    }
    if (status == STATUS_OK) {
        say(arguments, "deleted");
    }
    return status;
}

static enum exit_status delete_with(struct session *session, void *context)
{
    struct user_arguments *arguments = context;
    const struct describe_user_scram_credentials_response *response;
    struct client_call call;
    enum exit_status status = scram_users_fetch(session, arguments->name, &call, &response);

    if (status == STATUS_OK) {
        status = delete_known(session, arguments, response);
    }
    client_call_release(&call);
    return status;
}

static const struct argp_option delete_options[] = {
    OPTION_MECHANISM,
    {"if-exists", KEY_IF_EXISTS, NULL, 0, "Be content if there is no such user", 0},
    {0},
};

/* ---- list ---- */

static void print_users(const struct describe_user_scram_credentials_response *response)
{
    static const char *const headings[] = {"USER", "MECHANISM", "ITERATIONS", NULL};
    struct table table;

    table_init(&table, headings);
    for (int32_t i = 0; i < response->results.count; i++) {
        const struct describe_user_scram_credentials_response_results *user =
            &response->results.items[i];

        for (int32_t j = 0; j < user->credential_infos.count; j++) {
            table_add_line(&table);
            table_set(&table, 0, "%.*s", STRING_ARGUMENTS(user->user));
            table_set(&table, 1, "%s",
                      scram_mechanism_name(user->credential_infos.items[j].mechanism));
            table_set(&table, 2, "%d", (int)user->credential_infos.items[j].iterations);
        }
    }
    table_print(&table);
}

static json_t *users_to_json(const struct describe_user_scram_credentials_response *response)
{
    json_t *list = json_array();

    for (int32_t i = 0; i < response->results.count; i++) {
        const struct describe_user_scram_credentials_response_results *user =
            &response->results.items[i];
        json_t *mechanisms = json_array();

        for (int32_t j = 0; j < user->credential_infos.count; j++) {
            (void)json_array_append_new(
                mechanisms,
                json_pack("{s:s, s:i}", "mechanism",
                          scram_mechanism_name(user->credential_infos.items[j].mechanism),
                          "iterations", (int)user->credential_infos.items[j].iterations));
        }
        (void)json_array_append_new(list,
                                    json_pack("{s:o, s:o}", "user", json_from_string(user->user),
                                              "mechanisms", mechanisms));
    }
    return list;
}

static enum exit_status list_with(struct session *session, void *context)
{
    const struct user_arguments *arguments = context;
    const struct describe_user_scram_credentials_response *response;
    struct client_call call;
    enum exit_status status = scram_users_fetch(session, arguments->name, &call, &response);

    if (status == STATUS_OK && response->results.count == 1 &&
        response->results.items[0].error_code != KAFKA_ERROR_NONE) {
        status = session_refused(arguments->name == NULL ? "users" : arguments->name,
                                 response->results.items[0].error_code,
                                 response->results.items[0].error_message);
    } else if (status == STATUS_OK && arguments->connect.output == OUTPUT_JSON) {
        json_print(users_to_json(response));
    } else if (status == STATUS_OK) {
        print_users(response);
    }
    client_call_release(&call);
    return status;
}

/* ---- the table ---- */

static const struct verb verbs[] = {
    {.name = "create",
     .summary = "make a user with a password",
     .options = password_options,
     .operands = "NAME",
     .documentation =
         "Make a user, for SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN.\v"
         "The password is asked for on the terminal, or is the first line of standard input, or "
         "$" PASSWORD_VARIABLE ". It is salted here: the brokers never see it.\n\n"
         "Examples:\n"
         "  gyre user create alice\n"
         "  pwgen 24 1 | tee alice.secret | gyre user create alice",
     .work = create_with,
     .prepare = read_password,
     .unprepared = STATUS_USAGE},
    {.name = "rotate",
     .summary = "give a user another password",
     .options = password_options,
     .operands = "NAME",
     .documentation =
         "Give a user another password; who is connected with the old one is cut off.\v"
         "The password comes as for `gyre user create`.\n\nExample:\n  gyre user rotate alice",
     .work = rotate_with,
     .prepare = read_password,
     .unprepared = STATUS_USAGE},
    {.name = "list",
     .summary = "list the users",
     .operands = "[NAME]",
     .documentation = "List the users that have passwords.\vExample:\n  gyre user list -o json",
     .work = list_with},
    {.name = "delete",
     .summary = "remove a user",
     .options = delete_options,
     .operands = "NAME",
     .documentation =
         "Remove a user; who is connected as this user is cut off.\v"
         "Rules on the user stay: `gyre acl revoke --principal User:NAME` removes them.\n\n"
         "Example:\n  gyre user delete alice",
     .work = delete_with},
};

int user_command(int argc, char **argv)
{
    static struct user_arguments arguments = {.iterations = SCRAM_ITERATIONS_DEFAULT};
    static const struct verb_group group = {
        .path = "gyre user",
        .intro = "Users whose passwords the region checks.",
        .examples = "  gyre user create alice\n"
                    "  gyre user rotate alice\n"
                    "  gyre user list -o json\n",
        .verbs = verbs,
        .count = (int)(sizeof verbs / sizeof verbs[0]),
        .arguments = &arguments,
        .connect = &arguments.connect,
        .release = wipe_password,
        .parse = parse_option,
        .name = &arguments.name,
        .question = "which user?",
    };

    return verb_group_run(&group, argc, argv);
}
