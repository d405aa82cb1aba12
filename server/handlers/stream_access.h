/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the one who asks may do with a stream itself. Who may neither use it nor describe the
 * cluster is told the same of streams that are there and of those that are not.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_STREAM_ACCESS_H
#define GYRE_HANDLERS_STREAM_ACCESS_H

#include <stdbool.h>

#include "gyre/access/stream_policies.h"
#include "gyre/base/bytes.h"
#include "gyre/metadata/catalog.h"

struct request;

/* Bit N: the policy of the stream grants permission N; all of them to super users, and to everybody
 * where nothing is enforced. */
unsigned stream_access_permissions(const struct request *request, struct string path);

/* By some permission, or because the whole cluster may be described. */
bool stream_access_sees(const struct request *request, struct string path);

/* By the permission to administer it, or because the cluster may be altered. A refusal is audited.
 */
bool stream_access_administers(const struct request *request, struct string path);

/* A property that follows from one that was given ("retention.ms" from "ttl"): not shown. */
bool stream_access_is_derived(const struct catalog_stream *stream, struct string property);

#endif
