/* SPDX-License-Identifier: Apache-2.0 */
/* The users of `gyred format --add-scram`: their names from the command line, their passwords from
 * standard input, a line for each, so that no list of processes shows one. */
#ifndef GYRE_FORMAT_USERS_H
#define GYRE_FORMAT_USERS_H

#include <stdio.h>

#include "gyre/base/error.h"

struct buffer;

enum { FORMAT_USERS_MAX = 32 };

/*
 * `users` are names, or Kafka's "SCRAM-SHA-512=[name=admin,iterations=8192]"; a name alone gets
 * both mechanisms. Out comes an encoded CatalogSetScram, one reference. On failure a sentence was
 * written to the standard error.
 */
MUST_USE
enum error format_users_read(const char *const *users, int count, FILE *passwords,
                             struct buffer **out_command);

#endif
