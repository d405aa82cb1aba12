/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the credentials of a region look to who has proved nothing, and how many look so. Programs
 * that make them differ in iterations and salts: if users who do not exist all looked alike, the
 * others would be those who do.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_METADATA_SCRAM_SHAPES_H
#define GYRE_METADATA_SCRAM_SHAPES_H

#include "gyre/sasl/credential.h"

enum { SCRAM_SHAPES_MAX = 64 }; /* those who look otherwise do not count */

struct scram_shapes {
    struct {
        enum scram_mechanism mechanism;
        struct scram_shape shape;
        uint64_t count;
    } rows[SCRAM_SHAPES_MAX]; /* in one order on all brokers */
    int count;
};

void scram_shapes_add(struct scram_shapes *shapes, const struct scram_credential *credential);
void scram_shapes_remove(struct scram_shapes *shapes, const struct scram_credential *credential);

/* Each as often, over all numbers, as there are credentials of it; zeros if there are none. */
struct scram_shape scram_shapes_choose(const struct scram_shapes *shapes,
                                       enum scram_mechanism mechanism, uint64_t number);

#endif
