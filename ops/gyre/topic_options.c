/* SPDX-License-Identifier: Apache-2.0 */
#include "topic_options.h"

#include <string.h>

#include "verb.h"

enum option_key {
    KEY_PARTITIONS = 'p',
    KEY_REPLICATION_FACTOR = 'r',
    KEY_CONFIG = 'c',
    KEY_DELETE_CONFIG = 0x100,
    KEY_IF_NOT_EXISTS,
    KEY_IF_EXISTS,
    KEY_INTERNAL,
};

enum { PARTITIONS_MAX = 1000000, REPLICATION_FACTOR_MAX = INT16_MAX };

const struct argp_option topic_create_options[] = {
    {"partitions", KEY_PARTITIONS, "N", 0, "How many (the broker's default)", 0},
    {"replication-factor", KEY_REPLICATION_FACTOR, "R", 0, "Replicas (the broker's default)", 0},
    {"config", KEY_CONFIG, "KEY=VALUE", 0, "A setting of the topic; repeatable", 0},
    {"if-not-exists", KEY_IF_NOT_EXISTS, NULL, 0, "Be content with one that is there", 0},
    {0},
};

const struct argp_option topic_alter_options[] = {
    {"partitions", KEY_PARTITIONS, "N", 0, "Grow to N partitions", 0},
    {"config", KEY_CONFIG, "KEY=VALUE", 0, "Change a setting; repeatable", 0},
    {"delete-config", KEY_DELETE_CONFIG, "KEY", 0, "Back to the default; repeatable", 0},
    {0},
};

const struct argp_option topic_delete_options[] = {
    {"if-exists", KEY_IF_EXISTS, NULL, 0, "Be content if it is not there", 0},
    {0},
};

const struct argp_option topic_list_options[] = {
    {"internal", KEY_INTERNAL, NULL, 0, "With the topics that brokers keep for themselves", 0},
    {0},
};

static void add_setting(struct argp_state *state, struct topic_arguments *arguments,
                        const char *text, bool is_deletion)
{
    struct topic_setting *setting = &arguments->settings[arguments->setting_count];
    const char *equals = strchr(text, '=');

    if (arguments->setting_count == TOPIC_CONFIGS_MAX) {
        argp_error(state, "more than %d settings", TOPIC_CONFIGS_MAX);
    }
    if (is_deletion) {
        setting->key = string_from(text);
        setting->value = STRING_NULL;
    } else if (equals == NULL || equals == text) {
        argp_error(state, "'%s' is not KEY=VALUE", text);
    } else {
        setting->key = (struct string){text, (int32_t)(equals - text)};
        setting->value = string_from(equals + 1);
    }
    arguments->setting_count++;
}

/* "NAME" is one, "NAME..." one or more, "[NAME...]" any number, "" none. */
static int names_max(const char *operands)
{
    return operands[0] == '\0' ? 0 : strstr(operands, "...") == NULL ? 1 : TOPIC_NAMES_MAX;
}

static void add_name(struct argp_state *state, const struct verb_input *input, const char *name)
{
    struct topic_arguments *arguments = input->group->arguments;

    if (arguments->name_count == names_max(input->verb->operands)) {
        argp_error(state, "what is '%s'?", name);
    }
    arguments->names[arguments->name_count++] = name;
}

error_t topic_parse(int key, char *argument, struct argp_state *state)
{
    const struct verb_input *input = state->input;
    struct topic_arguments *arguments = input->group->arguments;

    switch (key) {
    case KEY_PARTITIONS:
        arguments->partitions = (int32_t)option_number(state, argument, 1, PARTITIONS_MAX);
        return 0;
    case KEY_REPLICATION_FACTOR:
        arguments->replication_factor =
            (int16_t)option_number(state, argument, 1, REPLICATION_FACTOR_MAX);
        return 0;
    case KEY_CONFIG: add_setting(state, arguments, argument, false); return 0;
    case KEY_DELETE_CONFIG: add_setting(state, arguments, argument, true); return 0;
    case KEY_IF_NOT_EXISTS: arguments->if_not_exists = true; return 0;
    case KEY_IF_EXISTS: arguments->if_exists = true; return 0;
    case KEY_INTERNAL: arguments->has_internal = true; return 0;
    case ARGP_KEY_ARG: add_name(state, input, argument); return 0;
    case ARGP_KEY_END:
        if (arguments->name_count == 0 && input->verb->operands[0] == 'N') {
            argp_error(state, "which topic?");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}
