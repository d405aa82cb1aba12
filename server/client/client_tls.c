/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_tls.h"

#include <stdio.h>

#include "gyre/tls/tls_context.h"
#include "gyre/tls/tls_stream.h"

#include "client/client_connection.h"
#include "client/client_private.h"

static enum error refuse(struct client_connection *connection)
{
    struct client *client = connection->client;

    (void)snprintf(client->refusal, sizeof client->refusal, "TLS with %.100s: %s", connection->host,
                   tls_stream_reason(connection->tls));
    return ERROR_UNAUTHENTICATED;
}

/* What TLS itself has to say, and ciphertext of frames. */
static enum error send_output(struct client_connection *connection)
{
    struct buffer_slice slice = tls_stream_take_output(connection->tls);
    struct frame_output output;

    if (slice.length == 0) {
        return ERROR_NONE;
    }
    frame_output_init(&output);
    frame_output_append(&output, slice);
    return client_connection_write(connection, &output);
}

static enum error shake_hands(struct client_connection *connection)
{
    enum error error = tls_stream_handshake(connection->tls);
    enum error sending = send_output(connection);

    if (error == ERROR_AGAIN) {
        return sending;
    }
    return error == ERROR_NONE ? sending : refuse(connection);
}

enum error client_tls_begin(struct client_connection *connection)
{
    connection->tls = tls_stream_new(connection->client->options.tls, connection->host);
    return shake_hands(connection);
}

void client_tls_end(struct client_connection *connection)
{
    tls_stream_free(connection->tls);
    connection->tls = NULL;
}

uv_buf_t client_tls_input(struct client *client)
{
    if (client->tls_input == NULL) {
        client->tls_input = check_alloc(TLS_INPUT_BYTES_MAX);
    }
    return uv_buf_init(client->tls_input, TLS_INPUT_BYTES_MAX);
}

static enum error read_frames(struct client_connection *connection)
{
    for (;;) {
        uv_buf_t room = client_connection_room(connection);
        size_t length;
        enum error error = tls_stream_read(connection->tls, room.base, room.len, &length);

        if (error == ERROR_AGAIN) {
            return send_output(connection);
        }
        if (error != ERROR_NONE) {
            return error == ERROR_CLOSED ? error : refuse(connection);
        }
        error = client_connection_take(connection, length);
        if (error != ERROR_NONE) {
            return error;
        }
        if (connection->tls == NULL) {
            return ERROR_NONE; /* what came ended it */
        }
    }
}

enum error client_tls_received(struct client_connection *connection, const char *bytes,
                               size_t length)
{
    bool was_open = tls_stream_is_open(connection->tls);
    enum error error = ERROR_NONE;

    tls_stream_feed(connection->tls, bytes, length);
    if (!was_open) {
        error = shake_hands(connection);
        if (error != ERROR_NONE || !tls_stream_is_open(connection->tls)) {
            return error;
        }
        client_connection_greet(connection);
    }
    return connection->tls == NULL ? ERROR_NONE : read_frames(connection);
}

enum error client_tls_encrypt(struct client_connection *connection, struct frame_output *output)
{
    enum error error = ERROR_NONE;
    size_t done = 0;
    int32_t first = 0;
    size_t offset = 0;

    while (error == ERROR_NONE && done < output->bytes) {
        size_t taken;

        error = tls_stream_write_slices(connection->tls, output->slices + first,
                                        (size_t)(output->count - first), offset,
                                        output->bytes - done, &taken);
        done += taken;
        offset += taken;
        while (first < output->count && offset >= output->slices[first].length) {
            offset -= output->slices[first++].length;
        }
        if (taken == 0) {
            break;
        }
    }
    frame_output_release(output);
    frame_output_init(output);
    if (error == ERROR_NONE) {
        frame_output_append(output, tls_stream_take_output(connection->tls));
    }
    return error;
}
