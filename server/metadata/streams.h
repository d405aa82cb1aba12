/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and the topics inside of them, in the state. Thread: the shard's own. */
#ifndef GYRE_METADATA_STREAMS_H
#define GYRE_METADATA_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct catalog_state;
struct catalog_stream;

/* The stream that a topic lies in, by its legal name. NULL: in none, or there is none. */
const struct catalog_stream *streams_find_around(const struct catalog_state *state,
                                                 struct string legal_topic);

/* May a topic of this name be, as far as streams go? Inside of one, the stream must exist. */
bool streams_admit(const struct catalog_state *state, struct string legal_topic);

int32_t streams_count_topics(const struct catalog_state *state, struct string path);

/* find() of a layer of settings (config/topic_options.h). */
struct string streams_find_setting(const void *stream, struct string name);

#endif
