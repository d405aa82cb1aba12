/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delegation tokens by their HMAC, which is what clients name them by. The HMAC of a token is
 * computed once in the life of this broker, when a token is asked for that is not in here yet.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_TOKEN_INDEX_H
#define GYRE_HANDLERS_TOKEN_INDEX_H

#include "gyre/base/bytes.h"

struct broker_config;
struct catalog;
struct delegation_token;
struct token_index;

/* Both are borrowed; the configuration has the secret of all tokens. */
struct token_index *token_index_new(struct catalog *catalog, const struct broker_config *config);
void token_index_free(struct token_index *index); /* NULL is fine */

/* NULL: none. Borrowed until the end of the loop's turn. */
const struct delegation_token *token_index_find(struct token_index *index, struct bytes hmac);

#endif
