/* SPDX-License-Identifier: Apache-2.0 */
#include "network/certificate_watch.h"

#include "gyre/observe/metrics.h"
#include "gyre/tls/tls_source.h"
#include "gyre/tls/tls_stream.h"

#include "network/network_internal.h"
#include "network/session_watch.h"

/* ---- the end of a certificate ---- */

static void on_ended(struct timer *timer)
{
    struct connection_tls *tls = CONTAINER_OF(timer, struct connection_tls, certificate_end);

    session_watch_end(tls->connection, "the client's certificate has expired",
                      METRIC_SESSIONS_EXPIRED);
}

/* By the wall clock of now: a clock that is set later counts from the next handshake. */
static void start_timer(struct connection_tls *tls, int64_t expires_ms)
{
    struct loop *loop = tls->connection->network->options.loop;
    int64_t left_ms = expires_ms - clock_wall_ms(loop->clock);

    timer_start(loop, &tls->certificate_end, left_ms > 0 ? (uint64_t)left_ms * 1000 : 0);
}

/* ---- another trust ---- */

static void check(struct connection_tls *tls)
{
    struct tls_context *context = tls_source_context(tls->options->source);
    bool is_believed = tls_stream_is_believed(tls->stream, context);

    tls_context_unref(context);
    if (!is_believed) {
        session_watch_end(tls->connection, "the client's certificate is not trusted any more",
                          METRIC_SESSIONS_REVOKED);
    }
}

static void on_next_turn(struct timer *timer)
{
    struct certificate_watch *watch = CONTAINER_OF(timer, struct certificate_watch, next_turn);
    struct network *network = CONTAINER_OF(watch, struct network, certificates);

    for (int i = 0; i < CERTIFICATE_CHECKS_PER_TURN && !list_is_empty(&watch->waiting); i++) {
        struct connection_tls *tls = list_first(&watch->waiting, struct connection_tls, certified);

        list_remove(&tls->certified);
        list_append(&watch->checked, &tls->certified);
        check(tls);
    }
    if (!list_is_empty(&watch->waiting)) {
        timer_start(network->options.loop, timer, 1);
    }
}

static void on_trust_changed(void *context)
{
    const struct listener *listener = context;
    struct certificate_watch *watch = &listener->network->certificates;

    list_for_each_safe(link, &watch->checked) {
        struct connection_tls *tls = list_entry(link, struct connection_tls, certified);

        if (tls->options == listener->tls) {
            list_remove(&tls->certified);
            list_append(&watch->waiting, &tls->certified);
        }
    }
    if (!list_is_empty(&watch->waiting)) {
        timer_start(listener->network->options.loop, &watch->next_turn, 1);
    }
}

/* A handshake that trust changed under is asked about like the others. */
static bool is_up_to_date(const struct connection_tls *tls)
{
    struct tls_context *context = tls_source_context(tls->options->source);
    bool is_alike = tls_stream_trusts_alike(tls->stream, context);

    tls_context_unref(context);
    return is_alike;
}

/* ---- life ---- */

void certificate_watch_start(struct network *network)
{
    struct certificate_watch *watch = &network->certificates;

    list_init(&watch->checked);
    list_init(&watch->waiting);
    timer_init(&watch->next_turn, on_next_turn);
}

void certificate_watch_stop(struct network *network)
{
    timer_stop(network->options.loop, &network->certificates.next_turn);
}

void certificate_watch_listener(struct listener *listener)
{
    tls_source_watch_trust(listener->tls->source, on_trust_changed, listener);
}

void certificate_watch_forget_listener(struct listener *listener)
{
    tls_source_watch_trust(listener->tls->source, NULL, NULL);
}

void certificate_watch_add(struct connection_tls *tls)
{
    const struct tls_facts *facts = tls_stream_facts(tls->stream);
    struct network *network = tls->connection->network;

    if (!facts->has_certificate) {
        return;
    }
    timer_init(&tls->certificate_end, on_ended);
    start_timer(tls, facts->peer_expires_ms);
    if (is_up_to_date(tls)) {
        list_append(&network->certificates.checked, &tls->certified);
    } else {
        list_append(&network->certificates.waiting, &tls->certified);
        timer_start(network->options.loop, &network->certificates.next_turn, 1);
    }
}

void certificate_watch_forget(struct connection_tls *tls)
{
    list_remove(&tls->certified);
    if (tls->certificate_end.expired != NULL) {
        timer_stop(tls->connection->network->options.loop, &tls->certificate_end);
    }
}
