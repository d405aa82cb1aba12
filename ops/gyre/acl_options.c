/* SPDX-License-Identifier: Apache-2.0 */
#include "acl_options.h"

#include <stdio.h>
#include <string.h>

#include "gyre/access/acl_words.h"
#include "gyre/base/check.h"

enum option_key {
    KEY_PRINCIPAL = 'p',
    KEY_OPERATION = 'O',
    KEY_TOPIC = 't',
    KEY_GROUP = 'g',
    KEY_PREFIX = 0x100,
    KEY_CLUSTER,
    KEY_TRANSACTIONAL_ID,
    KEY_DELEGATION_TOKEN,
    KEY_USER,
    KEY_HOST,
    KEY_DENY,
    KEY_PRODUCER,
    KEY_CONSUMER,
    KEY_IF_EXISTS,
    KEY_MEMBER_OF,
};

enum { ARGUMENTS_ARENA_BYTES = 1 << 20 };

#define OPTION_PRINCIPAL                                                                           \
    {                                                                                              \
        "principal", KEY_PRINCIPAL, "User:NAME", 0, "Whom it is about; repeatable", 1              \
    }
#define OPTION_OPERATION                                                                           \
    {                                                                                              \
        "operation", KEY_OPERATION, "NAME", 0, "READ, WRITE, DESCRIBE, ALL, ...; repeatable", 1    \
    }
#define OPTION_TOPIC                                                                               \
    {                                                                                              \
        "topic", KEY_TOPIC, "NAME", 0, "On this topic, '*' on all; repeatable", 2                  \
    }
#define OPTION_HOST                                                                                \
    {                                                                                              \
        "host", KEY_HOST, "ADDRESS", 0, "Only from this address", 3                                \
    }
#define OPTION_DENY                                                                                \
    {                                                                                              \
        "deny", KEY_DENY, NULL, 0, "A rule that forbids; it beats every rule that allows", 3       \
    }
#define OPTIONS_RESOURCES                                                                          \
    OPTION_TOPIC, {"group", KEY_GROUP, "NAME", 0, "On this consumer group; repeatable", 2},        \
        {"cluster", KEY_CLUSTER, NULL, 0, "On the cluster", 2},                                    \
        {"transactional-id", KEY_TRANSACTIONAL_ID, "ID", 0, "On this transactional id", 2},        \
        {"delegation-token", KEY_DELEGATION_TOKEN, "ID", 0, "On this token", 2},                   \
    {                                                                                              \
        "user-resource", KEY_USER, "User:NAME", 0, "On this user's tokens", 2                      \
    }
#define OPTION_PREFIX                                                                              \
    {                                                                                              \
        "prefix", KEY_PREFIX, NULL, 0, "Names begin like that", 2                                  \
    }
#define OPTIONS_TASKS                                                                              \
    {"producer", KEY_PRODUCER, NULL, 0, "All that a producer to the topics needs", 1},             \
    {                                                                                              \
        "consumer", KEY_CONSUMER, NULL, 0, "All that a consumer of topics in a group needs", 1     \
    }

const struct argp_option acl_grant_options[] = {
    OPTION_PRINCIPAL, OPTION_OPERATION, OPTIONS_TASKS, OPTIONS_RESOURCES,
    OPTION_PREFIX,    OPTION_HOST,      OPTION_DENY,   {0},
};

const struct argp_option acl_revoke_options[] = {
    OPTION_PRINCIPAL,
    OPTION_OPERATION,
    OPTIONS_TASKS,
    OPTIONS_RESOURCES,
    OPTION_PREFIX,
    OPTION_HOST,
    OPTION_DENY,
    {"if-exists", KEY_IF_EXISTS, NULL, 0, "Be content if there is no such rule", 3},
    {0},
};

const struct argp_option acl_list_options[] = {
    OPTION_PRINCIPAL, OPTION_OPERATION, OPTIONS_RESOURCES, OPTION_PREFIX, OPTION_HOST, {0},
};

const struct argp_option acl_matrix_options[] = {OPTION_PRINCIPAL, OPTION_TOPIC, OPTION_HOST, {0}};

const struct argp_option acl_test_options[] = {
    OPTION_PRINCIPAL,
    OPTION_OPERATION,
    OPTIONS_TASKS,
    OPTIONS_RESOURCES,
    OPTION_HOST,
    {"member-of", KEY_MEMBER_OF, "GROUP", 0, "Who would be in this group; repeatable", 1},
    {0},
};

/* ---- parsing ---- */

struct string acl_principal(struct arena *arena, const char *text)
{
    char *name;
    size_t length = strlen(text) + sizeof "User:";

    if (strchr(text, ':') != NULL) {
        return string_from(text);
    }
    name = arena_alloc(arena, length);
    CHECK(name != NULL); /* an argument list is far smaller */
    (void)snprintf(name, length, "User:%s", text);
    return string_from(name);
}

static void add_principal(struct argp_state *state, struct acl_arguments *arguments,
                          const char *text)
{
    if (arguments->principal_count == ACL_WORDS_MAX) {
        argp_error(state, "more than %d principals", ACL_WORDS_MAX);
    }
    arguments->principals[arguments->principal_count++] = acl_principal(&arguments->arena, text);
}

static void add_operation(struct argp_state *state, struct acl_arguments *arguments,
                          const char *text)
{
    enum acl_operation operation = acl_operation_parse(text);

    if (operation == ACL_OPERATION_UNKNOWN) {
        argp_error(state, "'%s' is none of %s", text, acl_operation_list());
    }
    if (arguments->operation_count == ACL_WORDS_MAX) {
        argp_error(state, "more than %d operations", ACL_WORDS_MAX);
    }
    arguments->operations[arguments->operation_count++] = operation;
}

static void add_resource(struct argp_state *state, struct acl_arguments *arguments,
                         enum acl_resource type, const char *name)
{
    if (arguments->resource_count == ACL_WORDS_MAX) {
        argp_error(state, "more than %d resources", ACL_WORDS_MAX);
    }
    arguments->resources[arguments->resource_count++] = (struct acl_resource_word){type, name};
}

static void add_member(struct argp_state *state, struct acl_arguments *arguments, const char *text)
{
    if (arguments->member_count == ACL_WORDS_MAX) {
        argp_error(state, "more than %d groups", ACL_WORDS_MAX);
    }
    arguments->members[arguments->member_count++] = text;
}

static void check(struct argp_state *state, const struct acl_arguments *arguments, unsigned demands)
{
    bool has_task = arguments->is_producer || arguments->is_consumer;

    if ((demands & ACL_NEEDS_PRINCIPAL) != 0 && arguments->principal_count == 0) {
        argp_error(state, "whom is it about? (--principal)");
    }
    if ((demands & ACL_NEEDS_RESOURCE) != 0 && arguments->resource_count == 0) {
        argp_error(state, "on what? (--topic, --group, --cluster, ...)");
    }
    if ((demands & ACL_NEEDS_OPERATION) != 0 && arguments->operation_count == 0 && !has_task) {
        argp_error(state, "to do what? (--operation, --producer, --consumer)");
    }
    if (arguments->operation_count > 0 && has_task) {
        argp_error(state, "either --operation, or --producer and --consumer");
    }
}

static error_t parse_resource(int key, char *argument, struct argp_state *state,
                              struct acl_arguments *arguments)
{
    switch (key) {
    case KEY_TOPIC: add_resource(state, arguments, ACL_TOPIC, argument); return 0;
    case KEY_GROUP: add_resource(state, arguments, ACL_GROUP, argument); return 0;
    case KEY_CLUSTER: add_resource(state, arguments, ACL_CLUSTER, "kafka-cluster"); return 0;
    case KEY_TRANSACTIONAL_ID:
        add_resource(state, arguments, ACL_TRANSACTIONAL_ID, argument);
        return 0;
    case KEY_DELEGATION_TOKEN:
        add_resource(state, arguments, ACL_DELEGATION_TOKEN, argument);
        return 0;
    case KEY_USER: add_resource(state, arguments, ACL_USER, argument); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

error_t acl_parse_option(int key, char *argument, struct argp_state *state)
{
    const struct verb_input *input = state->input;
    struct acl_arguments *arguments = input->group->arguments;

    switch (key) {
    case KEY_PRINCIPAL: add_principal(state, arguments, argument); return 0;
    case KEY_OPERATION: add_operation(state, arguments, argument); return 0;
    case KEY_HOST: arguments->host = argument; return 0;
    case KEY_PREFIX: arguments->is_prefix = true; return 0;
    case KEY_DENY: arguments->is_denial = true; return 0;
    case KEY_PRODUCER: arguments->is_producer = true; return 0;
    case KEY_CONSUMER: arguments->is_consumer = true; return 0;
    case KEY_IF_EXISTS: arguments->if_exists = true; return 0;
    case KEY_MEMBER_OF: add_member(state, arguments, argument); return 0;
    case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", argument); return 0;
    case ARGP_KEY_END: check(state, arguments, input->verb->demands); return 0;
    default: return parse_resource(key, argument, state, arguments);
    }
}

void acl_arguments_init(struct acl_arguments *arguments)
{
    *arguments = (struct acl_arguments){.host = NULL};
    arena_init(&arguments->arena, ARGUMENTS_ARENA_BYTES);
    acl_rules_init(&arguments->rules);
}

void acl_arguments_release(void *context)
{
    struct acl_arguments *arguments = context;

    acl_rules_release(&arguments->rules);
    arena_release(&arguments->arena);
}

/* ---- rules ---- */

/* What kafka-acls gives with --producer and --consumer, and nothing more. */
static bool is_in_task(const struct acl_arguments *arguments, enum acl_operation operation,
                       enum acl_resource type)
{
    static const struct {
        enum acl_resource type;
        enum acl_operation operation;
        bool is_producer;
    } tasks[] = {
        {ACL_TOPIC, ACL_WRITE, true},
        {ACL_TOPIC, ACL_DESCRIBE, true},
        {ACL_TOPIC, ACL_CREATE, true},
        {ACL_TRANSACTIONAL_ID, ACL_WRITE, true},
        {ACL_TRANSACTIONAL_ID, ACL_DESCRIBE, true},
        {ACL_TOPIC, ACL_READ, false},
        {ACL_TOPIC, ACL_DESCRIBE, false},
        {ACL_GROUP, ACL_READ, false},
    };

    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        if (tasks[i].type == type && tasks[i].operation == operation &&
            (tasks[i].is_producer ? arguments->is_producer : arguments->is_consumer)) {
            return true;
        }
    }
    return false;
}

static bool is_asked(const struct acl_arguments *arguments, enum acl_operation operation,
                     enum acl_resource type)
{
    for (int i = 0; i < arguments->operation_count; i++) {
        if (arguments->operations[i] == operation) {
            return type == ACL_RESOURCE_ANY || acl_operation_fits(operation, type);
        }
    }
    return is_in_task(arguments, operation, type);
}

static void add_rules(const struct acl_arguments *arguments, struct acl *rule,
                      struct acl_rules *rules)
{
    if (arguments->principal_count == 0) {
        rule->principal = STRING_NULL;
        acl_rules_add(rules, rule);
    }
    for (int i = 0; i < arguments->principal_count; i++) {
        rule->principal = arguments->principals[i];
        acl_rules_add(rules, rule);
    }
}

static void add_operations(const struct acl_arguments *arguments, struct acl *rule,
                           struct acl_rules *rules)
{
    if (arguments->operation_count == 0 && !arguments->is_producer && !arguments->is_consumer) {
        rule->operation = ACL_OPERATION_ANY;
        add_rules(arguments, rule, rules);
        return;
    }
    for (int operation = ACL_ALL; operation <= ACL_DESCRIBE_TOKENS; operation++) {
        if (is_asked(arguments, (enum acl_operation)operation, rule->resource)) {
            rule->operation = (enum acl_operation)operation;
            add_rules(arguments, rule, rules);
        }
    }
}

static bool are_operations_used(const struct acl_arguments *arguments)
{
    for (int i = 0; i < arguments->operation_count; i++) {
        bool is_used = arguments->resource_count == 0;

        for (int j = 0; j < arguments->resource_count; j++) {
            is_used = is_used ||
                      acl_operation_fits(arguments->operations[i], arguments->resources[j].type);
        }
        if (!is_used) {
            complain("%s means nothing on a %s", acl_operation_name((int)arguments->operations[i]),
                     acl_resource_name((int)arguments->resources[0].type));
            return false;
        }
    }
    return true;
}

static bool make_rules(struct acl_arguments *arguments, bool is_filter)
{
    struct acl_rules *rules = &arguments->rules;
    const char *host = arguments->host == NULL && !is_filter ? "*" : arguments->host;
    struct acl rule = {
        .resource = ACL_RESOURCE_ANY,
        .pattern = is_filter && arguments->is_prefix ? ACL_PREFIXED : ACL_PATTERN_ANY,
        .host = string_from(host),
        .permission = arguments->is_denial ? ACL_DENY
                      : is_filter          ? ACL_PERMISSION_ANY
                                           : ACL_ALLOW,
    };

    if (!are_operations_used(arguments)) {
        return false;
    }
    if (arguments->resource_count == 0) {
        add_operations(arguments, &rule, rules);
    }
    for (int i = 0; i < arguments->resource_count; i++) {
        rule.resource = arguments->resources[i].type;
        rule.name = string_from(arguments->resources[i].name);
        rule.pattern =
            arguments->is_prefix && rule.resource != ACL_CLUSTER ? ACL_PREFIXED : ACL_LITERAL;
        add_operations(arguments, &rule, rules);
    }
    if (rules->count == 0) {
        complain("--producer needs a --topic or a --transactional-id, --consumer a --topic or a "
                 "--group");
        return false;
    }
    return true;
}

bool acl_arguments_to_rules(void *arguments)
{
    return make_rules(arguments, false);
}

bool acl_arguments_to_filters(void *arguments)
{
    return make_rules(arguments, true);
}
