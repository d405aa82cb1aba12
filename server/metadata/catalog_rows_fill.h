/* SPDX-License-Identifier: Apache-2.0 */
/* Between rows and things: what catalog_rows.c is made of. Thread: the shard's own. */
#ifndef GYRE_METADATA_CATALOG_ROWS_FILL_H
#define GYRE_METADATA_CATALOG_ROWS_FILL_H

#include "gyre/base/arena.h"

#include "metadata/catalog_state.h"

struct catalog_broker_row;
struct catalog_broker_settings_row;
struct catalog_topic_row;

/* Strings of the row point into the thing, arrays live in the arena. */
void catalog_rows_fill_broker(struct catalog_broker_row *row, const struct catalog_broker *broker,
                              struct arena *arena);
void catalog_rows_fill_topic(struct catalog_topic_row *row, const struct catalog_topic *topic,
                             struct arena *arena);
/* Also for groups: the two rows have one shape. */
void catalog_rows_fill_settings(struct catalog_broker_settings_row *row,
                                const struct settings_object *object, struct arena *arena);

/* The key under which the store keeps this row. CORRUPT, VERSION. */
MUST_USE
enum error catalog_rows_key(struct bytes row, struct row_key *out_key);

#endif
