/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numeric addresses as text. One address has many spellings, and texts are compared: it is written
 * as clients are named, which is as inet_ntop() does, IPv4 without IPv6's prefix. Thread: any.
 */
#ifndef GYRE_BASE_IP_ADDRESS_H
#define GYRE_BASE_IP_ADDRESS_H

#include <stdbool.h>

#include "gyre/base/bytes.h"
#include "gyre/base/check.h"

enum { IP_ADDRESS_TEXT_BYTES = 46 };

struct ip_address_text {
    char bytes[IP_ADDRESS_TEXT_BYTES]; /* with a NUL at its end */
};

/* False: `text` is no address, and nothing is written. */
MUST_USE
bool ip_address_normalise(struct string text, struct ip_address_text *out_text);

/* The usual spelling, which lies in `room`; what is no address is given back as it is. */
struct string ip_address_usual(struct string text, struct ip_address_text *room);

/* The same text, or the same address? */
bool ip_address_is_same(struct string a, struct string b);

#endif
