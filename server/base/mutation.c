/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/mutation.h"

#if GYRE_MUTATION < 0
int mutation_number;
#endif

_Static_assert(GYRE_MUTATION >= -1, "-1: chosen at the start, 0: none, n: number n");
