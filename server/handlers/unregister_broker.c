/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UnregisterBroker (64): forget a broker that will not come back. Not one that lives, as Kafka
 * would: it would go on serving, and nobody could tell it what changes.
 */
#include "wire_messages/unregister_broker.h"

#include "cluster/cluster.h"
#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "metadata/catalog_commands.h"

struct unregistration {
    struct request *request; /* we live in its arena */
    struct unregister_broker_request in;
    struct unregister_broker_response out;
    struct catalog_changes changes;
};

static void refuse(struct unregistration *self, enum kafka_error error, struct string message)
{
    self->out.error_code = (int16_t)error;
    self->out.error_message = message;
}

static void reply(struct catalog_changes *changes)
{
    struct unregistration *self = changes->context;

    request_reply(self->request, &unregister_broker_response_layout, &self->out);
}

static void unregister(struct unregistration *self)
{
    struct request *request = self->request;
    struct catalog_unregister_broker command;

    if (!access_allows_cluster(request, ACCESS_ALTER)) {
        refuse(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED,
               STRING("Cluster authorization failed."));
        return;
    }
    if (cluster_broker_is_live(request->broker->cluster, self->in.broker_id)) {
        refuse(self, KAFKA_ERROR_INVALID_REQUEST,
               catalog_changes_text(request, "Broker %d is running. Stop it first.",
                                    self->in.broker_id));
        return;
    }
    catalog_unregister_broker_init(&command);
    command.node_id = self->in.broker_id;
    catalog_changes_make(&self->changes, &catalog_unregister_broker_layout,
                         CATALOG_UNREGISTER_BROKER_RECORD, &command, &self->out.error_code,
                         &self->out.error_message);
}

void unregister_broker_handle(struct request *request)
{
    struct unregistration *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &unregister_broker_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    unregister_broker_response_init(&self->out);
    self->out.error_message = STRING_NULL;
    catalog_changes_init(&self->changes, request, reply, self);
    unregister(self);
    catalog_changes_all_made(&self->changes);
}
