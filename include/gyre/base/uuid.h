/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topic ids and cluster ids: 128 bits, shown as Kafka shows them, 22 characters of URL-safe base64
 * without padding. All zeroes means "none" and is never handed out.
 */
#ifndef GYRE_BASE_UUID_H
#define GYRE_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct random;

struct uuid {
    uint8_t bytes[16];
};

enum { UUID_TEXT_LENGTH = 22 };

/* Version 4 (RFC 9562), never zero, never beginning with '-' in text (Kafka's rule). */
struct uuid uuid_random(struct random *random);
bool uuid_is_zero(struct uuid uuid);
bool uuid_equal(struct uuid a, struct uuid b);
int uuid_compare(struct uuid a, struct uuid b);

/* Writes 22 characters and a NUL. */
void uuid_format(struct uuid uuid, char text[UUID_TEXT_LENGTH + 1]);
MUST_USE
enum error uuid_parse(struct string text, struct uuid *out_uuid);

#endif
