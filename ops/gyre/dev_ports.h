/* SPDX-License-Identifier: Apache-2.0 */
/* Are the ports of a broker free, before it is started? */
#ifndef GYRE_OPS_DEV_PORTS_H
#define GYRE_OPS_DEV_PORTS_H

#include <stdbool.h>

#include "dev_region.h"

/* False: one is taken; which, and by whom where that can be told, was printed. */
bool dev_ports_are_free(const struct dev *dev, const struct dev_broker *broker);

#endif
