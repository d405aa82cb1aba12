/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners and addresses: what follows from several options together. */
#include <stdlib.h>
#include <unistd.h>

#include "config/config_entries.h"
#include "config/option_value.h"

/* Where the inter-broker and admin ports lie when they are not given, as `gyre dev up` has them. */
enum { RPC_PORT_OFFSET = 20, ADMIN_PORT_OFFSET = 40 };

static const char *const protocol_names[] = {
    [SECURITY_PROTOCOL_PLAINTEXT] = "PLAINTEXT",
    [SECURITY_PROTOCOL_SSL] = "SSL",
    [SECURITY_PROTOCOL_SASL_PLAINTEXT] = "SASL_PLAINTEXT",
    [SECURITY_PROTOCOL_SASL_SSL] = "SASL_SSL",
};

struct derivation {
    struct broker_config *config;
    struct config_report *report;
    const struct config_entry *entry; /* where a problem is reported */
    const char *key;
};

const char *security_protocol_name(enum security_protocol protocol)
{
    return protocol_names[protocol];
}

static bool find_protocol(struct string name, enum security_protocol *out_protocol)
{
    for (int i = 0; i < (int)(sizeof protocol_names / sizeof protocol_names[0]); i++) {
        if (string_is(name, protocol_names[i])) {
            *out_protocol = (enum security_protocol)i;
            return true;
        }
    }
    return false;
}

static void begin(struct derivation *derivation, const char *key)
{
    derivation->key = key;
    derivation->entry = config_entries_find(derivation->config->entries, key);
}

static bool refuse(const struct derivation *derivation, struct string what, const char *why)
{
    config_report_problem(derivation->report, derivation->entry, "%s: '%.*s' %s", derivation->key,
                          STRING_ARGUMENTS(what), why);
    return false;
}

static bool copy_text(struct string text, char *out, size_t size)
{
    if (text.length < 0 || (size_t)text.length >= size) {
        return false;
    }
    memcpy(out, text.bytes, (size_t)text.length);
    out[text.length] = '\0';
    return true;
}

/* "host:port", "[::1]:port", ":port". */
static bool parse_endpoint(struct string text, struct config_endpoint *out_endpoint)
{
    const char *colon = memrchr(text.bytes, ':', (size_t)text.length);
    struct string host;
    struct string port;
    int64_t number;

    if (colon == NULL) {
        return false;
    }
    host = (struct string){.bytes = text.bytes, .length = (int32_t)(colon - text.bytes)};
    port = (struct string){.bytes = colon + 1, .length = text.length - host.length - 1};
    if (host.length >= 2 && host.bytes[0] == '[' && host.bytes[host.length - 1] == ']') {
        host.bytes++;
        host.length -= 2;
    } else if (memchr(host.bytes, ':', (size_t)host.length) != NULL) {
        return false;
    }
    if (option_value_parse_long(port, &number) != ERROR_NONE || number < 0 || number > 65535) {
        return false;
    }
    out_endpoint->port = (uint16_t)number;
    return copy_text(host, out_endpoint->host, sizeof out_endpoint->host);
}

/* "NAME://host:port" */
static bool parse_listener(struct derivation *derivation, struct string text,
                           struct string *out_name, struct config_endpoint *out_endpoint)
{
    const char *mark = memmem(text.bytes, (size_t)text.length, "://", 3);
    struct string rest;

    if (mark == NULL || mark == text.bytes) {
        return refuse(derivation, text, "is not NAME://host:port");
    }
    out_name->bytes = text.bytes;
    out_name->length = (int32_t)(mark - text.bytes);
    rest = (struct string){.bytes = mark + 3, .length = text.length - out_name->length - 3};
    if (out_name->length >= CONFIG_NAME_BYTES_MAX || !parse_endpoint(rest, out_endpoint)) {
        return refuse(derivation, text, "is not NAME://host:port");
    }
    return true;
}

/* listener.security.protocol.map, or a protocol's own name. */
static bool protocol_of(const struct broker_config *config, struct string name,
                        enum security_protocol *out_protocol)
{
    const struct config_list *map = &config->listener_security_protocol_map;

    for (int32_t i = 0; i < map->count; i++) {
        const struct string *pair = &map->items[i];
        const char *colon = memchr(pair->bytes, ':', (size_t)pair->length);
        struct string left;
        struct string right;

        if (colon == NULL) {
            continue;
        }
        left = string_trim((struct string){pair->bytes, (int32_t)(colon - pair->bytes)});
        right = string_trim(
            (struct string){colon + 1, pair->length - (int32_t)(colon - pair->bytes) - 1});
        if (string_equal(left, name)) {
            return find_protocol(right, out_protocol);
        }
    }
    return find_protocol(name, out_protocol);
}

/* Files of Kafka's KRaft mode name a listener for controllers, which Gyre does not have. */
static bool is_controller_listener(const struct broker_config *config, struct string name)
{
    const struct config_entry *entry =
        config_entries_find(config->entries, "controller.listener.names");
    struct string rest = entry == NULL ? STRING_NULL : entry->value;
    struct string element;

    while (string_next_element(&rest, ',', &element)) {
        if (string_equal(element, name)) {
            return true;
        }
    }
    return false;
}

static bool has_listener(const struct broker_config *config, struct string name)
{
    for (int i = 0; i < config->kafka_listener_count; i++) {
        if (string_is(name, config->kafka_listeners[i].name)) {
            return true;
        }
    }
    return false;
}

static void add_listener(struct derivation *derivation, struct string text)
{
    struct broker_config *config = derivation->config;
    struct config_listener listener = {0};
    struct string name;

    if (!parse_listener(derivation, text, &name, &listener.bind)) {
        return;
    }
    if (is_controller_listener(config, name)) {
        config_report_note(derivation->report, derivation->entry,
                           "listener '%.*s' is for Kafka's controllers and is not opened",
                           STRING_ARGUMENTS(name));
        return;
    }
    if (has_listener(config, name)) {
        (void)refuse(derivation, name, "is named twice");
    } else if (!protocol_of(config, name, &listener.security_protocol)) {
        (void)refuse(derivation, name, "has no protocol in listener.security.protocol.map");
    } else if (config->kafka_listener_count == CONFIG_LISTENERS_MAX) {
        (void)refuse(derivation, text, "is one listener too many");
    } else {
        (void)copy_text(name, listener.name, sizeof listener.name);
        config->kafka_listeners[config->kafka_listener_count++] = listener;
    }
}

static bool is_every_address(const char *host)
{
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* What cannot be connected to is not advertised: the machine's own name is. */
static void advertise_bind_address(struct config_listener *listener)
{
    listener->advertised = listener->bind;
    if (is_every_address(listener->bind.host)) {
        if (gethostname(listener->advertised.host, sizeof listener->advertised.host) != 0) {
            memcpy(listener->advertised.host, "localhost", sizeof "localhost");
        }
        listener->advertised.host[sizeof listener->advertised.host - 1] = '\0';
    }
}

static void advertise(struct derivation *derivation, struct string text)
{
    struct broker_config *config = derivation->config;
    struct config_endpoint endpoint;
    struct string name;

    if (!parse_listener(derivation, text, &name, &endpoint)) {
        return;
    }
    if (endpoint.host[0] == '\0' || strcmp(endpoint.host, "0.0.0.0") == 0) {
        (void)refuse(derivation, text, "is no address that clients can connect to");
        return;
    }
    for (int i = 0; i < config->kafka_listener_count; i++) {
        if (string_is(name, config->kafka_listeners[i].name)) {
            config->kafka_listeners[i].advertised = endpoint;
            return;
        }
    }
    if (!is_controller_listener(config, name)) {
        (void)refuse(derivation, name, "is not one of `listeners`");
    }
}

static void derive_kafka_listeners(struct derivation *derivation)
{
    struct broker_config *config = derivation->config;

    begin(derivation, "listeners");
    for (int32_t i = 0; i < config->listeners.count; i++) {
        add_listener(derivation, config->listeners.items[i]);
    }
    if (config->kafka_listener_count == 0) {
        (void)refuse(derivation, STRING(""), "has no listener for clients");
    }
    for (int i = 0; i < config->kafka_listener_count; i++) {
        advertise_bind_address(&config->kafka_listeners[i]);
    }
    begin(derivation, "advertised.listeners");
    for (int32_t i = 0; i < config->advertised_listeners.count; i++) {
        advertise(derivation, config->advertised_listeners.items[i]);
    }
}

/* A list of one endpoint. False: not given, or refused. */
static bool single_endpoint(struct derivation *derivation, const char *key,
                            const struct config_list *list, struct config_endpoint *out_endpoint)
{
    begin(derivation, key);
    if (list->count == 0) {
        return false;
    }
    if (list->count > 1) {
        return refuse(derivation, list->items[1], "is one endpoint too many");
    }
    return parse_endpoint(list->items[0], out_endpoint) ||
           refuse(derivation, list->items[0], "is not host:port");
}

static uint16_t offset_port(const struct broker_config *config, int offset)
{
    int port = config->kafka_listener_count == 0 ? 0 : config->kafka_listeners[0].bind.port;

    return port == 0 || port + offset > 65535 ? 0 : (uint16_t)(port + offset);
}

static void derive_rpc(struct derivation *derivation)
{
    struct broker_config *config = derivation->config;
    const struct config_listener *first = &config->kafka_listeners[0];

    if (!single_endpoint(derivation, "gyre.rpc.listeners", &config->gyre_rpc_listeners,
                         &config->rpc_listener)) {
        config->rpc_listener = first->bind;
        config->rpc_listener.port = offset_port(config, RPC_PORT_OFFSET);
    }
    if (!single_endpoint(derivation, "gyre.rpc.advertised.listeners",
                         &config->gyre_rpc_advertised_listeners, &config->rpc_advertised)) {
        config->rpc_advertised = config->rpc_listener;
        if (is_every_address(config->rpc_listener.host)) {
            memcpy(config->rpc_advertised.host, first->advertised.host,
                   sizeof config->rpc_advertised.host);
        }
    }
}

static void derive_admin(struct derivation *derivation)
{
    struct broker_config *config = derivation->config;
    const struct config_list *list = &config->gyre_admin_listeners;

    if (list->count == 1 && string_is(list->items[0], "none")) {
        return;
    }
    config->has_admin_listener = true;
    if (!single_endpoint(derivation, "gyre.admin.listeners", list, &config->admin_listener)) {
        memcpy(config->admin_listener.host, "127.0.0.1", sizeof "127.0.0.1");
        config->admin_listener.port = offset_port(config, ADMIN_PORT_OFFSET);
    }
}

static void derive_seeds(struct derivation *derivation)
{
    struct broker_config *config = derivation->config;
    const struct config_list *list = &config->gyre_seed_servers;

    begin(derivation, "gyre.seed.servers");
    for (int32_t i = 0; i < list->count; i++) {
        struct config_endpoint seed;

        if (config->seed_count == CONFIG_SEEDS_MAX) {
            (void)refuse(derivation, list->items[i], "is one seed too many");
            return;
        }
        if (!parse_endpoint(list->items[i], &seed) || seed.host[0] == '\0' || seed.port == 0) {
            (void)refuse(derivation, list->items[i], "is not host:port");
            continue;
        }
        config->seeds[config->seed_count++] = seed;
    }
}

void config_endpoints_derive(struct broker_config *config, struct config_report *report)
{
    struct derivation derivation = {.config = config, .report = report};

    derive_kafka_listeners(&derivation);
    derive_rpc(&derivation);
    derive_admin(&derivation);
    derive_seeds(&derivation);
}
