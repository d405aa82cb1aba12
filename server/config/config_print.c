/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration as a file again, and the example with every option in it. */
#include "gyre/config/config.h"

#include "config/config_entries.h"

enum { VALUE_BYTES_MAX = 4096, COMMENT_COLUMNS = 98 };

/* A backslash in a value would be an escape when it is read again. */
static void print_value(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            (void)fputc('\\', out);
        }
        (void)fputc(*text, out);
    }
    (void)fputc('\n', out);
}

static void print_comment(const char *text, FILE *out)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");

        if (column > 0 && column + 1 + word > COMMENT_COLUMNS) {
            (void)fputc('\n', out);
            column = 0;
        }
        (void)fputs(column == 0 ? "# " : " ", out);
        (void)fwrite(text, 1, word, out);
        column += word + (column == 0 ? 2 : 1);
        text += word + strspn(text + word, " ");
    }
    (void)fputc('\n', out);
}

/* listener.name....: what single listeners have of their own; the last one given counts. */
static void print_of_listeners(const struct config_entries *entries, FILE *out)
{
    for (int i = 0; i < entries->count; i++) {
        const struct config_entry *entry = &entries->items[i];
        const struct broker_option *option = broker_option_find_of_listener(entry->key);

        if (option != NULL && config_entries_find(entries, entry->key.bytes) == entry) {
            (void)fprintf(out, "%.*s=", STRING_ARGUMENTS(entry->key));
            bool is_secret = option->type == OPTION_TYPE_PASSWORD && entry->value.length > 0;
            print_value(is_secret ? "[hidden]" : entry->value.bytes, out);
        }
    }
}

void config_print(const struct broker_config *config, FILE *out)
{
    char text[VALUE_BYTES_MAX];

    for (int i = 0; i < broker_option_count(); i++) {
        const struct broker_option *option = broker_option_at(i);

        if (broker_option_value(option, config, text, sizeof text)) {
            (void)fprintf(out, "%s=", option->name);
            print_value(text, out);
        }
    }
    print_of_listeners(config->entries, out);
}

void config_print_example(FILE *out)
{
    char text[VALUE_BYTES_MAX];

    (void)fputs("# SPDX-License-Identifier: Apache-2.0\n"
                "# Every option of a broker with its default, printed by `gyred --print-example`.\n"
                "# Names without `gyre.` are Kafka's. Only node.id must be given.\n",
                out);
    for (int i = 0; i < broker_option_count(); i++) {
        const struct broker_option *option = broker_option_at(i);
        bool has_value = broker_option_fallback(option, text, sizeof text);

        (void)fputc('\n', out);
        print_comment(option->doc, out);
        if (option->choices != NULL) {
            (void)fprintf(out, "# One of %s.\n", option->choices);
        }
        (void)fprintf(out, "#%s=", option->name);
        print_value(has_value ? text : "", out);
    }
}
