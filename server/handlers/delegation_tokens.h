/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the requests about delegation tokens share (KIP-48), and the sweep that removes those that
 * have expired. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_DELEGATION_TOKENS_H
#define GYRE_HANDLERS_DELEGATION_TOKENS_H

#include <stdbool.h>

#include "gyre/metadata/catalog.h"

struct broker;
struct request;

/* Is this a connection over which tokens may be spoken of? It proves who asks, and not by a token
 * itself. */
bool delegation_tokens_are_allowed(const struct request *request);
bool delegation_tokens_are_enabled(const struct broker *broker);

/* "User:alice" into its two parts. */
void delegation_tokens_split(struct string principal, struct string *out_type,
                             struct string *out_name);

/* The other way; the null string where the arena is full. */
struct string delegation_tokens_join(struct request *request, struct string type,
                                     struct string name);

/* Its owner, its requester or a renewer? */
bool delegation_tokens_concern(const struct delegation_token *token, struct string principal);
/* Its owner or a renewer? */
bool delegation_tokens_may_be_renewed_by(const struct delegation_token *token,
                                         struct string principal);

/* The same token with another end, as a command. False: the arena is full. */
struct catalog_set_token;
bool delegation_tokens_copy(struct request *request, const struct delegation_token *token,
                            struct catalog_set_token *out_command);

/* Removes expired tokens while this broker leads the catalog, until it is freed. */
struct token_sweep;
struct token_sweep *delegation_tokens_start_sweep(struct broker *broker);
void delegation_tokens_stop_sweep(struct token_sweep *sweep); /* NULL is fine */

/* What moving a token's end begins with, in the order in which Kafka asks: may this connection deal
 * with tokens, are there any here, and is there this one? `out_token` is set on NONE. */
enum kafka_error delegation_tokens_look_up(const struct request *request, struct bytes hmac,
                                           const struct delegation_token **out_token);

#endif
