/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/link_strangers.h"

void link_strangers_init(struct link_strangers *strangers)
{
    list_init(&strangers->streams);
    strangers->count = 0;
}

void link_strangers_remove(struct link_strangers *strangers, struct link_stream *stream)
{
    if (!list_is_empty(&stream->stranger)) {
        list_remove(&stream->stranger);
        strangers->count--;
    }
}

void link_strangers_add(struct link_strangers *strangers, struct link_stream *stream)
{
    if (strangers->count == LINK_STRANGERS_MAX) {
        struct link_stream *oldest = list_first(&strangers->streams, struct link_stream, stranger);

        link_strangers_remove(strangers, oldest);
        link_stream_close(oldest, ERROR_LIMIT);
    }
    list_append(&strangers->streams, &stream->stranger);
    strangers->count++;
}
