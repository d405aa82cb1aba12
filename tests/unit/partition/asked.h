/* SPDX-License-Identifier: Apache-2.0 */
/* Appends of a test, and what became of them. */
#ifndef GYRE_TESTS_UNIT_PARTITION_ASKED_H
#define GYRE_TESTS_UNIT_PARTITION_ASKED_H

#include <string.h>

#include "support/fake_group.h"
#include "support/test.h"

enum { NO_PRODUCER = -1 };

struct asked {
    struct partition_append append;
    int done;
};

static inline void on_append(struct partition_append *append)
{
    CONTAINER_OF(append, struct asked, append)->done++;
}

/* Takes `batch`. */
static inline void append_buffer(struct fake_group *fake, struct asked *asked, struct buffer *batch,
                                 int16_t acks)
{
    memset(asked, 0, sizeof *asked);
    asked->append.batch = buffer_slice(batch, 0, batch->size);
    asked->append.from_client = true;
    asked->append.acks = acks;
    asked->append.timeout_us = 1000000;
    asked->append.done = on_append;
    buffer_unref(batch);
    partition_append(fake->partition, &asked->append);
    assert_int_equal(asked->done, 0); /* never inside the call */
}

static inline void append(struct fake_group *fake, struct asked *asked, int count, int16_t acks)
{
    append_buffer(fake, asked, fake_group_batch(count, 10, NO_PRODUCER, -1, -1), acks);
}

static inline void append_of(struct fake_group *fake, struct asked *asked, int16_t epoch,
                             int32_t sequence, int count)
{
    append_buffer(fake, asked, fake_group_batch(count, 10, 77, epoch, sequence), -1);
}

static inline void expect(const struct asked *asked, enum kafka_error error, int64_t base_offset)
{
    assert_int_equal(asked->done, 1);
    assert_int_equal(asked->append.error, error);
    if (error == KAFKA_ERROR_NONE) {
        assert_int_equal(asked->append.base_offset, base_offset);
    }
}

static inline struct partition_status status_of(const struct fake_group *fake)
{
    struct partition_status status;

    partition_status(fake->partition, &status);
    return status;
}

#endif
