/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of a broker: one source a listener that wants TLS, looked at twice a second and
 * on SIGHUP.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_BROKER_TLS_H
#define GYRE_BROKER_TLS_H

#include <uv.h>

#include "gyre/config/config.h"
#include "gyre/runtime/loop.h"
#include "gyre/tls/tls_link_guard.h"
#include "gyre/tls/tls_source.h"

#include "network/network.h"

struct broker;
struct links;

enum { BROKER_TLS_SOURCES_MAX = CONFIG_LISTENERS_MAX + 3 };

struct broker_tls {
    struct tls_source_services services;
    const struct broker_config *config;
    struct tls_source *sources[BROKER_TLS_SOURCES_MAX]; /* owned; all of the following */
    const char *names[BROKER_TLS_SOURCES_MAX];          /* of their listeners */
    struct tls_options first[BROKER_TLS_SOURCES_MAX];   /* what they were opened with */
    int source_count;
    struct network_tls listeners[CONFIG_LISTENERS_MAX]; /* by the listener's index */
    struct tls_link_guard guard;                        /* of links between brokers */
    struct timer look;
    uv_signal_t hangup;

    /* ---- the end ---- */
    int closing_count;
    void (*closed)(void *context);
    void *closed_context;
};

/* Opens nothing yet. */
void broker_tls_start(struct broker_tls *tls, const struct tls_source_services *services,
                      const struct broker_config *config, uv_loop_t *uv);

/* For the Kafka listener of this index: what network_listen() takes, NULL for plaintext. On error
 * the log says why. */
MUST_USE
enum error broker_tls_open_listener(struct broker_tls *tls, int index,
                                    const struct network_tls **out_tls);

/* What links between brokers stand behind; NULL: security.inter.broker.protocol wants none. */
MUST_USE
enum error broker_tls_open_links(struct broker_tls *tls, struct link_guard **out_guard);

/* Brokers whose certificates are not trusted any more are cut off; nothing where links stand behind
 * no guard. The links are borrowed until broker_tls_close(). */
void broker_tls_watch_links(struct broker_tls *tls, struct links *links);

/* Options of the listener `name`, for servers and for those who dial. */
MUST_USE
enum error broker_tls_open_source(struct broker_tls *tls, const char *name,
                                  const struct tls_options *options,
                                  struct tls_source **out_source);

/* Options of listeners may have been set anew by AlterConfigs. */
void broker_tls_apply(struct broker_tls *tls, const struct broker *broker);

/* Loads nothing anew from now on, and leaves the loop. */
void broker_tls_stop(struct broker_tls *tls);

/* Frees all, then closed(context). No connection may be left. */
void broker_tls_close(struct broker_tls *tls, void (*closed)(void *context), void *context);

#endif
