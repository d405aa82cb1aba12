/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/quota/quota.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/quota/quota_bucket.h"

#include "quota_limits.h"
#include "quota_meter.h"

enum { REST_MS_MAX = 60 * 60 * 1000, NAME_BYTES_MAX = 256, HASH_DIGITS = 16 };

struct quota_meter {
    struct map_link link;
    struct list age; /* longest unused first */
    enum quota_kind kind;
    struct string user; /* null: the limit is not by user; text lies behind the struct */
    struct string client_id;
    struct string ip;
    union {
        struct quota_rate rate;
        struct quota_bucket bucket;
    };
};

struct quota_table {
    struct quota_options options;
    struct quota_limits limits;
    struct map meters;
    struct list ages;
};

static const char *const kind_names[QUOTA_KIND_COUNT] = {
    [QUOTA_PRODUCE] = "producer_byte_rate",
    [QUOTA_FETCH] = "consumer_byte_rate",
    [QUOTA_REQUEST] = "request_percentage",
    [QUOTA_CONTROLLER_MUTATION] = "controller_mutation_rate",
    [QUOTA_CONNECTION_RATE] = "connection_creation_rate",
};

const char *quota_kind_name(enum quota_kind kind)
{
    return kind_names[kind];
}

bool quota_kind_find(struct string name, enum quota_kind *out_kind)
{
    for (int kind = 0; kind < QUOTA_KIND_COUNT; kind++) {
        if (string_is(name, kind_names[kind])) {
            *out_kind = (enum quota_kind)kind;
            return true;
        }
    }
    return false;
}

/* ---- life ---- */

struct quota_table *quota_table_new(const struct quota_options *options)
{
    struct quota_table *table = check_alloc_zero(sizeof *table);

    CHECK(options->samples > 1 && options->samples <= QUOTA_SAMPLES_MAX);
    CHECK(options->window_us > 0 && options->meters_max > 0);
    table->options = *options;
    quota_limits_init(&table->limits);
    map_init(&table->meters);
    list_init(&table->ages);
    return table;
}

static void forget(struct quota_table *table, struct quota_meter *meter)
{
    map_remove(&table->meters, &meter->link);
    list_remove(&meter->age);
    free(meter);
}

void quota_table_free(struct quota_table *table)
{
    if (table == NULL) {
        return;
    }
    while (!list_is_empty(&table->ages)) {
        forget(table, list_first(&table->ages, struct quota_meter, age));
    }
    map_release(&table->meters);
    quota_limits_release(&table->limits);
    free(table);
}

/* ---- limits ---- */

void quota_table_set(struct quota_table *table, const struct quota_entity *entity,
                     enum quota_kind kind, double limit)
{
    quota_limits_set(&table->limits, entity, kind, limit);
}

void quota_table_clear(struct quota_table *table)
{
    quota_limits_clear(&table->limits);
}

bool quota_table_has(const struct quota_table *table, enum quota_kind kind)
{
    return table->limits.counts[kind] > 0;
}

double quota_limit(const struct quota_table *table, enum quota_kind kind,
                   const struct quota_subject *subject)
{
    return quota_limits_find(&table->limits, kind, subject).limit;
}

/* ---- meters ---- */

static struct string keep_text(char **to, struct string text)
{
    struct string kept = {*to, text.length};

    if (text.bytes == NULL) {
        return STRING_NULL;
    }
    if (text.length > 0) {
        memcpy(*to, text.bytes, (size_t)text.length);
    }
    *to += text.length;
    return kept;
}

/* Clients may give themselves names of 32 KiB, as many as there are meters: the beginning of such a
 * one and a hash of it will do. */
static struct string short_name(struct string name, char room[NAME_BYTES_MAX])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t hash;

    if (name.length <= NAME_BYTES_MAX) {
        return name;
    }
    hash = string_hash(name);
    memcpy(room, name.bytes, NAME_BYTES_MAX - HASH_DIGITS);
    for (int i = 0; i < HASH_DIGITS; i++) {
        room[NAME_BYTES_MAX - HASH_DIGITS + i] = digits[hash >> 4 * i & 15];
    }
    return (struct string){room, NAME_BYTES_MAX};
}

/* The names that the limit is by; the others are not told apart. `room` lives as long as the key.
 */
static struct quota_subject meter_key(enum quota_kind kind, const struct quota_found *found,
                                      const struct quota_subject *subject,
                                      char room[NAME_BYTES_MAX])
{
    struct quota_subject key = {STRING_NULL, STRING_NULL, STRING_NULL};

    if (kind == QUOTA_CONNECTION_RATE) {
        key.ip = subject->ip;
    }
    if (found->by_user) {
        key.user = subject->user;
    }
    if (found->by_client_id) {
        key.client_id = short_name(subject->client_id, room);
    }
    return key;
}

static uint64_t key_hash(enum quota_kind kind, const struct quota_subject *key)
{
    uint64_t hash = hash_u64((uint64_t)kind + string_hash(key->user));

    return hash_u64(hash_u64(hash + string_hash(key->client_id)) + string_hash(key->ip));
}

static struct quota_meter *find_meter(const struct quota_table *table, enum quota_kind kind,
                                      const struct quota_subject *key)
{
    map_for_each_match(link, &table->meters, key_hash(kind, key)) {
        struct quota_meter *meter = CONTAINER_OF(link, struct quota_meter, link);

        if (meter->kind == kind && string_equal(meter->user, key->user) &&
            string_equal(meter->client_id, key->client_id) && string_equal(meter->ip, key->ip)) {
            return meter;
        }
    }
    return NULL;
}

static double burst_of(const struct quota_table *table, double limit)
{
    return limit * table->options.samples * (double)table->options.window_us / 1e6;
}

static struct quota_meter *new_meter(struct quota_table *table, enum quota_kind kind,
                                     const struct quota_subject *key, double limit, uint64_t now_us)
{
    struct quota_meter *meter =
        check_alloc_zero(sizeof *meter + (size_t)key->user.length + (size_t)key->client_id.length +
                         (size_t)key->ip.length);
    char *text = (char *)(meter + 1);

    if (table->meters.count >= table->options.meters_max) {
        forget(table, list_first(&table->ages, struct quota_meter, age));
    }
    meter->kind = kind;
    meter->user = keep_text(&text, key->user);
    meter->client_id = keep_text(&text, key->client_id);
    meter->ip = keep_text(&text, key->ip);
    if (kind == QUOTA_CONTROLLER_MUTATION) {
        meter->bucket = (struct quota_bucket){burst_of(table, limit), now_us};
    }
    list_init(&meter->age);
    map_insert(&table->meters, &meter->link, key_hash(kind, key));
    return meter;
}

static struct quota_meter *use_meter(struct quota_table *table, enum quota_kind kind,
                                     const struct quota_found *found,
                                     const struct quota_subject *subject, uint64_t now_us)
{
    char room[NAME_BYTES_MAX];
    struct quota_subject key = meter_key(kind, found, subject, room);
    struct quota_meter *meter = find_meter(table, kind, &key);

    if (meter == NULL) {
        meter = new_meter(table, kind, &key, found->limit, now_us);
    }
    list_remove(&meter->age);
    list_append(&table->ages, &meter->age);
    return meter;
}

/* ---- resting ---- */

/* Of one processor's time, in microseconds a second: 1 percent is 10,000. */
static double scaled_limit(enum quota_kind kind, double limit)
{
    return kind == QUOTA_REQUEST ? limit * 1e4 : limit;
}

static int32_t to_ms(double ms)
{
    return ms <= 0 ? 0 : (int32_t)lround(fmin(ms, REST_MS_MAX));
}

static int32_t rest_of_rate(const struct quota_table *table, const struct quota_meter *meter,
                            double limit, uint64_t now_us)
{
    const struct quota_options *options = &table->options;
    struct quota_measure measure =
        quota_rate_measure(&meter->rate, options->samples, options->window_us, now_us);
    double rate = measure.sum / measure.seconds;
    double ms;

    if (rate <= limit) {
        return 0;
    }
    ms = limit > 0 ? (rate - limit) / limit * measure.seconds * 1e3 : REST_MS_MAX;
    if (meter->kind == QUOTA_REQUEST || meter->kind == QUOTA_CONNECTION_RATE) {
        ms = fmin(ms, (double)options->window_us / 1e3);
    }
    return to_ms(ms);
}

static int32_t rest_of(struct quota_table *table, struct quota_meter *meter, double limit,
                       uint64_t now_us)
{
    if (meter->kind != QUOTA_CONTROLLER_MUTATION) {
        return rest_of_rate(table, meter, scaled_limit(meter->kind, limit), now_us);
    }
    quota_bucket_fill(&meter->bucket, limit, burst_of(table, limit), now_us);
    if (meter->bucket.tokens >= 0) {
        return 0;
    }
    return limit > 0 ? to_ms(-meter->bucket.tokens / limit * 1e3) : REST_MS_MAX;
}

static void add(struct quota_table *table, struct quota_meter *meter, double limit, double amount,
                uint64_t now_us)
{
    if (meter->kind == QUOTA_CONTROLLER_MUTATION) {
        quota_bucket_fill(&meter->bucket, limit, burst_of(table, limit), now_us);
        meter->bucket.tokens -= amount;
        return;
    }
    quota_rate_add(&meter->rate, table->options.samples, table->options.window_us, amount, now_us);
}

int32_t quota_record(struct quota_table *table, enum quota_kind kind,
                     const struct quota_subject *subject, double amount, uint64_t now_us)
{
    struct quota_found found = quota_limits_find(&table->limits, kind, subject);
    struct quota_meter *meter;

    if (isinf(found.limit)) {
        return 0;
    }
    meter = use_meter(table, kind, &found, subject, now_us);
    add(table, meter, found.limit, amount, now_us);
    return rest_of(table, meter, found.limit, now_us);
}

void quota_unrecord(struct quota_table *table, enum quota_kind kind,
                    const struct quota_subject *subject, double amount, uint64_t now_us)
{
    (void)quota_record(table, kind, subject, -amount, now_us);
}

int32_t quota_rest_ms(struct quota_table *table, enum quota_kind kind,
                      const struct quota_subject *subject, uint64_t now_us)
{
    struct quota_found found = quota_limits_find(&table->limits, kind, subject);

    if (isinf(found.limit)) {
        return 0;
    }
    return rest_of(table, use_meter(table, kind, &found, subject, now_us), found.limit, now_us);
}
