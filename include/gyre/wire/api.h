/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of APIs that the schemas describe. Two ranges of versions: what is advertised (exactly
 * Kafka 4.3's, so that clients behave as they do there) and what is accepted (older clients never
 * ask). Whether a handler exists is known elsewhere. Thread: any; all constant.
 */
#ifndef GYRE_WIRE_API_H
#define GYRE_WIRE_API_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/wire/message.h"

struct api_description {
    const char *name; /* as Kafka spells it: "Produce" */
    const struct message_layout *request;
    const struct message_layout *response;
    int16_t key;
    int16_t advertised_min;
    int16_t advertised_max;
    int16_t accepted_min;
    int16_t accepted_max;
    int16_t flexible_min; /* INT16_MAX: never */
};

/* NULL when there is no schema for the key. */
const struct api_description *api_find(int16_t key);

/* To walk over all: the first API whose key is at least `key`, or NULL. */
const struct api_description *api_next(int16_t key);

bool api_accepts(const struct api_description *api, int16_t version);

/* 1 or 2; 0 or 1, always 0 for ApiVersions (KIP-511). */
int16_t api_request_header_version(const struct api_description *api, int16_t version);
int16_t api_response_header_version(const struct api_description *api, int16_t version);

#endif
