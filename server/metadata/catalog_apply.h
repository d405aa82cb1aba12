/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries out committed commands. Every broker does so alike: a refusal here is an answer to the
 * one who asked, never a reason to stop.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_METADATA_CATALOG_APPLY_H
#define GYRE_METADATA_CATALOG_APPLY_H

#include "gyre/base/bytes.h"
#include "gyre/wire/kafka_error.h"

struct catalog_state;

enum { CATALOG_MESSAGE_BYTES_MAX = 512, CATALOG_VALUE_BYTES_MAX = 16 };

struct catalog_result {
    enum kafka_error error;
    char message[CATALOG_MESSAGE_BYTES_MAX]; /* "" when there is nothing to say */
    char value[CATALOG_VALUE_BYTES_MAX];
    int32_t value_length;
};

/* Sets the applied index too, also when the command is refused. */
void catalog_apply(struct catalog_state *state, uint64_t index, struct bytes command,
                   struct catalog_result *out_result);

/* ---- between the files of apply ---- */
__attribute__((format(printf, 3, 4))) void catalog_refuse(struct catalog_result *result,
                                                          enum kafka_error error,
                                                          const char *format, ...);

/* catalog_apply_topics.c; `message` is the command's struct. */
typedef void (*catalog_apply_command)(struct catalog_state *state, const void *message,
                                      struct catalog_result *result);
void catalog_apply_create_topic(struct catalog_state *state, const void *message,
                                struct catalog_result *result);
void catalog_apply_delete_topic(struct catalog_state *state, const void *message,
                                struct catalog_result *result);
void catalog_apply_add_partitions(struct catalog_state *state, const void *message,
                                  struct catalog_result *result);
void catalog_apply_set_targets(struct catalog_state *state, const void *message,
                               struct catalog_result *result);
void catalog_apply_set_replicas(struct catalog_state *state, const void *message,
                                struct catalog_result *result);

/* catalog_apply_settings.c */
void catalog_apply_topic_settings(struct catalog_state *state, const void *message,
                                  struct catalog_result *result);
void catalog_apply_broker_settings(struct catalog_state *state, const void *message,
                                   struct catalog_result *result);
void catalog_apply_group_settings(struct catalog_state *state, const void *message,
                                  struct catalog_result *result);

/* catalog_apply_security.c */
struct catalog_form_region;
void catalog_apply_first_credentials(struct catalog_state *state,
                                     const struct catalog_form_region *in,
                                     struct catalog_result *result);
void catalog_apply_set_scram(struct catalog_state *state, const void *message,
                             struct catalog_result *result);
void catalog_apply_set_acls(struct catalog_state *state, const void *message,
                            struct catalog_result *result);
void catalog_apply_set_quotas(struct catalog_state *state, const void *message,
                              struct catalog_result *result);
void catalog_apply_set_token(struct catalog_state *state, const void *message,
                             struct catalog_result *result);
void catalog_apply_remove_tokens(struct catalog_state *state, const void *message,
                                 struct catalog_result *result);
void catalog_apply_set_stream(struct catalog_state *state, const void *message,
                              struct catalog_result *result);
void catalog_apply_remove_stream(struct catalog_state *state, const void *message,
                                 struct catalog_result *result);
void catalog_apply_set_role(struct catalog_state *state, const void *message,
                            struct catalog_result *result);

#endif
