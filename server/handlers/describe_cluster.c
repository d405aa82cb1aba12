/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeCluster (60): the brokers, as this listener's clients reach them. */
#include "wire_messages/describe_cluster.h"

#include "handlers/admin_handlers.h"
#include "handlers/authorized_operations.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/topic_view.h"

enum endpoint_type { ENDPOINT_BROKERS = 1, ENDPOINT_CONTROLLERS = 2 };

struct cluster_description {
    struct describe_cluster_request in;
    struct describe_cluster_response out;
};

static void add_broker(void *context, const struct broker_view *broker)
{
    struct cluster_description *self = context;
    struct describe_cluster_response_brokers_array *brokers = &self->out.brokers;

    if (broker->is_live || self->in.include_fenced_brokers) {
        brokers->items[brokers->count++] = (struct describe_cluster_response_brokers){
            .broker_id = broker->node_id,
            .host = broker->endpoint.host,
            .port = broker->endpoint.port,
            .rack = broker->endpoint.rack,
            .is_fenced = !broker->is_live,
        };
    }
}

/* Clients that look for controllers ask controllers; here every broker can be asked anything. */
static bool check_endpoint_type(struct request *request, struct cluster_description *self)
{
    if (self->in.endpoint_type == ENDPOINT_BROKERS) {
        return true;
    }
    if (self->in.endpoint_type == ENDPOINT_CONTROLLERS) {
        self->out.error_code = KAFKA_ERROR_MISMATCHED_ENDPOINT_TYPE;
        self->out.error_message = STRING("The request was sent to an endpoint of type BROKER, but "
                                         "we wanted an endpoint of type CONTROLLER");
    } else {
        self->out.error_code = KAFKA_ERROR_UNSUPPORTED_ENDPOINT_TYPE;
        self->out.error_message =
            catalog_changes_text(request, "Unsupported endpoint type %d", self->in.endpoint_type);
    }
    return false;
}

void describe_cluster_handle(struct request *request)
{
    struct cluster_description self;

    if (!request_decode(request, &describe_cluster_request_layout, &self.in)) {
        return;
    }
    describe_cluster_response_init(&self.out);
    if (!check_endpoint_type(request, &self)) {
        request_reply(request, &describe_cluster_response_layout, &self.out);
        return;
    }
    self.out.brokers.items =
        request_alloc(request, ((size_t)catalog_broker_count(request->broker->catalog) + 1) *
                                   sizeof *self.out.brokers.items);
    if (self.out.brokers.items == NULL) {
        return;
    }
    topic_view_brokers(request, add_broker, &self);
    self.out.cluster_id = topic_view_cluster_id(request);
    self.out.controller_id = topic_view_controller(request);
    if (self.in.include_cluster_authorized_operations) {
        self.out.cluster_authorized_operations = authorized_operations_of_cluster(request);
    }
    request_reply(request, &describe_cluster_response_layout, &self.out);
}
