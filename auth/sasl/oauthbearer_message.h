/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's message of RFC 7628, as Kafka has it (KIP-255): a GS2 header, then pairs between
 * bytes of value 1. Slices point into the message. Private to sasl/. Thread: any.
 */
#ifndef GYRE_SASL_OAUTHBEARER_MESSAGE_H
#define GYRE_SASL_OAUTHBEARER_MESSAGE_H

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct oauthbearer_message {
    struct string authzid; /* null: none */
    struct string token;
};

MUST_USE
enum error oauthbearer_message_parse(struct string text, struct oauthbearer_message *out_message);

#endif
