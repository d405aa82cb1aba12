/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side: what a client says to prove who it is. Messages in, messages out.
 *
 * To make keys from a password takes milliseconds of the caller's thread, once an exchange.
 * Thread: one at a time.
 */
#ifndef GYRE_SASL_SASL_LOGIN_H
#define GYRE_SASL_SASL_LOGIN_H

#include <stdbool.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct sasl_login;

struct sasl_login_options {
    const char *mechanism; /* SCRAM-SHA-256, SCRAM-SHA-512, PLAIN, OAUTHBEARER */
    const char *user;
    const char *password;
    const char *token; /* of OAUTHBEARER: a JWT */
    bool is_token;     /* user and password are id and hmac of a delegation token */
};

/* Copies what it needs. UNSUPPORTED: an unknown mechanism; INVALID: user, password or token lack.
 */
MUST_USE
enum error sasl_login_new(const struct sasl_login_options *options, struct sasl_login **out_client);
void sasl_login_free(struct sasl_login *client); /* NULL is fine */

/*
 * The next message, for the server's last one (at first: none). The null string: nothing more is to
 * be said, the server has proved what it should. The message lives until the next step. MALFORMED,
 * INVALID: the server is not the one that knows us, or speaks nonsense.
 */
MUST_USE
enum error sasl_login_step(struct sasl_login *client, struct string challenge,
                           struct string *out_message);

#endif
