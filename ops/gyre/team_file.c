/* SPDX-License-Identifier: Apache-2.0 */
#include "team_file.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "acl_options.h"
#include "command.h"

enum { FILE_ARENA_BYTES = 64 << 20 };

/* One document while it is read; what fails is said once. */
struct reading {
    const char *path;
    yaml_document_t document;
    struct team_file *file;
    struct team *team;
    bool is_bad;
};

/* ---- YAML ---- */

__attribute__((format(printf, 3, 4))) static void blame(struct reading *reading,
                                                        const yaml_node_t *node, const char *format,
                                                        ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!reading->is_bad) {
        complain("%s:%zu: %s", reading->path, node->start_mark.line + 1, text);
    }
    reading->is_bad = true;
}

static yaml_node_t *node_of(struct reading *reading, int index)
{
    return yaml_document_get_node(&reading->document, index);
}

/* NULL after a complaint. */
static const char *text_of(struct reading *reading, const yaml_node_t *node)
{
    const char *text;
    char *copy;

    if (node->type != YAML_SCALAR_NODE) {
        blame(reading, node, "a text is expected here");
        return NULL;
    }
    text = (const char *)node->data.scalar.value;
    if (memchr(text, '\0', node->data.scalar.length) != NULL) {
        blame(reading, node, "the text has a byte of zero in it");
        return NULL;
    }
    copy = arena_copy_text(&reading->file->arena, text, node->data.scalar.length);
    if (copy == NULL) {
        blame(reading, node, "the file is too large");
    }
    return copy;
}

typedef void (*take_entry)(struct reading *reading, const char *key, const yaml_node_t *value,
                           void *context);

/* libyaml lets a key stand twice. */
static bool is_said_before(struct reading *reading, const yaml_node_t *mapping,
                           const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = node_of(reading, pair->key);

    for (const yaml_node_pair_t *before = mapping->data.mapping.pairs.start; before < pair;
         before++) {
        const yaml_node_t *other = node_of(reading, before->key);

        if (other->data.scalar.length == key->data.scalar.length &&
            memcmp(other->data.scalar.value, key->data.scalar.value, key->data.scalar.length) ==
                0) {
            return true;
        }
    }
    return false;
}

static void for_entries(struct reading *reading, const yaml_node_t *node, take_entry take,
                        void *context)
{
    if (node->type != YAML_MAPPING_NODE) {
        blame(reading, node, "KEY: VALUE lines are expected here");
        return;
    }
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top && !reading->is_bad; pair++) {
        const yaml_node_t *at = node_of(reading, pair->key);
        const char *key = text_of(reading, at);

        if (key != NULL && is_said_before(reading, node, pair)) {
            blame(reading, at, "'%s' is said twice", key);
        } else if (key != NULL) {
            take(reading, key, node_of(reading, pair->value), context);
        }
    }
}

typedef const char *(*finish_name)(struct reading *reading, const char *text);

static void take_names(struct reading *reading, const yaml_node_t *node, finish_name finish,
                       struct team_names *names)
{
    yaml_node_item_t *item;

    if (node->type != YAML_SEQUENCE_NODE) {
        blame(reading, node, "a list is expected here");
        return;
    }
    item = node->data.sequence.items.start;
    if (node->data.sequence.items.top - item > TEAM_NAMES_MAX) {
        blame(reading, node, "more than %d names", TEAM_NAMES_MAX);
        return;
    }
    names->items = arena_alloc_array(
        &reading->file->arena, (size_t)(node->data.sequence.items.top - item) + 1, sizeof(char *));
    if (names->items == NULL) {
        blame(reading, node, "the file is too large");
    }
    for (; item < node->data.sequence.items.top && !reading->is_bad; item++) {
        const yaml_node_t *one = node_of(reading, *item);
        const char *text = text_of(reading, one);

        if (text != NULL && text[0] == '\0') {
            blame(reading, one, "a name is empty");
        } else if (text != NULL) {
            names->items[names->count++] = finish(reading, text);
        }
    }
}

/* ---- names ---- */

static const char *as_it_is(struct reading *reading, const char *text)
{
    (void)reading;
    return text;
}

static const char *as_principal(struct reading *reading, const char *text)
{
    return acl_principal(&reading->file->arena, text).bytes;
}

/* "ads" is the group g:ads; r:auditors is what it says. */
static const char *as_group(struct reading *reading, const char *text)
{
    size_t length = strlen(text) + sizeof "g:";
    char *name;

    if (strncmp(text, "g:", 2) == 0 || strncmp(text, "r:", 2) == 0) {
        return text;
    }
    name = arena_alloc(&reading->file->arena, length);
    if (name != NULL) {
        (void)snprintf(name, length, "g:%s", text);
    }
    return name;
}

/* ---- streams ---- */

static int permission_of(const char *key)
{
    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        if (strcmp(key, stream_permission_name(i)) == 0) {
            return i;
        }
    }
    return -1;
}

static void add_property(struct reading *reading, const char *key, const char *text,
                         const yaml_node_t *node, struct team_stream *stream)
{
    struct team_property *property = &stream->properties[stream->property_count];
    char value[STREAM_VALUE_BYTES];

    if (stream->property_count == STREAM_PROPERTIES_MAX) {
        blame(reading, node, "more than %d settings", STREAM_PROPERTIES_MAX);
        return;
    }
    if (strcmp(key, "default-partitions") == 0) {
        key = "default.partitions";
    }
    if (!stream_value_parse(string_from(key), text, value)) {
        blame(reading, node, "'%s' is no value of %s", text, key);
        return;
    }
    property->name = key;
    property->value = arena_copy_text(&reading->file->arena, value, strlen(value));
    stream->property_count++;
}

static void take_stream_entry(struct reading *reading, const char *key, const yaml_node_t *node,
                              void *context)
{
    struct team_stream *stream = context;
    const char *text = text_of(reading, node);

    if (text == NULL) {
        return;
    }
    if (permission_of(key) >= 0) {
        stream->expressions[permission_of(key)] = text;
    } else if (strcmp(key, "owner") == 0) {
        stream->owner = as_principal(reading, text);
    } else if (strcmp(key, "ace.mode") == 0) {
        stream->mode = stream_mode_parse(text);
        if (stream->mode < 0) {
            blame(reading, node, "'%s' is neither enforce nor additive", text);
        }
    } else {
        add_property(reading, key, text, node, stream);
    }
}

static void take_stream(struct reading *reading, const char *key, const yaml_node_t *node,
                        void *context)
{
    struct team *team = context;
    struct team_stream *stream = &team->streams[team->stream_count];

    if (team->stream_count == TEAM_STREAMS_MAX) {
        blame(reading, node, "more than %d streams", TEAM_STREAMS_MAX);
        return;
    }
    team->stream_count++;
    *stream = (struct team_stream){.name = key, .mode = -1};
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.length > 0) {
        for_entries(reading, node, take_stream_entry, stream);
    }
}

/* ---- quotas ---- */

static void take_quota(struct reading *reading, const char *key, const yaml_node_t *node,
                       void *context)
{
    struct team *team = context;
    const char *text = text_of(reading, node);
    char *end;
    double value;

    if (text == NULL) {
        return;
    }
    errno = 0;
    value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !isfinite(value) || value < 0) {
        blame(reading, node, "'%s' is not a number", text);
    } else if (team->quota_count == QUOTA_CHANGES_MAX) {
        blame(reading, node, "more than %d quotas", QUOTA_CHANGES_MAX);
    } else {
        team->quotas[team->quota_count++] = (struct quota_change){.key = key, .value = value};
    }
}

/* ---- teams ---- */

static void take_team_entry(struct reading *reading, const char *key, const yaml_node_t *node,
                            void *context)
{
    struct team *team = context;

    if (strcmp(key, "team") == 0) {
        team->name = text_of(reading, node);
    } else if (strcmp(key, "prefix") == 0) {
        team->prefix = text_of(reading, node);
    } else if (strcmp(key, "principals") == 0) {
        take_names(reading, node, as_principal, &team->principals);
    } else if (strcmp(key, "groups") == 0) {
        take_names(reading, node, as_group, &team->groups);
    } else if (strcmp(key, "regions") == 0) {
        take_names(reading, node, as_it_is, &team->regions);
    } else if (strcmp(key, "quotas") == 0) {
        for_entries(reading, node, take_quota, team);
    } else if (strcmp(key, "streams") == 0) {
        team->streams =
            arena_alloc_array(&reading->file->arena, TEAM_STREAMS_MAX, sizeof *team->streams);
        for_entries(reading, node, take_stream, team);
    } else {
        blame(reading, node,
              "'%s' is none of team, principals, groups, prefix, streams, quotas, regions", key);
    }
}

static void finish_team(struct reading *reading, const yaml_node_t *root)
{
    struct team *team = reading->team;

    if (reading->is_bad) {
        return;
    }
    if (team->name == NULL || team->name[0] == '\0') {
        blame(reading, root, "the team has no name (team: NAME)");
    } else if (strlen(team->name) > TEAM_NAME_BYTES_MAX) {
        blame(reading, root, "the team's name is longer than %d bytes", TEAM_NAME_BYTES_MAX);
    } else if (team->prefix != NULL && team->prefix[0] == '\0') {
        blame(reading, root, "an empty prefix would be everything");
    } else if (team->groups.count == 0) {
        team->groups.items = arena_alloc_array(&reading->file->arena, 1, sizeof(char *));
        team->groups.items[team->groups.count++] = as_group(reading, team->name);
    }
}

static void take_document(struct reading *reading)
{
    const yaml_node_t *root = yaml_document_get_root_node(&reading->document);

    if (reading->file->count == TEAMS_MAX) {
        blame(reading, root, "more than %d teams", TEAMS_MAX);
        return;
    }
    reading->team = &reading->file->teams[reading->file->count++];
    for_entries(reading, root, take_team_entry, reading->team);
    finish_team(reading, root);
}

static bool read_documents(FILE *input, struct reading *reading)
{
    yaml_parser_t parser;
    bool is_over = false;

    if (yaml_parser_initialize(&parser) == 0) {
        return false;
    }
    yaml_parser_set_input_file(&parser, input);
    while (!is_over && !reading->is_bad) {
        if (yaml_parser_load(&parser, &reading->document) == 0) {
            complain("%s:%zu: %s", reading->path, parser.problem_mark.line + 1,
                     parser.problem == NULL ? "this is not YAML" : parser.problem);
            reading->is_bad = true;
            break;
        }
        is_over = yaml_document_get_root_node(&reading->document) == NULL;
        if (!is_over) {
            take_document(reading);
        }
        yaml_document_delete(&reading->document);
    }
    yaml_parser_delete(&parser);
    return !reading->is_bad;
}

bool team_file_read(const char *path, struct team_file *file)
{
    struct reading reading = {.path = path, .file = file};
    FILE *input = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    bool is_read;

    *file = (struct team_file){.count = 0};
    arena_init(&file->arena, FILE_ARENA_BYTES);
    if (input == NULL) {
        complain("cannot read %s: %s", path, strerror(errno));
        return false;
    }
    is_read = read_documents(input, &reading);
    if (input != stdin) {
        (void)fclose(input);
    }
    if (is_read && file->count == 0) {
        complain("%s: there is no team in it", path);
        return false;
    }
    return is_read;
}

void team_file_release(struct team_file *file)
{
    arena_release(&file->arena);
}
