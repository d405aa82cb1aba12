/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/listener_certificates.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/config/config.h"
#include "gyre/runtime/work.h"
#include "gyre/tls/tls_context.h"

#include "handlers/broker.h"
#include "handlers/config_resources.h"
#include "handlers/config_view.h"
#include "handlers/listener_options.h"
#include "handlers/request.h"

/* The listeners of clients, and those that brokers and operators come to. */
enum { LISTENERS_MAX = CONFIG_LISTENERS_MAX + 2 };

struct certificate_check {
    struct work work;
    struct catalog_changes *to;
    struct config_submission submission;
    void (*good)(struct catalog_changes *to, const struct config_submission *submission);

    /* ---- of the pool ---- */
    struct tls_options *options[LISTENERS_MAX]; /* owned */
    int count;
    enum error error;
    char message[TLS_MESSAGE_BYTES];
};

static bool is_about_tls(struct string name)
{
    const struct broker_option *option = broker_option_find_of_listener(name);

    return option != NULL && option->change == OPTION_OF_LISTENER;
}

bool listener_certificates_concern(const struct config_submission *submission)
{
    for (int32_t i = 0; i < submission->count; i++) {
        if (submission->target.type == CONFIG_RESOURCE_BROKER &&
            is_about_tls(submission->changes[i].name)) {
            return true;
        }
    }
    return false;
}

/* ---- on the pool ---- */

static void run(struct work *work)
{
    struct certificate_check *check = CONTAINER_OF(work, struct certificate_check, work);

    for (int i = 0; i < check->count && check->error == ERROR_NONE; i++) {
        struct tls_context *context = NULL;

        check->error = tls_context_load(check->options[i], NULL, check->message, &context);
        tls_context_unref(context);
    }
}

static void done(struct work *work)
{
    struct certificate_check *check = CONTAINER_OF(work, struct certificate_check, work);
    struct catalog_changes *to = check->to;

    if (check->error == ERROR_NONE) {
        check->good(to, &check->submission);
    } else {
        *check->submission.out_error = KAFKA_ERROR_INVALID_REQUEST;
        *check->submission.out_message = catalog_changes_text(
            to->request, "Validation of dynamic config update failed: %s", check->message);
    }
    for (int i = 0; i < check->count; i++) {
        tls_options_free(check->options[i]);
    }
    free(check);
    catalog_changes_all_made(to);
}

/* ---- what is to be loaded ---- */

static bool concerns(const struct listener_options *options)
{
    char key[CONFIG_LISTENER_KEY_BYTES];
    size_t length;

    config_listener_key(key, options->listener, "");
    length = strlen(key);
    for (int32_t i = 0; i < options->change_count; i++) {
        struct string name = options->changes[i].name;

        if ((size_t)name.length > length && memcmp(name.bytes, key, length) == 0 &&
            is_about_tls(name)) {
            return true;
        }
    }
    return false;
}

static void add(struct certificate_check *check, const struct listener_options *from)
{
    struct tls_options options;

    if (concerns(from)) {
        tls_options_find(&options, listener_options_find, from);
        check->options[check->count++] = tls_options_copy(&options);
    }
}

static void add_all(struct certificate_check *check, const struct config_change *changes)
{
    const struct broker *broker = check->to->request->broker;
    const struct broker_config *config = broker->config;
    struct listener_options options = {
        .broker = broker, .changes = changes, .change_count = check->submission.count};

    for (int i = 0; i < config->kafka_listener_count; i++) {
        enum security_protocol protocol = config->kafka_listeners[i].security_protocol;

        options.listener = config->kafka_listeners[i].name;
        if (protocol == SECURITY_PROTOCOL_SSL || protocol == SECURITY_PROTOCOL_SASL_SSL) {
            add(check, &options);
        }
    }
    options.listener = "rpc";
    if (string_is(config->security_inter_broker_protocol, "SSL") ||
        string_is(config->security_inter_broker_protocol, "SASL_SSL")) {
        add(check, &options);
    }
    options.listener = "admin";
    if (config->gyre_admin_ssl) {
        add(check, &options);
    }
}

/* With a NUL behind each value. NULL: the arena is full. */
static struct config_change *copy_changes(struct request *request,
                                          const struct config_submission *submission)
{
    struct config_change *copy =
        arena_alloc_array(&request->arena, (size_t)submission->count + 1, sizeof *copy);

    for (int32_t i = 0; copy != NULL && i < submission->count; i++) {
        struct string value = submission->changes[i].value;

        copy[i] = submission->changes[i];
        if (value.bytes != NULL) {
            copy[i].value.bytes =
                arena_copy_text(&request->arena, value.bytes, (size_t)value.length);
            copy = copy[i].value.bytes == NULL ? NULL : copy;
        }
    }
    return copy;
}

void listener_certificates_check(struct catalog_changes *to,
                                 const struct config_submission *submission,
                                 void (*good)(struct catalog_changes *to,
                                              const struct config_submission *submission))
{
    struct config_change *changes = copy_changes(to->request, submission);
    struct certificate_check *check;

    if (changes == NULL) {
        *submission->out_error = KAFKA_ERROR_INVALID_REQUEST;
        *submission->out_message = STRING("The request is too large.");
        return;
    }
    check = check_alloc_zero(sizeof *check);
    check->to = to;
    check->submission = *submission;
    check->good = good;
    check->work = (struct work){.run = run, .done = done};
    add_all(check, changes);
    catalog_changes_hold(to);
    work_submit(to->request->broker->pool, &check->work);
}
