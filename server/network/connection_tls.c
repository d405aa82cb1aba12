/* SPDX-License-Identifier: Apache-2.0 */
#include "network/connection_tls.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/access/identity.h"
#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/tls/principal_rules.h"
#include "gyre/tls/tls_source.h"
#include "gyre/tls/tls_stream.h"

#include "handlers/auditing.h"
#include "network/file_output.h"
#include "network/network_internal.h"

static const uint64_t HANDSHAKE_LIMIT_US = (uint64_t)TLS_HANDSHAKE_TIMEOUT_MS * 1000;

static void advance(struct connection_tls *tls);

static struct network *network_of(const struct connection_tls *tls)
{
    return tls->connection->network;
}

static void count(const struct connection_tls *tls, enum metric metric)
{
    metric_add(network_of(tls)->options.metrics, metric, 1);
}

/* ---- life ---- */

static void end_handshake(struct connection_tls *tls)
{
    struct network *network = network_of(tls);

    if (!list_is_alone(&tls->running)) {
        list_remove(&tls->running);
        network->handshakes.running_count--;
    }
    list_remove(&tls->waiting);
    timer_stop(network->options.loop, &tls->deadline);
}

static void fail_handshake(struct connection_tls *tls, const char *reason)
{
    const struct connection_info *info = &tls->connection->info;

    log_info(LOG_NETWORK, "TLS handshake failed", field_string("reason", reason),
             field_string("listener", info->listener->name), field_string("peer", info->peer_host),
             field_i64("port", info->peer_port));
    count(tls, METRIC_TLS_HANDSHAKES_FAILED);
    auditing_handshake(network_of(tls)->options.broker, info, false, string_from(reason));
    end_handshake(tls);
    connection_pause(tls->connection);
    connection_finish(tls->connection); /* the alert goes out first */
}

static void on_deadline(struct timer *timer)
{
    struct connection_tls *tls = CONTAINER_OF(timer, struct connection_tls, deadline);

    count(tls, METRIC_TLS_HANDSHAKES_FAILED);
    connection_close(tls->connection);
}

static void resume_reading(struct task *task)
{
    advance(CONTAINER_OF(task, struct connection_tls, resume));
}

/* Who is slowest to finish makes room, not who comes. */
static void make_room(struct handshakes *handshakes)
{
    if (handshakes->running_count > HANDSHAKES_MAX) {
        struct connection_tls *oldest =
            list_first(&handshakes->running, struct connection_tls, running);

        count(oldest, METRIC_TLS_HANDSHAKES_FAILED);
        connection_close(oldest->connection);
    }
}

struct connection_tls *connection_tls_new(struct connection *connection,
                                          const struct network_tls *options)
{
    struct connection_tls *tls = check_alloc_zero(sizeof *tls);
    struct handshakes *handshakes = &connection->network->handshakes;

    tls->connection = connection;
    tls->options = options;
    list_init(&tls->running);
    list_init(&tls->waiting);
    list_init(&tls->certified);
    task_init(&tls->resume, resume_reading);
    timer_init(&tls->deadline, on_deadline);
    list_append(&handshakes->running, &tls->running);
    handshakes->running_count++;
    timer_start(connection->network->options.loop, &tls->deadline, HANDSHAKE_LIMIT_US);
    make_room(handshakes);
    return tls;
}

void connection_tls_close(struct connection_tls *tls)
{
    end_handshake(tls);
    certificate_watch_forget(tls);
    task_cancel(&tls->resume);
}

void connection_tls_free(struct connection_tls *tls)
{
    output_queue_release(&tls->plain);
    tls_stream_free(tls->stream);
    free(tls);
}

/* ---- the handshakes of a shard ---- */

static void on_next_turn(struct timer *timer)
{
    struct handshakes *handshakes = CONTAINER_OF(timer, struct handshakes, next_turn);
    struct list waiting;

    list_init(&waiting);
    list_append_all(&waiting, &handshakes->waiting);
    while (!list_is_empty(&waiting)) {
        struct connection_tls *tls = list_first(&waiting, struct connection_tls, waiting);

        list_remove(&tls->waiting);
        advance(tls);
    }
}

void handshakes_init(struct handshakes *handshakes)
{
    list_init(&handshakes->running);
    list_init(&handshakes->waiting);
    timer_init(&handshakes->next_turn, on_next_turn);
}

/* False: this turn has done enough; the connection waits, unread. */
static bool takes_turn(struct connection_tls *tls)
{
    struct network *network = network_of(tls);
    struct handshakes *handshakes = &network->handshakes;

    if (handshakes->turn_us != loop_now_us(network->options.loop)) {
        handshakes->turn_us = loop_now_us(network->options.loop);
        handshakes->steps = 0;
    }
    if (handshakes->steps < HANDSHAKE_STEPS_PER_TURN) {
        handshakes->steps++;
        return true;
    }
    list_append(&handshakes->waiting, &tls->waiting);
    connection_pause(tls->connection);
    timer_start(network->options.loop, &handshakes->next_turn, 1);
    return false;
}

/* ---- who it is ---- */

static enum error name_principal(const struct connection_tls *tls, const struct tls_facts *facts,
                                 struct identity **out_identity)
{
    char name[IDENTITY_PRINCIPAL_BYTES_MAX + 1];
    size_t length = 0;
    struct identity_options options = {
        .mechanism = "SSL", .are_groups_known = true, .expires_ms = facts->peer_expires_ms};
    enum error error = ERROR_LIMIT;

    if (facts->peer_name != NULL) {
        struct string subject = {facts->peer_name, (int32_t)facts->peer_name_length};

        error = principal_rules_apply(tls->options->rules, subject, name, sizeof name, &length);
    }
    if (error != ERROR_NONE) {
        return error;
    }
    options.name = (struct string){name, (int32_t)length};
    return identity_new(&options, out_identity);
}

/* With SASL the certificate opens the door, and the name comes later. */
static enum error identify(struct connection_tls *tls)
{
    struct connection_info *info = &tls->connection->info;
    const struct tls_facts *facts = tls_stream_facts(tls->stream);
    struct identity *identity = NULL;
    enum error error;

    info->tls = facts;
    if (info->listener->security_protocol != SECURITY_PROTOCOL_SSL || !facts->has_certificate) {
        return ERROR_NONE;
    }
    error = name_principal(tls, facts, &identity);
    if (error != ERROR_NONE) {
        log_warning(LOG_NETWORK, "no rule makes a principal of this certificate",
                    field_string("listener", info->listener->name),
                    field_string("peer", info->peer_host),
                    field_string("subject", facts->peer_name == NULL ? "" : facts->peer_name),
                    field_error(error));
        return error;
    }
    connection_info_identify(info, identity, 0);
    auditing_handshake(network_of(tls)->options.broker, info, true, STRING_NULL);
    return ERROR_NONE;
}

/* ---- bytes in ---- */

/* Alerts, tickets, answers to changes of keys. */
static void send_own(struct connection_tls *tls)
{
    struct buffer_slice output = tls_stream_take_output(tls->stream);

    if (output.length > 0) {
        connection_queue(tls->connection, output);
    }
}

static bool shake_hands(struct connection_tls *tls)
{
    enum error error;

    if (!takes_turn(tls)) {
        return false;
    }
    error = tls_stream_handshake(tls->stream);
    send_own(tls);
    if (error == ERROR_AGAIN || tls->connection->is_closing) {
        return false;
    }
    if (error != ERROR_NONE) {
        fail_handshake(tls, tls_stream_reason(tls->stream));
        return false;
    }
    if (identify(tls) != ERROR_NONE) {
        fail_handshake(tls, "the certificate's name is nobody's");
        return false;
    }
    end_handshake(tls);
    certificate_watch_add(tls);
    count(tls, METRIC_TLS_HANDSHAKES);
    if (tls_stream_facts(tls->stream)->is_resumed) {
        count(tls, METRIC_TLS_HANDSHAKES_RESUMED);
    }
    return true;
}

/* A goodbye is no news. */
static void end_reading(struct connection_tls *tls, enum error error)
{
    const struct connection_info *info = &tls->connection->info;

    if (error != ERROR_CLOSED) {
        log_info(LOG_NETWORK, "TLS connection failed",
                 field_string("reason", tls_stream_reason(tls->stream)),
                 field_string("listener", info->listener->name),
                 field_string("peer", info->peer_host), field_i64("port", info->peer_port));
    }
    send_own(tls);
    if (error == ERROR_CLOSED) {
        connection_input_ended(tls->connection);
    } else {
        connection_close(tls->connection);
    }
}

static void read_plain(struct connection_tls *tls)
{
    struct connection *connection = tls->connection;

    while (tls->is_reading && !connection->is_closing && !connection->is_finishing) {
        char *to;
        size_t room;
        size_t size;
        enum error error;

        pipeline_reserve(&connection->pipeline, &to, &room);
        error = tls_stream_read(tls->stream, to, room, &size);
        if (error == ERROR_AGAIN) {
            pipeline_received(&connection->pipeline, 0);
            break;
        }
        if (error != ERROR_NONE) {
            end_reading(tls, error);
            return;
        }
        pipeline_received(&connection->pipeline, size);
    }
    if (!connection->is_closing) {
        send_own(tls);
    }
}

static void advance(struct connection_tls *tls)
{
    struct connection *connection = tls->connection;

    if (connection->is_closing || connection->is_finishing || tls->stream == NULL) {
        return;
    }
    if (!tls_stream_is_open(tls->stream)) {
        if (!shake_hands(tls)) {
            tls_stream_keep_input(tls->stream);
            if (list_is_alone(&tls->waiting)) {
                connection_resume(connection);
            }
            return;
        }
        connection_resume(connection);
    }
    read_plain(tls);
    tls_stream_keep_input(tls->stream);
}

void connection_tls_received(struct connection_tls *tls, const char *bytes, size_t size)
{
    if (tls->stream == NULL) {
        struct tls_context *context = tls_source_context(tls->options->source);

        tls->stream = tls_stream_new(context, NULL);
        tls_context_unref(context);
    }
    tls_stream_feed(tls->stream, bytes, size);
    advance(tls);
    tls_stream_keep_input(tls->stream);
}

bool connection_tls_set_reading(struct connection_tls *tls, bool is_reading)
{
    tls->is_reading = is_reading;
    if (is_reading && tls->stream != NULL) {
        loop_defer(network_of(tls)->options.loop, &tls->resume);
    }
    return list_is_alone(&tls->waiting);
}

/* ---- bytes out ---- */

static void part(struct connection_tls *tls)
{
    if (tls->connection->is_finishing && !tls->is_parted && tls->stream != NULL) {
        tls->is_parted = true;
        tls_stream_shutdown(tls->stream);
    }
}

static enum error encrypt_memory(struct connection_tls *tls)
{
    struct output_queue *plain = &tls->plain;
    size_t taken;
    enum error error = tls_stream_write_slices(tls->stream, plain->slices + plain->first,
                                               output_queue_count_in_memory(plain), 0,
                                               TLS_WRITE_BYTES_MAX, &taken);

    if (error == ERROR_NONE) {
        output_queue_consume(plain, taken);
        tls->encrypted_bytes += taken;
    }
    return error;
}

static enum error encrypt_file(struct connection_tls *tls)
{
    const char *bytes;
    size_t size;
    enum error error = file_output_piece(tls->connection, &tls->plain, &bytes, &size);

    if (error != ERROR_NONE) {
        return error == ERROR_BUSY ? ERROR_NONE : error; /* it is being loaded */
    }
    tls_stream_reserve_output(tls->stream, size);
    error = tls_stream_write(tls->stream, bytes, size);
    if (error == ERROR_NONE) {
        output_queue_consume(&tls->plain, size);
        tls->encrypted_bytes += size;
    }
    return error;
}

/* A file's piece goes out together with the little that stands before it. */
static enum error encrypt_some(struct connection_tls *tls)
{
    enum error error = encrypt_memory(tls);

    if (error == ERROR_NONE && tls->encrypted_bytes < TLS_RECORD_BYTES &&
        output_queue_file_at(&tls->plain, 0) != NULL) {
        error = encrypt_file(tls);
    }
    return error;
}

bool connection_tls_refill(struct connection_tls *tls)
{
    struct output_queue *plain = &tls->plain;
    struct buffer_slice output;

    if (tls->encrypted_bytes > 0) {
        size_t sent = tls->encrypted_bytes;

        tls->encrypted_bytes = 0;
        pipeline_sent(&tls->connection->pipeline, sent);
    }
    if (tls->stream == NULL) {
        return false;
    }
    if (output_queue_is_empty(plain)) {
        part(tls);
    } else if (encrypt_some(tls) != ERROR_NONE) {
        connection_close(tls->connection);
        return false;
    }
    output = tls_stream_take_output(tls->stream);
    if (output.length == 0) {
        return false;
    }
    output_queue_append(&tls->connection->queue, output);
    return true;
}
