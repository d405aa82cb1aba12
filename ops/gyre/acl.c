/* SPDX-License-Identifier: Apache-2.0 */
/* gyre acl: grant, revoke and list; matrix and test have files of their own. */
#include "acl.h"

#include <stdio.h>

#include "gyre/access/acl_words.h"

#include "acl_options.h"
#include "json_print.h"
#include "table.h"

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

/* ---- grant ---- */

static enum exit_status grant_with(struct session *session, void *context)
{
    const struct acl_arguments *arguments = context;
    enum exit_status status =
        acl_rules_create(session, arguments->rules.items, arguments->rules.count);

    if (status == STATUS_OK) {
        print_rules(arguments, &arguments->rules, "granted");
    }
    return status;
}

/* ---- revoke ---- */

static enum exit_status revoke_with(struct session *session, void *context)
{
    const struct acl_arguments *arguments = context;
    struct acl_rules gone;
    enum exit_status status;

    acl_rules_init(&gone);
    status = acl_rules_delete(session, arguments->rules.items, arguments->rules.count, &gone);
    if (status == STATUS_OK) {
        print_rules(arguments, &gone, "revoked");
        if (gone.count == 0 && !arguments->if_exists) {
            complain("there is no such rule");
            status = STATUS_FAILED;
        }
    }
    acl_rules_release(&gone);
    return status;
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
    const struct acl_arguments *arguments = context;
    struct acl_rules found;
    enum exit_status status = STATUS_OK;

    acl_rules_init(&found);
    for (int i = 0; i < arguments->rules.count && status == STATUS_OK; i++) {
        struct acl filter = arguments->rules.items[i];

        /* People who ask about a topic mean every rule that speaks of it. */
        if (filter.pattern == ACL_LITERAL) {
            filter.pattern = ACL_PATTERN_MATCH;
        }
        status = acl_rules_fetch(session, &filter, &found);
    }
    if (status == STATUS_OK && arguments->connect.output == OUTPUT_JSON) {
        json_print(acl_rules_to_json(&found));
    } else if (status == STATUS_OK) {
        print_table(&found);
    }
    acl_rules_release(&found);
    return status;
}

/* ---- the table ---- */

static const struct verb verbs[] = {
    {.name = "grant",
     .summary = "allow (or --deny) something",
     .options = acl_grant_options,
     .documentation =
         "Add rules: each principal with each operation on each resource.\v"
         "A rule that is there already stays as it is. A name without a type is a user's.\n\n"
         "Examples:\n"
         "  gyre acl grant --principal User:alice --operation READ --topic orders --group reports\n"
         "  gyre acl grant --principal bob --producer --topic ads. --prefix\n"
         "  gyre acl grant --principal mallory --operation ALL --topic '*' --deny",
     .demands = ACL_NEEDS_PRINCIPAL | ACL_NEEDS_RESOURCE | ACL_NEEDS_OPERATION,
     .prepare = acl_arguments_to_rules,
     .unprepared = STATUS_USAGE,
     .work = grant_with},
    {.name = "revoke",
     .summary = "remove rules",
     .options = acl_revoke_options,
     .documentation =
         "Remove rules.\vWhat is not told (operation, resource, host, allow or deny) matches all "
         "rules of the principal; --prefix removes rules on prefixes, without it those on the very "
         "name go.\n\nExamples:\n"
         "  gyre acl revoke --principal User:alice --operation READ --topic orders\n"
         "  gyre acl revoke --principal User:alice        (everything)",
     .demands = ACL_NEEDS_PRINCIPAL,
     .prepare = acl_arguments_to_filters,
     .unprepared = STATUS_USAGE,
     .work = revoke_with},
    {.name = "list",
     .summary = "list the rules",
     .options = acl_list_options,
     .documentation =
         "List rules; of a resource, all that speak of it: on its name, on '*' and on prefixes of "
         "it.\vExamples:\n"
         "  gyre acl list\n"
         "  gyre acl list --topic ads.clicks\n"
         "  gyre acl list --principal User:alice -o json",
     .prepare = acl_arguments_to_filters,
     .unprepared = STATUS_USAGE,
     .work = list_with},
    {.name = "matrix",
     .summary = "who may do what on which topic",
     .options = acl_matrix_options,
     .documentation =
         "Show who may do what on which topic, as rules, streams and super users come to.\v"
         "All users and everybody who stands in a rule, or those of --principal; from your own "
         "address, or from that of --host.\n\n"
         "Examples:\n"
         "  gyre acl matrix\n"
         "  gyre acl matrix --principal alice --topic orders -o json",
     .work = acl_matrix_with},
    {.name = "test",
     .summary = "may somebody do something, and by which rule",
     .options = acl_test_options,
     .documentation =
         "Ask whether somebody may do something, and which rule decides.\v"
         "Without --principal it is about yourself. --member-of tells of groups that come from "
         "outside (a token, a directory); those of `gyre team` are known. Exit status 5 when "
         "something is denied.\n\n"
         "Examples:\n"
         "  gyre acl test --principal alice --operation READ --topic orders --group reports\n"
         "  gyre acl test --principal bob --operation WRITE --topic /ads/clicks:impressions",
     .demands = ACL_NEEDS_RESOURCE | ACL_NEEDS_OPERATION,
     .prepare = acl_arguments_to_rules,
     .unprepared = STATUS_USAGE,
     .work = acl_test_with},
};

int acl_command(int argc, char **argv)
{
    static struct acl_arguments arguments;
    static const struct verb_group group = {
        .path = "gyre acl",
        .intro = "Say who may do what (Kafka's access control lists).",
        .examples = "  gyre acl grant --principal User:alice --operation READ --topic orders "
                    "--group reports\n"
                    "  gyre acl list --topic orders\n"
                    "  gyre acl test --principal alice --operation READ --topic orders\n"
                    "  gyre acl revoke --principal User:alice\n",
        .verbs = verbs,
        .count = (int)(sizeof verbs / sizeof verbs[0]),
        .arguments = &arguments,
        .connect = &arguments.connect,
        .release = acl_arguments_release,
        .parse = acl_parse_option,
    };

    acl_arguments_init(&arguments);
    return verb_group_run(&group, argc, argv);
}
