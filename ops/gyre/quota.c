/* SPDX-License-Identifier: Apache-2.0 */
/* gyre quota: how much clients may use. */
#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_print.h"
#include "quotas.h"
#include "result_print.h"
#include "table.h"
#include "verb.h"
#include "wire_messages/describe_client_quotas.h"

enum option_key {
    KEY_USER = 'u',
    KEY_CLIENT_ID = 'c',
    KEY_IP = 'i',
    KEY_DEFAULT_USER = 0x100,
    KEY_DEFAULT_CLIENT_ID,
    KEY_DEFAULT_IP,
    KEY_DELETE,
};

enum { KEY_BYTES = 64 };

struct quota_arguments {
    struct connect_arguments connect;
    struct quota_part parts[QUOTA_PARTS_MAX];
    int part_count;
    struct quota_change changes[QUOTA_CHANGES_MAX];
    char keys[QUOTA_CHANGES_MAX][KEY_BYTES];
    int change_count;
};

/* ---- arguments ---- */

static void add_part(struct argp_state *state, struct quota_arguments *arguments, const char *type,
                     const char *name)
{
    for (int i = 0; i < arguments->part_count; i++) {
        if (strcmp(arguments->parts[i].type, type) == 0) {
            argp_error(state, "the %s is told twice", type);
        }
    }
    arguments->parts[arguments->part_count++] = (struct quota_part){type, name};
}

/* 10M is 10 * 1024 * 1024. */
static double value_of(struct argp_state *state, const char *text)
{
    char *end;
    double value;

    errno = 0;
    value = strtod(text, &end);
    switch (*end) {
    case 'K': value *= 1024; break;
    case 'M': value *= 1024 * 1024; break;
    case 'G': value *= 1024 * 1024 * 1024; break;
    default: end--; break;
    }
    if (end < text || end[1] != '\0' || errno != 0 || !isfinite(value) || value < 0) {
        argp_error(state, "'%s' is not a number, perhaps with K, M or G behind it", text);
    }
    return value;
}

static void add_change(struct argp_state *state, struct quota_arguments *arguments,
                       const char *text, bool is_removal)
{
    struct quota_change *change;
    char *key;
    size_t length = strcspn(text, "=");

    if (arguments->change_count == QUOTA_CHANGES_MAX) {
        argp_error(state, "more than %d settings", QUOTA_CHANGES_MAX);
        return;
    }
    change = &arguments->changes[arguments->change_count];
    key = arguments->keys[arguments->change_count];
    if (length == 0 || length >= KEY_BYTES || (text[length] == '=') == is_removal) {
        argp_error(state, "'%s' is not %s", text, is_removal ? "a KEY" : "KEY=VALUE");
    }
    memcpy(key, text, length);
    key[length] = '\0';
    *change = (struct quota_change){.key = key, .is_removal = is_removal};
    if (!is_removal) {
        change->value = value_of(state, text + length + 1);
    }
    arguments->change_count++;
}

static void check(struct argp_state *state, const struct quota_arguments *arguments)
{
    if (arguments->part_count == 0) {
        argp_error(state,
                   "of whom? (--for-user, --for-client-id, --for-ip, or their --for-default-...)");
    }
    if (arguments->change_count == 0) {
        argp_error(state, "what is to change? (KEY=VALUE, --delete KEY)");
    }
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    const struct verb_input *input = state->input;
    struct quota_arguments *arguments = input->group->arguments;
    bool is_change = input->verb->operands[0] != '\0';

    switch (key) {
    case KEY_USER: add_part(state, arguments, "user", argument); return 0;
    case KEY_CLIENT_ID: add_part(state, arguments, "client-id", argument); return 0;
    case KEY_IP: add_part(state, arguments, "ip", argument); return 0;
    case KEY_DEFAULT_USER: add_part(state, arguments, "user", NULL); return 0;
    case KEY_DEFAULT_CLIENT_ID: add_part(state, arguments, "client-id", NULL); return 0;
    case KEY_DEFAULT_IP: add_part(state, arguments, "ip", NULL); return 0;
    case KEY_DELETE: add_change(state, arguments, argument, true); return 0;
    case ARGP_KEY_ARG:
        if (!is_change) {
            argp_error(state, "what is '%s'?", argument);
        }
        add_change(state, arguments, argument, false);
        return 0;
    case ARGP_KEY_END:
        if (is_change) {
            check(state, arguments);
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

#define OPTIONS_ENTITY                                                                             \
    {"for-user", KEY_USER, "NAME", 0, "Of this user", 1},                                          \
        {"for-client-id", KEY_CLIENT_ID, "ID", 0, "Of clients that call themselves so", 1},        \
        {"for-ip", KEY_IP, "ADDRESS", 0, "Of connections from this address", 1},                   \
        {"for-default-user", KEY_DEFAULT_USER, NULL, 0, "Of each user without an own one", 1},     \
        {"for-default-client-id", KEY_DEFAULT_CLIENT_ID, NULL, 0, "Of each other client id", 1},   \
    {                                                                                              \
        "for-default-ip", KEY_DEFAULT_IP, NULL, 0, "Of each other address", 1                      \
    }

/* ---- set ---- */

static enum exit_status set_with(struct session *session, void *context)
{
    const struct quota_arguments *arguments = context;
    enum exit_status status = quotas_change(session, arguments->parts, arguments->part_count,
                                            arguments->changes, arguments->change_count);
    char text[QUOTA_ENTITY_BYTES];

    if (status == STATUS_OK) {
        quota_entity_to_text(arguments->parts, arguments->part_count, text);
        result_print(arguments->connect.output, "quotas", text, "changed");
    }
    return status;
}

static const struct argp_option set_options[] = {
    OPTIONS_ENTITY,
    {"delete", KEY_DELETE, "KEY", 0, "Remove a quota; repeatable", 2},
    {0},
};

/* ---- list ---- */

static json_t *entry_to_json(const struct describe_client_quotas_response_entries *entry)
{
    json_t *entity = json_object();
    json_t *quotas = json_object();

    for (int32_t i = 0; i < entry->entity.count; i++) {
        (void)json_object_setn_new(entity, entry->entity.items[i].entity_type.bytes,
                                   (size_t)entry->entity.items[i].entity_type.length,
                                   json_from_string(entry->entity.items[i].entity_name));
    }
    for (int32_t i = 0; i < entry->values.count; i++) {
        (void)json_object_setn_new(quotas, entry->values.items[i].key.bytes,
                                   (size_t)entry->values.items[i].key.length,
                                   json_real(entry->values.items[i].value));
    }
    return json_pack("{s:o, s:o}", "entity", entity, "quotas", quotas);
}

static void add_lines(struct table *table,
                      const struct describe_client_quotas_response_entries *entry)
{
    static const char *const types[] = {"user", "client-id", "ip"};

    for (int32_t i = 0; i < entry->values.count; i++) {
        table_add_line(table);
        for (int column = 0; column < QUOTA_PARTS_MAX; column++) {
            table_set(table, column, "%s", "");
            for (int32_t j = 0; j < entry->entity.count; j++) {
                struct string name = entry->entity.items[j].entity_name;

                if (string_is(entry->entity.items[j].entity_type, types[column])) {
                    table_set(table, column, "%.*s",
                              STRING_ARGUMENTS(name.bytes == NULL ? STRING("(default)") : name));
                }
            }
        }
        table_set(table, QUOTA_PARTS_MAX, "%.*s", STRING_ARGUMENTS(entry->values.items[i].key));
        table_set(table, QUOTA_PARTS_MAX + 1, "%.10g", entry->values.items[i].value);
    }
}

static void print_quotas(const struct describe_client_quotas_response *response,
                         enum output_format format)
{
    static const char *const headings[] = {"USER", "CLIENT-ID", "IP", "QUOTA", "VALUE", NULL};
    json_t *list = json_array();
    struct table table;

    table_init(&table, headings);
    for (int32_t i = 0; i < response->entries.count; i++) {
        (void)json_array_append_new(list, entry_to_json(&response->entries.items[i]));
        add_lines(&table, &response->entries.items[i]);
    }
    if (format == OUTPUT_JSON) {
        table_release(&table);
        json_print(list);
    } else {
        table_print(&table);
        json_decref(list);
    }
}

static enum exit_status list_with(struct session *session, void *context)
{
    const struct quota_arguments *arguments = context;
    const struct describe_client_quotas_response *response;
    struct client_call call;
    enum exit_status status =
        quotas_fetch(session, arguments->parts, arguments->part_count, &call, &response);

    if (status == STATUS_OK) {
        print_quotas(response, arguments->connect.output);
    }
    client_call_release(&call);
    return status;
}

static const struct argp_option list_options[] = {OPTIONS_ENTITY, {0}};

/* ---- the table ---- */

static const struct verb verbs[] = {
    {.name = "set",
     .summary = "limit what a client may use",
     .options = set_options,
     .operands = "KEY=VALUE...",
     .documentation =
         "Limit what a client may use.\v"
         "Keys: producer_byte_rate and consumer_byte_rate (bytes a second and broker), "
         "request_percentage (of a thread's time), controller_mutation_rate (partitions made or "
         "removed a second), of --for-ip connection_creation_rate. The most particular quota "
         "holds: of a user's client id, of the user, of a default.\n\n"
         "Examples:\n"
         "  gyre quota set --for-user alice producer_byte_rate=10M consumer_byte_rate=20M\n"
         "  gyre quota set --for-default-user request_percentage=50\n"
         "  gyre quota set --for-user alice --for-client-id reports --delete consumer_byte_rate",
     .work = set_with},
    {.name = "list",
     .summary = "list the limits",
     .options = list_options,
     .operands = "",
     .documentation = "List the quotas, or those of one entity.\vExamples:\n"
                      "  gyre quota list\n"
                      "  gyre quota list --for-user alice -o json",
     .work = list_with},
};

int quota_command(int argc, char **argv)
{
    static struct quota_arguments arguments;
    static const struct verb_group group = {
        .path = "gyre quota",
        .intro = "How much clients may use.",
        .examples =
            "  gyre quota set --for-user alice producer_byte_rate=10M consumer_byte_rate=20M\n"
            "  gyre quota list\n",
        .verbs = verbs,
        .count = (int)(sizeof verbs / sizeof verbs[0]),
        .arguments = &arguments,
        .connect = &arguments.connect,
        .parse = parse_option,
    };

    return verb_group_run(&group, argc, argv);
}
