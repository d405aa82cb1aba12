/* SPDX-License-Identifier: Apache-2.0 */
#include "dev_security.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "gyre/base/check.h"

#include "certificate.h"
#include "dev_region.h"

enum {
    PASSWORD_RANDOM_BYTES = 18,
    SECRET_RANDOM_BYTES = 33,
    PLACE_FIRST = 50,
    PLACE_STEP = 10,
    DEV_CERTIFICATE_DAYS = 3650,
    DEV_BROKER_NAME_BYTES = 64,
};

#define ADMINISTRATOR    "admin"
#define CLIENT_PRINCIPAL "CN=client"
#define ANONYMOUS        "ANONYMOUS"

static const char *const names[DEV_PROTOCOLS] = {
    [DEV_PLAINTEXT] = "PLAINTEXT",
    [DEV_SASL_PLAINTEXT] = "SASL_PLAINTEXT",
    [DEV_SSL] = "SSL",
    [DEV_SASL_SSL] = "SASL_SSL",
};

const char *dev_protocol_name(enum dev_protocol protocol)
{
    return names[protocol];
}

bool dev_protocol_parse(const char *text, size_t length, enum dev_protocol *out_protocol)
{
    for (int i = 0; i < DEV_PROTOCOLS; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) {
            *out_protocol = (enum dev_protocol)i;
            return true;
        }
    }
    return false;
}

int dev_listener_port(int place)
{
    return place == 0 ? 0 : PLACE_FIRST + PLACE_STEP * (place - 1);
}

static bool has_listener(const struct dev_security *security, enum dev_protocol protocol)
{
    for (int i = 0; i < security->listener_count; i++) {
        if (security->listeners[i] == protocol) {
            return true;
        }
    }
    return false;
}

static bool has_sasl(const struct dev_security *security)
{
    return has_listener(security, DEV_SASL_PLAINTEXT) || has_listener(security, DEV_SASL_SSL);
}

static bool has_certificates(const struct dev_security *security)
{
    return security->listener_count > 1 || security->listeners[0] != DEV_PLAINTEXT;
}

bool dev_security_is_on(const struct dev_security *security)
{
    return has_certificates(security) || security->super_user_count > 0 || security->user_count > 0;
}

/* ---- who may ---- */

static bool has_user(const struct dev_security *security, const char *name)
{
    for (int i = 0; i < security->user_count; i++) {
        if (strcmp(security->users[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_super_user(const struct dev_security *security, const char *name)
{
    for (int i = 0; i < security->super_user_count; i++) {
        if (strcmp(security->super_users[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_super_user(struct dev_security *security, const char *name)
{
    if (!has_super_user(security, name)) {
        (void)snprintf(security->super_users[security->super_user_count++], DEV_NAME_BYTES, "%s",
                       name);
    }
}

/* Text that needs no quotes anywhere. */
static void make_secret(char *text, int random_bytes)
{
    unsigned char bytes[SECRET_RANDOM_BYTES];

    CHECK(RAND_bytes(bytes, random_bytes) == 1);
    (void)EVP_EncodeBlock((unsigned char *)text, bytes, random_bytes);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    }
}

/* A user who may do everything. NULL: none may. */
static const struct dev_user *administrator(const struct dev_security *security)
{
    for (int i = 0; i < security->user_count; i++) {
        if (has_super_user(security, security->users[i].name)) {
            return &security->users[i];
        }
    }
    return NULL;
}

/* Who is to have a password, so that somebody can come in. NULL: those named have other ways. */
static const char *administrator_to_be(const struct dev_security *security, bool is_nobody)
{
    for (int i = 0; i < security->super_user_count; i++) {
        const char *name = security->super_users[i];

        if (strcmp(name, ANONYMOUS) != 0 && strchr(name, '=') == NULL) {
            return name;
        }
    }
    return is_nobody || security->user_count == 0 ? ADMINISTRATOR : NULL;
}

static void add_user(struct dev_security *security, const char *name)
{
    struct dev_user *user = &security->users[security->user_count++];

    (void)snprintf(user->name, sizeof user->name, "%s", name);
    make_secret(user->password, PASSWORD_RANDOM_BYTES);
}

void dev_security_complete(struct dev_security *security)
{
    bool is_nobody = security->super_user_count == 0;

    if (!dev_security_is_on(security)) {
        return;
    }
    make_secret(security->token_secret, SECRET_RANDOM_BYTES);
    if (is_nobody && has_certificates(security)) {
        add_super_user(security, CLIENT_PRINCIPAL);
    }
    if (has_sasl(security) && administrator(security) == NULL) {
        const char *name = administrator_to_be(security, is_nobody);

        if (name != NULL) {
            add_super_user(security, name);
        }
        if (name != NULL && !has_user(security, name)) {
            add_user(security, name);
        }
    }
}

/* An administrator whose password we know; else any user. NULL: there is none. */
static const struct dev_user *first_user(const struct dev_security *security)
{
    const struct dev_user *user = administrator(security);

    return user != NULL || security->user_count == 0 ? user : &security->users[0];
}

/* ---- certificates and files ---- */

/* Node ids are a region's own. */
static void broker_name(const struct dev_region *region, const struct dev_broker *broker,
                        char name[DEV_BROKER_NAME_BYTES])
{
    (void)snprintf(name, DEV_BROKER_NAME_BYTES, "%s-broker-%d", region->name, broker->node_id);
}

static bool make_certificates(const struct dev *dev)
{
    char pki[CERTIFICATE_PATH_MAX];
    char links[CERTIFICATE_PATH_MAX];
    const struct certificate_options client = {
        .name = "client", .common_name = "client", .days = DEV_CERTIFICATE_DAYS};

    (void)snprintf(pki, sizeof pki, "%s/pki", dev->dir);
    (void)snprintf(links, sizeof links, "%s/pki/links", dev->dir);
    if (!dev_make_directory(pki) || !dev_make_directory(links) ||
        !certificate_make_authority(pki, "Gyre development", DEV_CERTIFICATE_DAYS) ||
        !certificate_make_authority(links, "Gyre development links", DEV_CERTIFICATE_DAYS) ||
        !certificate_issue(pki, &client)) {
        return false;
    }
    for (int r = 0; r < dev->region_count; r++) {
        for (int b = 0; b < dev->regions[r].broker_count; b++) {
            char name[DEV_BROKER_NAME_BYTES];
            const struct certificate_options broker = {.name = name,
                                                       .common_name = name,
                                                       .hosts = "DNS:localhost,IP:127.0.0.1,IP:::1",
                                                       .days = DEV_CERTIFICATE_DAYS};

            broker_name(&dev->regions[r], &dev->regions[r].brokers[b], name);
            if (!certificate_issue(pki, &broker) || !certificate_issue(links, &broker)) {
                return false;
            }
        }
    }
    return true;
}

/* What java.util.Properties and JAAS take within quotes; our own passwords have none of these. */
static void print_quoted(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)fputs(*text == '"' ? "\\\\\"" : "\\\\\\\\", out);
        } else {
            (void)fputc(*text, out);
        }
    }
}

/* For gyre and Java. */
static void print_properties(const struct dev *dev, enum dev_protocol protocol, FILE *out)
{
    const struct dev_user *user = first_user(&dev->security);

    (void)fprintf(out, "# written by `gyre dev up`: how an administrator gets in (gyre, Java)\n");
    (void)fprintf(out, "security.protocol=%s\n", names[protocol]);
    if (protocol == DEV_SSL || protocol == DEV_SASL_SSL) {
        (void)fprintf(out, "ssl.truststore.type=PEM\nssl.truststore.location=%s/pki/ca.crt\n",
                      dev->dir);
    }
    if (protocol == DEV_SSL) {
        (void)fprintf(out, "ssl.keystore.type=PEM\nssl.keystore.location=%s/pki/client.pem\n",
                      dev->dir);
    }
    if (protocol == DEV_SASL_PLAINTEXT || protocol == DEV_SASL_SSL) {
        (void)fprintf(out,
                      "sasl.mechanism=SCRAM-SHA-512\n"
                      "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule "
                      "required username=\"");
        print_quoted(out, user->name);
        (void)fputs("\" password=\"", out);
        print_quoted(out, user->password);
        (void)fputs("\";\n", out);
    }
}

/* For kcat -F and other users of librdkafka. */
static void print_librdkafka(const struct dev *dev, enum dev_protocol protocol, FILE *out)
{
    const struct dev_user *user = first_user(&dev->security);

    (void)fprintf(out, "# written by `gyre dev up`: how an administrator gets in (kcat -F)\n");
    (void)fprintf(out, "security.protocol=%s\n", names[protocol]);
    if (protocol == DEV_SSL || protocol == DEV_SASL_SSL) {
        (void)fprintf(out, "ssl.ca.location=%s/pki/ca.crt\n", dev->dir);
    }
    if (protocol == DEV_SSL) {
        (void)fprintf(out,
                      "ssl.certificate.location=%s/pki/client.crt\n"
                      "ssl.key.location=%s/pki/client.key\n",
                      dev->dir, dev->dir);
    }
    if (protocol == DEV_SASL_PLAINTEXT || protocol == DEV_SASL_SSL) {
        (void)fprintf(out, "sasl.mechanism=SCRAM-SHA-512\nsasl.username=%s\nsasl.password=%s\n",
                      user->name, user->password);
    }
}

typedef void (*print_client)(const struct dev *dev, enum dev_protocol protocol, FILE *out);

static bool write_client_file(const struct dev *dev, const char *name, print_client print)
{
    char path[DEV_PATH_MAX];
    FILE *out;

    (void)snprintf(path, sizeof path, "%s/%s", dev->dir, name);
    out = dev_create_secret(path);
    if (out == NULL) {
        return false;
    }
    print(dev, dev->security.listeners[0], out);
    return dev_finish_file(out, path);
}

bool dev_security_prepare(const struct dev *dev)
{
    if (!dev_security_is_on(&dev->security)) {
        return true;
    }
    return (!has_certificates(&dev->security) || make_certificates(dev)) &&
           write_client_file(dev, "client.properties", print_properties) &&
           write_client_file(dev, "kcat.conf", print_librdkafka);
}

bool dev_security_client_file(const struct dev *dev, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/client.properties", dev->dir);
    return dev_security_is_on(&dev->security);
}

/* ---- broker.conf ---- */

static void print_listeners(const struct dev_security *security, const struct dev_broker *broker,
                            FILE *out)
{
    (void)fputs("listeners=", out);
    for (int i = 0; i < security->listener_count; i++) {
        (void)fprintf(out, "%s%s://127.0.0.1:%d", i == 0 ? "" : ",", names[security->listeners[i]],
                      broker->kafka_port + dev_listener_port(i));
    }
    (void)fputc('\n', out);
}

static void print_stores(const struct dev *dev, const struct dev_region *region,
                         const struct dev_broker *broker, FILE *out)
{
    char name[DEV_BROKER_NAME_BYTES];

    broker_name(region, broker, name);
    (void)fprintf(out,
                  "ssl.keystore.type=PEM\nssl.keystore.location=%s/pki/%s.pem\n"
                  "ssl.truststore.type=PEM\nssl.truststore.location=%s/pki/ca.crt\n"
                  "ssl.client.auth=requested\n",
                  dev->dir, name, dev->dir);
    (void)fprintf(out,
                  "security.inter.broker.protocol=SSL\n"
                  "listener.name.rpc.ssl.keystore.location=%s/pki/links/%s.pem\n"
                  "listener.name.rpc.ssl.truststore.location=%s/pki/links/ca.crt\n",
                  dev->dir, name, dev->dir);
}

void dev_security_print_config(const struct dev *dev, const struct dev_region *region,
                               const struct dev_broker *broker, FILE *out)
{
    const struct dev_security *security = &dev->security;

    print_listeners(security, broker, out);
    if (!dev_security_is_on(security)) {
        return;
    }
    if (has_certificates(security)) {
        print_stores(dev, region, broker, out);
    }
    (void)fputs("authorizer.class.name="
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer\nsuper.users=",
                out);
    for (int i = 0; i < security->super_user_count; i++) {
        (void)fprintf(out, "%sUser:%s", i == 0 ? "" : ";", security->super_users[i]);
    }
    (void)fprintf(out, "\ndelegation.token.secret.key=%s\n", security->token_secret);
    if (has_sasl(security)) {
        (void)fputs("sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN\n", out);
    }
}

/* ---- dev.json ---- */

json_t *dev_security_to_json(const struct dev_security *security)
{
    json_t *listeners = json_array();
    json_t *super_users = json_array();

    for (int i = 0; i < security->listener_count; i++) {
        (void)json_array_append_new(listeners, json_string(names[security->listeners[i]]));
    }
    for (int i = 0; i < security->super_user_count; i++) {
        (void)json_array_append_new(super_users, json_string(security->super_users[i]));
    }
    return json_pack("{s:o, s:o, s:s}", "listeners", listeners, "super_users", super_users,
                     "token_secret", security->token_secret);
}

static bool load_lists(struct dev_security *security, const json_t *listeners,
                       const json_t *super_users)
{
    size_t count = json_array_size(super_users);

    if (json_array_size(listeners) == 0 || json_array_size(listeners) > DEV_LISTENERS_MAX ||
        count > sizeof security->super_users / sizeof security->super_users[0]) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(listeners); i++) {
        const char *name = json_string_value(json_array_get(listeners, i));

        if (name == NULL || !dev_protocol_parse(name, strlen(name),
                                                &security->listeners[security->listener_count++])) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(super_users, i));

        if (name == NULL) {
            return false;
        }
        (void)snprintf(security->super_users[security->super_user_count++], DEV_NAME_BYTES, "%s",
                       name);
    }
    return true;
}

bool dev_security_load(struct dev_security *security, json_t *json)
{
    const char *token_secret;
    json_t *listeners;
    json_t *super_users;

    if (json == NULL) { /* made by a version that knew nothing but plaintext */
        security->listener_count = 1;
        security->listeners[0] = DEV_PLAINTEXT;
        return true;
    }
    if (json_unpack(json, "{s:o, s:o, s:s}", "listeners", &listeners, "super_users", &super_users,
                    "token_secret", &token_secret) != 0) {
        return false;
    }
    (void)snprintf(security->token_secret, sizeof security->token_secret, "%s", token_secret);
    return load_lists(security, listeners, super_users);
}
