/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_messages/sasl_handshake.h"

#include "gyre/access/identity.h"
#include "gyre/observe/log.h"
#include "gyre/sasl/sasl_exchange.h"
#include "gyre/wire/kafka_error.h"

#include "handlers/authentication.h"
#include "handlers/broker.h"
#include "handlers/request.h"
#include "handlers/sasl_handlers.h"

static void reply(struct request *request, enum kafka_error error)
{
    struct sasl_handshake_response out;
    const char *names[SASL_MECHANISMS_MAX];
    int count = 0;

    sasl_handshake_response_init(&out);
    out.error_code = (int16_t)error;
    if (request->broker->sasl != NULL && error != KAFKA_ERROR_ILLEGAL_SASL_STATE) {
        count = sasl_service_mechanisms(request->broker->sasl, request->connection->listener->name,
                                        names);
        out.mechanisms.items = request_alloc(request, (size_t)count * sizeof *out.mechanisms.items);
        if (out.mechanisms.items == NULL) {
            return;
        }
    }
    for (int i = 0; i < count; i++) {
        out.mechanisms.items[out.mechanisms.count++] = string_from(names[i]);
    }
    request_reply(request, &sasl_handshake_response_layout, &out);
}

static void reply_unsupported(struct request *request)
{
    reply(request, KAFKA_ERROR_UNSUPPORTED_SASL_MECHANISM);
}

static void reply_illegal(struct request *request)
{
    reply(request, KAFKA_ERROR_ILLEGAL_SASL_STATE);
}

/* Whoever authenticates again does it in the same manner (KIP-368). */
static bool is_other_mechanism(const struct connection_info *connection, struct string mechanism)
{
    return connection->is_authenticated && !string_is(mechanism, connection->identity->mechanism);
}

void sasl_handshake_handle(struct request *request)
{
    struct connection_info *connection = request->connection;
    struct sasl_exchange *exchange = NULL;
    struct sasl_handshake_request in;

    if (!request_decode(request, &sasl_handshake_request_layout, &in)) {
        return;
    }
    if (request->broker->sasl == NULL ||
        !authentication_may_begin(connection, request->arrived_us)) {
        if (connection->is_authenticated) {
            reply_illegal(request); /* as Kafka: the connection goes on */
        } else {
            authentication_delay(request, reply_illegal);
        }
        return;
    }
    if (!is_other_mechanism(connection, in.mechanism)) {
        exchange =
            sasl_exchange_new(request->broker->sasl, connection->listener->name, in.mechanism);
    }
    if (exchange == NULL) {
        log_info(LOG_AUTH, "SASL mechanism is not enabled", field_text("mechanism", in.mechanism),
                 field_string("peer", connection->peer_host),
                 field_string("listener", connection->listener->name));
        authentication_delay(request, reply_unsupported);
        return;
    }
    sasl_exchange_set_peer(exchange, connection->peer_host);
    authentication_begin(connection, exchange, request->api_version == 0, request->arrived_us);
    reply(request, KAFKA_ERROR_NONE);
}
