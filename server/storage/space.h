/* SPDX-License-Identifier: Apache-2.0 */
/* Is there room on the disk? Asked of the system now and then, counted in between. */
#ifndef GYRE_STORAGE_SPACE_H
#define GYRE_STORAGE_SPACE_H

#include "storage_state.h"

void space_ask(struct storage *storage);                /* ask the system, now */
void space_take(struct storage *storage, size_t bytes); /* appended: it will need room */
void space_set(struct storage *storage, bool has_space);
void space_on_timer(struct timer *timer);

#endif
