/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's engine and a client that turns hostile: its flights are bent before they arrive, and
 * bytes of the input are put between them, cut anywhere. The input is a program of steps:
 *
 *     0 N     the next N flips: u16 offset, u8 mask, of the client's next flight
 *     1 N     N bytes of the input go to the server as they are
 *     2 N     the client writes N bytes, if it is connected
 *     3 N     what the client has goes to the server, in pieces of N + 1
 *     4 _     the server's output goes to the client      5 N  the server writes N * 64 bytes
 */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/tls/tls_context.h"
#include "gyre/tls/tls_stream.h"

#include "support/certificates.h"

enum { YEAR_S = 365 * 86400, STEPS_MAX = 400, FLIPS_MAX = 255 };

static struct tls_context *server_context;
static struct tls_context *client_context;

static struct tls_context *load(const struct tls_options *options)
{
    char message[TLS_MESSAGE_BYTES];
    struct tls_context *context = NULL;
    enum error error = tls_context_load(options, NULL, message, &context);

    CHECK(error == ERROR_NONE);
    return context;
}

static void make_contexts(void)
{
    struct certificates pki;
    struct tls_options options = {.is_server = true,
                                  .protocols = "TLSv1.3,TLSv1.2",
                                  .client_auth = TLS_CLIENT_AUTH_REQUESTED};

    certificates_init(&pki);
    X509_free(certificates_issue(&pki, "broker", PKI_BROKER, "DNS:localhost", YEAR_S));
    X509_free(certificates_issue(&pki, "alice", PKI_CLIENT, NULL, YEAR_S));
    options.keystore_path = certificates_path(&pki, "broker.pem");
    options.truststore_path = certificates_path(&pki, "ca.crt");
    server_context = load(&options);
    options.is_server = false;
    options.keystore_path = certificates_path(&pki, "alice.pem");
    client_context = load(&options);
    certificates_release(&pki);
}

struct play {
    const uint8_t *at;
    const uint8_t *end;
    struct tls_stream *server;
    struct tls_stream *client;
    const uint8_t *flips; /* 3 bytes each */
    size_t flip_count;
    size_t got; /* plaintext that the server took */
    bool is_over;
};

static uint8_t next(struct play *play)
{
    return play->at < play->end ? *play->at++ : 0;
}

/* As an owner does: the handshake, then all plaintext, then what the engine has to say. */
static bool drive(struct tls_stream *stream, size_t *got)
{
    enum error error = tls_stream_handshake(stream);
    char plain[777];
    size_t length;

    while (error == ERROR_NONE) {
        error = tls_stream_read(stream, plain, sizeof plain, &length);
        *got += length;
        CHECK(length <= sizeof plain);
    }
    tls_stream_keep_input(stream);
    CHECK(error == ERROR_AGAIN || error == ERROR_CLOSED || tls_stream_reason(stream)[0] != '\0' ||
          error == ERROR_STATE);
    return error == ERROR_AGAIN;
}

static void give(struct play *play, const char *bytes, size_t length, size_t piece)
{
    for (size_t at = 0; at < length && !play->is_over; at += piece) {
        size_t size = length - at < piece ? length - at : piece;

        tls_stream_feed(play->server, bytes + at, size);
        play->is_over = !drive(play->server, &play->got);
    }
}

static void send_flight(struct play *play, size_t piece)
{
    struct buffer_slice flight = tls_stream_take_output(play->client);

    for (size_t i = 0; i < play->flip_count && flight.length > 0; i++) {
        const uint8_t *flip = play->flips + 3 * i;
        size_t offset = (size_t)(flip[0] | flip[1] << 8) % flight.length;

        flight.bytes[offset] = (char)((uint8_t)flight.bytes[offset] ^ flip[2]);
    }
    play->flip_count = 0;
    give(play, flight.bytes, flight.length, piece);
    buffer_slice_unref(&flight);
}

static void answer(struct play *play)
{
    struct buffer_slice flight = tls_stream_take_output(play->server);
    size_t ignored = 0;

    if (flight.length > 0) {
        tls_stream_feed(play->client, flight.bytes, flight.length);
        (void)drive(play->client, &ignored);
    }
    buffer_slice_unref(&flight);
}

static void write_some(struct tls_stream *stream, size_t size)
{
    static const char text[64 * 255];
    enum error error = tls_stream_write(stream, text, size);

    CHECK(error == ERROR_NONE || error == ERROR_STATE);
}

static void step(struct play *play)
{
    uint8_t what = next(play) % 6;
    size_t amount = next(play);
    size_t left = (size_t)(play->end - play->at);

    switch (what) {
    case 0:
        play->flips = play->at;
        play->flip_count = amount < left / 3 ? amount : left / 3;
        play->at += 3 * play->flip_count;
        break;
    case 1:
        amount = amount < left ? amount : left;
        give(play, (const char *)play->at, amount, amount + 1);
        play->at += amount;
        break;
    case 2: write_some(play->client, amount); break;
    case 3: send_flight(play, amount + 1); break;
    case 4: answer(play); break;
    default: write_some(play->server, amount * 64); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct play play = {.at = data, .end = data + size};
    enum error error;

    if (server_context == NULL) {
        make_contexts();
    }
    play.server = tls_stream_new(server_context, NULL);
    play.client = tls_stream_new(client_context, "localhost");
    error = tls_stream_handshake(play.client);
    CHECK(error == ERROR_AGAIN);
    for (int i = 0; i < STEPS_MAX && play.at < play.end && !play.is_over; i++) {
        step(&play);
    }
    tls_stream_shutdown(play.server);
    answer(&play);
    tls_stream_free(play.server);
    tls_stream_free(play.client);
    ERR_clear_error();
    return 0;
}
