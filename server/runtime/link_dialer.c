/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/link_dialer.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_dialer_if_done(struct link_dialer *dialer)
{
    if (dialer->is_dropped && !dialer->is_resolving && dialer->connection == NULL) {
        timer_stop(dialer->links->loop, &dialer->retry);
        list_remove(&dialer->link);
        free(dialer);
    }
}

void link_dialer_retry(struct link_dialer *dialer)
{
    if (dialer->is_dropped || dialer->is_self || dialer->links->is_closing) {
        free_dialer_if_done(dialer);
        return;
    }
    timer_start(dialer->links->loop, &dialer->retry, dialer->retry_us);
    dialer->retry_us = dialer->retry_us * 2 > LINK_DIALER_RETRY_US_MAX ? LINK_DIALER_RETRY_US_MAX
                                                                       : dialer->retry_us * 2;
}

static void on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *addresses)
{
    struct link_dialer *dialer = CONTAINER_OF(resolve, struct link_dialer, resolve);
    struct links_uv *links = dialer->links;

    dialer->is_resolving = false;
    links->resolving_count--;
    if (status != 0 || dialer->is_dropped || links->is_closing) {
        uv_freeaddrinfo(addresses);
        link_dialer_retry(dialer);
        links_uv_free_if_done(links);
        return;
    }
    dialer->connection = links_uv_connection_new(links, dialer);
    link_stream_connect(&dialer->connection->stream, dialer->host, addresses->ai_addr);
    uv_freeaddrinfo(addresses);
}

static bool is_needed(const struct link_dialer *dialer)
{
    const struct peer *peer;

    if (dialer->is_self || dialer->is_dropped || dialer->links->is_closing) {
        return false;
    }
    peer = dialer->peer_id < 0 ? NULL : links_uv_find_peer(dialer->links, dialer->peer_id);
    return peer == NULL || peer->open == NULL;
}

static bool dials_same(const struct link_dialer *dialer, const struct link_dialer *other)
{
    return other != NULL && other != dialer && (other->is_resolving || other->connection != NULL) &&
           other->port == dialer->port && strcmp(other->host, dialer->host) == 0;
}

/* Most brokers are known twice: as a seed, and from the catalog. */
static bool is_dialled_already(const struct link_dialer *dialer)
{
    const struct links_uv *links = dialer->links;

    list_for_each(link, &links->seeds) {
        if (dials_same(dialer, list_entry(link, struct link_dialer, link))) {
            return true;
        }
    }
    map_for_each(link, &links->peers) {
        if (dials_same(dialer, CONTAINER_OF(link, struct peer, by_id)->dialer)) {
            return true;
        }
    }
    return false;
}

static void dial(struct link_dialer *dialer)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];

    if (dialer->is_resolving || dialer->connection != NULL) {
        return;
    }
    if (!is_needed(dialer) || is_dialled_already(dialer)) {
        timer_start(dialer->links->loop, &dialer->retry, LINK_DIALER_RETRY_US_MAX); /* look again */
        return;
    }
    (void)snprintf(port, sizeof port, "%u", dialer->port);
    if (uv_getaddrinfo(dialer->links->uv, &dialer->resolve, on_resolved, dialer->host, port,
                       &hints) != 0) {
        link_dialer_retry(dialer);
        return;
    }
    dialer->is_resolving = true;
    dialer->links->resolving_count++;
}

static void on_retry(struct timer *timer)
{
    dial(CONTAINER_OF(timer, struct link_dialer, retry));
}

struct link_dialer *link_dialer_new(struct links_uv *links, const char *host, uint16_t port)
{
    struct link_dialer *dialer = check_alloc_zero(sizeof *dialer);

    dialer->links = links;
    dialer->peer_id = -1;
    dialer->port = port;
    dialer->retry_us = LINK_DIALER_RETRY_US_MIN;
    (void)snprintf(dialer->host, sizeof dialer->host, "%s", host);
    list_init(&dialer->link);
    timer_init(&dialer->retry, on_retry);
    timer_start(links->loop, &dialer->retry, 0);
    return dialer;
}

void link_dialer_drop(struct link_dialer *dialer)
{
    dialer->is_dropped = true;
    timer_stop(dialer->links->loop, &dialer->retry);
    if (dialer->connection != NULL && dialer->connection->peer == NULL) {
        link_stream_close(&dialer->connection->stream, ERROR_CANCELLED);
    }
    free_dialer_if_done(dialer);
}
