/* SPDX-License-Identifier: Apache-2.0 */
#include "network/session_watch.h"

#include "gyre/access/identity.h"
#include "gyre/observe/log.h"

#include "network/network_internal.h"

static const uint64_t AUTHENTICATION_LIMIT_US = 10 * 1000 * 1000;
/* A session that is over is refused with its next request; who is silent is closed a little later,
 * so that an answer under way arrives. */
static const uint64_t SESSION_GRACE_US = 500 * 1000;
/* Whoever changed his own credential is told so once every live broker has the change, or after the
 * second that this may take (CATALOG_SPREAD_TIMEOUT_US). */
static const uint64_t REVOKED_GRACE_US = 1500 * 1000;

static void tell(const struct connection *connection, const char *why, enum metric metric)
{
    const struct identity *identity = connection->info.identity;

    log_info(LOG_NETWORK, why, field_string("peer", connection->info.peer_host),
             field_i64("port", connection->info.peer_port),
             field_text("principal", identity->principal));
    metric_add(connection->network->options.metrics, metric, 1);
}

void session_watch_end(struct connection *connection, const char *why, enum metric metric)
{
    tell(connection, why, metric);
    connection_close(connection);
}

static void on_expired(struct timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, session);

    if (connection->is_revoked) {
        connection_close(connection); /* it was told */
    } else if (!connection->info.is_authenticated) {
        session_watch_end(connection, "connection did not authenticate in time",
                          METRIC_AUTHENTICATIONS_LATE);
    } else {
        session_watch_end(connection, "session is over", METRIC_SESSIONS_EXPIRED);
    }
}

void session_watch(struct connection *connection)
{
    struct loop *loop = connection->network->options.loop;
    const struct connection_info *info = &connection->info;
    uint64_t deadline_us = 0;

    if (connection->is_revoked) {
        return; /* nothing lengthens it */
    }
    if (!info->is_authenticated) {
        if (connection->session.expired == NULL) {
            deadline_us = loop_now_us(loop) + AUTHENTICATION_LIMIT_US;
        } else {
            return; /* answers on the way to an identity do not put it off */
        }
    } else if (info->session_ends_us != 0) {
        deadline_us = info->session_ends_us + SESSION_GRACE_US;
    }
    if (deadline_us == connection->session_deadline_us) {
        return;
    }
    connection->session_deadline_us = deadline_us;
    if (connection->session.expired == NULL) {
        timer_init(&connection->session, on_expired);
    }
    if (deadline_us == 0) {
        timer_stop(loop, &connection->session);
    } else {
        timer_start_at(loop, &connection->session, deadline_us);
    }
}

void session_watch_stop(struct connection *connection)
{
    if (connection->session.expired != NULL) {
        timer_stop(connection->network->options.loop, &connection->session);
    }
}

/* Nothing more is read or begun. Without the answer a client takes the change for one that failed,
 * and asks again with a password that is wrong by now. */
static void hear_out(struct connection *connection)
{
    struct loop *loop = connection->network->options.loop;

    connection->is_revoked = true;
    if (connection->session.expired == NULL) {
        timer_init(&connection->session, on_expired);
    }
    timer_start(loop, &connection->session, REVOKED_GRACE_US);
    pipeline_end_early(&connection->pipeline);
}

static void end_revoked(struct connection *connection)
{
    tell(connection, "credential was changed or removed", METRIC_SESSIONS_REVOKED);
    if (pipeline_is_serving(&connection->pipeline, HANDLER_OUTLIVES_CREDENTIAL)) {
        hear_out(connection);
    } else {
        connection_close(connection);
    }
}

void session_watch_recheck(struct task *task)
{
    struct network *network = CONTAINER_OF(task, struct network, recheck);
    const struct network_options *options = &network->options;

    if (options->is_valid_identity == NULL) {
        return;
    }
    list_for_each_safe(link, &network->connections) {
        struct connection *connection = list_entry(link, struct connection, link);

        if (!connection->is_closing && !connection->is_revoked &&
            connection->info.is_authenticated &&
            !options->is_valid_identity(options->identity_context, connection->info.identity)) {
            end_revoked(connection);
        }
    }
}
