/* SPDX-License-Identifier: Apache-2.0 */
#include "support/sasl_fixture.h"

#include <stdio.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/sasl/sasl_login.h"

enum { OVERRIDES_MAX = 32 };

/* ---- the region ---- */

static bool find_scram(void *context, struct string user, enum scram_mechanism mechanism,
                       struct scram_credential *out_credential)
{
    const struct sasl_fixture *fixture = context;
    int found = -1;

    if (fixture->find_scram != NULL) {
        return fixture->find_scram(fixture->find_context, user, mechanism, out_credential);
    }
    for (int i = 0; fixture->has_users && i < 3; i++) {
        const char *name = i < 2 ? "alice" : "b=o,b";

        bool is_user = string_is(user, name);
        bool is_mechanism = fixture->credentials[i].mechanism == mechanism;

        found = (is_user && is_mechanism) ? i : found;
    }
    *out_credential = fixture->credentials[found < 0 ? 0 : found]; /* the same time for all */
    return found >= 0;
}

static struct scram_shape choose_shape(void *context, enum scram_mechanism mechanism,
                                       uint64_t number)
{
    const struct sasl_fixture *fixture = context;

    return fixture->choose_shape == NULL
               ? fixture->shape
               : fixture->choose_shape(fixture->find_context, mechanism, number);
}

static bool find_token(void *context, struct string id, struct delegation_token *out_token)
{
    const struct sasl_fixture *fixture = context;

    if (!fixture->has_token || !string_is(id, "token-1")) {
        return false;
    }
    *out_token = (struct delegation_token){.id = STRING("token-1"),
                                           .owner = STRING("User:carol"),
                                           .expires_ms = fixture->token_expires_ms};
    return true;
}

static struct bytes get_secret(void *context)
{
    struct sasl_fixture *fixture = context;

    return (struct bytes){fixture->secret, (int32_t)strlen(fixture->secret)};
}

static bool is_fresh(void *context)
{
    return !((const struct sasl_fixture *)context)->is_stale;
}

/* ---- the pool ---- */

static void submit(struct work_pool *pool, struct work *work)
{
    struct sasl_fixture *fixture = CONTAINER_OF(pool, struct sasl_fixture, pool);

    work->next = NULL;
    if (fixture->newest == NULL) {
        fixture->oldest = work;
    } else {
        fixture->newest->next = work;
    }
    fixture->newest = work;
}

static const struct work_pool_operations pool_operations = {.submit = submit};

bool sasl_fixture_work_one(struct sasl_fixture *fixture)
{
    struct work *work = fixture->oldest;

    if (work == NULL) {
        return false;
    }
    fixture->oldest = work->next;
    if (fixture->oldest == NULL) {
        fixture->newest = NULL;
    }
    work->run(work);
    work->done(work);
    return true;
}

void sasl_fixture_turn(struct sasl_fixture *fixture)
{
    do {
        (void)loop_turn(&fixture->loop);
    } while (sasl_fixture_work_one(fixture));
}

/* ---- life ---- */

static void make_credential(struct scram_credential *credential, enum scram_mechanism mechanism,
                            const char *password, uint64_t version)
{
    *credential = (struct scram_credential){.mechanism = mechanism,
                                            .iterations = SCRAM_ITERATIONS_MIN,
                                            .salt = "sixteen bytes...",
                                            .salt_length = 16,
                                            .version = version};
    CHECK(credential_set_password(credential, string_from(password)) == ERROR_NONE);
}

void sasl_fixture_init(struct sasl_fixture *fixture, const char *const *overrides, int count)
{
    const char *all[OVERRIDES_MAX] = {"node.id=1", "listeners=SASL_PLAINTEXT://127.0.0.1:0",
                                      "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                                      "delegation.token.secret.key=a secret of the region"};
    struct config_report report = {0};
    struct sasl_service_options options = {.loop = &fixture->loop, .pool = &fixture->pool};
    char message[256] = "";

    memset(fixture, 0, sizeof *fixture);
    CHECK(count + 4 <= OVERRIDES_MAX);
    for (int i = 0; i < count; i++) {
        all[4 + i] = overrides[i];
    }
    fake_clock_init(&fixture->clock);
    loop_init(&fixture->loop, &fixture->clock.clock);
    fixture->pool.operations = &pool_operations;
    fixture->has_users = true;
    (void)snprintf(fixture->secret, sizeof fixture->secret, "nobody knows this secret");
    fixture->has_token = true;
    fixture->token_expires_ms = clock_wall_ms(&fixture->clock.clock) + 60000;
    make_credential(&fixture->credentials[0], SCRAM_SHA_256, "pencil", 11);
    make_credential(&fixture->credentials[1], SCRAM_SHA_512, "pencil", 12);
    make_credential(&fixture->credentials[2], SCRAM_SHA_512, "pa,ss=word", 13);
    CHECK(config_load(NULL, all, 4 + count, &report, &fixture->config) == ERROR_NONE);
    config_report_release(&report);
    options.config = fixture->config;
    options.credentials = (struct sasl_credentials){.find_scram = find_scram,
                                                    .choose_shape = choose_shape,
                                                    .find_token = find_token,
                                                    .is_fresh = is_fresh,
                                                    .get_secret = get_secret,
                                                    .context = fixture};
    if (sasl_service_new(&options, message, &fixture->server) != ERROR_NONE) {
        (void)fprintf(stderr, "%s\n", message);
        CHECK(false);
    }
}

static void forget_answer(struct sasl_fixture *fixture)
{
    identity_unref(fixture->identity);
    fixture->identity = NULL;
    fixture->is_answered = false;
}

void sasl_fixture_release(struct sasl_fixture *fixture)
{
    sasl_exchange_free(fixture->exchange);
    sasl_fixture_turn(fixture);
    forget_answer(fixture);
    sasl_service_free(fixture->server);
    loop_release(&fixture->loop);
    config_free(fixture->config);
}

/* ---- steps ---- */

bool sasl_fixture_begin(struct sasl_fixture *fixture, const char *mechanism)
{
    sasl_exchange_free(fixture->exchange);
    forget_answer(fixture);
    fixture->exchange =
        sasl_exchange_new(fixture->server, "SASL_PLAINTEXT", string_from(mechanism));
    return fixture->exchange != NULL;
}

static void on_stepped(void *context, const struct sasl_result *result)
{
    struct sasl_fixture *fixture = context;

    CHECK(!fixture->is_answered);
    fixture->is_answered = true;
    fixture->state = result->state;
    fixture->is_passing = result->is_passing;
    fixture->identity = result->identity;
    CHECK(result->answer.length < (int32_t)sizeof fixture->answer);
    fixture->answer_length = result->answer.length;
    memcpy(fixture->answer, result->answer.bytes, (size_t)result->answer.length);
    fixture->answer[result->answer.length] = '\0';
    (void)snprintf(fixture->sentence, sizeof fixture->sentence, "%s", result->sentence);
    (void)snprintf(fixture->reason, sizeof fixture->reason, "%s",
                   result->reason == NULL ? "" : result->reason);
}

void sasl_fixture_step(struct sasl_fixture *fixture, struct string message)
{
    forget_answer(fixture);
    sasl_exchange_step(fixture->exchange, message, on_stepped, fixture);
    CHECK(!fixture->is_answered); /* never within the call */
    sasl_fixture_turn(fixture);
    CHECK(fixture->is_answered);
}

enum sasl_state sasl_fixture_login(struct sasl_fixture *fixture, const char *mechanism,
                                   const char *user, const char *password, bool is_token)
{
    struct sasl_login_options options = {.mechanism = mechanism,
                                         .user = user,
                                         .password = password,
                                         .token = password,
                                         .is_token = is_token};
    struct sasl_login *client = NULL;
    struct string challenge = STRING_NULL;
    struct string message;

    CHECK(sasl_login_new(&options, &client) == ERROR_NONE);
    CHECK(sasl_fixture_begin(fixture, mechanism));
    fixture->state = SASL_MORE;
    while (fixture->state == SASL_MORE) {
        CHECK(sasl_login_step(client, challenge, &message) == ERROR_NONE);
        sasl_fixture_step(fixture, message);
        challenge = (struct string){fixture->answer, fixture->answer_length};
    }
    if (fixture->state == SASL_DONE) {
        CHECK(sasl_login_step(client, challenge, &message) == ERROR_NONE);
        CHECK(message.bytes == NULL);
    }
    sasl_login_free(client);
    return fixture->state;
}
