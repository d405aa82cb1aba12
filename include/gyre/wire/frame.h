/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame is what travels on a connection: four bytes of size, a header, one message. This file
 * knows which header belongs to which API and version, and collects what is to be sent.
 *
 * Thread: one at a time.
 */
#ifndef GYRE_WIRE_FRAME_H
#define GYRE_WIRE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/buffer.h"
#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct api_description;
struct message_layout;
struct reader;

enum {
    FRAME_PREFIX_BYTES = 4,              /* the size that stands before every frame */
    FRAME_REQUEST_BYTES_MIN = 8,         /* key, version, correlation id */
    FRAME_BYTES_DEFAULT_MAX = 100 << 20, /* Kafka's default of socket.request.max.bytes */
};

/* Slices in the order in which they are to be written (writev). */
struct frame_output {
    struct buffer_slice *slices; /* owned, each with a reference of its own */
    int32_t count;
    int32_t capacity;
    size_t bytes; /* the sum of their lengths */
};

void frame_output_init(struct frame_output *output);
void frame_output_release(struct frame_output *output);

/* Takes the reference of `slice`. */
void frame_output_append(struct frame_output *output, struct buffer_slice slice);

struct frame_part {
    const struct message_layout *layout;
    const void *message;
    int16_t version;
};

/* Appends messages one after another, behind their common size if framed. All or nothing; errors
 * as message_encode(). */
MUST_USE
enum error frame_output_encode(struct frame_output *output, const struct frame_part *parts,
                               int32_t count, bool is_framed);

/* The whole output in one new buffer, for tests and small messages. */
struct buffer *frame_output_join(const struct frame_output *output);

/* The size before a frame. ERROR_MALFORMED below zero, ERROR_LIMIT above `bytes_max`. */
MUST_USE
enum error frame_parse_size(const char prefix[FRAME_PREFIX_BYTES], int32_t bytes_max,
                            int32_t *out_size);

struct frame_header {
    int16_t api_key;
    int16_t api_version;
    int32_t correlation_id;
    struct string client_id;           /* points into the frame; may be null */
    const struct api_description *api; /* NULL when the key is unknown */
};

/*
 * Reads the request header. ERROR_MALFORMED: close the connection. ERROR_UNSUPPORTED: the key or
 * the version is not accepted; the header is filled but for the client id, so that ApiVersions can
 * be answered (the reader stands behind the correlation id), anything else closes the connection.
 */
MUST_USE
enum error frame_decode_request_header(struct reader *reader, struct frame_header *out_header);

/* Appends size, response header and response. Errors as message_encode(). */
MUST_USE
enum error frame_encode_response(const struct frame_header *header, const void *response,
                                 struct frame_output *output);

/* Appends size, request header and request; header->api is looked up by key. */
MUST_USE
enum error frame_encode_request(const struct frame_header *header, const void *request,
                                struct frame_output *output);

/* Reads the header of an answer to a request of this key and version. */
MUST_USE
enum error frame_decode_response_header(struct reader *reader, int16_t api_key, int16_t api_version,
                                        int32_t *out_correlation_id);

#endif
