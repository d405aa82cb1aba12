/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a Kafka cluster: connections to its brokers and calls over them. It learns where
 * brokers are and who leads what from every Metadata answer that passes through. It retries
 * nothing and knows nothing of groups, batches or partitions' offsets: that is its askers' work.
 *
 *     client_new -> client_send ... done() -> client_close -> closed() -> client_free
 *
 * Thread: the loop's own. No callback runs inside the call that registered it.
 */
#ifndef GYRE_CLIENT_CLIENT_H
#define GYRE_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "gyre/base/arena.h"
#include "gyre/base/bytes.h"
#include "gyre/base/error.h"
#include "gyre/base/list.h"
#include "gyre/runtime/loop.h"

struct client; /* opaque */
struct client_connection;
struct tls_context;

enum {
    CLIENT_ANY_NODE = -1, /* whichever broker is connected, or the next of the bootstrap list */
};

/* How brokers are told who we are. */
struct client_credentials {
    const char *mechanism; /* SCRAM-SHA-256, SCRAM-SHA-512, PLAIN, OAUTHBEARER; NULL: no SASL */
    const char *user;
    const char *password;
    const char *token; /* of OAUTHBEARER */
    bool is_token;     /* user and password are those of a delegation token */
};

struct client_options {
    const char *bootstrap; /* host:port, separated by commas; copied */
    const char *client_id; /* copied */
    uint32_t timeout_ms;   /* of a call, connecting included */
    size_t response_bytes_max;
    struct client_credentials credentials; /* copied */
    struct tls_context *tls; /* a client's; NULL: plaintext. The client takes a reference */
};

/*
 * One question and its answer, embedded in the asker's own struct. Set the first group to zero and
 * fill it; after done() the asker reads the second group and releases the call, which may then be
 * used again.
 */
struct client_call {
    /* the question */
    int32_t node_id; /* CLIENT_ANY_NODE, or a broker that Metadata told of */
    int16_t api_key;
    int16_t version_max; /* the highest that the request is written for */
    bool has_no_answer;  /* Produce with acks=0: done when it is written */
    uint32_t timeout_ms; /* 0: the client's */
    const void *request; /* borrowed until done */
    void (*done)(struct client_call *call, enum error error);
    void *context; /* the asker's */

    /* the answer, if done() was told ERROR_NONE */
    void *response; /* in the arena; NULL if there is none */
    int16_t version;
    struct arena arena;

    /* private */
    struct client *client;
    struct client_connection *connection;
    struct list link;
    struct timer timer;
    int32_t correlation_id;
    enum error error;
};

/* INVALID: the bootstrap list cannot be read. */
MUST_USE
enum error client_new(uv_loop_t *uv, struct loop *loop, const struct client_options *options,
                      struct client **out_client);

/* Ends all calls with CANCELLED; `closed` comes after their done(). */
void client_close(struct client *client, void (*closed)(void *context), void *context);
void client_free(struct client *client); /* closed, or never sent anything; NULL is fine */

/*
 * Ask. done() comes once, with
 *
 *     NONE         the answer is there; its error codes are the asker's to read
 *     UNAUTHENTICATED  the broker refuses the credentials, or one side the other's
 *                  certificate; client_refusal() says why
 *     CLOSED       no connection, or it broke; what was sent may have been carried out
 *     TIMEOUT      as CLOSED; the connection is given up
 *     NOT_FOUND    nobody told of a broker with this node id
 *     UNSUPPORTED  the broker and `version_max` have no version in common, or the request says
 *                  something that the version cannot carry
 *     MALFORMED, LIMIT  the answer cannot be read; the connection is given up
 *     CANCELLED    the client is being closed
 */
void client_send(struct client *client, struct client_call *call);
void client_call_release(struct client_call *call);

/* What was wrong when we were last refused, or refused a broker; "": that never was. */
const char *client_refusal(const struct client *client);

/* Which broker could not be reached or fell silent last, and how; "": none did. */
const char *client_trouble(const struct client *client);

/* ---- what Metadata told; until it told anything, nothing ---- */

struct client_node {
    int32_t id;
    int32_t port;
    char host[256];
};

int client_node_count(const struct client *client);
const struct client_node *client_node_at(const struct client *client, int index);

/* -1: the topic or the partition is not known, or has no leader. */
int32_t client_find_leader(const struct client *client, struct string topic, int32_t partition);
int32_t client_find_partition_count(const struct client *client, struct string topic);

#endif
