/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker whose port is taken ends at once, and whoever holds the port may answer in its place: a
 * region of another directory would look like the one that was asked for.
 */
#include "dev_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command.h"
#include "dev_process.h"

/* As gyred binds: what only lingers after a connection is no hindrance. */
static bool is_free(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int reuse = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_taken;

    if (descriptor < 0) {
        return true; /* gyred will say what is wrong */
    }
    (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
    is_taken = bind(descriptor, (const struct sockaddr *)&address, sizeof address) != 0 &&
               errno == EADDRINUSE;
    (void)close(descriptor);
    return !is_taken;
}

static bool refuse(const struct dev_broker *broker, int port)
{
    char cluster_id[64] = "";

    (void)dev_process_is_ready(broker, cluster_id);
    if (cluster_id[0] != '\0') {
        complain("port %d of broker %d is taken: another region, %s, answers there; stop it, or "
                 "choose other ports with --port",
                 port, broker->node_id, cluster_id);
    } else {
        complain("port %d of broker %d is taken by another process; stop it, or choose other "
                 "ports with --port",
                 port, broker->node_id);
    }
    return false;
}

bool dev_ports_are_free(const struct dev *dev, const struct dev_broker *broker)
{
    for (int i = 0; i < dev->security.listener_count; i++) {
        int port = broker->kafka_port + dev_listener_port(i);

        if (!is_free(port)) {
            return refuse(broker, port);
        }
    }
    if (!is_free(broker->rpc_port)) {
        return refuse(broker, broker->rpc_port);
    }
    return is_free(broker->admin_port) || refuse(broker, broker->admin_port);
}
