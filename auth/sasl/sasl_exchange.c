/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/sasl/sasl_exchange.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/map.h"

#include "sasl_mechanism.h"
#include "sasl_service_state.h"

/* ---- life ---- */

static void forget(struct sasl_exchange *exchange)
{
    struct sasl_service *service = exchange->service;

    exchange->mechanism->release(exchange);
    identity_unref(exchange->identity);
    free(exchange->answer);
    OPENSSL_cleanse(exchange, exchange->mechanism->bytes);
    free(exchange);
    service->exchange_count--;
}

static void tell(struct task *task)
{
    struct sasl_exchange *exchange = CONTAINER_OF(task, struct sasl_exchange, tell);
    sasl_stepped stepped = exchange->stepped;
    struct sasl_result result = {
        .state = exchange->state,
        .answer = {exchange->answer, exchange->answer_length},
        .identity = exchange->identity,
        .sentence = exchange->sentence,
        .reason = exchange->reason,
        .is_passing = exchange->is_passing,
    };

    exchange->stepped = NULL;
    exchange->identity = NULL;
    exchange->answer = NULL;
    stepped(exchange->context, &result); /* may free the exchange */
    free((void *)(uintptr_t)result.answer.bytes);
}

struct sasl_exchange *sasl_exchange_new(struct sasl_service *service, const char *listener,
                                        struct string mechanism)
{
    const struct sasl_mechanism *found = sasl_service_find(service, listener, mechanism);
    struct sasl_exchange *exchange;

    if (found == NULL) {
        return NULL;
    }
    exchange = found->begin(service);
    exchange->service = service;
    exchange->mechanism = found;
    list_init(&exchange->waiting_link);
    task_init(&exchange->tell, tell);
    service->exchange_count++;
    return exchange;
}

void sasl_exchange_free(struct sasl_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    task_cancel(&exchange->tell);
    if (exchange->is_working) {
        exchange->is_abandoned = true;
        return;
    }
    if (!list_is_alone(&exchange->waiting_link)) {
        list_remove(&exchange->waiting_link);
        exchange->lane->waiting_count--;
    }
    forget(exchange);
}

/* Who has an address of IPv6 has its whole network: the first half counts. */
void sasl_exchange_set_peer(struct sasl_exchange *exchange, const char *host)
{
    struct in6_addr six;

    exchange->address = inet_pton(AF_INET6, host, &six) == 1 ? hash_bytes(&six, sizeof six / 2)
                                                             : string_hash(string_from(host));
}

const char *sasl_exchange_mechanism(const struct sasl_exchange *exchange)
{
    return exchange->mechanism->name;
}

void sasl_exchange_step(struct sasl_exchange *exchange, struct string message, sasl_stepped stepped,
                        void *context)
{
    CHECK(exchange->stepped == NULL);
    CHECK(exchange->state == SASL_MORE);
    exchange->stepped = stepped;
    exchange->context = context;
    if (message.length > SASL_MESSAGE_BYTES_MAX) {
        sasl_mechanism_fail(exchange, "message is too large");
    } else if (!sasl_service_is_fresh(exchange->service)) {
        sasl_mechanism_give_up(exchange, "the catalog is out of date");
    } else {
        exchange->mechanism->step(exchange, message);
    }
}

/* ---- how a step ends ---- */

static void set_answer(struct sasl_exchange *exchange, struct string answer)
{
    exchange->answer = check_alloc((size_t)answer.length + 1);
    exchange->answer_length = answer.length;
    if (answer.length > 0) {
        memcpy(exchange->answer, answer.bytes, (size_t)answer.length);
    }
    exchange->answer[answer.length] = '\0';
    loop_defer(exchange->service->loop, &exchange->tell);
}

void sasl_mechanism_more(struct sasl_exchange *exchange, struct string answer)
{
    exchange->state = SASL_MORE;
    set_answer(exchange, answer);
}

void sasl_mechanism_succeed(struct sasl_exchange *exchange, struct string answer,
                            const struct identity_options *options)
{
    struct identity_options named = *options;

    named.mechanism = exchange->mechanism->name;
    if (identity_new(&named, &exchange->identity) != ERROR_NONE) {
        sasl_mechanism_fail(exchange, "name or groups are not possible");
        return;
    }
    /* Connections that are not in yet are not rechecked when credentials change: this is where. */
    if (!sasl_service_is_valid(exchange->service, exchange->identity)) {
        identity_unref(exchange->identity);
        exchange->identity = NULL;
        sasl_mechanism_fail(exchange, "credential was changed or removed meanwhile");
        return;
    }
    exchange->state = SASL_DONE;
    set_answer(exchange, answer);
}

void sasl_mechanism_fail_saying(struct sasl_exchange *exchange, const char *reason,
                                const char *sentence)
{
    if (!exchange->is_passing) {
        suspects_count(&exchange->service->suspects, exchange->address,
                       loop_now_us(exchange->service->loop));
    }
    exchange->state = SASL_FAILED;
    exchange->reason = reason;
    (void)snprintf(exchange->sentence, sizeof exchange->sentence, "%s", sentence);
    set_answer(exchange, STRING(""));
}

void sasl_mechanism_fail(struct sasl_exchange *exchange, const char *reason)
{
    const struct sasl_mechanism *mechanism = exchange->mechanism;
    char sentence[SASL_SENTENCE_BYTES];

    (void)snprintf(sentence, sizeof sentence,
                   "Authentication failed during authentication due to invalid credentials with "
                   "SASL mechanism %s",
                   mechanism->name);
    sasl_mechanism_fail_saying(exchange, reason,
                               mechanism->refusal == NULL ? sentence : mechanism->refusal);
}

void sasl_mechanism_give_up(struct sasl_exchange *exchange, const char *reason)
{
    exchange->is_passing = true;
    sasl_mechanism_fail_saying(exchange, reason, "Authentication is not possible now");
}

/* ---- the pool: few at a time, so that the others who need it find it free ---- */

static void on_worked(struct work *work);

static void start_waiting(struct sasl_lane *lane)
{
    while (lane->working_count < lane->working_max && !list_is_empty(&lane->waiting)) {
        struct sasl_exchange *exchange =
            list_first(&lane->waiting, struct sasl_exchange, waiting_link);

        list_remove(&exchange->waiting_link);
        lane->waiting_count--;
        lane->working_count++;
        exchange->is_working = true;
        exchange->work.done = on_worked;
        work_submit(lane->pool, &exchange->work);
    }
}

static void on_worked(struct work *work)
{
    struct sasl_exchange *exchange = CONTAINER_OF(work, struct sasl_exchange, work);
    struct sasl_lane *lane = exchange->lane;

    exchange->is_working = false;
    lane->working_count--;
    if (exchange->is_abandoned) {
        forget(exchange);
    } else {
        exchange->work_done(exchange);
    }
    start_waiting(lane);
}

static void enqueue(struct sasl_exchange *exchange, struct sasl_lane *lane,
                    void (*run)(struct work *work), void (*done)(struct sasl_exchange *exchange))
{
    if (lane->waiting_count >= lane->waiting_max) {
        sasl_mechanism_give_up(exchange, "too many authentications wait");
        return;
    }
    exchange->lane = lane;
    exchange->work.run = run;
    exchange->work_done = done;
    list_append(&lane->waiting, &exchange->waiting_link);
    lane->waiting_count++;
    start_waiting(lane);
}

void sasl_mechanism_work(struct sasl_exchange *exchange, void (*run)(struct work *work),
                         void (*done)(struct sasl_exchange *exchange))
{
    enqueue(exchange, &exchange->service->lane, run, done);
}

void sasl_mechanism_compute(struct sasl_exchange *exchange, void (*run)(struct work *work),
                            void (*done)(struct sasl_exchange *exchange))
{
    struct sasl_service *service = exchange->service;
    bool is_suspect =
        suspects_have(&service->suspects, exchange->address, loop_now_us(service->loop));

    enqueue(exchange, is_suspect ? &service->suspects_lane : &service->lane, run, done);
}
