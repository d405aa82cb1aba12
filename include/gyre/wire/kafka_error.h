/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client is told. Clients decide to retry, to fail or to look for another broker by the
 * exact number. server/handlers/error_map.c alone translates `enum error` into these.
 */
#ifndef GYRE_WIRE_KAFKA_ERROR_H
#define GYRE_WIRE_KAFKA_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum kafka_error {
#define KAFKA_ERROR(code, name, retry, text) KAFKA_ERROR_##name = (code),
#include "gyre/wire/kafka_error.def"
#undef KAFKA_ERROR
};

/* "NOT_COORDINATOR"; "UNKNOWN_SERVER_ERROR" for a number that is not in the list. */
const char *kafka_error_name(int16_t code);

/* One sentence for error_message fields. Static. */
const char *kafka_error_text(int16_t code);

/* Does the reference client retry it without being asked? */
bool kafka_error_is_retriable(int16_t code);

#endif
