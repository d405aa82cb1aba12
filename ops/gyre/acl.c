/* SPDX-License-Identifier: Apache-2.0 */
/* gyre acl: grant, revoke and list; matrix and test have files of their own. */
#include "acl.h"

#include <stdio.h>

#include "gyre/access/acl_words.h"

#include "acl_options.h"
#include "admin.h"
#include "json_print.h"
#include "table.h"

struct change {
    const struct acl_arguments *arguments;
    struct acl_rules rules; /* those to make, or the filters of those to remove */
    struct acl_rules found;
};

static void print_rules(const struct acl_arguments *arguments, const struct acl_rules *rules,
                        const char *verb)
{
    char text[ACL_SENTENCE_BYTES];

    if (arguments->connect.output == OUTPUT_JSON) {
        json_print(acl_rules_to_json(rules));
        return;
    }
    for (int i = 0; i < rules->count; i++) {
        acl_rule_to_text(&rules->items[i], text);
        (void)printf("%s: %s\n", verb, text);
    }
}

/* A verb that makes rules out of its arguments and works on them. */
static int run(const struct acl_syntax *syntax, bool is_filter, admin_work work, char **argv,
               int argc)
{
    struct acl_arguments arguments;
    struct change change = {.arguments = &arguments};
    enum exit_status status = STATUS_USAGE;

    acl_parse(syntax, argc, argv, &arguments);
    acl_rules_init(&change.rules);
    acl_rules_init(&change.found);
    if (acl_arguments_to_rules(&arguments, is_filter, &change.rules)) {
        status = admin_run(&arguments.connect, work, &change);
    }
    acl_rules_release(&change.found);
    acl_rules_release(&change.rules);
    acl_arguments_release(&arguments);
    return (int)status;
}

/* ---- grant ---- */

static enum exit_status grant_with(struct session *session, void *context)
{
    const struct change *change = context;
    enum exit_status status = acl_rules_create(session, change->rules.items, change->rules.count);

    if (status == STATUS_OK) {
        print_rules(change->arguments, &change->rules, "granted");
    }
    return status;
}

static int grant(int argc, char **argv)
{
    static const struct acl_syntax syntax = {
        acl_grant_options,
        "Add rules: each principal with each operation on each resource.\v"
        "A rule that is there already stays as it is. A name without a type is a user's.\n\n"
        "Examples:\n"
        "  gyre acl grant --principal User:alice --operation READ --topic orders --group reports\n"
        "  gyre acl grant --principal bob --producer --topic ads. --prefix\n"
        "  gyre acl grant --principal mallory --operation ALL --topic '*' --deny",
        true, true, true};

    return run(&syntax, false, grant_with, argv, argc);
}

/* ---- revoke ---- */

static enum exit_status revoke_with(struct session *session, void *context)
{
    struct change *change = context;
    enum exit_status status =
        acl_rules_delete(session, change->rules.items, change->rules.count, &change->found);

    if (status != STATUS_OK) {
        return status;
    }
    print_rules(change->arguments, &change->found, "revoked");
    if (change->found.count == 0 && !change->arguments->if_exists) {
        complain("there is no such rule");
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

static int revoke_verb(int argc, char **argv)
{
    static const struct acl_syntax syntax = {
        acl_revoke_options,
        "Remove rules.\vWhat is not told (operation, resource, host, allow or deny) matches all "
        "rules of the principal; --prefix removes rules on prefixes, without it those on the very "
        "name go.\n\nExamples:\n"
        "  gyre acl revoke --principal User:alice --operation READ --topic orders\n"
        "  gyre acl revoke --principal User:alice        (everything)",
        true, false, false};

    return run(&syntax, true, revoke_with, argv, argc);
}

/* ---- list ---- */

static void print_table(const struct acl_rules *rules)
{
    static const char *const headings[] = {"PRINCIPAL", "RULE", "OPERATION", "RESOURCE",
                                           "NAME",      "HOST", NULL};
    struct table table;

    table_init(&table, headings);
    for (int i = 0; i < rules->count; i++) {
        const struct acl *rule = &rules->items[i];

        table_add_line(&table);
        table_set(&table, 0, "%.*s", STRING_ARGUMENTS(rule->principal));
        table_set(&table, 1, "%s", acl_permission_name((int)rule->permission));
        table_set(&table, 2, "%s", acl_operation_name((int)rule->operation));
        table_set(&table, 3, "%s", acl_resource_name((int)rule->resource));
        table_set(&table, 4, "%.*s%s", STRING_ARGUMENTS(rule->name),
                  rule->pattern == ACL_PREFIXED ? "*  (prefix)" : "");
        table_set(&table, 5, "%.*s", STRING_ARGUMENTS(rule->host));
    }
    table_print(&table);
}

static enum exit_status list_with(struct session *session, void *context)
{
    struct change *change = context;
    enum exit_status status = STATUS_OK;

    for (int i = 0; i < change->rules.count && status == STATUS_OK; i++) {
        struct acl filter = change->rules.items[i];

        /* People who ask about a topic mean every rule that speaks of it. */
        if (filter.pattern == ACL_LITERAL) {
            filter.pattern = ACL_PATTERN_MATCH;
        }
        status = acl_rules_fetch(session, &filter, &change->found);
    }
    if (status == STATUS_OK && change->arguments->connect.output == OUTPUT_JSON) {
        json_print(acl_rules_to_json(&change->found));
    } else if (status == STATUS_OK) {
        print_table(&change->found);
    }
    return status;
}

static int list(int argc, char **argv)
{
    static const struct acl_syntax syntax = {
        acl_list_options,
        "List rules; of a resource, all that speak of it: on its name, on '*' and on prefixes of "
        "it.\vExamples:\n"
        "  gyre acl list\n"
        "  gyre acl list --topic ads.clicks\n"
        "  gyre acl list --principal User:alice -o json",
        false, false, false};

    return run(&syntax, true, list_with, argv, argc);
}

int acl_command(int argc, char **argv)
{
    static const struct command verbs[] = {
        {"grant", "allow (or --deny) something", grant},
        {"revoke", "remove rules", revoke_verb},
        {"list", "list the rules", list},
        {"matrix", "who may do what on which topic", acl_matrix},
        {"test", "may somebody do something, and by which rule", acl_test},
    };

    return command_dispatch("gyre acl", "Say who may do what (Kafka's access control lists).",
                            verbs, (int)(sizeof verbs / sizeof verbs[0]), argc, argv);
}
