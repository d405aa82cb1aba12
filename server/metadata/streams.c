/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and the topics inside of them. */
#include "metadata/streams.h"

#include "gyre/access/stream_name.h"

#include "metadata/catalog_state.h"
#include "wire_messages/catalog_row.h"

const struct catalog_stream *streams_find_around(const struct catalog_state *state,
                                                 struct string legal_topic)
{
    struct stream_name_text path;
    struct catalog_stream_row row;
    const struct security_object *object;
    struct string stream = stream_name_of_topic(legal_topic);

    if (stream.bytes == NULL || state->security.counts[CATALOG_STREAM] == 0) {
        return NULL;
    }
    catalog_stream_row_init(&row);
    row.name = stream_name_path(stream, &path);
    if (row.name.bytes == NULL) {
        return NULL;
    }
    object = security_find(&state->security, CATALOG_STREAM, &row);
    return object == NULL ? NULL : object->view;
}

bool streams_admit(const struct catalog_state *state, struct string legal_topic)
{
    return stream_name_of_topic(legal_topic).bytes == NULL ||
           streams_find_around(state, legal_topic) != NULL;
}

int32_t streams_count_topics(const struct catalog_state *state, struct string path)
{
    int32_t count = 0;

    map_for_each(link, &state->topics_by_id) {
        const struct catalog_topic *topic = CONTAINER_OF(link, struct catalog_topic, by_id);
        const struct catalog_stream *stream = streams_find_around(state, topic->name);

        count += stream != NULL && string_equal(stream->name, path) ? 1 : 0;
    }
    return count;
}

struct string streams_find_setting(const void *stream, struct string name)
{
    return catalog_stream_property(stream, name);
}
