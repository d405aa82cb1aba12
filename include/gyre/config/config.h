/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of one broker: a properties file with Kafka's key names, read once. Its options
 * are lines of gyre/config/broker_options.def, which give struct field, parser, bounds, default and
 * documentation. Keys that Kafka has and Gyre has no use for are accepted and listed; a key unknown
 * to both is refused with the nearest name.
 *
 * Immutable after config_load(). Thread: any.
 */
#ifndef GYRE_CONFIG_CONFIG_H
#define GYRE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"
#include "gyre/base/uuid.h"

enum {
    CONFIG_LISTENERS_MAX = 8,
    CONFIG_SEEDS_MAX = 32,
    CONFIG_HOST_BYTES_MAX = 256,
    CONFIG_NAME_BYTES_MAX = 64,
    CONFIG_FILE_BYTES_MAX = 1024 * 1024,
};

/* An OPTION_LONG_OR_NULL that was not given. */
#define CONFIG_NULL INT64_MIN

/* "a, b,c": owned by the configuration. */
struct config_list {
    struct string *items;
    int32_t count;
};

struct config_endpoint {
    char host[CONFIG_HOST_BYTES_MAX]; /* "": every address */
    uint16_t port;                    /* 0: any free one (tests) */
};

/* Kafka's numbers. */
enum security_protocol {
    SECURITY_PROTOCOL_PLAINTEXT = 0,
    SECURITY_PROTOCOL_SSL = 1,
    SECURITY_PROTOCOL_SASL_PLAINTEXT = 2,
    SECURITY_PROTOCOL_SASL_SSL = 3,
};
const char *security_protocol_name(enum security_protocol protocol);

struct config_listener {
    char name[CONFIG_NAME_BYTES_MAX]; /* "PLAINTEXT", "INTERNAL", ... */
    enum security_protocol security_protocol;
    struct config_endpoint bind;
    struct config_endpoint advertised; /* port 0: the port that was bound */
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the order is that of the .def. */
struct broker_config {
/* ---- one field an option ---- */
#define OPTION_INT(field, name, fallback, low, high, change, doc)    int32_t field;
#define OPTION_LONG(field, name, fallback, low, high, change, doc)   int64_t field;
#define OPTION_LONG_OR_NULL(field, name, low, high, change, doc)     int64_t field;
#define OPTION_DOUBLE(field, name, fallback, low, high, change, doc) double field;
#define OPTION_BOOL(field, name, fallback, change, doc)              bool field;
#define OPTION_STRING(field, name, fallback, change, doc)            struct string field;
#define OPTION_CHOICE(field, name, fallback, choices, change, doc)   struct string field;
#define OPTION_LIST(field, name, fallback, change, doc)              struct config_list field;
#define OPTION_PASSWORD(field, name, change, doc)                    struct string field;
#include "gyre/config/broker_options.def"

    /* ---- what follows from them ---- */
    struct config_listener kafka_listeners[CONFIG_LISTENERS_MAX];
    int kafka_listener_count;
    struct config_endpoint rpc_listener; /* between brokers */
    struct config_endpoint rpc_advertised;
    struct config_endpoint admin_listener; /* health, metrics; port 0 and has_admin false: none */
    bool has_admin_listener;
    struct config_endpoint seeds[CONFIG_SEEDS_MAX]; /* rpc listeners of the first brokers */
    int seed_count;

    /* ---- private ---- */
    struct config_entries *entries; /* owned: what the file said, in its order */
};

/* What is wrong or worth knowing, a line each: "broker.conf:12: ...". Zero it before use. */
struct config_report {
    char *text; /* owned; NULL while there is nothing to say */
    size_t length;
    int problem_count;
};
void config_report_release(struct config_report *report);

/*
 * Reads the file, then `overrides` ("key=value" each, stronger than the file), checks everything
 * and fills the defaults. `path` NULL: overrides only. On ERROR_INVALID or another error the report
 * says why, each problem with file and line; after success it may hold notes (keys without use).
 */
MUST_USE
enum error config_load(const char *path, const char *const *overrides, int override_count,
                       struct config_report *report, struct broker_config **out_config);
void config_free(struct broker_config *config);

/* gyre.cluster.id. False: it is not given. */
bool config_cluster_id(const struct broker_config *config, struct uuid *out_cluster_id);

/* All options with their effective values, as a properties file. */
void config_print(const struct broker_config *config, FILE *out);

/* ops/config/broker.conf.example: every option, its documentation and default. */
void config_print_example(FILE *out);

/* ---- options as data: DescribeConfigs, AlterConfigs ---- */

/* Kafka's numbers in DescribeConfigs. */
enum option_type {
    OPTION_TYPE_BOOL = 1,
    OPTION_TYPE_STRING = 2,
    OPTION_TYPE_INT = 3,
    OPTION_TYPE_LONG = 5,
    OPTION_TYPE_DOUBLE = 6,
    OPTION_TYPE_LIST = 7,
    OPTION_TYPE_PASSWORD = 9, /* text that is never shown */
};

enum option_change {
    OPTION_READ_ONLY, /* needs a restart */
    OPTION_DYNAMIC,   /* through AlterConfigs, for one broker or all */
    /* through AlterConfigs, for one broker and as listener.name.<listener>.<option> only */
    OPTION_OF_LISTENER,
};

struct broker_option {
    const char *name;
    enum option_type type;
    enum option_change change;
    bool is_nullable;          /* a number that may be null: CONFIG_NULL */
    const char *fallback_text; /* default of strings and lists; NULL: null */
    int64_t fallback_number;   /* of BOOL, INT, LONG */
    double fallback_real;      /* of DOUBLE */
    const char *choices;       /* "a|b", or NULL */
    const char *doc;
    int64_t low; /* of INT, LONG, DOUBLE */
    int64_t high;
    size_t offset; /* of the field in struct broker_config */
};

int broker_option_count(void);
const struct broker_option *broker_option_at(int index);
const struct broker_option *broker_option_find(struct string name); /* NULL: none of ours */

/* listener.name.<listener>.<option> or, of a SASL mechanism, listener.name.<listener>.<mechanism>.
 * <option>: the option, or NULL if it is none of ours. */
const struct broker_option *broker_option_find_of_listener(struct string key);
/* Is it only accepted, and reported? */
bool broker_option_has_no_use(const struct broker_option *option);
/* Does a listener look at this option under its own name? */
bool broker_option_is_of_listener(const struct broker_option *option);

/* Is it a broker key of Apache Kafka 4.3, with or without use here (listener prefixes removed)? */
bool config_is_kafka_key(struct string name);
/* Does AlterConfigs change this key of ours or of Kafka's while the broker runs? */
bool config_is_dynamic_key(struct string name);
/* Neither Kafka's nor ours, nor an option under the name of a listener: somebody's plug-in may read
 * it, and a running broker may be told of it. */
bool config_is_custom_key(struct string name);

/* The value as given in the file, null string when it was not given. */
struct string config_given(const struct broker_config *config, const char *name);

/*
 * What an option says for one listener: listener.name.<name in small letters>.<option>, else the
 * option itself, else its default. Text with a NUL behind it, which lives as long as the
 * configuration; the null string where there is nothing.
 */
struct string config_listener_option(const struct broker_config *config, const char *listener,
                                     const char *option);

/* Key of an option of one listener: listener.name.<name in small letters>.<option>. */
enum { CONFIG_LISTENER_KEY_BYTES = 2 * CONFIG_NAME_BYTES_MAX + 64 };
void config_listener_key(char key[CONFIG_LISTENER_KEY_BYTES], const char *listener,
                         const char *option);

/*
 * max.connections.per.ip.overrides: takes the next "address:number" off `rest`; the address as
 * inet_ntop() writes it. False: none is left, or it is malformed, which
 * config_check_address_limits() finds before.
 */
enum { CONFIG_ADDRESS_BYTES_MAX = 64 };
bool config_next_address_limit(struct string *rest, char address[CONFIG_ADDRESS_BYTES_MAX],
                               int *out_limit);
/* INVALID with a sentence in `reason`. */
MUST_USE
enum error config_check_address_limits(struct string text, char *reason, size_t size);

/* The default as text: NUL-terminated, cut off at `size`. False: null. */
bool broker_option_fallback(const struct broker_option *option, char *text, size_t size);

/* The effective value as text: NUL-terminated, cut off at `size`. False: null. */
bool broker_option_value(const struct broker_option *option, const struct broker_config *config,
                         char *text, size_t size);

/* The value of a whole number's option, within its bounds. */
MUST_USE
bool broker_option_parse_number(struct string name, struct string value, int64_t *out_value);
/* Would AlterConfigs accept this value? ERROR_INVALID with a sentence in `reason`. */
MUST_USE
enum error broker_option_validate(const struct broker_option *option, struct string value,
                                  char *reason, size_t reason_size);

#endif
