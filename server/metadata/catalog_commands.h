/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the catalog as bytes: two of record number, two of version, the body. The structs are
 * those of wire/schema/internal/catalog_command.kmsg; fill one, encode it, catalog_submit() it.
 *
 * Thread: any.
 */
#ifndef GYRE_METADATA_CATALOG_COMMANDS_H
#define GYRE_METADATA_CATALOG_COMMANDS_H

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

#include "wire_messages/catalog_command.h"

enum { CATALOG_RECORD_HEAD_BYTES = 4 };

/* One reference, the caller's. LIMIT: too large for a command. */
MUST_USE
enum error catalog_commands_encode(const struct message_layout *layout, int16_t record,
                                   const void *message, struct buffer **out_command);

/* catalog_commands_of(create_topic, CREATE_TOPIC, &message, &command) */
#define catalog_commands_of(name, NAME, message, out_command)                                      \
    catalog_commands_encode(&catalog_##name##_layout, CATALOG_##NAME##_RECORD,                     \
                            (const struct catalog_##name *)(message), out_command)

/* Record number and version of encoded bytes. MALFORMED: too short. Shared with rows. */
MUST_USE
enum error catalog_commands_head(struct bytes record, int16_t *out_number, int16_t *out_version);

/* Is this one whole command that this program can carry out? A peer's word is not enough. */
MUST_USE
enum error catalog_commands_check(struct bytes command);

/* ---- what apply needs ---- */
struct catalog_command_kind {
    int16_t record;
    const struct message_layout *layout;
};
const struct catalog_command_kind *catalog_commands_find(int16_t record); /* NULL: unknown */

/* Decode into `arena`; the struct is of the kind's layout. */
MUST_USE
enum error catalog_commands_decode(struct bytes command, struct arena *arena, int16_t *out_record,
                                   void **out_message);

#endif
