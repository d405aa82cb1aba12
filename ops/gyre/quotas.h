/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a cluster for the quotas of its clients, and changing them. */
#ifndef GYRE_OPS_QUOTAS_H
#define GYRE_OPS_QUOTAS_H

#include <jansson.h>
#include <stdbool.h>

#include "gyre/base/bytes.h"

#include "session.h"

enum { QUOTA_PARTS_MAX = 3, QUOTA_CHANGES_MAX = 16 };

/* Kafka's words for the parts: "user", "client-id", "ip". */
struct quota_part {
    const char *type;
    const char *name; /* NULL: the default of all that have none of their own */
};

struct quota_change {
    const char *key;
    double value;
    bool is_removal;
};

struct describe_client_quotas_response;

/* The quotas of entities that have all these parts; no part: all. Release the call. */
enum exit_status quotas_fetch(struct session *session, const struct quota_part *parts, int count,
                              struct client_call *call,
                              const struct describe_client_quotas_response **out_response);

enum exit_status quotas_change(struct session *session, const struct quota_part *parts,
                               int part_count, const struct quota_change *changes,
                               int change_count);

/* "user alice, client-id reports"; the default of a kind is "user (default)". */
enum { QUOTA_ENTITY_BYTES = 1024 };
void quota_entity_to_text(const struct quota_part *parts, int count, char text[QUOTA_ENTITY_BYTES]);

#endif
