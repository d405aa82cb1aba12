/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorizer of this broker, fed by the catalog. There is one where the configuration asks for
 * it: authorizer.class.name or super.users is given, or clients can prove who they are on some
 * listener. Otherwise everybody may do everything.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_AUTHORIZATION_H
#define GYRE_HANDLERS_AUTHORIZATION_H

#include <stdbool.h>
#include <stdint.h>

struct authorization; /* opaque */
struct authorizer;
struct broker_config;
struct catalog;
struct stream_policies;

bool authorization_is_asked_for(const struct broker_config *config);

/* NULL: none is asked for. Both outlive it. `incarnation` is of this process. */
struct authorization *authorization_new(const struct broker_config *config, struct catalog *catalog,
                                        uint64_t incarnation);
void authorization_free(struct authorization *authorization); /* NULL is fine */

/* False: the catalog has not caught up since this process began, so that rights which are gone may
 * still stand in it. Nobody is served. */
bool authorization_is_ready(const struct authorization *authorization);

/* Both by what the catalog holds now. */
struct authorizer *authorization_authorizer(struct authorization *authorization);
const struct stream_policies *authorization_streams(struct authorization *authorization);

#endif
