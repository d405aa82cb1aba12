/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS costs a broker: GB per CPU second of a fetch's answer on its way out and of a produce's
 * bytes on their way in, and CPU microseconds of a handshake, the server's side alone. In memory,
 * one thread; the time of the other side is not counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gyre/tls/tls_context.h"
#include "gyre/tls/tls_stream.h"

#include "support/certificates.h"

enum {
    YEAR_S = 365 * 86400,
    RUNS = 5,
    BYTES_A_RUN = 256 << 20,
    HANDSHAKES_A_RUN = 200,
    SLICE_BYTES = 1 << 20,
    HEAD_BYTES = 90, /* of the answer, before the records */
};

static double cpu_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct tls_context *load(const struct tls_options *options)
{
    char message[TLS_MESSAGE_BYTES];
    struct tls_context *context = NULL;

    if (tls_context_load(options, NULL, message, &context) != ERROR_NONE) {
        (void)fprintf(stderr, "%s\n", message);
        exit(EXIT_FAILURE);
    }
    return context;
}

struct sides {
    struct tls_context *server_context;
    struct tls_context *client_context;
    struct tls_stream *server;
    struct tls_stream *client;
    double server_s; /* CPU time of the server's steps */
};

static void make_contexts(struct sides *sides, const struct certificates *pki, bool is_mutual)
{
    struct tls_options server = {
        .is_server = true,
        .keystore_path = certificates_path(pki, "broker.pem"),
        .truststore_path = certificates_path(pki, "ca.crt"),
        .client_auth = is_mutual ? TLS_CLIENT_AUTH_REQUIRED : TLS_CLIENT_AUTH_NONE,
    };
    struct tls_options client = {
        .keystore_path = is_mutual ? certificates_path(pki, "alice.pem") : NULL,
        .truststore_path = certificates_path(pki, "ca.crt"),
    };

    sides->server_context = load(&server);
    sides->client_context = load(&client);
}

static void pass(struct tls_stream *from, struct tls_stream *to)
{
    struct buffer_slice bytes = tls_stream_take_output(from);
    enum error error = ERROR_NONE;
    char rest[64];
    size_t length;

    if (bytes.length > 0) {
        tls_stream_feed(to, bytes.bytes, bytes.length);
        error = tls_stream_handshake(to);
        while (error == ERROR_NONE) {
            error = tls_stream_read(to, rest, sizeof rest, &length);
        }
        CHECK(error == ERROR_AGAIN);
    }
    buffer_slice_unref(&bytes);
}

static void shake_hands(struct sides *sides)
{
    enum error error;

    sides->client = tls_stream_new(sides->client_context, "localhost");
    error = tls_stream_handshake(sides->client);
    CHECK(error == ERROR_AGAIN);
    for (int i = 0; i < 3; i++) {
        double began = cpu_s();

        if (i == 0) {
            sides->server = tls_stream_new(sides->server_context, NULL);
        }
        pass(sides->client, sides->server);
        sides->server_s += cpu_s() - began;
        pass(sides->server, sides->client);
    }
    CHECK(tls_stream_is_open(sides->server));
}

static void part(struct sides *sides)
{
    double began = cpu_s();

    tls_stream_free(sides->server);
    sides->server_s += cpu_s() - began;
    tls_stream_free(sides->client);
}

static double handshake_us(const struct certificates *pki, bool is_mutual)
{
    double best = 1e9;

    for (int run = 0; run < RUNS; run++) {
        struct sides sides = {0};
        double us;

        make_contexts(&sides, pki, is_mutual);
        for (int i = 0; i < HANDSHAKES_A_RUN; i++) {
            shake_hands(&sides);
            part(&sides);
        }
        us = sides.server_s * 1e6 / HANDSHAKES_A_RUN;
        best = us < best ? us : best;
        tls_context_unref(sides.server_context);
        tls_context_unref(sides.client_context);
    }
    return best;
}

/* Answers of a fetch: a small head, then records in large slices. */
static double write_gb_s(struct sides *sides, struct buffer *records)
{
    double best = 0;

    for (int run = 0; run < RUNS; run++) {
        double began = cpu_s();
        size_t total = 0;
        double rate;

        while (total < BYTES_A_RUN) {
            struct buffer_slice slices[2] = {{records, records->bytes, HEAD_BYTES},
                                             {records, records->bytes, records->size}};
            size_t answer = HEAD_BYTES + records->size;

            for (size_t done = 0; done < answer;) {
                size_t first = done >= HEAD_BYTES ? 1 : 0;
                size_t taken;
                struct buffer_slice bytes;
                enum error error = tls_stream_write_slices(sides->server, slices + first, 2 - first,
                                                           first == 0 ? done : done - HEAD_BYTES,
                                                           TLS_WRITE_BYTES_MAX, &taken);

                CHECK(error == ERROR_NONE);
                bytes = tls_stream_take_output(sides->server);
                buffer_slice_unref(&bytes);
                done += taken;
            }
            total += answer;
        }
        rate = (double)total * 1e-9 / (cpu_s() - began);
        best = rate > best ? rate : best;
    }
    return best;
}

static double read_gb_s(struct sides *sides, struct buffer *records)
{
    char *plain = check_alloc(TLS_INPUT_BYTES_MAX);
    double best = 0;

    for (int run = 0; run < RUNS; run++) {
        double spent = 0;
        size_t total = 0;

        while (total < BYTES_A_RUN / 4) {
            struct buffer_slice bytes;
            enum error error = tls_stream_write(sides->client, records->bytes, records->size);

            CHECK(error == ERROR_NONE);
            bytes = tls_stream_take_output(sides->client);
            for (size_t at = 0; at < bytes.length; at += TLS_INPUT_BYTES_MAX) {
                size_t piece = bytes.length - at < TLS_INPUT_BYTES_MAX ? bytes.length - at
                                                                       : TLS_INPUT_BYTES_MAX;
                double began = cpu_s();
                size_t length;

                tls_stream_feed(sides->server, bytes.bytes + at, piece);
                while (tls_stream_read(sides->server, plain, TLS_INPUT_BYTES_MAX, &length) ==
                       ERROR_NONE) {
                    total += length;
                }
                spent += cpu_s() - began;
            }
            buffer_slice_unref(&bytes);
        }
        best = (double)total * 1e-9 / spent > best ? (double)total * 1e-9 / spent : best;
    }
    free(plain);
    return best;
}

int main(void)
{
    struct buffer *records = buffer_new(SLICE_BYTES);
    struct certificates pki;
    struct sides sides = {0};

    memset(records->bytes, 0x5a, records->size);
    certificates_init(&pki);
    X509_free(certificates_issue(&pki, "broker", PKI_BROKER, "DNS:localhost", YEAR_S));
    X509_free(certificates_issue(&pki, "alice", PKI_CLIENT, NULL, YEAR_S));
    make_contexts(&sides, &pki, false);
    shake_hands(&sides);
    printf("{\"cipher\": \"%s\",\n", tls_stream_facts(sides.server)->cipher);
    printf(" \"write_gb_per_cpu_s\": %.2f,\n", write_gb_s(&sides, records));
    printf(" \"read_gb_per_cpu_s\": %.2f,\n", read_gb_s(&sides, records));
    part(&sides);
    printf(" \"handshake_cpu_us\": %.0f,\n", handshake_us(&pki, false));
    printf(" \"mutual_handshake_cpu_us\": %.0f}\n", handshake_us(&pki, true));
    tls_context_unref(sides.server_context);
    tls_context_unref(sides.client_context);
    certificates_release(&pki);
    buffer_unref(records);
    return EXIT_SUCCESS;
}
