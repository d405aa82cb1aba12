/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/runtime/socket_address.h"

#include <netdb.h>
#include <stdio.h>

static int bind_to(uv_tcp_t *tcp, const char *host, uint16_t port_number)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    int status = UV_EADDRNOTAVAIL;

    (void)snprintf(port, sizeof port, "%u", port_number);
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return UV_EAI_NONAME;
    }
    for (const struct addrinfo *each = found; each != NULL && status != 0; each = each->ai_next) {
        status = uv_tcp_bind(tcp, each->ai_addr, 0);
    }
    freeaddrinfo(found);
    return status;
}

/* Every address: IPv6 with IPv4 inside it, or IPv4 alone where the machine has no IPv6. */
static int bind_everywhere(uv_tcp_t *tcp, uint16_t port)
{
    struct sockaddr_in6 any6;
    struct sockaddr_in any4;
    int status = uv_ip6_addr("::", port, &any6);

    if (status == 0) {
        status = uv_tcp_bind(tcp, (const struct sockaddr *)&any6, 0);
    }
    if (status == 0) {
        return 0;
    }
    status = uv_ip4_addr("0.0.0.0", port, &any4);
    return status != 0 ? status : uv_tcp_bind(tcp, (const struct sockaddr *)&any4, 0);
}

int socket_address_bind(uv_tcp_t *tcp, const char *host, uint16_t port)
{
    return host[0] == '\0' ? bind_everywhere(tcp, port) : bind_to(tcp, host, port);
}

uint16_t socket_address_port(const uv_tcp_t *tcp)
{
    struct sockaddr_storage address;
    int length = sizeof address;

    if (uv_tcp_getsockname(tcp, (struct sockaddr *)&address, &length) != 0) {
        return 0;
    }
    /* The port stands at the same place for both families. */
    return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}
