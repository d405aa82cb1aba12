/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AlterUserScramCredentials (51). A user may be named once in a request. What is sound goes into
 * one command; the keys are made here, so that SaltedPassword, which opens the door by itself,
 * never reaches the log of the catalog.
 */
#include "wire_messages/alter_user_scram_credentials.h"

#include "gyre/base/map.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/security_handlers.h"
#include "metadata/catalog_commands.h"

enum { ALTERATIONS_MAX = 10000 };

struct altered_user {
    struct map_link by_name;
    struct alter_user_scram_credentials_response_results *out;
    const struct alter_user_scram_credentials_request_deletions *deletion; /* at most one */
    const struct alter_user_scram_credentials_request_upsertions *upsertion;
    struct scram_credential credential;
};

struct alteration {
    struct request *request; /* we live in its arena */
    struct alter_user_scram_credentials_request in;
    struct alter_user_scram_credentials_response out;
    struct altered_user *users;
    int32_t count;
    struct map by_name;
    struct catalog_changes changes;
    int16_t error; /* of the command */
    struct string message;
};

static void refuse(struct altered_user *user, enum kafka_error error, const char *message)
{
    user->deletion = NULL;
    user->upsertion = NULL;
    user->out->error_code = (int16_t)error;
    user->out->error_message = string_from(message);
}

/* ---- judging ---- */

/* True: new here, or named only once so far and not refused. */
static bool take_user(struct alteration *self, struct string name, struct altered_user **out_user)
{
    map_for_each_match(link, &self->by_name, string_hash(name)) {
        struct altered_user *user = CONTAINER_OF(link, struct altered_user, by_name);
        if (string_equal(user->out->user, name)) {
            if (user->out->error_code == KAFKA_ERROR_NONE) {
                refuse(user, KAFKA_ERROR_DUPLICATE_RESOURCE,
                       "A user credential cannot be altered twice in the same request");
            }
            return false;
        }
    }
    struct altered_user *user = &self->users[self->count];
    user->out = &self->out.results.items[self->count++];
    user->out->user = name;
    user->out->error_message = STRING_NULL;
    map_insert(&self->by_name, &user->by_name, string_hash(name));
    *out_user = user;
    return true;
}

static bool check_name(struct altered_user *user, int8_t mechanism)
{
    if (user->out->user.length <= 0) {
        refuse(user, KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL, "Username must not be empty");
    } else if (user->out->user.length > CATALOG_PRINCIPAL_BYTES_MAX) {
        refuse(user, KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL, "Username is too long");
    } else if (mechanism != SCRAM_SHA_256 && mechanism != SCRAM_SHA_512) {
        refuse(user, KAFKA_ERROR_UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism");
    }
    return user->out->error_code == KAFKA_ERROR_NONE;
}

static void judge_deletion(struct alteration *self, struct altered_user *user,
                           const struct alter_user_scram_credentials_request_deletions *in)
{
    if (!check_name(user, in->mechanism)) {
        return;
    }
    user->deletion = in;
    if (catalog_find_scram(self->request->broker->catalog, in->name,
                           (enum scram_mechanism)in->mechanism) == NULL) {
        refuse(user, KAFKA_ERROR_RESOURCE_NOT_FOUND,
               "Attempt to delete a user credential that does not exist");
    }
}

static void judge_upsertion(struct altered_user *user,
                            const struct alter_user_scram_credentials_request_upsertions *in)
{
    if (!check_name(user, in->mechanism)) {
        return;
    }
    user->credential.mechanism = (enum scram_mechanism)in->mechanism;
    user->upsertion = in;
    if (in->iterations < SCRAM_ITERATIONS_MIN) {
        refuse(user, KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL, "Too few iterations");
    } else if (in->iterations > SCRAM_ITERATIONS_MAX) {
        refuse(user, KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL, "Too many iterations");
    } else if (in->salt.length < 1 || in->salt.length > SCRAM_SALT_BYTES_MAX) {
        refuse(user, KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL, "The salt is empty or too long");
    } else if (credential_set_keys(&user->credential, in->salted_password) != ERROR_NONE) {
        refuse(user, KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL,
               "The salted password is empty or too long");
    }
}

static void judge(struct alteration *self)
{
    struct altered_user *user = NULL;

    for (int32_t i = 0; i < self->in.deletions.count; i++) {
        if (take_user(self, self->in.deletions.items[i].name, &user)) {
            judge_deletion(self, user, &self->in.deletions.items[i]);
        }
    }
    for (int32_t i = 0; i < self->in.upsertions.count; i++) {
        if (take_user(self, self->in.upsertions.items[i].name, &user)) {
            judge_upsertion(user, &self->in.upsertions.items[i]);
        }
    }
    self->out.results.count = self->count;
}

/* ---- carrying out ---- */

static void reply(struct catalog_changes *changes)
{
    struct alteration *self = changes->context;

    for (int32_t i = 0; i < self->count; i++) {
        struct altered_user *user = &self->users[i];
        if (self->error != KAFKA_ERROR_NONE && user->out->error_code == KAFKA_ERROR_NONE) {
            user->out->error_code = self->error;
            user->out->error_message = self->message;
        }
    }
    request_reply(self->request, &alter_user_scram_credentials_response_layout, &self->out);
}

static void add_upsertion(struct catalog_set_scram *command, const struct altered_user *user)
{
    int32_t key = credential_key_bytes(user->credential.mechanism);
    struct catalog_set_scram_upsertions *to = &command->upsertions.items[command->upsertions.count];

    command->upsertions.count++;
    to->user = user->upsertion->name;
    to->mechanism = user->upsertion->mechanism;
    to->iterations = user->upsertion->iterations;
    to->salt = user->upsertion->salt;
    /* The command is encoded before this request is: nobody writes through these. */
    to->stored_key = (struct bytes){(char *)(uintptr_t)user->credential.stored_key, key};
    to->server_key = (struct bytes){(char *)(uintptr_t)user->credential.server_key, key};
}

static bool submit(struct alteration *self)
{
    struct catalog_set_scram command;
    struct arena *arena = &self->request->arena;

    catalog_set_scram_init(&command);
    if (catalog_set_scram_deletions_array_alloc(&command.deletions, arena, self->count) !=
            ERROR_NONE ||
        catalog_set_scram_upsertions_array_alloc(&command.upsertions, arena, self->count) !=
            ERROR_NONE) {
        return false;
    }
    command.deletions.count = 0;
    command.upsertions.count = 0;
    for (int32_t i = 0; i < self->count; i++) {
        const struct altered_user *user = &self->users[i];
        if (user->deletion != NULL) {
            command.deletions.items[command.deletions.count++] =
                (struct catalog_set_scram_deletions){user->deletion->name,
                                                     user->deletion->mechanism};
        } else if (user->upsertion != NULL) {
            add_upsertion(&command, user);
        }
    }
    catalog_changes_init(&self->changes, self->request, reply, self);
    if (command.deletions.count + command.upsertions.count > 0) {
        catalog_changes_make(&self->changes, &catalog_set_scram_layout, CATALOG_SET_SCRAM_RECORD,
                             &command, &self->error, &self->message);
    }
    catalog_changes_all_made(&self->changes);
    return true;
}

/* Everybody who was named gets the same. */
static void refuse_all(struct alteration *self, enum kafka_error error)
{
    struct altered_user *user = NULL;

    for (int32_t i = 0; i < self->in.deletions.count; i++) {
        (void)take_user(self, self->in.deletions.items[i].name, &user);
    }
    for (int32_t i = 0; i < self->in.upsertions.count; i++) {
        (void)take_user(self, self->in.upsertions.items[i].name, &user);
    }
    for (int32_t i = 0; i < self->count; i++) {
        refuse(&self->users[i], error, kafka_error_text((int16_t)error));
    }
    self->out.results.count = self->count;
    request_reply(self->request, &alter_user_scram_credentials_response_layout, &self->out);
}

static bool prepare(struct alteration *self)
{
    struct request *request = self->request;

    if (!request_decode(request, &alter_user_scram_credentials_request_layout, &self->in)) {
        return false;
    }
    int32_t count = self->in.deletions.count + self->in.upsertions.count;
    alter_user_scram_credentials_response_init(&self->out);
    self->users = request_alloc(request, ((size_t)count + 1) * sizeof *self->users);
    if (self->users == NULL) {
        return false;
    }
    if (alter_user_scram_credentials_response_results_array_alloc(
            &self->out.results, &request->arena, count) != ERROR_NONE) {
        request_close(request);
        return false;
    }
    return true;
}

void alter_user_scram_credentials_handle(struct request *request)
{
    struct alteration *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!prepare(self)) {
        return;
    }
    map_init(&self->by_name);
    if (!access_allows(request, ACCESS_ALTER, ACCESS_CLUSTER, ACL_CLUSTER_NAME)) {
        refuse_all(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED);
    } else if (self->in.deletions.count + self->in.upsertions.count > ALTERATIONS_MAX) {
        refuse_all(self, KAFKA_ERROR_POLICY_VIOLATION);
    } else {
        judge(self);
        if (!submit(self)) {
            request_close(request);
        }
    }
    map_release(&self->by_name); /* the links are not looked at any more */
}
