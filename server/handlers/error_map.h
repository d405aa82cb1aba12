/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong inside, as a client is told it where the handler knows nothing better. Errors
 * that pass by themselves map to errors that clients retry.
 */
#ifndef GYRE_HANDLERS_ERROR_MAP_H
#define GYRE_HANDLERS_ERROR_MAP_H

#include "gyre/base/error.h"
#include "gyre/wire/kafka_error.h"

enum kafka_error error_map_to_kafka(enum error error);

#endif
