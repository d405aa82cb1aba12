/* SPDX-License-Identifier: Apache-2.0 */
/* The twelve conversations: those about records in records.c, the others in groups.c, admin.c. */
#ifndef INTEROP_TALKS_H
#define INTEROP_TALKS_H

#include "talk.h"

json_t *talk_metadata(const char *prefix);
json_t *talk_codecs(const char *prefix);
json_t *talk_idempotent(const char *prefix);
json_t *talk_acks(const char *prefix);
json_t *talk_group(const char *prefix);
json_t *talk_rebalance(const char *prefix);
json_t *talk_seek(const char *prefix);
json_t *talk_large(const char *prefix);
json_t *talk_topics(const char *prefix);
json_t *talk_grow(const char *prefix);
json_t *talk_groups(const char *prefix);
json_t *talk_failover(const char *prefix);

#endif
