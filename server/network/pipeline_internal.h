/* SPDX-License-Identifier: Apache-2.0 */
/* What pipeline.c, pipeline_memory.c and pipeline_partial.c know of each other. Thread: the shard's
 * own. */
#ifndef GYRE_NETWORK_PIPELINE_INTERNAL_H
#define GYRE_NETWORK_PIPELINE_INTERNAL_H

#include "network/pipeline.h"

/* Memory of requests and of incomplete frames. */
void pipeline_charge(struct pipeline_shared *shared, size_t bytes);
void pipeline_discharge(struct pipeline_shared *shared, size_t bytes);

/* What is held, but for the exempt frame. */
size_t pipeline_memory_contested(const struct pipeline_shared *shared);
/* How much of that there may be for a frame of `size` bytes to begin, or to get more room. */
size_t pipeline_memory_limit(const struct pipeline_shared *shared, size_t size);
/* May the incomplete frame have `more` bytes? */
bool pipeline_may_grow(struct pipeline *pipeline, size_t more);
/* It does not go on before memory is freed: pipeline_resume() then. */
void pipeline_starve(struct pipeline *pipeline);
void pipeline_resume(struct pipeline *pipeline);
/* Its frame is incomplete; it is so no more. */
void pipeline_enter_partials(struct pipeline *pipeline);
void pipeline_leave_partials(struct pipeline *pipeline);

/* Ends the connection for what it sent. */
void pipeline_refuse(struct pipeline *pipeline, const char *why, enum error error);

/* Moves what there is of a frame of `size` bytes out of the slice, into pipeline->partial. */
void pipeline_partial_begin(struct pipeline *pipeline, struct buffer_slice *slice, size_t size);
/* Is its buffer full and the frame not whole? */
static inline bool pipeline_partial_is_full(const struct pipeline *pipeline)
{
    return pipeline->partial != NULL && pipeline->partial_used == pipeline->partial_room;
}
/* Then: false, there is no memory now. */
bool pipeline_partial_grow(struct pipeline *pipeline);
/* The frame is whole; its memory stays charged. */
struct buffer_slice pipeline_partial_complete(struct pipeline *pipeline);
void pipeline_partial_forget(struct pipeline *pipeline);

/* The next frame has `size` bytes. */
void pipeline_ahead_note(struct pipeline *pipeline, size_t size);
/* True: pipeline->ahead is there to be read into. */
bool pipeline_ahead_begin(struct pipeline *pipeline);
void pipeline_ahead_end(struct pipeline *pipeline);
/* The first `size` bytes: where they are, unless they would hold a buffer made for much more. */
struct buffer_slice pipeline_ahead_cut(const struct pipeline *pipeline,
                                       const struct buffer_slice *slice, size_t size);

#endif
