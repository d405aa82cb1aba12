/* SPDX-License-Identifier: Apache-2.0 */
#include "team_record.h"

#include <stdio.h>
#include <string.h>

#include "gyre/base/check.h"

#include "streams.h"
#include "wire_messages/alter_role.h"

enum { RECORD_ARENA_BYTES = 16 << 20 };

/* ---- lines ---- */

static void add_line(struct team_record *record, struct team_names *lines, const char *kind,
                     const char *what)
{
    size_t length = strlen(kind) + strlen(what) + 2;
    char *line = arena_alloc(&record->arena, length);

    CHECK(line != NULL);
    (void)snprintf(line, length, "%s:%s", kind, what);
    lines->items[lines->count++] = line;
}

static void write_lines(struct team_record *record, const struct team *team)
{
    struct team_names *lines = &record->wanted;
    int room =
        team->principals.count + team->groups.count + team->stream_count + team->quota_count + 1;

    lines->items = arena_alloc_array(&record->arena, (size_t)room, sizeof(char *));
    CHECK(lines->items != NULL);
    for (int i = 0; i < team->principals.count; i++) {
        add_line(record, lines, "principal", team->principals.items[i]);
    }
    for (int i = 0; i < team->groups.count && team->principals.count > 0; i++) {
        add_line(record, lines, "group", team->groups.items[i]);
    }
    for (int i = 0; i < team->stream_count; i++) {
        add_line(record, lines, "stream", team->streams[i].name);
    }
    for (int i = 0; i < team->quota_count; i++) {
        add_line(record, lines, "quota", team->quotas[i].key);
    }
    if (team->prefix != NULL) {
        add_line(record, lines, "prefix", team->prefix);
    }
}

static bool has_line(const struct team_names *lines, const char *line)
{
    for (int i = 0; i < lines->count; i++) {
        if (strcmp(lines->items[i], line) == 0) {
            return true;
        }
    }
    return false;
}

const char *team_record_had(const struct team_record *record, const char *kind, int index)
{
    size_t length = strlen(kind);
    const char *line = record->had.items[index];

    return strncmp(line, kind, length) == 0 && line[length] == ':' ? line + length + 1 : NULL;
}

const char *team_record_dropped(const struct team_record *record, const char *kind, int index)
{
    return has_line(&record->wanted, record->had.items[index])
               ? NULL
               : team_record_had(record, kind, index);
}

/* ---- where they are kept ---- */

static const char *role_of(const struct team_record *record, char text[STREAM_VALUE_BYTES])
{
    (void)snprintf(text, STREAM_VALUE_BYTES, "t:%s", record->name);
    return text;
}

static bool copy_lines(struct team_record *record, const struct string_array *members)
{
    record->had.items =
        arena_alloc_array(&record->arena, (size_t)members->count + 1, sizeof(char *));
    for (int32_t i = 0; record->had.items != NULL && i < members->count; i++) {
        const char *line = arena_copy_text(&record->arena, members->items[i].bytes,
                                           (size_t)members->items[i].length);

        if (line == NULL) {
            return false;
        }
        record->had.items[record->had.count++] = line;
    }
    return record->had.items != NULL;
}

enum exit_status team_record_fetch(struct session *session, const struct team *team,
                                   struct team_record *record)
{
    const struct string_array *members;
    char text[STREAM_VALUE_BYTES];
    struct client_call call;
    enum exit_status status;

    *record = (struct team_record){.name = team->name};
    arena_init(&record->arena, RECORD_ARENA_BYTES);
    write_lines(record, team);
    status = roles_members(session, role_of(record, text), &call, &members);
    if (status == STATUS_OK && !copy_lines(record, members)) {
        complain("what team %s had is too much", team->name);
        status = STATUS_FAILED;
    }
    client_call_release(&call);
    return status;
}

void team_record_release(struct team_record *record)
{
    arena_release(&record->arena);
}

/* The lines of `some` that are not among the `others`. */
static struct string_array without(const struct team_names *some, const struct team_names *others)
{
    struct string_array left = {check_alloc(sizeof(struct string) * ((size_t)some->count + 1)), 0};

    for (int i = 0; i < some->count; i++) {
        if (!has_line(others, some->items[i])) {
            left.items[left.count++] = string_from(some->items[i]);
        }
    }
    return left;
}

static enum exit_status change(struct session *session, const struct team_record *record,
                               struct string_array additions, struct string_array removals)
{
    struct alter_role_request request;
    char text[STREAM_VALUE_BYTES];

    alter_role_request_init(&request);
    request.name = string_from(role_of(record, text));
    request.additions = additions;
    request.removals = removals;
    return additions.count + removals.count == 0 ? STATUS_OK : roles_change(session, &request);
}

enum exit_status team_record_widen(struct session *session, const struct team_record *record)
{
    struct string_array lines = without(&record->wanted, &record->had);
    enum exit_status status = change(session, record, lines, (struct string_array){NULL, 0});

    free(lines.items);
    return status;
}

enum exit_status team_record_narrow(struct session *session, const struct team_record *record)
{
    struct string_array lines = without(&record->had, &record->wanted);
    enum exit_status status = change(session, record, (struct string_array){NULL, 0}, lines);

    free(lines.items);
    return status;
}
