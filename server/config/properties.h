/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Java's properties format, because that is what Kafka's configuration files are: `key=value`,
 * `key: value` or `key value`, # and ! comments, lines continued by a backslash, escapes. UTF-8.
 *
 * Thread: one at a time.
 */
#ifndef GYRE_CONFIG_PROPERTIES_H
#define GYRE_CONFIG_PROPERTIES_H

#include <stddef.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

/* `key` and `value` are borrowed for the call; `line` counts from 1. */
typedef void (*properties_visit)(void *context, struct string key, struct string value, int line);

/* ERROR_MALFORMED: an escape is not one, or a byte is no text; `out_line` says where. */
MUST_USE
enum error properties_parse(const char *text, size_t length, properties_visit visit, void *context,
                            int *out_line);

#endif
