/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, keys and the rest of TLS that AlterConfigs names for a listener are loaded before
 * the change is accepted, on the pool: what could not be used is refused, and nothing has changed.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_LISTENER_CERTIFICATES_H
#define GYRE_HANDLERS_LISTENER_CERTIFICATES_H

#include <stdbool.h>

struct catalog_changes;
struct config_submission;

/* Is there anything about TLS in it? */
bool listener_certificates_concern(const struct config_submission *submission);

/*
 * Tells the submission's error and message where it cannot be used, else goes on with good(), never
 * before this returns. The request waits for it. The submission and what it points to live as long
 * as the request.
 */
void listener_certificates_check(struct catalog_changes *to,
                                 const struct config_submission *submission,
                                 void (*good)(struct catalog_changes *to,
                                              const struct config_submission *submission));

#endif
