/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/runtime/clock.h"
#include "gyre/wire/api.h"
#include "gyre/wire/kafka_error.h"

#include "client_security.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/metadata.h"

enum {
    RESPONSE_BYTES_MAX = 256 << 20,
    CALL_TIMEOUT_MS = 30 * 1000,
    RETRY_PAUSE_MS = 100,
    PATIENCE_US = 3 * 1000 * 1000,
    US_PER_MS = 1000,
    US_PER_S = 1000 * 1000,
    NAMES_ARENA_BYTES = 16 << 20,
};

static bool is_by_sha_256(const char *mechanism)
{
    return mechanism != NULL &&
           (strcmp(mechanism, "SCRAM-SHA-256") == 0 || strcmp(mechanism, "PLAIN") == 0);
}

uint64_t session_now_us(const struct session *session)
{
    return clock_monotonic_us(session->loop.clock);
}

enum exit_status session_open(struct session *session, const struct connect_arguments *connect)
{
    const char *bootstrap = connect->bootstrap;
    struct client_security security;
    struct client_options options = {.bootstrap = bootstrap,
                                     .client_id = "gyre",
                                     .timeout_ms = CALL_TIMEOUT_MS,
                                     .response_bytes_max = RESPONSE_BYTES_MAX};
    enum error error;

    *session = (struct session){.bootstrap = bootstrap};
    if (!client_security_open(&security, connect)) {
        client_security_close(&security);
        return STATUS_USAGE;
    }
    session->is_by_sha_256 = is_by_sha_256(security.credentials.mechanism);
    options.credentials = security.credentials;
    options.tls = security.tls;
    CHECK(uv_loop_init(&session->uv) == 0);
    loop_init(&session->loop, clock_system());
    loop_uv_start(&session->driver, &session->uv, &session->loop);
    session_set_timeout(session, connect->timeout_s);
    error = client_new(&session->uv, &session->loop, &options, &session->client);
    client_security_close(&security);
    if (error != ERROR_NONE) {
        complain("'%s' is not a list of HOST:PORT", bootstrap);
        session_close(session);
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

void session_set_timeout(struct session *session, int timeout_s)
{
    session->deadline_us =
        timeout_s == 0 ? UINT64_MAX : session_now_us(session) + (uint64_t)timeout_s * US_PER_S;
}

static void on_closed(void *context)
{
    struct session *session = context;

    session->is_closed = true;
    session_wake(session);
}

void session_hang_up(struct session *session)
{
    if (!session->is_closed) {
        client_close(session->client, on_closed, session);
    }
    while (!session->is_closed) {
        session_turn(session);
    }
}

void session_close(struct session *session)
{
    if (session->client != NULL) {
        session_hang_up(session);
        client_free(session->client);
    }
    loop_uv_stop(&session->driver);
    while (uv_run(&session->uv, UV_RUN_DEFAULT) != 0) {
    }
    loop_release(&session->loop);
    CHECK(uv_loop_close(&session->uv) == 0);
}

void session_turn(struct session *session)
{
    (void)uv_run(&session->uv, UV_RUN_ONCE);
}

void session_wake(struct session *session)
{
    uv_stop(&session->uv);
}

bool session_is_over(const struct session *session)
{
    return session_now_us(session) >= session->deadline_us;
}

/* ---- pausing ---- */

struct pause {
    struct timer timer;
    struct session *session;
    bool is_over;
};

static void on_pause_over(struct timer *timer)
{
    struct pause *pause = CONTAINER_OF(timer, struct pause, timer);

    pause->is_over = true;
    session_wake(pause->session);
}

bool session_pause(struct session *session, uint32_t duration_ms)
{
    uint64_t end_us = session_now_us(session) + (uint64_t)duration_ms * US_PER_MS;
    struct pause pause = {.session = session};

    timer_init(&pause.timer, on_pause_over);
    timer_start_at(&session->loop, &pause.timer,
                   end_us < session->deadline_us ? end_us : session->deadline_us);
    while (!pause.is_over) {
        session_turn(session);
    }
    return !session_is_over(session);
}

bool session_may_retry(struct session *session, int16_t code)
{
    return code != 0 && kafka_error_is_retriable(code) && session_pause(session, RETRY_PAUSE_MS);
}

/* ---- asking ---- */

struct waiting {
    struct session *session;
    enum error error;
    bool is_done;
};

static void on_done(struct client_call *call, enum error error)
{
    struct waiting *waiting = call->context;

    waiting->error = error;
    waiting->is_done = true;
    session_wake(waiting->session);
}

enum error session_try_within(struct session *session, struct client_call *call, uint32_t limit_ms)
{
    struct waiting waiting = {.session = session};
    uint64_t now_us = session_now_us(session);
    uint64_t left_us = now_us < session->deadline_us ? session->deadline_us - now_us : 0;
    uint64_t left_ms = left_us / US_PER_MS + 1;

    call->timeout_ms = left_ms < limit_ms ? (uint32_t)left_ms : limit_ms;
    call->done = on_done;
    call->context = &waiting; /* cppcheck-suppress autoVariables; until it is done, below */
    client_send(session->client, call);
    while (!waiting.is_done) {
        session_turn(session);
    }
    return waiting.error;
}

enum error session_try(struct session *session, struct client_call *call)
{
    return session_try_within(session, call, CALL_TIMEOUT_MS);
}

bool session_is_passing(enum error error)
{
    return error == ERROR_CLOSED || error == ERROR_TIMEOUT || error == ERROR_NOT_FOUND;
}

static void complain_of_silence(const struct session *session, const char *name)
{
    const char *trouble = client_trouble(session->client);

    complain("no broker of %s answered in time (%s)%s%s", session->bootstrap, name,
             *trouble == '\0' ? "" : ": ", trouble);
}

enum exit_status session_failed(const struct session *session, const struct client_call *call,
                                enum error error)
{
    const char *name = api_find(call->api_key)->name;

    if (session_is_passing(error)) {
        complain_of_silence(session, name);
        return STATUS_TIMEOUT;
    }
    if (error == ERROR_UNAUTHENTICATED) {
        complain("not authenticated: %s", client_refusal(session->client));
        return STATUS_DENIED;
    }
    if (error == ERROR_UNSUPPORTED) {
        complain("the broker does not know %s, or not with these options", name);
    } else {
        complain("the answer to %s cannot be used: %s", name, error_text(error));
    }
    return STATUS_FAILED;
}

/* Once, when somebody who looks on would begin to wonder. */
static void tell_of_waiting(const struct session *session, uint64_t since_us, bool *told)
{
    const char *trouble = client_trouble(session->client);

    if (!*told && session_now_us(session) - since_us > PATIENCE_US) {
        *told = true;
        (void)fprintf(stderr, "gyre: still trying%s%s\n", *trouble == '\0' ? "" : ": ", trouble);
    }
}

enum exit_status session_ask(struct session *session, struct client_call *call)
{
    uint64_t since_us = session_now_us(session);
    bool told = false;
    enum error error = session_try(session, call);

    while (session_is_passing(error) && session_pause(session, RETRY_PAUSE_MS)) {
        tell_of_waiting(session, since_us, &told);
        client_call_release(call);
        error = session_try(session, call);
    }
    return error == ERROR_NONE ? STATUS_OK : session_failed(session, call, error);
}

/* ---- metadata ---- */

enum exit_status session_ask_metadata(struct session *session, struct client_call *call,
                                      const char *const *topics, int count, bool may_create,
                                      const struct metadata_response **out_response)
{
    struct metadata_request request;
    struct arena arena;
    enum exit_status status;

    *call = (struct client_call){.node_id = CLIENT_ANY_NODE,
                                 .api_key = API_METADATA,
                                 .version_max = METADATA_REQUEST_VERSION_MAX,
                                 .request = &request};
    arena_init(&arena, NAMES_ARENA_BYTES);
    metadata_request_init(&request);
    request.allow_auto_topic_creation = may_create;
    request.topics.count = -1;
    if (count >= 0 &&
        metadata_request_topics_array_alloc(&request.topics, &arena, count) != ERROR_NONE) {
        complain("too many topics");
        arena_release(&arena);
        return STATUS_USAGE;
    }
    for (int i = 0; i < count; i++) {
        request.topics.items[i].name = string_from(topics[i]);
    }
    status = session_ask(session, call);
    arena_release(&arena);
    *out_response = call->response;
    return status;
}

/* ---- refusals ---- */

static bool is_denial(int16_t code)
{
    switch (code) {
    case KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED:
    case KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED:
    case KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED:
    case KAFKA_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case KAFKA_ERROR_DELEGATION_TOKEN_AUTHORIZATION_FAILED:
    case KAFKA_ERROR_SASL_AUTHENTICATION_FAILED: return true;
    default: return false;
    }
}

enum exit_status session_refused(const char *what, int16_t code, struct string text)
{
    if (text.bytes == NULL || text.length == 0) {
        text = string_from(kafka_error_text(code));
    }
    complain("%s: %.*s (%s)", what, STRING_ARGUMENTS(text), kafka_error_name(code));
    if (code == KAFKA_ERROR_REQUEST_TIMED_OUT) {
        return STATUS_TIMEOUT;
    }
    return is_denial(code) ? STATUS_DENIED : STATUS_FAILED;
}

enum exit_status session_gave_up(const struct session *session, const char *what, int16_t code,
                                 struct string text)
{
    enum exit_status status = session_refused(what, code, text);

    return kafka_error_is_retriable(code) && session_is_over(session) ? STATUS_TIMEOUT : status;
}
