/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of RFC 5802, as clients send them. Slices point into the message.
 *
 * Private to sasl/. Thread: any.
 */
#ifndef GYRE_SASL_SCRAM_MESSAGE_H
#define GYRE_SASL_SCRAM_MESSAGE_H

#include <stdbool.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

enum { SCRAM_MESSAGE_BYTES_MAX = 8192, SCRAM_NONCE_BYTES_MAX = 1024 };

/* n,a=authzid,n=user,r=nonce,tokenauth=true */
struct scram_client_first {
    struct string gs2_header; /* "n,,": to come back as c= */
    struct string authzid;    /* escaped; null: none */
    struct string bare;       /* behind the header */
    struct string user;       /* escaped */
    struct string nonce;
    bool is_token; /* tokenauth=true (KIP-48) */
};

/* c=biws,r=nonce,p=proof */
struct scram_client_final {
    struct string without_proof;
    struct string channel; /* base64 of the header */
    struct string nonce;
    struct string proof; /* base64 */
};

/* MALFORMED; UNSUPPORTED: channel binding or an extension that must be understood. */
MUST_USE
enum error scram_message_parse_first(struct string text, struct scram_client_first *out_message);
MUST_USE
enum error scram_message_parse_final(struct string text, struct scram_client_final *out_message);

/* =2C and =3D to what they mean; `out_name` has text.length bytes. MALFORMED: not so written. */
MUST_USE
enum error scram_message_unescape(struct string text, char *out_name, int32_t *out_length);

#endif
