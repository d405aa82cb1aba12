/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of sasl.kerberos.principal.to.local.rules do what Kafka's KerberosShortNamer does. */
#include <stdio.h>
#include <string.h>

#include "kerberos_rules.h"
#include "support/test.h"

enum { RULES_MAX = 4 };

struct row {
    const char *rules[RULES_MAX];
    const char *principal;
    const char *name; /* NULL: nobody */
};

static struct kerberos_rules *parse(const char *const *texts)
{
    struct string rules[RULES_MAX];
    struct kerberos_rules *parsed = NULL;
    char message[256];
    int32_t count = 0;

    for (; count < RULES_MAX && texts[count] != NULL; count++) {
        rules[count] = string_from(texts[count]);
    }
    assert_int_equal(kerberos_rules_parse(rules, count, STRING("REALM"), message, &parsed),
                     ERROR_NONE);
    return parsed;
}

static void principals_become_users_by_the_first_rule_that_fits(void **state)
{
    static const struct row rows[] = {
        {{"DEFAULT"}, "alice", "alice"},
        {{"DEFAULT"}, "alice@REALM", "alice"},
        {{"DEFAULT"}, "kafka/host1", "kafka"},
        {{"DEFAULT"}, "kafka/host1@REALM", "kafka"},
        {{"DEFAULT"}, "alice@OTHER", NULL},
        {{"RULE:[1:$1]"}, "alice@OTHER", "alice"},
        {{"RULE:[1:$1]"}, "kafka/host1@REALM", NULL},
        {{"RULE:[1:$1@$0](.*@OTHER)s/@.*//"}, "alice@OTHER", "alice"},
        {{"RULE:[1:$1@$0](.*@OTHER)s/@.*//"}, "alice@REALM", NULL},
        {{"RULE:[1:$1@$0](.*@OTHER)s/@.*//", "DEFAULT"}, "bob@REALM", "bob"},
        {{"RULE:[2:$1-$2@$0](web-.*@REALM)s/@.*//", "DEFAULT"}, "web/host1", "web-host1"},
        {{"RULE:[2:$1-$2@$0](web-.*@REALM)s/@.*//", "DEFAULT"}, "kafka/host1", "kafka"},
        {{"RULE:[1:$1@$0](.*@REALM)s/@.*///L"}, "ALICE", "alice"},
        {{"RULE:[1:$1@$0](.*@REALM)s/@.*///U"}, "alice", "ALICE"},
        {{"RULE:[1:$1](a.*)s/a/b/"}, "aaa", "baa"},
        {{"RULE:[1:$1](a.*)s/a/b/g"}, "aaa", "bbb"},
        {{"RULE:[1:$1](a.*)s/(a+)(.*)/$2$1/"}, "aabc", "bcaa"},
        {{"RULE:[1:$1@$0](alice)s/x/y/"}, "alice", NULL}, /* the whole text must match */
        {{"RULE:[1:$1@$0]"}, "alice", NULL},              /* what is left is no plain name */
        {{"RULE:[1:$1](.*)s/.*//"}, "alice", NULL},
        {{"RULE:[1:$2]"}, "alice", NULL},
        {{"DEFAULT"}, "a/b/c/d/e/f", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kerberos_rules *rules = parse(rows[i].rules);
        char name[KERBEROS_NAME_BYTES_MAX] = "";
        enum error error = kerberos_rules_apply(rules, rows[i].principal, name);

        if (rows[i].name == NULL) {
            assert_int_equal(error, ERROR_NOT_FOUND);
        } else {
            assert_int_equal(error, ERROR_NONE);
            assert_string_equal(name, rows[i].name);
        }
        kerberos_rules_free(rules);
    }
}

static void what_is_no_rule_is_refused_with_its_text(void **state)
{
    static const char *const texts[] = {
        "default",          "RULE",           "RULE:",
        "RULE:[1]",         "RULE:[x:$1]",    "RULE:[1:$1",
        "RULE:[1:$1](a",    "RULE:[1:$1](()", "RULE:[1:$1]s/a",
        "RULE:[1:$1]s/a/b", "RULE:[1:$1]/X",  "RULE:[1:$1]s/(/b/",
        "RULE:[1:$1]x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct string rule = string_from(texts[i]);
        struct kerberos_rules *rules = NULL;
        char message[256] = "";

        assert_int_equal(kerberos_rules_parse(&rule, 1, STRING_NULL, message, &rules),
                         ERROR_INVALID);
        assert_non_null(strstr(message, texts[i]));
        assert_null(rules);
    }
}

/* A rule may be careless; a name must not make it run for ever. */
static void a_rule_that_backtracks_gives_up(void **state)
{
    const char *texts[RULES_MAX] = {"RULE:[1:$1]((a+)+b)s/a/b/"};
    struct kerberos_rules *rules = parse(texts);
    char principal[300];
    char name[KERBEROS_NAME_BYTES_MAX];

    (void)state;
    memset(principal, 'a', sizeof principal - 1);
    principal[sizeof principal - 1] = '\0';
    assert_int_equal(kerberos_rules_apply(rules, principal, name), ERROR_NOT_FOUND);
    kerberos_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(principals_become_users_by_the_first_rule_that_fits),
        cmocka_unit_test(what_is_no_rule_is_refused_with_its_text),
        cmocka_unit_test(a_rule_that_backtracks_gives_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
