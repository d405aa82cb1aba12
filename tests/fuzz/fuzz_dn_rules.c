/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of hostile certificates through printing and rules; and hostile rules. The first byte
 * chooses: below 128 the rest is a DER-encoded name for the rules of that number, else it is
 * "rules NUL subject".
 */
#include <stdlib.h>
#include <string.h>

#include "gyre/tls/principal_rules.h"

static const char *const rule_texts[] = {
    "DEFAULT",
    "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L,DEFAULT",
    "RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U",
    "RULE:^(.*=)+([^,]*)(,.*)*$/$1-$2-$9/,RULE:.*/x$0/L,DEFAULT",
    "RULE:^CN=((\\\\, *|\\w)+)(,.*|$)/$1/,DEFAULT",
};

static void apply(const char *rules_text, size_t rules_length, struct string subject)
{
    char message[256];
    char name[512];
    size_t length = 0;
    struct principal_rules *rules = NULL;
    struct string text = {rules_text, (int32_t)rules_length};

    if (principal_rules_new(text, message, &rules) == ERROR_NONE) {
        if (principal_rules_apply(rules, subject, name, sizeof name, &length) == ERROR_NONE) {
            CHECK(length > 0 && length < sizeof name && strlen(name) <= length);
        }
        principal_rules_free(rules);
    }
}

static void run_name(size_t number, const uint8_t *der, size_t length)
{
    static char text[DN_TEXT_BYTES_MAX];
    const char *rules = rule_texts[number % (sizeof rule_texts / sizeof rule_texts[0])];
    size_t used = 0;

    if (dn_text_print(der, length, text, sizeof text, &used) == ERROR_NONE) {
        struct string subject = {text, (int32_t)used};

        CHECK(used < sizeof text && text[used] == '\0');
        CHECK(string_is_utf8(subject));
        apply(rules, strlen(rules), subject);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] < 128) {
        run_name(data[0], data + 1, size - 1);
    } else {
        const char *text = (const char *)data + 1;
        const char *end = memchr(text, '\0', size - 1);
        size_t rules_length = end == NULL ? size - 1 : (size_t)(end - text);
        struct string subject = {"CN=alice,O=Gyre", 15};

        if (end != NULL) {
            subject = (struct string){end + 1, (int32_t)(size - 2 - rules_length)};
        }
        apply(text, rules_length, subject);
    }
    return 0;
}
