/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One non-blocking connection with requests in flight. Kafka answers in order, so an answer belongs
 * to the oldest flight and correlation ids need not differ: frames are encoded once and sent often.
 */
#ifndef GYRE_TESTS_BENCH_LINK_H
#define GYRE_TESTS_BENCH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/wire/frame.h"

struct blast_broker;
struct blast_options;
struct tls_pipe;

struct blast_flight {
    int64_t began_ns;
    int64_t first; /* the caller's: which message it began with */
    int32_t partition;
    int32_t count;
    int64_t bytes; /* of what it carries */
};

struct blast_link {
    int fd;
    int epoll_fd;
    struct tls_pipe *tls; /* owned; NULL: plaintext */
    bool waits_for_room;
    /* frames to be written; borrowed */
    const struct frame_output **out;
    uint32_t out_head;
    uint32_t out_count;
    uint32_t out_capacity; /* a power of two */
    size_t out_written;    /* of the first frame */
    /* what has been read and not yet taken */
    char *in;
    size_t in_start;
    size_t in_end;
    size_t in_capacity;
    /* flights, oldest first */
    struct blast_flight *flights;
    uint32_t flight_head;
    uint32_t flight_count;
    uint32_t flight_capacity; /* a power of two */
};

/* Connects (blocking) and registers with epoll, event data pointing to the link. epoll_fd -1: the
 * link is used with blast_link_ask() only. Of the options those about TLS count. */
void blast_link_open(struct blast_link *link, const struct blast_options *options,
                     const struct blast_broker *broker, int epoll_fd, uint32_t depth);
void blast_link_close(struct blast_link *link);

/* Queue a frame, which must outlive its flight; flush writes what the socket takes. `flight` is
 * NULL where no answer comes (acks=0). */
void blast_link_send(struct blast_link *link, const struct frame_output *frame,
                     const struct blast_flight *flight);
void blast_link_flush(struct blast_link *link);

/* Read what is there: once, or with TLS all that has been received. */
void blast_link_receive(struct blast_link *link);

/* The next whole answer without its size, valid until receive; false if there is none. */
bool blast_link_next(struct blast_link *link, char **out_bytes, size_t *out_size,
                     struct blast_flight *out_flight);

/* Send one request and wait for its answer. */
void blast_link_ask(struct blast_link *link, const struct frame_output *frame, char **out_bytes,
                    size_t *out_size);

#endif
