/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that clients ever said is a forest: its roots are the roles, and below each thing that was
 * said are those that were said next, one for each thing that it may have been told. A hash table
 * leads from one to the next. When it has grown large all is forgotten, while no client is open.
 */
#define OPENSSL_API_COMPAT 0x10101000L /* for RAND_METHOD; a provider would be a page */

#include "remembered_client.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gyre/base/check.h"
#include "gyre/base/map.h"

enum {
    CLIENT_SEED = 7,
    NOW_S = 1800000000,
    REMEMBERED_BYTES_MAX = 32 << 20,
    WRITE_BYTES_MAX = 255,
    QUESTIONS_MAX = 1024,
};

struct said {
    struct map_link by_question;
    const struct said *before; /* NULL: nothing */
    char *told;                /* owned; NULL: it was asked to write */
    size_t told_length;        /* or how much it was asked to write */
    char *bytes;               /* owned; what it said to that */
    size_t length;
};

static struct random server_random;
static struct random *chance = &server_random; /* of whoever runs now */
static struct map all_said;
static size_t remembered_bytes;
static int clients_open;

/* ---- time and chance ---- */

/* The name by which libraries call it. */
time_t time_that_stands(time_t *out_now) __asm__("time");

time_t time_that_stands(time_t *out_now)
{
    if (out_now != NULL) {
        *out_now = NOW_S;
    }
    return NOW_S;
}

static int draw(unsigned char *bytes, int length)
{
    for (int at = 0; at < length; at += (int)sizeof(uint64_t)) {
        uint64_t drawn = random_u64(chance);
        size_t left = (size_t)(length - at);

        memcpy(bytes + at, &drawn, left < sizeof drawn ? left : sizeof drawn);
    }
    return 1;
}

static int has_chance(void)
{
    return 1;
}

void remembered_client_use(void)
{
    static const RAND_METHOD method = {.bytes = draw, .pseudorand = draw, .status = has_chance};

    map_init(&all_said);
    CHECK(RAND_set_rand_method(&method) == 1);
    remembered_client_seed(0);
}

void remembered_client_seed(uint64_t seed)
{
    random_seed(&server_random, seed);
}

/* ---- what was said ---- */

static uint64_t question(const struct said *before, const char *told, size_t length)
{
    uint64_t hash = hash_bytes(told == NULL ? "" : told, told == NULL ? 0 : length);

    return hash ^ ((uint64_t)(uintptr_t)before * 0x9e3779b97f4a7c15u) ^
           (told == NULL ? length * 0xff51afd7ed558ccdu : 0);
}

static struct said *find_said(const struct said *before, const char *told, size_t length)
{
    map_for_each_match(link, &all_said, question(before, told, length)) {
        struct said *said = CONTAINER_OF(link, struct said, by_question);

        if (said->before == before && (said->told == NULL) == (told == NULL) &&
            said->told_length == length &&
            (told == NULL || memcmp(said->told, told, length) == 0)) {
            return said;
        }
    }
    return NULL;
}

static char *keep(const char *bytes, size_t length)
{
    char *kept = check_alloc(length + 1);

    memcpy(kept, bytes, length);
    return kept;
}

static struct said *remember(const struct said *before, const char *told, size_t told_length,
                             const char *bytes, size_t length)
{
    struct said *said = check_alloc_zero(sizeof *said);

    *said = (struct said){.before = before,
                          .told = told == NULL ? NULL : keep(told, told_length),
                          .told_length = told_length,
                          .bytes = keep(bytes, length),
                          .length = length};
    map_insert(&all_said, &said->by_question, question(before, told, told_length));
    remembered_bytes += sizeof *said + length + (told == NULL ? 0 : told_length);
    return said;
}

static void forget_all(void)
{
    map_for_each_safe(link, &all_said) {
        struct said *said = CONTAINER_OF(link, struct said, by_question);

        map_remove(&all_said, link);
        free(said->told);
        free(said->bytes);
        free(said);
    }
    remembered_bytes = 0;
}

/* ---- OpenSSL's part ---- */

static size_t give(SSL *ssl, char *flight)
{
    int length = BIO_read(SSL_get_wbio(ssl), flight, FLIGHT_BYTES);

    return length > 0 ? (size_t)length : 0;
}

static void hear(SSL *ssl, const char *bytes, size_t length)
{
    char plain[777];

    CHECK(BIO_write(SSL_get_rbio(ssl), bytes, (int)length) > 0);
    if (SSL_do_handshake(ssl) == 1) {
        while (SSL_read(ssl, plain, sizeof plain) > 0) {
        }
    }
}

/* Says one thing. Returns how much. */
static size_t play(struct remembered_client *client, const char *told, size_t length, char *flight)
{
    static const char zeros[WRITE_BYTES_MAX];

    chance = &client->random;
    if (told != NULL) {
        hear(client->ssl, told, length);
    } else {
        (void)SSL_write(client->ssl, zeros, (int)length);
    }
    chance = &server_random;
    return give(client->ssl, flight);
}

/* A fatal alert spoils the session of who sends it, so each has its own. */
static void give_ticket(SSL *ssl, const SSL_SESSION *ticket)
{
    SSL_SESSION *copy = SSL_SESSION_dup(ticket);

    CHECK(copy != NULL);
    CHECK(SSL_set_session(ssl, copy) == 1);
    SSL_SESSION_free(copy);
}

static size_t begin(struct remembered_client *client, char *flight)
{
    const struct client_role *role = client->role;
    SSL *ssl = SSL_new(role->context);

    random_seed(&client->random, CLIENT_SEED);
    chance = &client->random;
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    CHECK(SSL_set_min_proto_version(ssl, role->version) == 1);
    CHECK(SSL_set_max_proto_version(ssl, role->version) == 1);
    if (role->ticket != NULL) {
        give_ticket(ssl, role->ticket);
    }
    if (!role->shows_certificate) {
        SSL_certs_clear(ssl);
    }
    SSL_set_connect_state(ssl);
    (void)SSL_do_handshake(ssl);
    chance = &server_random;
    client->ssl = ssl;
    return give(ssl, flight);
}

static void check_same(const struct said *said, const char *flight, size_t length)
{
    CHECK(length == said->length);
    CHECK(memcmp(flight, said->bytes, length) == 0);
}

/* Plays again all that the client has said. */
static void catch_up(struct remembered_client *client)
{
    static char flight[FLIGHT_BYTES];
    const struct said *path[QUESTIONS_MAX];
    int count = 0;

    for (const struct said *said = client->said; said->before != NULL; said = said->before) {
        CHECK(count < QUESTIONS_MAX);
        path[count++] = said;
    }
    check_same(client->role->first, flight, begin(client, flight));
    while (count > 0) {
        const struct said *said = path[--count];

        check_same(said, flight, play(client, said->told, said->told_length, flight));
    }
}

/* ---- clients ---- */

static void say(struct remembered_client *client, struct said *said)
{
    size_t room = sizeof client->flight - client->length;
    size_t length = said->length < room ? said->length : room;

    memcpy(client->flight + client->length, said->bytes, length);
    client->length += length;
    client->said = said;
}

/* It stays when all else is forgotten. */
static struct said *first_said(struct remembered_client *client)
{
    static char flight[FLIGHT_BYTES];
    struct said *said = check_alloc_zero(sizeof *said);

    said->length = begin(client, flight);
    said->bytes = keep(flight, said->length);
    return said;
}

void remembered_client_open(struct remembered_client *client, struct client_role *role,
                            bool is_played)
{
    client->role = role;
    client->ssl = NULL;
    client->length = 0;
    if (role->first == NULL) {
        role->first = first_said(client);
    }
    clients_open++;
    say(client, role->first);
    if (is_played && client->ssl == NULL) {
        catch_up(client);
    }
}

void remembered_client_close(struct remembered_client *client)
{
    if (client->ssl != NULL) {
        /* Else OpenSSL takes the session for broken, and its ticket is of no more use. */
        SSL_set_shutdown(client->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(client->ssl);
        client->ssl = NULL;
    }
    clients_open--;
    if (remembered_bytes > REMEMBERED_BYTES_MAX && clients_open == 0) {
        forget_all();
    }
}

static void ask(struct remembered_client *client, const char *told, size_t length)
{
    static char flight[FLIGHT_BYTES];
    struct said *said = find_said(client->said, told, length);

    if (client->ssl == NULL && said == NULL) {
        catch_up(client);
    }
    if (client->ssl != NULL) {
        size_t said_length = play(client, told, length, flight);

        if (said == NULL) {
            said = remember(client->said, told, length, flight, said_length);
        }
        check_same(said, flight, said_length);
    }
    say(client, said);
}

void remembered_client_hear(struct remembered_client *client, const char *bytes, size_t length)
{
    CHECK(length > 0);
    ask(client, bytes, length);
}

void remembered_client_write(struct remembered_client *client, size_t length)
{
    CHECK(length <= WRITE_BYTES_MAX);
    ask(client, NULL, length);
}

size_t remembered_client_take(struct remembered_client *client, char *flight)
{
    size_t length = client->length;

    memcpy(flight, client->flight, length);
    client->length = 0;
    return length;
}
