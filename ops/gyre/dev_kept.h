/* SPDX-License-Identifier: Apache-2.0 */
/* A directory in use keeps what its regions were made with, whatever `gyre dev up` asks for. */
#ifndef GYRE_OPS_DEV_KEPT_H
#define GYRE_OPS_DEV_KEPT_H

#include "dev_options.h"
#include "dev_region.h"

/* Complain of what was asked for and will not be. */
void dev_kept_tell(const struct dev *dev, const struct dev_arguments *arguments);

#endif
