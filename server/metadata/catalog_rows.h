/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog's state as bytes: one row for each thing, as the store keeps it, and all rows behind
 * one another, as a Raft snapshot has it. Equal states give equal bytes but for the order of rows.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_METADATA_CATALOG_ROWS_H
#define GYRE_METADATA_CATALOG_ROWS_H

#include "gyre/base/buffer.h"

#include "metadata/catalog_state.h"

/* The row that a key names; NULL when there is no such thing any more. */
struct buffer *catalog_rows_encode(const struct catalog_state *state, const struct row_key *key);

/* Enter or replace what the row describes; listeners hear of it. CORRUPT, VERSION. */
MUST_USE
enum error catalog_rows_put(struct catalog_state *state, struct bytes row);

struct buffer *catalog_rows_snapshot(const struct catalog_state *state);

/* Become what the snapshot holds. What is equal stays untouched and unannounced. On failure the
 * state is neither the old one nor the new. */
MUST_USE
enum error catalog_rows_restore(struct catalog_state *state, struct bytes snapshot, uint64_t index);

#endif
