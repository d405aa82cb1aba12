/* SPDX-License-Identifier: Apache-2.0 */
/*
 * InitProducerId gives an idempotent producer its id. A producer without a transactional id gets a
 * fresh one each time, as in Kafka; it raises its epoch by itself. There are no transactions yet:
 * who names a transactional id is told so.
 */
#include "handlers/init_producer_id.h"

#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/request.h"
#include "partition/producer_ids.h"
#include "wire_messages/init_producer_id.h"

struct init_producer_id {
    struct request *request; /* we live in its arena */
    struct init_producer_id_request in;
    struct producer_id_wait wait;
};

static void reply(struct request *request, enum kafka_error error, int64_t producer_id)
{
    struct init_producer_id_response out;

    init_producer_id_response_init(&out);
    out.error_code = (int16_t)error;
    out.producer_id = error == KAFKA_ERROR_NONE ? producer_id : -1;
    out.producer_epoch = error == KAFKA_ERROR_NONE ? 0 : -1;
    request_reply(request, &init_producer_id_response_layout, &out);
}

static void on_id(struct producer_id_wait *wait)
{
    struct init_producer_id *self = CONTAINER_OF(wait, struct init_producer_id, wait);

    reply(self->request, wait->error, wait->producer_id);
}

static enum kafka_error check(const struct request *request,
                              const struct init_producer_id_request *in)
{
    if (in->transactional_id.bytes != NULL) {
        if (!access_allows(request, ACCESS_WRITE, ACCESS_TRANSACTIONAL_ID, in->transactional_id)) {
            return KAFKA_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        }
        return KAFKA_ERROR_UNSUPPORTED_VERSION;
    }
    if (!access_sees_any(request, ACCESS_WRITE, ACCESS_TOPIC) &&
        !access_allows_cluster(request, ACCESS_IDEMPOTENT_WRITE)) {
        return KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED;
    }
    if ((in->producer_id == -1) != (in->producer_epoch == -1)) {
        return KAFKA_ERROR_INVALID_REQUEST;
    }
    return KAFKA_ERROR_NONE;
}

void init_producer_id_handle(struct request *request)
{
    struct init_producer_id *self = request_alloc(request, sizeof *self);
    enum kafka_error error;

    if (self == NULL || !request_decode(request, &init_producer_id_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    error = check(request, &self->in);
    if (error != KAFKA_ERROR_NONE) {
        reply(request, error, -1);
        return;
    }
    self->wait.done = on_id;
    if (producer_ids_take(request->broker->producer_ids, &self->wait)) {
        on_id(&self->wait);
    }
}
