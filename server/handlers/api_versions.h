/* SPDX-License-Identifier: Apache-2.0 */
/* ApiVersions (18): which APIs this broker serves, and in which versions. */
#ifndef GYRE_HANDLERS_API_VERSIONS_H
#define GYRE_HANDLERS_API_VERSIONS_H

struct request;

void api_versions_handle(struct request *request);

/* Asked in a version that we do not know; the answer is in version 0. */
void api_versions_handle_unknown_version(struct request *request);

#endif
