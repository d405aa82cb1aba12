/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/catalog_changes.h"

#include <stdarg.h>
#include <stdio.h>

#include "gyre/wire/message.h"

#include "handlers/auditing.h"
#include "handlers/broker.h"
#include "handlers/error_map.h"
#include "handlers/request.h"
#include "metadata/catalog_commands.h"

enum { TEXT_BYTES_MAX = 1024 };

struct catalog_change {
    struct catalog_changes *changes;
    int16_t *error;
    struct string *message;
    struct string detail; /* the command in words, for the audit */
};

void catalog_changes_init(struct catalog_changes *changes, struct request *request,
                          void (*done)(struct catalog_changes *changes), void *context)
{
    *changes =
        (struct catalog_changes){.request = request, .open = 1, .done = done, .context = context};
}

enum kafka_error catalog_changes_error(const struct catalog_outcome *outcome)
{
    if (outcome->error == ERROR_NOT_LEADER) {
        return KAFKA_ERROR_NOT_CONTROLLER; /* no leader was found in time; clients retry it */
    }
    return outcome->error == ERROR_NONE ? outcome->kafka_error : error_map_to_kafka(outcome->error);
}

static void drop_one(struct catalog_changes *changes)
{
    CHECK(changes->open > 0);
    changes->open--;
    if (changes->open == 0) {
        changes->done(changes);
    }
}

static void on_outcome(void *context, const struct catalog_outcome *outcome)
{
    struct catalog_change *change = context;
    enum kafka_error error = catalog_changes_error(outcome);

    *change->error = (int16_t)error;
    if (error != KAFKA_ERROR_NONE) {
        *change->message = outcome->message.length > 0
                               ? catalog_changes_text(change->changes->request, "%.*s",
                                                      STRING_ARGUMENTS(outcome->message))
                               : string_from(kafka_error_text((int16_t)error));
    }
    auditing_changed(change->changes->request, change->detail, error == KAFKA_ERROR_NONE,
                     error == KAFKA_ERROR_NONE ? STRING_NULL : *change->message);
    drop_one(change->changes);
}

/* Secrets among its fields print as ***. False: the arena is full. */
static bool describe(struct request *request, const struct message_layout *layout,
                     const void *command, struct string *out_detail)
{
    char text[TEXT_BYTES_MAX];

    if (request->broker->audit == NULL) {
        return true;
    }
    (void)message_print(layout, layout->version_max, command, text, sizeof text);
    *out_detail = catalog_changes_text(request, "%s %s", layout->name, text);
    return out_detail->length > 0;
}

void catalog_changes_make(struct catalog_changes *changes, const struct message_layout *layout,
                          int16_t record, const void *command, int16_t *out_error,
                          struct string *out_message)
{
    struct request *request = changes->request;
    struct catalog_change *change = arena_alloc(&request->arena, sizeof *change);
    struct buffer *bytes = NULL;

    if (auditing_forbids_changes(request)) {
        *out_error = KAFKA_ERROR_POLICY_VIOLATION;
        *out_message = auditing_why_forbidden();
        return;
    }
    /* What the audit could not be told is not done. */
    enum error error = change == NULL || !describe(request, layout, command, &change->detail)
                           ? ERROR_LIMIT
                           : catalog_commands_encode(layout, record, command, &bytes);
    if (error != ERROR_NONE) {
        *out_error = (int16_t)error_map_to_kafka(error);
        *out_message = string_from(kafka_error_text(*out_error));
        return;
    }
    change->changes = changes;
    change->error = out_error;
    change->message = out_message;
    changes->open++;
    catalog_submit(request->broker->catalog, bytes, on_outcome, change);
}

void catalog_changes_hold(struct catalog_changes *changes)
{
    changes->open++;
}

void catalog_changes_all_made(struct catalog_changes *changes)
{
    drop_one(changes);
}

struct string catalog_changes_text(struct request *request, const char *format, ...)
{
    char text[TEXT_BYTES_MAX];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return STRING("");
    }
    if (length >= TEXT_BYTES_MAX) {
        length = TEXT_BYTES_MAX - 1;
    }
    char *copy = arena_copy_text(&request->arena, text, (size_t)length);
    return copy == NULL ? STRING("") : (struct string){.bytes = copy, .length = length};
}
