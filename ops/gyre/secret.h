/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret that a person or a program gives to a command: never as an argument, which every user of
 * the machine could read.
 */
#ifndef GYRE_OPS_SECRET_H
#define GYRE_OPS_SECRET_H

#include <stdbool.h>
#include <stddef.h>

enum { SECRET_BYTES = 1024 };

/*
 * From the environment variable if it is set; else asked for on the terminal (twice, if
 * `is_new`); else the first line of standard input. False: there is none, or it is too long; that
 * was said.
 */
bool secret_read(const char *variable, const char *what, bool is_new, char secret[SECRET_BYTES]);

void secret_wipe(void *secret, size_t size);

#endif
