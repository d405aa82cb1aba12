/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first frame on a stream between brokers says who speaks:
 *
 *     "GYRELINK" | u32 version | i32 node id | u64 incarnation | cluster id    (little-endian)
 */
#ifndef GYRE_RUNTIME_LINK_HELLO_H
#define GYRE_RUNTIME_LINK_HELLO_H

#include "gyre/base/buffer.h"
#include "gyre/base/error.h"
#include "gyre/base/uuid.h"

struct link_hello {
    int32_t node_id;
    uint64_t incarnation;   /* of the process */
    struct uuid cluster_id; /* zero: its region is not formed yet */
};

struct buffer_slice link_hello_encode(const struct link_hello *hello);

/* MALFORMED: not a hello. VERSION: of a Gyre that this one does not understand. */
MUST_USE
enum error link_hello_decode(struct buffer_slice bytes, struct link_hello *out_hello);

#endif
