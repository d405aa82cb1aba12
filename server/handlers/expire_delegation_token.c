/* SPDX-License-Identifier: Apache-2.0 */
/* ExpireDelegationToken (40): a nearer end, or with a negative period none at all: it goes now. */
#include "wire_messages/expire_delegation_token.h"

#include "gyre/access/identity.h"
#include "gyre/runtime/clock.h"
#include "gyre/runtime/loop.h"

#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/delegation_tokens.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"
#include "metadata/catalog_commands.h"

struct token_expiry {
    struct request *request; /* we live in its arena */
    struct expire_delegation_token_request in;
    struct expire_delegation_token_response out;
    struct catalog_changes changes;
    struct string message;
};

static void reply(struct catalog_changes *changes)
{
    struct token_expiry *self = changes->context;

    if (self->out.error_code != KAFKA_ERROR_NONE) {
        self->out.expiry_timestamp_ms = -1;
    }
    request_reply(self->request, &expire_delegation_token_response_layout, &self->out);
}

static enum kafka_error end_now(struct token_expiry *self, const struct delegation_token *token)
{
    struct catalog_remove_tokens command;
    struct string id = token->id;

    catalog_remove_tokens_init(&command);
    command.ids = (struct string_array){&id, 1};
    self->out.expiry_timestamp_ms = self->in.expiry_time_period_ms;
    catalog_changes_make(&self->changes, &catalog_remove_tokens_layout,
                         CATALOG_REMOVE_TOKENS_RECORD, &command, &self->out.error_code,
                         &self->message);
    return (enum kafka_error)self->out.error_code;
}

static enum kafka_error end_later(struct token_expiry *self, const struct delegation_token *token)
{
    int64_t now_ms = clock_wall_ms(self->request->broker->loop->clock);
    struct catalog_set_token command;

    if (token->limit_ms < now_ms || token->expires_ms < now_ms) {
        return KAFKA_ERROR_DELEGATION_TOKEN_EXPIRED;
    }
    if (!delegation_tokens_copy(self->request, token, &command)) {
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    command.expires_ms = self->in.expiry_time_period_ms > token->limit_ms - now_ms
                             ? token->limit_ms
                             : now_ms + self->in.expiry_time_period_ms;
    self->out.expiry_timestamp_ms = command.expires_ms;
    catalog_changes_make(&self->changes, &catalog_set_token_layout, CATALOG_SET_TOKEN_RECORD,
                         &command, &self->out.error_code, &self->message);
    return (enum kafka_error)self->out.error_code;
}

/* In the order in which Kafka asks. */
static enum kafka_error expire(struct token_expiry *self)
{
    struct request *request = self->request;
    const struct delegation_token *token;
    enum kafka_error error = delegation_tokens_look_up(request, self->in.hmac, &token);

    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    if (!delegation_tokens_may_be_renewed_by(token, request->connection->identity->principal)) {
        return KAFKA_ERROR_DELEGATION_TOKEN_OWNER_MISMATCH;
    }
    return self->in.expiry_time_period_ms < 0 ? end_now(self, token) : end_later(self, token);
}

void expire_delegation_token_handle(struct request *request)
{
    struct token_expiry *self = request_alloc(request, sizeof *self);

    if (self == NULL ||
        !request_decode(request, &expire_delegation_token_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    expire_delegation_token_response_init(&self->out);
    catalog_changes_init(&self->changes, request, reply, self);
    self->out.error_code = (int16_t)expire(self);
    catalog_changes_all_made(&self->changes);
}
