/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gyre/base/check.h"

#include "blast/blast.h"
#include "blast/tls_pipe.h"

enum { IN_BYTES_FIRST = 1 << 18, IN_BYTES_MAX = 1 << 30, VECTORS_MAX = 64, SOCKET_BYTES = 4 << 20 };

static int connect_to(const struct blast_broker *broker)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    char port[16];
    int fd = -1;

    (void)snprintf(port, sizeof port, "%d", broker->port);
    if (getaddrinfo(broker->host, port, &hints, &addresses) != 0) {
        blast_fail("%s: no such host", broker->host);
    }
    for (struct addrinfo *at = addresses; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(addresses);
    if (fd < 0) {
        blast_fail("%s:%d: %s", broker->host, broker->port, strerror(errno));
    }
    return fd;
}

static void set_options(int fd)
{
    const int one = 1;
    const int bytes = SOCKET_BYTES;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static uint32_t power_of_two(uint32_t at_least)
{
    uint32_t power = 16;

    while (power < at_least) {
        power *= 2;
    }
    return power;
}

static struct tls_pipe *secure(const struct blast_options *options,
                               const struct blast_broker *broker, int fd, bool is_blocking)
{
    char message[TLS_PIPE_MESSAGE_BYTES];
    struct tls_pipe *pipe;

    if (options->tls == NULL) {
        return NULL;
    }
    pipe = tls_pipe_new(options->tls, fd, broker->host, message);
    if (pipe == NULL) {
        blast_fail("TLS with %s", message);
    }
    CHECK(is_blocking || fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return pipe;
}

void blast_link_open(struct blast_link *link, const struct blast_options *options,
                     const struct blast_broker *broker, int epoll_fd, uint32_t depth)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = link}};
    uint32_t room = power_of_two(depth + 1);

    *link = (struct blast_link){.fd = connect_to(broker),
                                .epoll_fd = epoll_fd,
                                .out = check_alloc(room * sizeof *link->out),
                                .out_capacity = room,
                                .in = check_alloc(IN_BYTES_FIRST),
                                .in_capacity = IN_BYTES_FIRST,
                                .flights = check_alloc(room * sizeof *link->flights),
                                .flight_capacity = room};
    set_options(link->fd);
    link->tls = secure(options, broker, link->fd, epoll_fd < 0);
    if (epoll_fd >= 0) {
        CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, link->fd, &event) == 0);
    }
}

void blast_link_close(struct blast_link *link)
{
    tls_pipe_free(link->tls);
    (void)close(link->fd);
    free(link->out);
    free(link->in);
    free(link->flights);
}

void blast_link_send(struct blast_link *link, const struct frame_output *frame,
                     const struct blast_flight *flight)
{
    CHECK(link->out_count < link->out_capacity);
    link->out[(link->out_head + link->out_count++) & (link->out_capacity - 1)] = frame;
    if (flight == NULL) {
        return;
    }
    CHECK(link->flight_count < link->flight_capacity);
    link->flights[(link->flight_head + link->flight_count++) & (link->flight_capacity - 1)] =
        *flight;
}

static int gather(const struct blast_link *link, struct iovec *vectors)
{
    size_t skip = link->out_written;
    int count = 0;

    for (uint32_t i = 0; i < link->out_count; i++) {
        const struct frame_output *frame =
            link->out[(link->out_head + i) & (link->out_capacity - 1)];

        for (int32_t s = 0; s < frame->count && count < VECTORS_MAX; s++) {
            size_t length = frame->slices[s].length;
            size_t skipped = skip < length ? skip : length;

            skip -= skipped;
            if (skipped < length) {
                vectors[count++] = (struct iovec){.iov_base = frame->slices[s].bytes + skipped,
                                                  .iov_len = length - skipped};
            }
        }
    }
    return count;
}

static void forget_written(struct blast_link *link, size_t written)
{
    written += link->out_written;
    while (link->out_count > 0) {
        size_t size = link->out[link->out_head & (link->out_capacity - 1)]->bytes;

        if (written < size) {
            break;
        }
        written -= size;
        link->out_head++;
        link->out_count--;
    }
    link->out_written = written;
}

static void watch(struct blast_link *link, bool wants_room)
{
    struct epoll_event event = {.events = EPOLLIN | (wants_room ? EPOLLOUT : 0u),
                                .data = {.ptr = link}};

    if (link->waits_for_room != wants_room && link->epoll_fd >= 0) {
        CHECK(epoll_ctl(link->epoll_fd, EPOLL_CTL_MOD, link->fd, &event) == 0);
        link->waits_for_room = wants_room;
    }
}

static void flush_tls(struct blast_link *link)
{
    int pushed = tls_pipe_push(link->tls);

    while (pushed > 0 && link->out_count > 0) {
        struct iovec vectors[VECTORS_MAX];

        forget_written(link, tls_pipe_write(link->tls, vectors, gather(link, vectors)));
        pushed = tls_pipe_push(link->tls);
    }
    if (pushed < 0) {
        blast_fail("send: %s", strerror(errno));
    }
    watch(link, pushed == 0);
}

void blast_link_flush(struct blast_link *link)
{
    if (link->tls != NULL) {
        flush_tls(link);
        return;
    }
    while (link->out_count > 0) {
        struct iovec vectors[VECTORS_MAX];
        struct msghdr message = {.msg_iov = vectors};
        ssize_t written;

        message.msg_iovlen = (size_t)gather(link, vectors);
        written =
            sendmsg(link->fd, &message, MSG_NOSIGNAL | (link->epoll_fd >= 0 ? MSG_DONTWAIT : 0));
        if (written < 0 && errno == EAGAIN) {
            watch(link, true);
            return;
        }
        if (written < 0) {
            blast_fail("send: %s", strerror(errno));
        }
        forget_written(link, (size_t)written);
    }
    watch(link, false);
}

/* Room for the frame that is arriving, and at least half a buffer. */
static void make_room(struct blast_link *link)
{
    size_t held = link->in_end - link->in_start;
    size_t needed = IN_BYTES_FIRST;

    if (held >= FRAME_PREFIX_BYTES) {
        needed = (size_t)load_be32(link->in + link->in_start) + FRAME_PREFIX_BYTES;
    }
    if (held > 0 && link->in_start > 0) {
        memmove(link->in, link->in + link->in_start, held);
    }
    link->in_start = 0;
    link->in_end = held;
    if (needed > IN_BYTES_MAX) {
        blast_fail("an answer of %zu bytes", needed);
    }
    if (link->in_capacity < needed) {
        link->in_capacity = needed + IN_BYTES_FIRST;
        link->in = check_realloc(link->in, link->in_capacity);
    }
}

/* Until there is nothing left: what has been read ahead wakes nobody. */
static void receive_tls(struct blast_link *link)
{
    char message[TLS_PIPE_MESSAGE_BYTES];
    ssize_t size;

    do {
        if (link->in_end == link->in_capacity) {
            link->in_capacity *= 2;
            link->in = check_realloc(link->in, link->in_capacity);
        }
        size = tls_pipe_read(link->tls, link->in + link->in_end, link->in_capacity - link->in_end,
                             message);
        if (size == 0) {
            blast_fail("the broker closed a connection");
        }
        if (size < -1) {
            blast_fail("%s", message);
        }
        link->in_end += size > 0 ? (size_t)size : 0;
    } while (size > 0 && link->epoll_fd >= 0);
}

void blast_link_receive(struct blast_link *link)
{
    ssize_t size;

    make_room(link);
    if (link->tls != NULL) {
        receive_tls(link);
        return;
    }
    size = recv(link->fd, link->in + link->in_end, link->in_capacity - link->in_end,
                link->epoll_fd >= 0 ? MSG_DONTWAIT : 0);
    if (size == 0) {
        blast_fail("the broker closed a connection");
    }
    if (size < 0 && errno != EAGAIN) {
        blast_fail("recv: %s", strerror(errno));
    }
    link->in_end += size > 0 ? (size_t)size : 0;
}

bool blast_link_next(struct blast_link *link, char **out_bytes, size_t *out_size,
                     struct blast_flight *out_flight)
{
    char *at = link->in + link->in_start;
    size_t held = link->in_end - link->in_start;
    size_t size;

    if (held < FRAME_PREFIX_BYTES) {
        return false;
    }
    size = load_be32(at);
    if (held - FRAME_PREFIX_BYTES < size) {
        return false;
    }
    if (link->flight_count == 0) {
        blast_fail("an answer without a question");
    }
    *out_bytes = at + FRAME_PREFIX_BYTES;
    *out_size = size;
    *out_flight = link->flights[link->flight_head++ & (link->flight_capacity - 1)];
    link->flight_count--;
    link->in_start += FRAME_PREFIX_BYTES + size;
    return true;
}

void blast_link_ask(struct blast_link *link, const struct frame_output *frame, char **out_bytes,
                    size_t *out_size)
{
    struct blast_flight flight = {0};

    blast_link_send(link, frame, &flight);
    blast_link_flush(link);
    while (!blast_link_next(link, out_bytes, out_size, &flight)) {
        blast_link_receive(link);
    }
}
