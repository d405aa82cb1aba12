/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/quotas.h"

#include <math.h>

#include "gyre/access/identity.h"
#include "gyre/config/config.h"
#include "gyre/runtime/clock.h"

#include "handlers/broker.h"
#include "handlers/quotas_state.h"
#include "handlers/request.h"

static struct quotas *quotas_of(const struct request *request)
{
    return request->is_forwarded || request->broker == NULL ? NULL : request->broker->quotas;
}

static struct quota_subject subject_of(const struct request *request)
{
    return (struct quota_subject){.user = request->connection->identity->name,
                                  .client_id = request->client_id};
}

static void rest(struct request *request, int32_t ms)
{
    if (ms > request->throttle_ms) {
        request->throttle_ms = ms;
    }
}

static int32_t record(struct quotas *quotas, const struct request *request, enum quota_kind kind,
                      double amount)
{
    struct quota_subject subject = subject_of(request);

    return quota_record(quotas->table, kind, &subject, amount, loop_now_us(quotas->loop));
}

/* NULL where no limit of this kind is given: then nothing is measured. */
static struct quotas *limiting(const struct request *request, enum quota_kind kind)
{
    struct quotas *quotas = quotas_of(request);

    return quotas != NULL && quota_table_has(quotas->table, kind) ? quotas : NULL;
}

void quotas_charge_produce(struct request *request, size_t bytes)
{
    struct quotas *quotas = limiting(request, QUOTA_PRODUCE);

    if (quotas != NULL) {
        rest(request, record(quotas, request, QUOTA_PRODUCE, (double)bytes));
    }
}

bool quotas_charge_fetch(struct request *request, size_t bytes)
{
    struct quotas *quotas = limiting(request, QUOTA_FETCH);
    int32_t ms;

    if (quotas == NULL) {
        return true;
    }
    ms = record(quotas, request, QUOTA_FETCH, (double)bytes);
    if (ms == 0) {
        return true;
    }
    (void)record(quotas, request, QUOTA_FETCH, -(double)bytes);
    rest(request, ms);
    return false;
}

size_t quotas_fetch_bytes_max(const struct request *request)
{
    const struct broker_config *config = request->broker->config;
    struct quotas *quotas = limiting(request, QUOTA_FETCH);
    struct quota_subject subject;
    double limit;

    if (quotas == NULL) {
        return SIZE_MAX;
    }
    subject = subject_of(request);
    limit = quota_limit(quotas->table, QUOTA_FETCH, &subject) * (config->quota_window_num - 1) *
            config->quota_window_size_seconds;
    return limit >= (double)INT32_MAX ? SIZE_MAX : (size_t)limit;
}

bool quotas_charge_mutations(struct request *request, int32_t partitions, int16_t strict_version)
{
    struct quotas *quotas = quotas_of(request);
    bool is_strict = request->api_version >= strict_version;
    struct quota_subject subject;
    uint64_t now_us;
    int32_t ms;

    if (quotas == NULL || !quota_table_has(quotas->mutations, QUOTA_CONTROLLER_MUTATION)) {
        return true;
    }
    subject = subject_of(request);
    now_us = loop_now_us(quotas->loop);
    ms = quota_rest_ms(quotas->mutations, QUOTA_CONTROLLER_MUTATION, &subject, now_us);
    if (is_strict && ms > 0) {
        rest(request, ms);
        return false;
    }
    ms = quota_record(quotas->mutations, QUOTA_CONTROLLER_MUTATION, &subject, partitions, now_us);
    if (!is_strict) {
        rest(request, ms);
    }
    return true;
}

void quotas_begin_time(struct request *request)
{
    if (limiting(request, QUOTA_REQUEST) != NULL) {
        request->running_since_us = clock_monotonic_us(request->broker->loop->clock);
    }
}

void quotas_end_time(struct request *request)
{
    if (request->running_since_us != 0) {
        request->used_us +=
            clock_monotonic_us(request->broker->loop->clock) - request->running_since_us;
        request->running_since_us = 0;
    }
}

void quotas_charge_time(struct request *request)
{
    struct quotas *quotas = limiting(request, QUOTA_REQUEST);

    quotas_end_time(request);
    if (request->used_us > 0 && quotas != NULL) {
        rest(request, record(quotas, request, QUOTA_REQUEST, (double)request->used_us));
    }
}

int32_t quotas_charge_connection(struct quotas *quotas, struct string ip)
{
    struct quota_subject subject = {.ip = ip};
    uint64_t now_us = loop_now_us(quotas->loop);
    int32_t ms = quota_record(quotas->table, QUOTA_CONNECTION_RATE, &subject, 1, now_us);

    if (ms > 0) {
        quota_unrecord(quotas->table, QUOTA_CONNECTION_RATE, &subject, 1, now_us);
    }
    return ms;
}
