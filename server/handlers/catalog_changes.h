/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The changes that one request makes to the catalog, all under way at once, each with an error and
 * a message of its own in the answer. Any broker takes them: what travels to the catalog's leader
 * is the command, not the request.
 *
 * Everything lives in the request's arena. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_CATALOG_CHANGES_H
#define GYRE_HANDLERS_CATALOG_CHANGES_H

#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/metadata/catalog.h"

enum { CATALOG_REASON_BYTES = 512 }; /* one sentence for a client */

struct message_layout;
struct request;

struct catalog_changes {
    struct request *request;
    int open; /* answers to come, and one until catalog_changes_all_made() */
    void (*done)(struct catalog_changes *changes);
    void *context;
};

void catalog_changes_init(struct catalog_changes *changes, struct request *request,
                          void (*done)(struct catalog_changes *changes), void *context);

/* One command; where its outcome goes must live as long as the request. */
void catalog_changes_make(struct catalog_changes *changes, const struct message_layout *layout,
                          int16_t record, const void *command, int16_t *out_error,
                          struct string *out_message);

/* One more answer to come, which catalog_changes_all_made() tells. */
void catalog_changes_hold(struct catalog_changes *changes);

/* No more will come: done() is called when all are answered, perhaps at once. */
void catalog_changes_all_made(struct catalog_changes *changes);

/* What a client is told of an outcome. */
enum kafka_error catalog_changes_error(const struct catalog_outcome *outcome);

/* printf into the arena; an empty string where the arena is full. */
__attribute__((format(printf, 2, 3))) struct string catalog_changes_text(struct request *request,
                                                                         const char *format, ...);

#endif
