/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OAUTHBEARER (RFC 7628, KIP-255, KIP-768): a signed token says who its bearer is.
 *
 *     TOKEN --verified on the pool--> done
 *       |         `--unknown key--> new keys, once --> verified again
 *       `--refused--> the reason as JSON; the client's next message ends it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/config/config.h"

#include "jwks.h"
#include "jwks_source.h"
#include "jwt.h"
#include "oauthbearer_message.h"
#include "sasl_mechanism.h"
#include "sasl_service_state.h"

static const char refusal[] = "{\"status\":\"invalid_token\"}";

struct oauthbearer_exchange {
    struct sasl_exchange exchange;
    struct jwks_waiter waiter;
    bool has_waited;
    bool is_refused; /* the client has been told, and says so aloud next */
    const char *reason;
    char *token; /* owned, as the next */
    int32_t token_length;
    char *authzid; /* NULL: none */

    /* ---- the verification ---- */
    struct jwks *keys; /* a reference */
    struct jwt_policy policy;
    int64_t now_ms;
    enum error error;
    struct jwt_claims claims;
};

static struct oauthbearer_exchange *of(struct sasl_exchange *exchange)
{
    return CONTAINER_OF(exchange, struct oauthbearer_exchange, exchange);
}

static char *copy_text(struct string text)
{
    char *copy = check_alloc((size_t)text.length + 1);

    memcpy(copy, text.bytes, (size_t)text.length);
    copy[text.length] = '\0';
    return copy;
}

/* In two steps, as the RFC has it. */
static void refuse(struct oauthbearer_exchange *self, const char *reason)
{
    self->reason = reason;
    self->is_refused = true;
    sasl_mechanism_more(&self->exchange, string_from(refusal));
}

static void welcome(struct oauthbearer_exchange *self)
{
    struct string groups[JWT_GROUPS_MAX];
    struct identity_options options = {.name = string_from(self->claims.subject),
                                       .groups = groups,
                                       .group_count = self->claims.group_count,
                                       .are_groups_known = true,
                                       .expires_ms = self->claims.expires_ms};

    for (int32_t i = 0; i < self->claims.group_count; i++) {
        groups[i] = string_from(self->claims.groups[i]);
    }
    sasl_mechanism_succeed(&self->exchange, STRING(""), &options);
}

/* ---- verifying ---- */

static void run(struct work *work)
{
    struct oauthbearer_exchange *self = of(CONTAINER_OF(work, struct sasl_exchange, work));

    self->error = jwt_verify((struct string){self->token, self->token_length}, self->keys,
                             &self->policy, self->now_ms, &self->claims, &self->reason);
}

static void verify(struct oauthbearer_exchange *self);

static void keys_came(struct jwks_waiter *waiter)
{
    verify(CONTAINER_OF(waiter, struct oauthbearer_exchange, waiter));
}

static bool waits_for_keys(struct oauthbearer_exchange *self)
{
    if (self->has_waited) {
        return false;
    }
    self->has_waited = true;
    self->waiter.came = keys_came;
    return jwks_source_wait(self->exchange.service->keys, &self->waiter);
}

static void verified(struct sasl_exchange *exchange)
{
    struct oauthbearer_exchange *self = of(exchange);

    jwks_unref(self->keys);
    self->keys = NULL;
    if (self->error == ERROR_NOT_FOUND && waits_for_keys(self)) {
        return;
    }
    if (self->error != ERROR_NONE) {
        refuse(self, self->reason);
    } else if (self->authzid != NULL && strcmp(self->authzid, self->claims.subject) != 0) {
        refuse(self, "the authzid is another than the token's subject");
    } else {
        welcome(self);
    }
}

static void verify(struct oauthbearer_exchange *self)
{
    struct sasl_service *service = self->exchange.service;
    const struct broker_config *config = service->config;

    self->keys = jwks_source_get(service->keys);
    if (self->keys == NULL) {
        if (!waits_for_keys(self)) {
            sasl_mechanism_give_up(&self->exchange, "no keys of signers could be loaded");
        }
        return;
    }
    self->now_ms = clock_wall_ms(service->loop->clock);
    self->policy = (struct jwt_policy){
        .audiences = config->sasl_oauthbearer_expected_audience.items,
        .audience_count = config->sasl_oauthbearer_expected_audience.count,
        .issuer = config->sasl_oauthbearer_expected_issuer,
        .skew_ms = (int64_t)config->sasl_oauthbearer_clock_skew_seconds * 1000,
        .subject_claim = config->sasl_oauthbearer_sub_claim_name,
        .scope_claim = config->sasl_oauthbearer_scope_claim_name,
        .groups_claim = config->gyre_sasl_oauthbearer_groups_claim_name,
    };
    sasl_mechanism_compute(&self->exchange, run, verified);
}

/* ---- the mechanism ---- */

static void step(struct sasl_exchange *exchange, struct string text)
{
    struct oauthbearer_exchange *self = of(exchange);
    struct oauthbearer_message message;

    if (self->is_refused) {
        sasl_mechanism_fail_saying(exchange, self->reason, refusal);
        return;
    }
    if (oauthbearer_message_parse(text, &message) != ERROR_NONE ||
        message.token.length > JWT_BYTES_MAX) {
        sasl_mechanism_fail(exchange, "message is malformed or its token too large");
        return;
    }
    self->token = copy_text(message.token);
    self->token_length = message.token.length;
    self->authzid = message.authzid.bytes == NULL ? NULL : copy_text(message.authzid);
    verify(self);
}

static void release(struct sasl_exchange *exchange)
{
    struct oauthbearer_exchange *self = of(exchange);

    list_remove(&self->waiter.link);
    jwks_unref(self->keys);
    jwt_claims_release(&self->claims);
    if (self->token != NULL) {
        OPENSSL_cleanse(self->token, (size_t)self->token_length);
        free(self->token);
    }
    free(self->authzid);
}

static struct sasl_exchange *begin(struct sasl_service *service)
{
    struct oauthbearer_exchange *self = check_alloc_zero(sizeof *self);

    (void)service;
    list_init(&self->waiter.link);
    return &self->exchange;
}

static bool is_possible(const struct sasl_service *service)
{
    struct string url = service->config->sasl_oauthbearer_jwks_endpoint_url;

    return url.bytes != NULL && jwks_is_possible(url);
}

const struct sasl_mechanism sasl_oauthbearer = {.name = "OAUTHBEARER",
                                                .begin = begin,
                                                .step = step,
                                                .release = release,
                                                .bytes = sizeof(struct oauthbearer_exchange),
                                                .is_possible = is_possible};
