/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GSSAPI (RFC 4752): Kerberos, by cyrus-sasl. Each step reads files and takes locks, so all of them
 * run on the pool, the first with the making of the session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gyre/config/config.h"

#include "cyrus.h"
#include "kerberos_rules.h"
#include "sasl_mechanism.h"
#include "sasl_service_state.h"

enum { HOST_BYTES = 256, REASON_BYTES = 256 };

struct gssapi_exchange {
    struct sasl_exchange exchange;
    struct cyrus_session *session; /* owned; NULL: nothing was said yet */
    char *message;                 /* owned: the client's, while it is worked on */
    int32_t message_length;

    /* ---- of the step ---- */
    enum error error;
    struct string answer; /* the session's */
    char name[KERBEROS_NAME_BYTES_MAX];
    char reason[REASON_BYTES];
};

static struct gssapi_exchange *of(struct sasl_exchange *exchange)
{
    return CONTAINER_OF(exchange, struct gssapi_exchange, exchange);
}

/* Clients ask their KDC for a ticket to service/host, by the host that they connect to. */
static void find_host(const struct broker_config *config, char host[HOST_BYTES])
{
    const char *given = config->gyre_sasl_kerberos_host.bytes;

    if (given == NULL && config->kafka_listener_count > 0 &&
        config->kafka_listeners[0].advertised.host[0] != '\0') {
        given = config->kafka_listeners[0].advertised.host;
    }
    if (given != NULL) {
        (void)snprintf(host, HOST_BYTES, "%s", given);
    } else if (gethostname(host, HOST_BYTES) != 0) {
        (void)snprintf(host, HOST_BYTES, "localhost");
    }
    host[HOST_BYTES - 1] = '\0';
}

static void take_name(struct gssapi_exchange *self)
{
    const char *name = cyrus_session_name(self->session);

    self->error = name == NULL ? ERROR_INVALID
                               : kerberos_rules_apply(self->exchange.service->kerberos_rules, name,
                                                      self->name);
    if (self->error != ERROR_NONE) {
        (void)snprintf(self->reason, sizeof self->reason, "no rule makes a user of %.150s",
                       name == NULL ? "nobody" : name);
    }
}

static void run(struct work *work)
{
    struct gssapi_exchange *self = of(CONTAINER_OF(work, struct sasl_exchange, work));
    const struct broker_config *config = self->exchange.service->config;
    char host[HOST_BYTES];

    self->error = ERROR_NONE;
    if (self->session == NULL) {
        find_host(config, host);
        self->error =
            cyrus_session_new(config->sasl_kerberos_service_name.bytes, host, &self->session);
        if (self->error != ERROR_NONE) {
            (void)snprintf(self->reason, sizeof self->reason, "cyrus-sasl refuses its options");
            return;
        }
    }
    self->error = cyrus_session_step(
        self->session, (struct string){self->message, self->message_length}, &self->answer);
    if (self->error == ERROR_NONE) {
        take_name(self);
    } else if (self->error != ERROR_AGAIN) {
        (void)snprintf(self->reason, sizeof self->reason, "%s",
                       cyrus_session_reason(self->session));
    }
}

static void stepped(struct sasl_exchange *exchange)
{
    struct gssapi_exchange *self = of(exchange);
    struct identity_options options = {.name = string_from(self->name), .are_groups_known = true};

    free(self->message);
    self->message = NULL;
    if (self->error == ERROR_AGAIN) {
        sasl_mechanism_more(exchange, self->answer);
    } else if (self->error == ERROR_NONE) {
        sasl_mechanism_succeed(exchange, self->answer, &options);
    } else {
        sasl_mechanism_fail(exchange, self->reason);
    }
}

static void step(struct sasl_exchange *exchange, struct string message)
{
    struct gssapi_exchange *self = of(exchange);

    self->message = check_alloc((size_t)message.length + 1);
    memcpy(self->message, message.bytes == NULL ? "" : message.bytes, (size_t)message.length);
    self->message_length = message.length;
    sasl_mechanism_work(exchange, run, stepped);
}

static void release(struct sasl_exchange *exchange)
{
    struct gssapi_exchange *self = of(exchange);

    cyrus_session_free(self->session);
    free(self->message);
}

static struct sasl_exchange *begin(struct sasl_service *service)
{
    struct gssapi_exchange *self = check_alloc_zero(sizeof *self);

    (void)service;
    return &self->exchange;
}

static bool is_possible(const struct sasl_service *service)
{
    return service->kerberos_rules != NULL;
}

const struct sasl_mechanism sasl_gssapi = {.name = "GSSAPI",
                                           .begin = begin,
                                           .step = step,
                                           .release = release,
                                           .bytes = sizeof(struct gssapi_exchange),
                                           .is_possible = is_possible};
