/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties of a stream: `ttl` (seconds, 0 for ever), `compression` (off, gzip or zlib,
 * snappy, lz4, zstd), `default.partitions`, `autocreate`, and any option of topics by its own name.
 * The options that follow from the first two are kept beside them, so that topics find them.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_STREAM_PROPERTIES_H
#define GYRE_HANDLERS_STREAM_PROPERTIES_H

#include "gyre/base/bytes.h"
#include "gyre/metadata/catalog.h"

#include "metadata/catalog_commands.h"
#include "wire_messages/alter_stream.h"

struct request;

/* What was there, `old` may be NULL, with what is given; in memory of the request. Null: done.
 * Otherwise what is wrong. */
struct string stream_properties_merge(struct request *request, const struct catalog_stream *old,
                                      const struct alter_stream_request_properties_array *given,
                                      struct catalog_set_stream_properties_array *out);

#endif
