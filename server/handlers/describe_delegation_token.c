/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeDelegationToken (41): one's own tokens, and those of others where that is allowed. */
#include "wire_messages/describe_delegation_token.h"

#include "gyre/access/identity.h"
#include "gyre/config/config.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/delegation_tokens.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"

enum { OWNERS_MAX = 1000 };

enum { REQUESTER_VERSION_MIN = 3 }; /* earlier answers cannot say who made a token */

struct token_description {
    struct request *request;
    struct describe_delegation_token_request in;
    struct describe_delegation_token_response out;
    struct string *owners; /* as principals */
    bool is_out_of_memory;
};

static bool is_asked_for(const struct token_description *self, const struct delegation_token *token)
{
    for (int32_t i = 0; i < self->in.owners.count; i++) {
        if (delegation_tokens_concern(token, self->owners[i])) {
            return true;
        }
    }
    return self->in.owners.count < 0;
}

static bool may_see(const struct token_description *self, const struct delegation_token *token)
{
    const struct request *request = self->request;

    return delegation_tokens_concern(token, request->connection->identity->principal) ||
           access_sees(request, ACCESS_DESCRIBE, ACCESS_DELEGATION_TOKEN, token->id) ||
           access_sees(request, ACCESS_DESCRIBE_TOKENS, ACCESS_USER, token->owner);
}

static bool fill_renewers(struct token_description *self, const struct delegation_token *token,
                          struct describe_delegation_token_response_tokens *out)
{
    if (describe_delegation_token_response_tokens_renewers_array_alloc(
            &out->renewers, &self->request->arena, token->renewer_count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < token->renewer_count; i++) {
        delegation_tokens_split(token->renewers[i], &out->renewers.items[i].principal_type,
                                &out->renewers.items[i].principal_name);
    }
    return true;
}

static bool fill_token(struct token_description *self, const struct delegation_token *token)
{
    struct describe_delegation_token_response_tokens *out =
        &self->out.tokens.items[self->out.tokens.count++];
    uint8_t *hmac = arena_alloc(&self->request->arena, DELEGATION_TOKEN_HMAC_BYTES);

    if (hmac == NULL ||
        credential_token_hmac(self->request->broker->config->delegation_token_secret_key, token->id,
                              hmac) != ERROR_NONE ||
        !fill_renewers(self, token, out)) {
        return false;
    }
    delegation_tokens_split(token->owner, &out->principal_type, &out->principal_name);
    if (self->request->api_version >= REQUESTER_VERSION_MIN) {
        delegation_tokens_split(token->requester, &out->token_requester_principal_type,
                                &out->token_requester_principal_name);
    }
    out->issue_timestamp = token->issued_ms;
    out->expiry_timestamp = token->expires_ms;
    out->max_timestamp = token->limit_ms;
    out->token_id = token->id;
    out->hmac = (struct bytes){(char *)hmac, DELEGATION_TOKEN_HMAC_BYTES};
    return true;
}

static void visit(void *context, const struct delegation_token *token)
{
    struct token_description *self = context;

    if (!self->is_out_of_memory && is_asked_for(self, token) && may_see(self, token)) {
        self->is_out_of_memory = !fill_token(self, token);
    }
}

static enum kafka_error search(struct token_description *self)
{
    struct request *request = self->request;
    const struct catalog *catalog = request->broker->catalog;
    int32_t count = self->in.owners.count > 0 ? self->in.owners.count : 0;

    if (!delegation_tokens_are_allowed(request)) {
        return KAFKA_ERROR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
    }
    if (!delegation_tokens_are_enabled(request->broker)) {
        return KAFKA_ERROR_DELEGATION_TOKEN_AUTH_DISABLED;
    }
    if (count > OWNERS_MAX) {
        return KAFKA_ERROR_POLICY_VIOLATION;
    }
    self->owners = arena_alloc_array(&request->arena, (size_t)count + 1, sizeof *self->owners);
    if (self->owners == NULL || describe_delegation_token_response_tokens_array_alloc(
                                    &self->out.tokens, &request->arena,
                                    catalog_security_count(catalog, CATALOG_TOKEN)) != ERROR_NONE) {
        self->is_out_of_memory = true;
        return KAFKA_ERROR_NONE;
    }
    self->out.tokens.count = 0;
    for (int32_t i = 0; i < count; i++) {
        self->owners[i] = delegation_tokens_join(request, self->in.owners.items[i].principal_type,
                                                 self->in.owners.items[i].principal_name);
        if (self->owners[i].bytes == NULL) {
            self->is_out_of_memory = true;
            return KAFKA_ERROR_NONE;
        }
    }
    catalog_for_each_token(catalog, visit, self);
    return KAFKA_ERROR_NONE;
}

void describe_delegation_token_handle(struct request *request)
{
    struct token_description self = {.request = request};

    if (!request_decode(request, &describe_delegation_token_request_layout, &self.in)) {
        return;
    }
    describe_delegation_token_response_init(&self.out);
    self.out.error_code = (int16_t)search(&self);
    if (self.is_out_of_memory) {
        request_close(request);
        return;
    }
    request_reply(request, &describe_delegation_token_response_layout, &self.out);
}
