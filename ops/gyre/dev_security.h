/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the regions of `gyre dev` are protected: listeners, users, certificates, and what clients
 * need to get in. Everything lies in the regions' directory:
 *
 *     pki/ca.crt ca.key       the authority of brokers and clients
 *     pki/client.crt .key     a client's certificate, CN=client; .pem has both
 *     pki/REGION-broker-N.pem each broker's
 *     pki/links/              another authority, for what brokers say to each other
 *     client.properties       how an administrator gets in: for gyre and Java (mode 0600)
 *     kcat.conf               the same for kcat and other librdkafka clients (mode 0600)
 */
#ifndef GYRE_OPS_DEV_SECURITY_H
#define GYRE_OPS_DEV_SECURITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum {
    DEV_LISTENERS_MAX = 4,
    DEV_USERS_MAX = 31, /* `gyred format` takes one more */
    DEV_NAME_BYTES = 256,
    DEV_PASSWORD_BYTES = 256,
    DEV_TOKEN_SECRET_BYTES = 64,
};

enum dev_protocol {
    DEV_PLAINTEXT,
    DEV_SASL_PLAINTEXT,
    DEV_SSL,
    DEV_SASL_SSL,
    DEV_PROTOCOLS,
};

struct dev_user {
    char name[DEV_NAME_BYTES];
    char password[DEV_PASSWORD_BYTES];
};

struct dev_security {
    int listener_count;
    enum dev_protocol listeners[DEV_LISTENERS_MAX];
    int super_user_count;
    char super_users[DEV_USERS_MAX + 2][DEV_NAME_BYTES]; /* without "User:" */
    char token_secret[DEV_TOKEN_SECRET_BYTES];
    int user_count; /* users are only known to the `up` that makes the regions */
    struct dev_user users[DEV_USERS_MAX + 1];
};

struct dev;
struct dev_region;
struct dev_broker;

const char *dev_protocol_name(enum dev_protocol protocol);
/* False: there is no such protocol. */
bool dev_protocol_parse(const char *text, size_t length, enum dev_protocol *out_protocol);

/* How much above the broker's port its listener in this place opens. */
int dev_listener_port(int place);

/* False for a plaintext listener alone, where everybody may do everything. */
bool dev_security_is_on(const struct dev_security *security);

/* Who was not named is chosen: without users or administrators there is `admin`. */
void dev_security_complete(struct dev_security *security);

/* Certificates and the clients' files. False: the reason was printed. */
bool dev_security_prepare(const struct dev *dev);

/* DIR/client.properties. False: nobody needs one. */
bool dev_security_client_file(const struct dev *dev, char *path, size_t size);

/* The lines of broker.conf. */
void dev_security_print_config(const struct dev *dev, const struct dev_region *region,
                               const struct dev_broker *broker, FILE *out);

/* For dev.json; passwords are not in it. */
json_t *dev_security_to_json(const struct dev_security *security);
bool dev_security_load(struct dev_security *security, json_t *json);

#endif
