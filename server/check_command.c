/* SPDX-License-Identifier: Apache-2.0 */
#include "check_command.h"

#include <stdio.h>

#include "gyre/config/config.h"
#include "gyre/sasl/sasl_service.h"
#include "gyre/tls/principal_rules.h"
#include "gyre/tls/tls_context.h"

enum { MESSAGE_BYTES = 256 };
_Static_assert((int)MESSAGE_BYTES >= (int)TLS_MESSAGE_BYTES, "one buffer for all messages");

static bool is_private(enum security_protocol protocol)
{
    return protocol == SECURITY_PROTOCOL_SSL || protocol == SECURITY_PROTOCOL_SASL_SSL;
}

static bool check_sasl(const struct broker_config *config)
{
    char message[MESSAGE_BYTES] = "";

    if (sasl_service_check(config, message) == ERROR_NONE) {
        return true;
    }
    (void)fprintf(stderr, "%s\n", message);
    return false;
}

static bool check_principal_rules(const struct broker_config *config, const char *listener)
{
    char message[MESSAGE_BYTES] = "";
    struct principal_rules *rules = NULL;

    if (principal_rules_new(config_listener_option(config, listener, "ssl.principal.mapping.rules"),
                            message, &rules) == ERROR_NONE) {
        principal_rules_free(rules);
        return true;
    }
    (void)fprintf(stderr, "listener '%s': %s\n", listener, message);
    return false;
}

/* What has ended and is taken all the same is told, too. */
static bool check_files(const struct tls_options *options, const char *listener)
{
    char message[MESSAGE_BYTES] = "";
    struct tls_context *context = NULL;
    enum error error = tls_context_load(options, NULL, message, &context);

    if (message[0] != '\0') {
        (void)fprintf(stderr, "listener '%s': %s%s\n", listener,
                      error == ERROR_NONE ? "note: " : "", message);
    }
    if (error == ERROR_NONE) {
        tls_context_unref(context);
    }
    return error == ERROR_NONE;
}

static bool check_listeners(const struct broker_config *config, bool looks_at_files)
{
    bool is_sound = true;

    for (int i = 0; i < config->kafka_listener_count; i++) {
        const struct config_listener *listener = &config->kafka_listeners[i];
        struct tls_options options;

        if (!is_private(listener->security_protocol)) {
            continue;
        }
        is_sound = check_principal_rules(config, listener->name) && is_sound;
        tls_options_of_listener(&options, config, listener->name);
        options.allows_expired = true;
        is_sound = (!looks_at_files || check_files(&options, listener->name)) && is_sound;
    }
    return is_sound;
}

static bool check_links(const struct broker_config *config)
{
    struct string protocol = config->security_inter_broker_protocol;
    struct tls_options options;

    if (!string_is(protocol, "SSL") && !string_is(protocol, "SASL_SSL")) {
        return true;
    }
    tls_options_of_listener(&options, config, "rpc");
    options.client_auth = TLS_CLIENT_AUTH_REQUIRED;
    options.wants_broker = true;
    if (!check_files(&options, "rpc")) {
        return false;
    }
    options.is_server = false;
    return check_files(&options, "rpc");
}

bool check_command(const struct broker_config *config, bool looks_at_files)
{
    bool is_sound = check_sasl(config);

    is_sound = check_listeners(config, looks_at_files) && is_sound;
    return (!looks_at_files || check_links(config)) && is_sound;
}
