/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/delegation_tokens.h"

#include <stdlib.h>

#include "gyre/access/identity.h"
#include "gyre/base/check.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/runtime/clock.h"
#include "gyre/runtime/loop.h"

#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/token_index.h"
#include "metadata/catalog_commands.h"

enum { SWEEP_TOKENS_MAX = 1000 }; /* in one command; the rest goes with the next */

bool delegation_tokens_are_allowed(const struct request *request)
{
    const struct identity *identity = request->connection->identity;

    switch ((enum security_protocol)request->connection->listener->security_protocol) {
    case SECURITY_PROTOCOL_PLAINTEXT: return false;
    case SECURITY_PROTOCOL_SSL:
        return !identity->is_token && !string_is(identity->principal, "User:ANONYMOUS");
    case SECURITY_PROTOCOL_SASL_PLAINTEXT:
    case SECURITY_PROTOCOL_SASL_SSL: break;
    }
    return !identity->is_token;
}

bool delegation_tokens_are_enabled(const struct broker *broker)
{
    return broker->config->delegation_token_secret_key.length > 0;
}

void delegation_tokens_split(struct string principal, struct string *out_type,
                             struct string *out_name)
{
    const char *colon =
        principal.length > 0 ? memchr(principal.bytes, ':', (size_t)principal.length) : NULL;

    if (colon == NULL) {
        *out_type = STRING("");
        *out_name = principal;
        return;
    }
    int32_t length = (int32_t)(colon - principal.bytes);
    *out_type = (struct string){principal.bytes, length};
    *out_name = (struct string){colon + 1, principal.length - length - 1};
}

struct string delegation_tokens_join(struct request *request, struct string type,
                                     struct string name)
{
    char *text = arena_alloc(&request->arena, (size_t)type.length + (size_t)name.length + 2);

    if (text == NULL) {
        return STRING_NULL;
    }
    if (type.length > 0) {
        memcpy(text, type.bytes, (size_t)type.length);
    }
    text[type.length] = ':';
    if (name.length > 0) {
        memcpy(text + type.length + 1, name.bytes, (size_t)name.length);
    }
    return (struct string){text, type.length + name.length + 1};
}

bool delegation_tokens_may_be_renewed_by(const struct delegation_token *token,
                                         struct string principal)
{
    for (int32_t i = 0; i < token->renewer_count; i++) {
        if (string_equal(token->renewers[i], principal)) {
            return true;
        }
    }
    return string_equal(token->owner, principal);
}

bool delegation_tokens_concern(const struct delegation_token *token, struct string principal)
{
    return string_equal(token->requester, principal) ||
           delegation_tokens_may_be_renewed_by(token, principal);
}

bool delegation_tokens_copy(struct request *request, const struct delegation_token *token,
                            struct catalog_set_token *out_command)
{
    catalog_set_token_init(out_command);
    out_command->id = token->id;
    out_command->owner = token->owner;
    out_command->requester = token->requester;
    out_command->issued_ms = token->issued_ms;
    out_command->expires_ms = token->expires_ms;
    out_command->limit_ms = token->limit_ms;
    out_command->renewers.count = token->renewer_count;
    out_command->renewers.items = arena_alloc_array(
        &request->arena, (size_t)token->renewer_count + 1, sizeof *out_command->renewers.items);
    if (out_command->renewers.items == NULL) {
        return false;
    }
    for (int32_t i = 0; i < token->renewer_count; i++) {
        out_command->renewers.items[i] = token->renewers[i];
    }
    return true;
}

/* ---- the sweep ---- */

struct token_sweep {
    struct broker *broker;
    struct timer timer;
    struct string *ids; /* of one round; borrowed from the catalog */
    int32_t count;
    int64_t now_ms;
};

static void collect_expired(void *context, const struct delegation_token *token)
{
    struct token_sweep *sweep = context;

    if (token->expires_ms < sweep->now_ms && sweep->count < SWEEP_TOKENS_MAX) {
        sweep->ids[sweep->count++] = token->id;
    }
}

static void on_swept(void *context, const struct catalog_outcome *outcome)
{
    (void)context;
    if (outcome->error != ERROR_NONE || outcome->kafka_error != KAFKA_ERROR_NONE) {
        log_warning(LOG_METADATA, "expired delegation tokens are removed later",
                    field_error(outcome->error));
    }
}

static void sweep_expired(struct token_sweep *sweep)
{
    struct catalog_remove_tokens command;
    struct string ids[SWEEP_TOKENS_MAX];
    struct buffer *bytes = NULL;

    sweep->ids = ids;
    sweep->count = 0;
    sweep->now_ms = clock_wall_ms(sweep->broker->loop->clock);
    catalog_for_each_token(sweep->broker->catalog, collect_expired, sweep);
    sweep->ids = NULL;
    if (sweep->count == 0) {
        return;
    }
    catalog_remove_tokens_init(&command);
    command.ids = (struct string_array){ids, sweep->count};
    command.expires_before_ms = sweep->now_ms;
    if (catalog_commands_of(remove_tokens, REMOVE_TOKENS, &command, &bytes) == ERROR_NONE) {
        catalog_submit(sweep->broker->catalog, bytes, on_swept, NULL);
    }
}

static void start_timer(struct token_sweep *sweep)
{
    int64_t interval_ms = sweep->broker->config->delegation_token_expiry_check_interval_ms;

    timer_start(sweep->broker->loop, &sweep->timer, (uint64_t)interval_ms * 1000);
}

static void on_timer(struct timer *timer)
{
    struct token_sweep *sweep = CONTAINER_OF(timer, struct token_sweep, timer);

    if (catalog_leads(sweep->broker->catalog)) {
        sweep_expired(sweep);
    }
    start_timer(sweep);
}

struct token_sweep *delegation_tokens_start_sweep(struct broker *broker)
{
    struct token_sweep *sweep = check_alloc_zero(sizeof *sweep);

    sweep->broker = broker;
    timer_init(&sweep->timer, on_timer);
    start_timer(sweep);
    return sweep;
}

void delegation_tokens_stop_sweep(struct token_sweep *sweep)
{
    if (sweep != NULL) {
        timer_stop(sweep->broker->loop, &sweep->timer);
        free(sweep);
    }
}

enum kafka_error delegation_tokens_look_up(const struct request *request, struct bytes hmac,
                                           const struct delegation_token **out_token)
{
    if (!delegation_tokens_are_allowed(request)) {
        return KAFKA_ERROR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
    }
    if (!delegation_tokens_are_enabled(request->broker)) {
        return KAFKA_ERROR_DELEGATION_TOKEN_AUTH_DISABLED;
    }
    *out_token = token_index_find(request->broker->tokens, hmac);
    return *out_token == NULL ? KAFKA_ERROR_DELEGATION_TOKEN_NOT_FOUND : KAFKA_ERROR_NONE;
}
