/* SPDX-License-Identifier: Apache-2.0 */
/* ssl.principal.mapping.rules: what Kafka's SslPrincipalMapper makes of a name. */
#include <stdlib.h>
#include <string.h>

#include "gyre/tls/principal_rules.h"

#include "support/test.h"

static enum error map(const char *rules_text, const char *subject, char *name, size_t size)
{
    char message[256];
    struct principal_rules *rules = NULL;
    size_t length = 0;
    enum error error;

    if (principal_rules_new(string_from(rules_text), message, &rules) != ERROR_NONE) {
        fail_msg("%s", message);
    }
    error = principal_rules_apply(rules, string_from(subject), name, size, &length);
    if (error == ERROR_NONE) {
        assert_int_equal(strlen(name), length);
    }
    principal_rules_free(rules);
    return error;
}

static void names_become_what_the_rules_say(void **state)
{
    static const char usual[] = "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L, "
                                "RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L,"
                                "RULE:^cn=(.*?),ou=(.*?),dc=(.*?),dc=(.*?)$/$1@$2/U, "
                                "RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U, "
                                "DEFAULT";
    static const struct {
        const char *rules;
        const char *subject;
        const char *name;
    } cases[] = {
        {NULL, "CN=x,O=y", "CN=x,O=y"},
        {"DEFAULT", "CN=x,O=y", "CN=x,O=y"},
        {usual, "CN=Duke,OU=ServiceUsers,O=Org,C=US", "duke"},
        {usual, "CN=Duke,OU=SME,O=mycp,L=Fulton,ST=MD,C=US", "duke@sme"},
        {usual, "cn=duke,ou=sme,dc=mycp,dc=com", "DUKE@SME"},
        {usual, "DN=duke,CN=administrator.sme.mycp", "ADMINISTRATOR.SME.MYCP"},
        {usual, "OU=JavaSoft,O=Sun Microsystems,C=US", "OU=JavaSoft,O=Sun Microsystems,C=US"},
        {"RULE:^CN=(\\w+),.*$/Group-$1/", "CN=a,O=b", "Group-a"},
        {"RULE:^CN=((\\\\, *|\\w)+)(,.*|$)/$1/,DEFAULT", "CN=a\\, b,O=c", "a\\, b"},
        {"RULE:^CN=(.*)$/a\\/b $1/", "CN=x", "a/b x"},
        {"RULE:^CN=(.*)$/$12 $1/", "CN=x", "x2 x"},
        {"RULE:^CN=(.*)$/$2/", "CN=x", "$2"},
        {"RULE:^CN=(.*)$/$0!/", "CN=x", "CN=x!"},
        {"RULE:.*/x/", "CN=a", "xx"},
        {"RULE:.+/x/", "CN=a", "x"},
        {"RULE:CN=(a|ab)c?/$1/", "CN=abc", "abc"},
        {"RULE:^CN=(.*)$/$1/U", "CN=\xc3\xbc", "\xc3\x9c"},
        {"RULE:^CN=(.*)$/$1/L", "CN=\xc3\x84 \xe6\x97\xa5", "\xc3\xa4 \xe6\x97\xa5"},
        {" , RULE:^OU=.*$/no/ ,RULE:^CN=(.*)$/$1/,", "CN=x", "x"},
    };
    char name[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(map(cases[i].rules, cases[i].subject, name, sizeof name), ERROR_NONE);
        assert_string_equal(name, cases[i].name);
    }
}

static void who_fits_no_rule_is_nobody(void **state)
{
    char name[256];

    (void)state;
    assert_int_equal(map("RULE:^OU=(.*)$/$1/", "CN=x", name, sizeof name), ERROR_NOT_FOUND);
    assert_int_equal(map("RULE:CN=/x/", "CN=x", name, sizeof name), ERROR_NOT_FOUND);
    assert_int_equal(map("RULE:^CN=(.*),.*$/$1/", "CN=,O=x", name, sizeof name), ERROR_INVALID);
    assert_int_equal(map("DEFAULT", "", name, sizeof name), ERROR_INVALID);
    assert_int_equal(map("DEFAULT", "CN=long", name, 7), ERROR_LIMIT);
}

static void a_nul_inside_a_name_is_refused(void **state)
{
    char name[256];

    (void)state;
    assert_int_equal(map("DEFAULT", "CN=alice\\00.evil", name, sizeof name), ERROR_INVALID);
    assert_int_equal(map("DEFAULT", "CN=alice\\\\00", name, sizeof name), ERROR_NONE);
}

static void a_rule_that_would_run_for_ever_refuses(void **state)
{
    char subject[200];
    char name[256];

    (void)state;
    memset(subject, 'a', sizeof subject - 1);
    memcpy(subject, "CN=", 3);
    subject[sizeof subject - 1] = '\0';
    assert_int_equal(map("RULE:^CN=(a+)+[bc]$/$1/,DEFAULT", subject, name, sizeof name),
                     ERROR_LIMIT);
}

static void wrong_rules_are_told(void **state)
{
    static const char *const cases[] = {"RULE:a/b",  "RULE:a",     "DEFAULT DEFAULT", "default",
                                        "RULE:(/x/", "RULE:a/b/X", "nonsense"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char message[256] = "";
        struct principal_rules *rules = NULL;

        if (principal_rules_new(string_from(cases[i]), message, &rules) == ERROR_NONE) {
            fail_msg("'%s' is taken", cases[i]);
        }
        assert_non_null(strstr(message, "ssl.principal.mapping.rules"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_what_the_rules_say),
        cmocka_unit_test(who_fits_no_rule_is_nobody),
        cmocka_unit_test(a_nul_inside_a_name_is_refused),
        cmocka_unit_test(a_rule_that_would_run_for_ever_refuses),
        cmocka_unit_test(wrong_rules_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
