/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who dialled us and have not said yet who they are. Anybody can, so there are few at a time:
 * the oldest makes room, for whoever belongs here says so within milliseconds.
 *
 * Thread: the loop's own.
 */
#ifndef GYRE_RUNTIME_LINK_STRANGERS_H
#define GYRE_RUNTIME_LINK_STRANGERS_H

#include "runtime/link_stream.h"

enum { LINK_STRANGERS_MAX = 256 };

struct link_strangers {
    struct list streams; /* link_stream.stranger, the oldest first */
    int count;
};

void link_strangers_init(struct link_strangers *strangers);
/* May close another one. */
void link_strangers_add(struct link_strangers *strangers, struct link_stream *stream);
/* It is known now, or gone. Nothing happens where it is no stranger. */
void link_strangers_remove(struct link_strangers *strangers, struct link_stream *stream);

#endif
