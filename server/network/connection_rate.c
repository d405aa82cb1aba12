/* SPDX-License-Identifier: Apache-2.0 */
#include "network/connection_rate.h"

#include "gyre/observe/metrics.h"
#include "gyre/quota/quota.h"

#include "handlers/broker.h"
#include "handlers/quotas.h"
#include "network/network_internal.h"

/* The broker's own rate is one meter, as is that of each listener; addresses are told apart by the
 * catalog's quotas. */
enum { WINDOWS = 11, WINDOW_US = 1000 * 1000 };
static const struct quota_entity everybody = {.ip = {.kind = QUOTA_PART_DEFAULT}};
static const struct quota_subject anybody = {.ip = {"", 0}};

void connection_rate_set(struct quota_table *arrivals, int per_second)
{
    quota_table_clear(arrivals);
    if (per_second < INT32_MAX) {
        quota_table_set(arrivals, &everybody, QUOTA_CONNECTION_RATE, per_second);
    }
}

void connection_rate_start(struct network *network, int per_second)
{
    struct quota_options options = {.samples = WINDOWS, .window_us = WINDOW_US, .meters_max = 1};

    network->arrivals = quota_table_new(&options);
    connection_rate_set(network->arrivals, per_second);
    for (int i = 0; i < CONFIG_LISTENERS_MAX; i++) {
        network->listener_limits[i].connections_max = INT32_MAX;
        network->listener_limits[i].arrivals = quota_table_new(&options);
    }
}

void connection_rate_stop(struct network *network)
{
    quota_table_free(network->arrivals);
    for (int i = 0; i < CONFIG_LISTENERS_MAX; i++) {
        quota_table_free(network->listener_limits[i].arrivals);
    }
}

static void on_held(struct timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, hold);

    if (connection->is_refused) {
        connection_close(connection);
    } else {
        connection_begin(connection);
    }
}

static int32_t charge_address(struct connection *connection)
{
    const struct broker *broker = connection->network->options.broker;

    if (broker == NULL || broker->quotas == NULL) {
        return 0;
    }
    return quotas_charge_connection(broker->quotas, string_from(connection->info.peer_host));
}

/* Both are charged; the longer rest counts. */
static int32_t charge_listener(const struct connection *connection, uint64_t now_us)
{
    struct network *network = connection->network;
    struct quota_table *own = network->listener_limits[connection->info.listener->index].arrivals;
    int32_t of_broker = quota_record(network->arrivals, QUOTA_CONNECTION_RATE, &anybody, 1, now_us);
    int32_t of_listener = quota_record(own, QUOTA_CONNECTION_RATE, &anybody, 1, now_us);

    return of_broker > of_listener ? of_broker : of_listener;
}

bool connection_rate_holds(struct connection *connection)
{
    struct network *network = connection->network;
    uint64_t now_us = loop_now_us(network->options.loop);
    int32_t hold_ms = charge_address(connection);

    connection->is_refused = hold_ms > 0;
    if (!connection->is_refused) {
        hold_ms = charge_listener(connection, now_us);
    }
    if (hold_ms == 0) {
        return false;
    }
    metric_add(network->options.metrics, METRIC_CONNECTIONS_HELD, 1);
    timer_init(&connection->hold, on_held);
    timer_start(network->options.loop, &connection->hold, (uint64_t)hold_ms * 1000);
    return true;
}

void connection_rate_forget(struct connection *connection)
{
    if (connection->hold.expired != NULL) {
        timer_stop(connection->network->options.loop, &connection->hold);
    }
}
