/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS client whose answers are computed once. Time stands still and chance is seeded, so what it
 * says follows from what it was told before; a client that was told nothing new costs a look into
 * a table, and OpenSSL plays it only from where it hears something for the first time.
 */
#ifndef GYRE_TESTS_FUZZ_REMEMBERED_CLIENT_H
#define GYRE_TESTS_FUZZ_REMEMBERED_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/random.h"

enum { FLIGHT_BYTES = 64 * 1024 };

struct said; /* what it said to something, and what it said before */

/* How clients begin. Those of one role are all the same. */
struct client_role {
    SSL_CTX *context;
    SSL_SESSION *ticket; /* NULL: none */
    struct said *first;  /* what it says to nothing; NULL: not known yet */
    int version;
    bool shows_certificate;
};

struct remembered_client {
    struct client_role *role;
    struct said *said;    /* the last thing */
    SSL *ssl;             /* owned; NULL while all of it was known */
    struct random random; /* of `ssl` */
    char flight[FLIGHT_BYTES];
    size_t length; /* said, and not taken yet */
};

/* From now on time stands still and OpenSSL's chance is ours. Before it is asked for any. */
void remembered_client_use(void);

/* Seeds the chance of everybody but clients. */
void remembered_client_seed(uint64_t seed);

/* `is_played`: by OpenSSL from the start, for who wants its session. */
void remembered_client_open(struct remembered_client *client, struct client_role *role,
                            bool is_played);
void remembered_client_close(struct remembered_client *client);

/* Hears what the server says. */
void remembered_client_hear(struct remembered_client *client, const char *bytes, size_t length);
/* Writes so many bytes, if it may. */
void remembered_client_write(struct remembered_client *client, size_t length);
/* What it has said since the last time; FLIGHT_BYTES at most. */
size_t remembered_client_take(struct remembered_client *client, char *flight);

#endif
