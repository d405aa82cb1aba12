/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a cluster for the users whose passwords it checks (SCRAM), and changing them. */
#ifndef GYRE_OPS_SCRAM_USERS_H
#define GYRE_OPS_SCRAM_USERS_H

#include "gyre/sasl/credential.h"

#include "session.h"

enum { SCRAM_ITERATIONS_DEFAULT = 4096 };

struct describe_user_scram_credentials_response;

/*
 * The users of these names, or all (`name` NULL). A user who is not there is an answer with
 * RESOURCE_NOT_FOUND, for the caller to judge. Release the call.
 */
enum exit_status scram_users_fetch(
    struct session *session, const char *name, struct client_call *call,
    const struct describe_user_scram_credentials_response **out_response);

/* Has the cluster a password for this user? */
enum exit_status scram_users_have(struct session *session, const char *name, bool *out_is_there);

struct scram_change {
    enum scram_mechanism mechanism;
    int32_t iterations;
};

/*
 * One mechanism's password of a user; a request each, because Kafka takes a user only once in a
 * request. The password is salted and stretched here: it does not leave this process.
 */
enum exit_status scram_users_set(struct session *session, const char *name, const char *password,
                                 const struct scram_change *change);
enum exit_status scram_users_remove(struct session *session, const char *name,
                                    enum scram_mechanism mechanism);

const char *scram_mechanism_name(int mechanism);

#endif
