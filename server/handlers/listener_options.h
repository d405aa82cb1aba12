/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an option is for one listener of this broker: listener.name.<listener>.<option> as
 * AlterConfigs has set it for this broker, else as the file says. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_LISTENER_OPTIONS_H
#define GYRE_HANDLERS_LISTENER_OPTIONS_H

#include <stdint.h>

#include "gyre/base/bytes.h"

struct broker;
struct config_change;

struct listener_options {
    const struct broker *broker;
    const char *listener;
    /* As if these had been made; their values have a NUL behind them. */
    const struct config_change *changes;
    int32_t change_count;
};

/* A tls_option_find; `context` is a struct listener_options. Borrowed for this turn of the loop. */
struct string listener_options_find(const void *context, const char *option);

#endif
