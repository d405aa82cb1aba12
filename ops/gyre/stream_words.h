/* SPDX-License-Identifier: Apache-2.0 */
/* The words of streams, as they are typed, written in team files, and printed. */
#ifndef GYRE_OPS_STREAM_WORDS_H
#define GYRE_OPS_STREAM_WORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct alter_stream_request;
struct describe_streams_response_streams;

enum { STREAM_PROPERTIES_MAX = 32, STREAM_VALUE_BYTES = 256 };

/* In the order of the bits of `permissions`. */
enum stream_permission {
    STREAM_PRODUCE,
    STREAM_CONSUME,
    STREAM_TOPICS,
    STREAM_ADMIN,
    STREAM_COPY,
    STREAM_PERMISSIONS,
};

const char *stream_permission_name(int permission);

/* The field of a permission's expression. */
struct string *stream_request_expression(struct alter_stream_request *request, int permission);
struct string stream_expression(const struct describe_streams_response_streams *stream,
                                int permission);

/* 0 enforce, 1 additive, -1 neither. */
int8_t stream_mode_parse(const char *text);

/* As the region keeps it: a ttl in seconds, whatever unit it was told in. False: no such value. */
bool stream_value_parse(struct string property, const char *text, char value[STREAM_VALUE_BYTES]);

/* "produce, consume"; "-": nothing. */
void stream_permissions_to_text(int8_t permissions, char text[STREAM_VALUE_BYTES]);

json_t *stream_to_json(const struct describe_streams_response_streams *stream);
void stream_print(const struct describe_streams_response_streams *stream);

#endif
