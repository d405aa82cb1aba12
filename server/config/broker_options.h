/* SPDX-License-Identifier: Apache-2.0 */
/* Private to config/: names that are nearly right. Thread: any. */
#ifndef GYRE_CONFIG_BROKER_OPTIONS_H
#define GYRE_CONFIG_BROKER_OPTIONS_H

#include "gyre/base/bytes.h"
#include "gyre/config/config.h"

/* The known key nearest to this one, or NULL if none is near. Static. */
const char *broker_option_suggest(struct string name);

#endif
