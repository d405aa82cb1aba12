/* SPDX-License-Identifier: Apache-2.0 */
/* CreateDelegationToken (38): a token for the one who asks, or for whom he may make tokens. */
#include "wire_messages/create_delegation_token.h"

#include "gyre/access/identity.h"
#include "gyre/config/config.h"
#include "gyre/runtime/clock.h"
#include "gyre/runtime/loop.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/delegation_tokens.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"
#include "metadata/catalog_commands.h"

enum { TOKENS_OF_OWNER_MAX = 1000 };

enum { REQUESTER_VERSION_MIN = 3 }; /* earlier answers cannot say who made a token */

struct token_creation {
    struct request *request; /* we live in its arena */
    struct create_delegation_token_request in;
    struct create_delegation_token_response out;
    struct string owner;
    struct string requester;
    int32_t owned;
    struct catalog_changes changes;
    struct string message;
    uint8_t hmac[DELEGATION_TOKEN_HMAC_BYTES];
};

static void reply(struct catalog_changes *changes)
{
    struct token_creation *self = changes->context;

    if (self->out.error_code != KAFKA_ERROR_NONE) {
        self->out.issue_timestamp_ms = -1;
        self->out.expiry_timestamp_ms = -1;
        self->out.max_timestamp_ms = -1;
        self->out.token_id = STRING("");
        self->out.hmac = (struct bytes){(char *)self->hmac, 0};
    }
    request_reply(self->request, &create_delegation_token_response_layout, &self->out);
}

static void count_owned(void *context, const struct delegation_token *token)
{
    struct token_creation *self = context;

    self->owned += string_equal(token->requester, self->requester) ? 1 : 0;
}

/* In the order in which Kafka asks. */
static enum kafka_error judge(struct token_creation *self)
{
    struct request *request = self->request;

    if (!delegation_tokens_are_allowed(request)) {
        return KAFKA_ERROR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
    }
    if (!string_equal(self->owner, self->requester) &&
        !access_allows(request, ACCESS_CREATE_TOKENS, ACCESS_USER, self->owner)) {
        return KAFKA_ERROR_DELEGATION_TOKEN_AUTHORIZATION_FAILED;
    }
    if (!delegation_tokens_are_enabled(request->broker)) {
        return KAFKA_ERROR_DELEGATION_TOKEN_AUTH_DISABLED;
    }
    for (int32_t i = 0; i < self->in.renewers.count; i++) {
        if (!string_is(self->in.renewers.items[i].principal_type, "User")) {
            return KAFKA_ERROR_INVALID_PRINCIPAL_TYPE;
        }
    }
    if (self->owner.length <= 1 || self->owner.bytes[0] == ':') {
        return KAFKA_ERROR_INVALID_PRINCIPAL_TYPE;
    }
    catalog_for_each_token(request->broker->catalog, count_owned, self);
    if (self->owned >= TOKENS_OF_OWNER_MAX ||
        self->in.renewers.count > CATALOG_TOKEN_RENEWERS_MAX) {
        return KAFKA_ERROR_POLICY_VIOLATION;
    }
    return KAFKA_ERROR_NONE;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A sum that stays a time. */
static int64_t later(int64_t now_ms, int64_t by_ms)
{
    return by_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + by_ms;
}

static bool fill_times(struct token_creation *self)
{
    const struct broker_config *config = self->request->broker->config;
    int64_t now_ms = clock_wall_ms(self->request->broker->loop->clock);
    int64_t life_ms = config->delegation_token_max_lifetime_ms;
    struct uuid id = uuid_random(self->request->broker->random);

    if (self->in.max_lifetime_ms > 0) {
        life_ms = smaller(life_ms, self->in.max_lifetime_ms);
    }
    self->out.issue_timestamp_ms = now_ms;
    self->out.max_timestamp_ms = later(now_ms, life_ms);
    self->out.expiry_timestamp_ms =
        smaller(self->out.max_timestamp_ms, later(now_ms, config->delegation_token_expiry_time_ms));
    char *text = arena_alloc(&self->request->arena, UUID_TEXT_LENGTH + 1);
    if (text == NULL) {
        return false;
    }
    uuid_format(id, text);
    self->out.token_id = string_from(text);
    self->out.hmac = (struct bytes){(char *)self->hmac, sizeof self->hmac};
    return credential_token_hmac(config->delegation_token_secret_key, self->out.token_id,
                                 self->hmac) == ERROR_NONE;
}

static bool submit(struct token_creation *self)
{
    struct request *request = self->request;
    struct catalog_set_token command;
    int32_t count = self->in.renewers.count;

    catalog_set_token_init(&command);
    command.id = self->out.token_id;
    command.owner = self->owner;
    command.requester = self->requester;
    command.issued_ms = self->out.issue_timestamp_ms;
    command.expires_ms = self->out.expiry_timestamp_ms;
    command.limit_ms = self->out.max_timestamp_ms;
    command.renewers.items =
        arena_alloc_array(&request->arena, (size_t)count + 1, sizeof *command.renewers.items);
    if (command.renewers.items == NULL) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        command.renewers.items[i] =
            delegation_tokens_join(request, self->in.renewers.items[i].principal_type,
                                   self->in.renewers.items[i].principal_name);
        if (command.renewers.items[i].bytes == NULL) {
            return false;
        }
    }
    command.renewers.count = count;
    catalog_changes_make(&self->changes, &catalog_set_token_layout, CATALOG_SET_TOKEN_RECORD,
                         &command, &self->out.error_code, &self->message);
    return true;
}

void create_delegation_token_handle(struct request *request)
{
    struct token_creation *self = request_alloc(request, sizeof *self);

    if (self == NULL ||
        !request_decode(request, &create_delegation_token_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    self->requester = request->connection->identity->principal;
    self->owner = self->in.owner_principal_name.length > 0
                      ? delegation_tokens_join(request, self->in.owner_principal_type,
                                               self->in.owner_principal_name)
                      : self->requester;
    if (self->owner.bytes == NULL) {
        request_close(request);
        return;
    }
    create_delegation_token_response_init(&self->out);
    delegation_tokens_split(self->owner, &self->out.principal_type, &self->out.principal_name);
    if (request->api_version >= REQUESTER_VERSION_MIN) {
        delegation_tokens_split(self->requester, &self->out.token_requester_principal_type,
                                &self->out.token_requester_principal_name);
    }
    catalog_changes_init(&self->changes, request, reply, self);
    self->out.error_code = (int16_t)judge(self);
    if (self->out.error_code == KAFKA_ERROR_NONE && (!fill_times(self) || !submit(self))) {
        self->out.error_code = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    catalog_changes_all_made(&self->changes);
}
