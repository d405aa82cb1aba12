/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "config/broker_options.h"
#include "config/config_entries.h"
#include "config/option_value.h"
#include "config/properties.h"

enum { ARENA_BYTES_MAX = 16 * CONFIG_FILE_BYTES_MAX, LINE_BYTES_MAX = 1024 };

/* ---- the report ---- */

static void report_line(struct config_report *report, const struct config_entry *entry,
                        const char *kind, const char *text)
{
    char line[LINE_BYTES_MAX];
    int length;

    if (entry == NULL) {
        length = snprintf(line, sizeof line, "%s%s\n", kind, text);
    } else if (entry->line == 0) {
        length = snprintf(line, sizeof line, "%s: %s%s\n", entry->source, kind, text);
    } else {
        length =
            snprintf(line, sizeof line, "%s:%d: %s%s\n", entry->source, entry->line, kind, text);
    }
    CHECK(length > 0);
    if ((size_t)length >= sizeof line) {
        length = (int)sizeof line - 1;
    }
    report->text = check_realloc(report->text, report->length + (size_t)length + 1);
    memcpy(report->text + report->length, line, (size_t)length + 1);
    report->length += (size_t)length;
}

__attribute__((format(printf, 4, 0))) static void report_arguments(struct config_report *report,
                                                                   const struct config_entry *entry,
                                                                   const char *kind,
                                                                   const char *format,
                                                                   va_list arguments)
{
    char text[LINE_BYTES_MAX - 300];

    (void)vsnprintf(text, sizeof text, format, arguments);
    report_line(report, entry, kind, text);
}

void config_report_problem(struct config_report *report, const struct config_entry *entry,
                           const char *format, ...)
{
    va_list arguments;

    report->problem_count++;
    va_start(arguments, format);
    report_arguments(report, entry, "", format, arguments);
    va_end(arguments);
}

void config_report_note(struct config_report *report, const struct config_entry *entry,
                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_arguments(report, entry, "note: ", format, arguments);
    va_end(arguments);
}

void config_report_release(struct config_report *report)
{
    free(report->text);
    *report = (struct config_report){0};
}

/* ---- reading ---- */

struct reading {
    struct config_entries *entries;
    const char *source;
    bool is_file;
};

static struct string keep(struct config_entries *entries, struct string text)
{
    char *copy = arena_copy_text(&entries->arena, text.bytes, (size_t)text.length);

    CHECK(copy != NULL); /* a file is smaller than the arena's limit by far */
    return (struct string){.bytes = copy, .length = text.length};
}

static void add_entry(void *context, struct string key, struct string value, int line)
{
    struct reading *reading = context;
    struct config_entries *entries = reading->entries;

    if (entries->count == entries->capacity) {
        entries->capacity = entries->capacity == 0 ? 32 : entries->capacity * 2;
        entries->items =
            check_realloc(entries->items, (size_t)entries->capacity * sizeof *entries->items);
    }
    entries->items[entries->count++] = (struct config_entry){
        .key = keep(entries, key),
        .value = keep(entries, value),
        .line = reading->is_file ? line : 0,
        .source = reading->source,
    };
}

static enum error read_whole(FILE *file, char **out_text, size_t *out_length)
{
    char *text = check_alloc(CONFIG_FILE_BYTES_MAX + 1);
    size_t length = fread(text, 1, CONFIG_FILE_BYTES_MAX + 1, file);

    if (ferror(file) != 0 || length > CONFIG_FILE_BYTES_MAX) {
        free(text);
        return ferror(file) != 0 ? ERROR_IO : ERROR_LIMIT;
    }
    *out_text = text;
    *out_length = length;
    return ERROR_NONE;
}

static enum error read_text(struct reading *reading, const char *text, size_t length,
                            struct config_report *report)
{
    struct config_entry where = {.source = reading->source};
    enum error error = properties_parse(text, length, add_entry, reading, &where.line);

    if (error != ERROR_NONE) {
        where.line = reading->is_file ? where.line : 0;
        config_report_problem(report, &where, "not a properties file: a wrong escape or byte");
    }
    return error;
}

static enum error read_file(struct config_entries *entries, const char *path,
                            struct config_report *report)
{
    struct reading reading = {.entries = entries, .is_file = true};
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t length = 0;
    enum error error;

    if (file == NULL) {
        config_report_problem(report, NULL, "%s: %s", path, strerrordesc_np(errno));
        return error_from_errno(errno);
    }
    reading.source = keep(entries, string_from(path)).bytes;
    error = read_whole(file, &text, &length);
    (void)fclose(file);
    if (error != ERROR_NONE) {
        config_report_problem(report, NULL, "%s: %s", path, error_text(error));
        return error;
    }
    error = read_text(&reading, text, length, report);
    free(text);
    return error;
}

/* ---- options ---- */

const struct config_entry *config_entries_find(const struct config_entries *entries,
                                               const char *key)
{
    for (int i = entries->count - 1; i >= 0; i--) {
        if (string_is(entries->items[i].key, key)) {
            return &entries->items[i];
        }
    }
    return NULL;
}

struct string config_given(const struct broker_config *config, const char *name)
{
    const struct config_entry *entry = config_entries_find(config->entries, name);

    return entry == NULL ? STRING_NULL : entry->value;
}

void config_listener_key(char key[CONFIG_LISTENER_KEY_BYTES], const char *listener,
                         const char *option)
{
    int length = snprintf(key, CONFIG_LISTENER_KEY_BYTES, "listener.name.%s.%s", listener, option);

    CHECK(length > 0 && length < CONFIG_LISTENER_KEY_BYTES);
    for (char *letter = key; *letter != '\0'; letter++) {
        *letter = (char)tolower((unsigned char)*letter);
    }
}

struct string config_listener_option(const struct broker_config *config, const char *listener,
                                     const char *option)
{
    char key[CONFIG_LISTENER_KEY_BYTES];
    const struct config_entry *entry;

    config_listener_key(key, listener, option);
    entry = config_entries_find(config->entries, key);
    if (entry == NULL) {
        entry = config_entries_find(config->entries, option);
    }
    if (entry == NULL) {
        const struct broker_option *row = broker_option_find(string_from(option));

        return row == NULL ? STRING_NULL : string_from(row->fallback_text);
    }
    return entry->value;
}

bool config_cluster_id(const struct broker_config *config, struct uuid *out_cluster_id)
{
    return config->gyre_cluster_id.bytes != NULL &&
           uuid_parse(config->gyre_cluster_id, out_cluster_id) == ERROR_NONE;
}

static void set_list(struct broker_config *config, struct config_list *list, struct string value)
{
    struct string rest = value;
    struct string element;
    int32_t count = 0;

    while (string_next_element(&rest, ',', &element)) {
        count++;
    }
    list->items =
        arena_alloc_array(&config->entries->arena, (size_t)count + 1, sizeof *list->items);
    CHECK(list->items != NULL);
    list->count = 0;
    rest = value;
    while (string_next_element(&rest, ',', &list->items[list->count])) {
        list->count++;
    }
}

/* The value was validated. */
static void set_field(struct broker_config *config, const struct broker_option *option,
                      struct string value)
{
    void *field = (char *)config + option->offset;
    int64_t number = 0;
    enum error error = ERROR_NONE;

    switch (option->type) {
    case OPTION_TYPE_BOOL: error = option_value_parse_bool(value, field); break;
    case OPTION_TYPE_INT:
        error = option_value_parse_long(value, &number);
        *(int32_t *)field = (int32_t)number;
        break;
    case OPTION_TYPE_LONG: error = option_value_parse_long(value, field); break;
    case OPTION_TYPE_DOUBLE: error = option_value_parse_double(value, field); break;
    case OPTION_TYPE_STRING:
    case OPTION_TYPE_PASSWORD:
        *(struct string *)field = value.length == 0 ? STRING_NULL : value;
        break;
    case OPTION_TYPE_LIST: set_list(config, field, value); break;
    }
    CHECK(error == ERROR_NONE);
}

static void set_fallbacks(struct broker_config *config)
{
    char text[256];

    for (int i = 0; i < broker_option_count(); i++) {
        const struct broker_option *option = broker_option_at(i);

        if (broker_option_fallback(option, text, sizeof text)) {
            set_field(config, option, keep(config->entries, string_from(text)));
        } else if (option->is_nullable) {
            *(int64_t *)(void *)((char *)config + option->offset) = CONFIG_NULL;
        }
    }
}

static void refuse_unknown(const struct config_entry *entry, struct config_report *report)
{
    const char *near = broker_option_suggest(entry->key);

    if (near != NULL) {
        config_report_problem(report, entry, "unknown key '%.*s'; did you mean '%s'?",
                              STRING_ARGUMENTS(entry->key), near);
    } else {
        config_report_problem(report, entry, "unknown key '%.*s'; neither Gyre nor Kafka has it",
                              STRING_ARGUMENTS(entry->key));
    }
}

/* listener.name....: looked at when the listener asks, config_listener_option(). */
static bool apply_of_listener(const struct config_entry *entry, struct config_report *report)
{
    const struct broker_option *option = broker_option_find_of_listener(entry->key);
    char reason[256];

    if (option != NULL && entry->value.length > 0 &&
        broker_option_validate(option, entry->value, reason, sizeof reason) != ERROR_NONE) {
        config_report_problem(report, entry, "%.*s %s", STRING_ARGUMENTS(entry->key), reason);
    } else if (option != NULL && !broker_option_is_of_listener(option)) {
        config_report_note(report, entry, "'%.*s' has no use here: no listener has its own %s",
                           STRING_ARGUMENTS(entry->key), option->name);
    }
    return option != NULL;
}

/* Java's Properties takes the last one and says nothing; here who wrote it twice is told. */
static void tell_what_is_given_again(const struct config_entries *entries, int index,
                                     struct config_report *report)
{
    const struct config_entry *entry = &entries->items[index];

    for (int i = index + 1; i < entries->count; i++) {
        if (entry->line > 0 && entries->items[i].line > 0 &&
            string_equal(entry->key, entries->items[i].key)) {
            config_report_note(report, entry, "'%.*s' is given again on line %d, which holds",
                               STRING_ARGUMENTS(entry->key), entries->items[i].line);
            return;
        }
    }
}

static void apply_entry(struct broker_config *config, const struct config_entry *entry,
                        struct config_report *report)
{
    const struct broker_option *option = broker_option_find(entry->key);
    char reason[256];

    if (option != NULL) {
        /* A nullable number, a text or a list may be given as nothing. */
        if (entry->value.length == 0 && option->choices == NULL &&
            (option->is_nullable || option->type == OPTION_TYPE_STRING ||
             option->type == OPTION_TYPE_PASSWORD)) {
            return;
        }
        if (broker_option_validate(option, entry->value, reason, sizeof reason) != ERROR_NONE) {
            config_report_problem(report, entry, "%s %s", option->name, reason);
            return;
        }
        set_field(config, option, entry->value);
        if (broker_option_has_no_use(option)) {
            config_report_note(report, entry, "'%s' has no use here: %s", option->name,
                               option->doc);
        }
    } else if (apply_of_listener(entry, report)) {
        return;
    } else if (config_is_kafka_key(entry->key)) {
        config_report_note(report, entry, "'%.*s' is Kafka's and has no use here",
                           STRING_ARGUMENTS(entry->key));
    } else {
        refuse_unknown(entry, report);
    }
}

static void check_together(struct broker_config *config, struct config_report *report)
{
    const struct config_entries *entries = config->entries;

    if (config->node_id < 0) {
        config->node_id = config->broker_id;
    }
    if (config->node_id < 0) {
        config_report_problem(report, config_entries_find(entries, "node.id"),
                              "node.id is not given");
    } else if (config->broker_id >= 0 && config->broker_id != config->node_id) {
        config_report_problem(report, config_entries_find(entries, "broker.id"),
                              "broker.id and node.id differ");
    }
    config->broker_id = config->node_id; /* Kafka shows them as one */
    if (config->log_dirs.count == 0) {
        config->log_dirs = config->log_dir;
    }
    if (config->log_dirs.count != 1) {
        config_report_problem(report, config_entries_find(entries, "log.dirs"),
                              "log.dirs must name one directory, not %d", config->log_dirs.count);
    }
    if (config->group_min_session_timeout_ms > config->group_max_session_timeout_ms) {
        config_report_problem(report, config_entries_find(entries, "group.min.session.timeout.ms"),
                              "group.min.session.timeout.ms is above "
                              "group.max.session.timeout.ms");
    }
}

/* ---- what the broker would find only when it opens its listeners ---- */

static bool is_every_address(const char *host)
{
    return host[0] == '\0' || strcmp(host, "::") == 0;
}

static bool are_on_one_port(const struct config_endpoint *one, const struct config_endpoint *other)
{
    if (one->port == 0 || one->port != other->port) {
        return false;
    }
    if (strcmp(one->host, "0.0.0.0") == 0 && strchr(other->host, ':') == NULL) {
        return true;
    }
    if (strcmp(other->host, "0.0.0.0") == 0 && strchr(one->host, ':') == NULL) {
        return true;
    }
    return is_every_address(one->host) || is_every_address(other->host) ||
           strcmp(one->host, other->host) == 0;
}

struct place {
    const char *name;
    const char *key;
    const struct config_endpoint *endpoint;
};

static void check_ports(const struct broker_config *config, struct config_report *report)
{
    struct place places[CONFIG_LISTENERS_MAX + 2];
    int count = 0;

    for (; count < config->kafka_listener_count; count++) {
        places[count] = (struct place){config->kafka_listeners[count].name, "listeners",
                                       &config->kafka_listeners[count].bind};
    }
    places[count++] = (struct place){"other brokers", "gyre.rpc.listeners", &config->rpc_listener};
    if (config->has_admin_listener) {
        places[count++] =
            (struct place){"health and metrics", "gyre.admin.listeners", &config->admin_listener};
    }
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < i; j++) {
            if (are_on_one_port(places[i].endpoint, places[j].endpoint)) {
                config_report_problem(report, config_entries_find(config->entries, places[i].key),
                                      "%s: port %u is for '%s' and for '%s'", places[i].key,
                                      places[i].endpoint->port, places[j].name, places[i].name);
            }
        }
    }
}

/* Nobody would be who such a name is for, and Kafka does not start with it. */
static void check_super_users(const struct broker_config *config, struct config_report *report)
{
    struct string rest = config->super_users;
    struct string user;

    while (string_next_element(&rest, ';', &user)) {
        const char *colon = memchr(user.bytes, ':', (size_t)user.length);

        if (colon == NULL || colon == user.bytes) {
            config_report_problem(report, config_entries_find(config->entries, "super.users"),
                                  "super.users: '%.*s' is no principal, as User:alice is one",
                                  STRING_ARGUMENTS(user));
        }
    }
}

static void check_certificates(const struct broker_config *config, struct config_report *report)
{
    for (int i = 0; i < config->kafka_listener_count; i++) {
        const struct config_listener *listener = &config->kafka_listeners[i];
        bool is_private = listener->security_protocol == SECURITY_PROTOCOL_SSL ||
                          listener->security_protocol == SECURITY_PROTOCOL_SASL_SSL;

        if (is_private &&
            config_listener_option(config, listener->name, "ssl.keystore.location").length <= 0 &&
            config_listener_option(config, listener->name, "ssl.keystore.certificate.chain")
                    .length <= 0) {
            config_report_problem(report, config_entries_find(config->entries, "listeners"),
                                  "listeners: '%s' needs a certificate: ssl.keystore.location is "
                                  "not given",
                                  listener->name);
        }
    }
}

/* ---- life ---- */

static struct broker_config *new_config(void)
{
    struct broker_config *config = check_alloc_zero(sizeof *config);

    config->entries = check_alloc_zero(sizeof *config->entries);
    arena_init(&config->entries->arena, ARENA_BYTES_MAX);
    return config;
}

void config_free(struct broker_config *config)
{
    if (config != NULL) {
        arena_release(&config->entries->arena);
        free(config->entries->items);
        free(config->entries);
        free(config);
    }
}

enum error config_load(const char *path, const char *const *overrides, int override_count,
                       struct config_report *report, struct broker_config **out_config)
{
    struct broker_config *config = new_config();
    struct reading reading = {.entries = config->entries, .source = "override"};
    enum error error = ERROR_NONE;

    if (path != NULL) {
        error = read_file(config->entries, path, report);
    }
    for (int i = 0; i < override_count && error == ERROR_NONE; i++) {
        error = read_text(&reading, overrides[i], strlen(overrides[i]), report);
    }
    if (error != ERROR_NONE) {
        config_free(config);
        return error;
    }
    set_fallbacks(config);
    for (int i = 0; i < config->entries->count; i++) {
        tell_what_is_given_again(config->entries, i, report);
        apply_entry(config, &config->entries->items[i], report);
    }
    check_together(config, report);
    config_endpoints_derive(config, report);
    check_ports(config, report);
    check_super_users(config, report);
    check_certificates(config, report);
    if (report->problem_count > 0) {
        config_free(config);
        return ERROR_INVALID;
    }
    *out_config = config;
    return ERROR_NONE;
}
