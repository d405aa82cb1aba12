/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's engine and a client that turns hostile: its flights are bent before they arrive, and
 * bytes of the input are put between them, cut anywhere. The first byte chooses the client: 0 shows
 * a certificate in TLS 1.3, 1 in TLS 1.2; all others have a ticket of 1.3 (even) or 1.2 (odd),
 * which is far cheaper. So have seven of eight inputs with 0 or 1, by their checksum: or else the
 * few that show certificates, ten times as dear as the rest, would take half of the time. Then the
 * input is a program of steps:
 *
 *     0 N     the next N flips: u16 offset, u8 mask, of the client's next flight
 *     1 N     N bytes of the input go to the server as they are
 *     2 N     the client writes N bytes, if it is connected
 *     3 N     what the client has goes to the server, in pieces of N + 1
 *     4 _     the server's output goes to the client      5 N  the server writes N * 64 bytes
 *
 * The client is OpenSSL itself, with no more than it needs: only the server is looked at. All that
 * follows from the input: time stands still, and the server's chance begins anew for each.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/crc32c.h"
#include "gyre/tls/tls_context.h"
#include "gyre/tls/tls_stream.h"

#include "pieces.h"
#include "remembered_client.h"
#include "support/certificates.h"

enum {
    YEAR_S = 365 * 86400,
    STEPS_MAX = 400,
    NAMED_ONE_IN = 8,
    SEED = 1,
};

static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};

static struct tls_context *server_context;
static SSL_CTX *client_context;
static struct client_role with_ticket[2]; /* as `versions` */
static struct client_role with_certificate[2];
static struct remembered_client client; /* one at a time; large */

static void make_contexts(void)
{
    char message[TLS_MESSAGE_BYTES];
    struct certificates pki;
    struct tls_options options = {.is_server = true,
                                  .protocols = "TLSv1.3,TLSv1.2",
                                  .client_auth = TLS_CLIENT_AUTH_REQUESTED};
    int groups[] = {NID_X9_62_prime256v1}; /* OpenSSL's fastest */
    const char *alice;

    certificates_init(&pki);
    X509_free(certificates_issue(&pki, "broker", PKI_BROKER, "DNS:localhost", YEAR_S));
    X509_free(certificates_issue(&pki, "alice", PKI_CLIENT, NULL, YEAR_S));
    options.keystore_path = certificates_path(&pki, "broker.pem");
    options.truststore_path = certificates_path(&pki, "ca.crt");
    CHECK(tls_context_load(&options, NULL, message, &server_context) == ERROR_NONE);
    alice = certificates_path(&pki, "alice.pem");
    client_context = SSL_CTX_new(TLS_client_method());
    CHECK(SSL_CTX_use_certificate_file(client_context, alice, SSL_FILETYPE_PEM) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(client_context, alice, SSL_FILETYPE_PEM) == 1);
    CHECK(SSL_CTX_set1_groups(client_context, groups, 1) == 1);
    certificates_release(&pki);
}

struct play {
    const uint8_t *at;
    const uint8_t *end;
    struct tls_stream *server;
    struct remembered_client *client;
    bool has_heard;       /* the client has, something */
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

static void hear(struct play *play)
{
    struct buffer_slice flight = tls_stream_take_output(play->server);

    if (flight.length > 0) {
        play->has_heard = true;
        remembered_client_hear(play->client, flight.bytes, flight.length);
    }
    buffer_slice_unref(&flight);
}

static void say(struct play *play, size_t size)
{
    if (play->has_heard) {
        remembered_client_write(play->client, size);
    }
}

static void send_flight(struct play *play, size_t piece)
{
    static char flight[FLIGHT_BYTES];
    size_t length = remembered_client_take(play->client, flight);

    for (size_t i = 0; i < play->flip_count && length > 0; i++) {
        const uint8_t *flip = play->flips + 3 * i;
        size_t offset = (size_t)(flip[0] | flip[1] << 8) % length;

        flight[offset] = (char)((uint8_t)flight[offset] ^ flip[2]);
    }
    play->flip_count = 0;
    give(play, flight, length, piece);
}

static void server_write(struct tls_stream *server, size_t size)
{
    static const char text[64 * 255];
    enum error error = tls_stream_write(server, text, size);

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
    case 2: say(play, amount); break;
    case 3: send_flight(play, amount + 1); break;
    case 4: hear(play); break;
    default: server_write(play->server, amount * 64); break;
    }
}

/* A whole conversation, of which the client keeps the ticket. */
static SSL_SESSION *converse(struct client_role *role)
{
    struct play play = {.server = tls_stream_new(server_context, NULL), .client = &client};
    SSL_SESSION *session;

    remembered_client_open(&client, role, true);
    for (int i = 0; i < 4; i++) {
        send_flight(&play, FLIGHT_BYTES);
        hear(&play);
    }
    CHECK(tls_stream_is_open(play.server));
    CHECK(tls_stream_facts(play.server)->is_resumed == (role->ticket != NULL));
    session = SSL_get1_session(client.ssl);
    tls_stream_free(play.server);
    remembered_client_close(&client);
    return session;
}

/* Those with a ticket, and those who show a certificate; what a ticket lets in is tried. */
static void make_roles(void)
{
    for (int i = 0; i < 2; i++) {
        struct client_role stranger = {.context = client_context, .version = versions[i]};

        with_ticket[i] = stranger;
        with_ticket[i].ticket = converse(&stranger);
        SSL_SESSION_free(converse(&with_ticket[i]));
        with_certificate[i] = stranger;
        with_certificate[i].first = NULL;
        with_certificate[i].shows_certificate = true;
    }
}

/* ---- OpenSSL's memory: a handshake takes some thousand pieces ---- */

static void *take(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return pieces_take(size);
}

static void *take_again(void *bytes, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return pieces_take_again(bytes, size);
}

static void give_back(void *bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    pieces_give_back(bytes);
}

static void begin(void)
{
    CHECK(CRYPTO_set_mem_functions(take, take_again, give_back) == 1);
    remembered_client_use();
    make_contexts();
    make_roles();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct play play = {.at = data, .end = data + size, .client = &client};
    uint8_t choice = next(&play);
    bool has_ticket = choice >= 2 || crc32c(data, size) % NAMED_ONE_IN != 0;

    if (server_context == NULL) {
        begin();
    }
    remembered_client_seed(SEED);
    play.server = tls_stream_new(server_context, NULL);
    remembered_client_open(&client, (has_ticket ? with_ticket : with_certificate) + choice % 2,
                           false);
    for (int i = 0; i < STEPS_MAX && play.at < play.end && !play.is_over; i++) {
        step(&play);
    }
    tls_stream_shutdown(play.server);
    tls_stream_free(play.server);
    remembered_client_close(&client);
    ERR_clear_error();
    return 0;
}
