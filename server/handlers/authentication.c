/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/authentication.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/access/identity.h"
#include "gyre/base/random.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/runtime/loop.h"
#include "gyre/sasl/sasl_exchange.h"

#include "handlers/auditing.h"
#include "handlers/broker.h"
#include "handlers/request.h"

/* Nobody needs a new session more often (Kafka's number). */
static const uint64_t AGAIN_AFTER_US = 1000 * 1000;

enum { SENTENCE_BYTES = 256, JITTER_US = 20 * 1000 };

struct authentication {
    struct sasl_exchange *exchange; /* NULL: none is under way */
    uint64_t begun_us;
    struct request *request; /* parked */
    authentication_answered answered;
    void (*refused)(struct request *request);
    struct timer delay;
    struct loop *loop; /* of the delay, once it ran */
    char sentence[SENTENCE_BYTES];
};

static struct authentication *get(struct connection_info *connection)
{
    if (connection->authentication == NULL) {
        connection->authentication = check_alloc_zero(sizeof *connection->authentication);
    }
    return connection->authentication;
}

static void forget_exchange(struct connection_info *connection)
{
    struct authentication *self = connection->authentication;

    sasl_exchange_free(self->exchange);
    self->exchange = NULL;
    connection->expects_token = false;
}

void authentication_free(struct authentication *authentication)
{
    if (authentication != NULL) {
        if (authentication->loop != NULL) {
            timer_stop(authentication->loop, &authentication->delay);
        }
        sasl_exchange_free(authentication->exchange);
        free(authentication);
    }
}

/* ---- beginning ---- */

bool authentication_may_begin(const struct connection_info *connection, uint64_t now_us)
{
    const struct authentication *self = connection->authentication;

    if (!connection->is_authenticated) {
        return self == NULL || self->exchange == NULL;
    }
    /* Whoever came in by SASL once may do so again; a client of a plain listener may not. */
    return self != NULL && self->exchange == NULL && now_us - self->begun_us >= AGAIN_AFTER_US;
}

void authentication_begin(struct connection_info *connection, struct sasl_exchange *exchange,
                          bool is_bare, uint64_t now_us)
{
    struct authentication *self = get(connection);

    CHECK(self->exchange == NULL);
    self->exchange = exchange;
    self->begun_us = now_us;
    connection->expects_token = is_bare;
}

bool authentication_is_under_way(const struct connection_info *connection)
{
    return connection->authentication != NULL && connection->authentication->exchange != NULL;
}

/* ---- refusing, after a while ---- */

static void on_delayed(struct timer *timer)
{
    struct authentication *self = CONTAINER_OF(timer, struct authentication, delay);
    struct request *request = self->request;

    self->request = NULL;
    request->orphaned = NULL;
    request->is_last = true;
    self->refused(request);
}

static void on_delay_orphaned(struct request *request)
{
    struct authentication *self = request->connection->authentication;

    timer_stop(self->loop, &self->delay);
    self->request = NULL;
    request_close(request);
}

/* Counted from when the request came: how long it took to judge it, which hangs on whose password
 * it was to be, does not show. */
static uint64_t delay_us(const struct request *request)
{
    const struct broker *broker = request->broker;
    uint64_t whole_us = (uint64_t)broker->config->connection_failed_authentication_delay_ms * 1000;
    uint64_t took_us = request_age_us(request, loop_now_us(broker->loop));

    if (whole_us == 0) {
        return 0;
    }
    return (took_us < whole_us ? whole_us - took_us : 0) + random_below(broker->random, JITTER_US);
}

void authentication_delay(struct request *request, void (*refused)(struct request *request))
{
    const struct broker *broker = request->broker;
    struct authentication *self = get(request->connection);

    self->request = request;
    self->refused = refused;
    self->loop = broker->loop;
    request->orphaned = on_delay_orphaned;
    timer_init(&self->delay, on_delayed);
    timer_start(broker->loop, &self->delay, delay_us(request));
}

static void tell_refusal(struct request *request)
{
    struct authentication *self = request->connection->authentication;
    struct authentication_answer answer = {.is_refused = true,
                                           .sentence = string_from(self->sentence)};

    self->answered(request, &answer);
}

static void close_without_a_word(struct request *request)
{
    request_close(request);
}

/* Clients take a refusal for the last word and stop; of a closed connection they try again. */
static void give_up(struct request *request, const char *reason)
{
    struct connection_info *connection = request->connection;

    log_warning(LOG_AUTH, "authentication is not possible now", field_string("reason", reason),
                field_string("peer", connection->peer_host));
    forget_exchange(connection);
    authentication_delay(request, close_without_a_word);
}

static void refuse(struct request *request, const char *reason, const char *sentence)
{
    struct connection_info *connection = request->connection;
    struct authentication *self = connection->authentication;
    const char *mechanism = sasl_exchange_mechanism(self->exchange);

    (void)snprintf(self->sentence, sizeof self->sentence, "%s", sentence);
    log_info(LOG_AUTH, "authentication failed", field_string("mechanism", mechanism),
             field_string("reason", reason), field_string("peer", connection->peer_host),
             field_i64("port", connection->peer_port),
             field_string("listener", connection->listener->name));
    metric_add(request->broker->metrics, METRIC_AUTHENTICATIONS_REFUSED, 1);
    auditing_authenticated(request, string_from(mechanism), STRING_NULL, false,
                           string_from(reason));
    forget_exchange(connection);
    authentication_delay(request, tell_refusal);
}

/* ---- succeeding ---- */

/* What is left until the credential or the session is over; 0: no end. */
static int64_t lifetime_ms(const struct broker *broker, const struct identity *identity)
{
    int64_t lifetime = broker->config->connections_max_reauth_ms;

    if (identity->expires_ms != 0) {
        int64_t left = identity->expires_ms - clock_wall_ms(broker->loop->clock);

        left = left < 1 ? 1 : left;
        lifetime = lifetime == 0 || left < lifetime ? left : lifetime;
    }
    return lifetime;
}

static bool is_same(const struct connection_info *connection, const struct identity *identity)
{
    return !connection->is_authenticated ||
           string_equal(connection->identity->principal, identity->principal);
}

static void accept(struct request *request, struct identity *identity, struct string bytes)
{
    struct connection_info *connection = request->connection;
    struct authentication *self = connection->authentication;
    int64_t lifetime = lifetime_ms(request->broker, identity);
    uint64_t ends_us = lifetime == 0 ? 0
                                     : clock_monotonic_us(request->broker->loop->clock) +
                                           (uint64_t)lifetime * 1000;
    struct authentication_answer answer = {.bytes = bytes, .session_lifetime_ms = lifetime};

    connection_info_identify(connection, identity, ends_us);
    metric_add(request->broker->metrics, METRIC_AUTHENTICATIONS, 1);
    auditing_authenticated(request, string_from(identity->mechanism), identity->principal, true,
                           STRING_NULL);
    forget_exchange(connection);
    self->answered(request, &answer);
}

/* ---- stepping ---- */

static void on_stepped(void *context, const struct sasl_result *result)
{
    struct request *request = context;
    struct connection_info *connection = request->connection;
    struct authentication *self = connection->authentication;
    struct authentication_answer answer = {.bytes = result->answer};
    char sentence[SENTENCE_BYTES];

    request->orphaned = NULL;
    self->request = NULL;
    if (result->state == SASL_MORE) {
        self->answered(request, &answer);
    } else if (result->state == SASL_FAILED && result->is_passing) {
        give_up(request, result->reason);
    } else if (result->state == SASL_FAILED) {
        refuse(request, result->reason, result->sentence);
    } else if (is_same(connection, result->identity)) {
        accept(request, result->identity, result->answer);
    } else {
        (void)snprintf(sentence, sizeof sentence,
                       "Cannot change principals during re-authentication from %.*s: %.*s",
                       STRING_ARGUMENTS(connection->identity->principal),
                       STRING_ARGUMENTS(result->identity->principal));
        identity_unref(result->identity);
        refuse(request, "another principal than before", sentence);
    }
}

static void on_step_orphaned(struct request *request)
{
    forget_exchange(request->connection);
    request->connection->authentication->request = NULL;
    request_close(request);
}

void authentication_step(struct request *request, struct string message,
                         authentication_answered answered)
{
    struct authentication *self = request->connection->authentication;

    self->request = request;
    self->answered = answered;
    request->orphaned = on_step_orphaned;
    sasl_exchange_step(self->exchange, message, on_stepped, request);
}
