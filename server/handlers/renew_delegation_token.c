/* SPDX-License-Identifier: Apache-2.0 */
/* RenewDelegationToken (39): its owner and its renewers move its end, never beyond its limit. */
#include "wire_messages/renew_delegation_token.h"

#include "gyre/access/identity.h"
#include "gyre/config/config.h"
#include "gyre/runtime/clock.h"
#include "gyre/runtime/loop.h"

#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/delegation_tokens.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"
#include "metadata/catalog_commands.h"

struct token_renewal {
    struct request *request; /* we live in its arena */
    struct renew_delegation_token_request in;
    struct renew_delegation_token_response out;
    struct catalog_changes changes;
    struct string message;
};

static void reply(struct catalog_changes *changes)
{
    struct token_renewal *self = changes->context;

    if (self->out.error_code != KAFKA_ERROR_NONE) {
        self->out.expiry_timestamp_ms = -1;
    }
    request_reply(self->request, &renew_delegation_token_response_layout, &self->out);
}

static enum kafka_error prolong(struct token_renewal *self, const struct delegation_token *token,
                                int64_t now_ms)
{
    int64_t period_ms = self->request->broker->config->delegation_token_expiry_time_ms;
    struct catalog_set_token command;

    if (self->in.renew_period_ms > 0 && self->in.renew_period_ms < period_ms) {
        period_ms = self->in.renew_period_ms;
    }
    if (!delegation_tokens_copy(self->request, token, &command)) {
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    command.expires_ms =
        period_ms > token->limit_ms - now_ms ? token->limit_ms : now_ms + period_ms;
    self->out.expiry_timestamp_ms = command.expires_ms;
    catalog_changes_make(&self->changes, &catalog_set_token_layout, CATALOG_SET_TOKEN_RECORD,
                         &command, &self->out.error_code, &self->message);
    return (enum kafka_error)self->out.error_code;
}

/* In the order in which Kafka asks. */
static enum kafka_error renew(struct token_renewal *self)
{
    struct request *request = self->request;
    int64_t now_ms = clock_wall_ms(request->broker->loop->clock);
    const struct delegation_token *token;
    enum kafka_error error = delegation_tokens_look_up(request, self->in.hmac, &token);

    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    if (token->limit_ms < now_ms || token->expires_ms < now_ms) {
        return KAFKA_ERROR_DELEGATION_TOKEN_EXPIRED;
    }
    if (!delegation_tokens_may_be_renewed_by(token, request->connection->identity->principal)) {
        return KAFKA_ERROR_DELEGATION_TOKEN_OWNER_MISMATCH;
    }
    return prolong(self, token, now_ms);
}

void renew_delegation_token_handle(struct request *request)
{
    struct token_renewal *self = request_alloc(request, sizeof *self);

    if (self == NULL ||
        !request_decode(request, &renew_delegation_token_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    renew_delegation_token_response_init(&self->out);
    catalog_changes_init(&self->changes, request, reply, self);
    self->out.error_code = (int16_t)renew(self);
    catalog_changes_all_made(&self->changes);
}
