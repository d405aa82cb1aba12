/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at certificates: what is in them, and whether they are good. */
#ifndef GYRE_OPS_PKI_SHOW_H
#define GYRE_OPS_PKI_SHOW_H

#include <stdbool.h>

#include "command.h"

struct pki_directory;

/* `count` 0: all of the directory. */
enum exit_status pki_show(const struct pki_directory *directory, const char *const *names,
                          int count, enum output_format output);

/* `host` NULL: any. The key is looked at where the name is one of the directory. */
enum exit_status pki_verify(const struct pki_directory *directory, const char *name,
                            const char *host, bool is_broker, enum output_format output);

#endif
