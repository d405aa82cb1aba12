/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_links.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/list.h"

enum {
    CONNECT_US = 5 * 1000,
    STALL_MIN_US = 500 * 1000, /* a cut direction is noticed after this to twice this */
};

enum event_type { EVENT_FRAME, EVENT_UP, EVENT_DOWN };

struct event {
    struct list link; /* ordered by time, then by order of arrival */
    uint64_t due_us;
    enum event_type type;
    int32_t from, to;
    enum link_channel channel;
    uint64_t connection;
    struct buffer *frame; /* owned */
};

/* One direction of a pair. */
struct direction {
    bool is_cut;
    uint64_t last_due_us;
    size_t queued_bytes;
};

struct fake_links {
    struct links links; /* first */
    struct fake_network *network;
    struct link_receiver receivers[LINK_CHANNEL_COUNT];
    bool is_up[FAKE_NODES_MAX]; /* as this node sees it */
};

struct fake_network {
    const struct clock *clock;
    struct random *random;
    uint64_t delay_min_us, delay_max_us;
    struct fake_links *nodes[FAKE_NODES_MAX]; /* owned; NULL: not there */
    struct direction directions[FAKE_NODES_MAX][FAKE_NODES_MAX];
    uint64_t connections[FAKE_NODES_MAX][FAKE_NODES_MAX]; /* symmetric; 0: none */
    uint64_t connection_count;
    uint64_t paused_until_us[FAKE_NODES_MAX];
    uint64_t sent[FAKE_NODES_MAX];
    struct list events;
    uint64_t hash;
};

static uint64_t now_us(const struct fake_network *network)
{
    return clock_monotonic_us(network->clock);
}

static void insert(struct fake_network *network, struct event event)
{
    struct event *copy = check_alloc(sizeof *copy);
    struct list *where = network->events.previous;

    *copy = event;
    while (where != &network->events &&
           list_entry(where, struct event, link)->due_us > event.due_us) {
        where = where->previous;
    }
    list_insert_before(where->next, &copy->link);
}

static void free_event(struct event *event)
{
    list_remove(&event->link);
    buffer_unref(event->frame);
    free(event);
}

/* ---- connections ---- */

static void connect_pair(struct fake_network *network, int32_t a, int32_t b)
{
    uint64_t connection;
    uint64_t due_us;

    if (network->nodes[a] == NULL || network->nodes[b] == NULL || a == b ||
        network->connections[a][b] != 0 || network->connections[b][a] != 0 ||
        network->directions[a][b].is_cut || network->directions[b][a].is_cut) {
        return;
    }
    connection = ++network->connection_count;
    due_us = now_us(network) + CONNECT_US + random_below(network->random, CONNECT_US);
    network->connections[a][b] = connection;
    network->connections[b][a] = connection;
    insert(network,
           (struct event){
               .due_us = due_us, .type = EVENT_UP, .from = b, .to = a, .connection = connection});
    insert(network,
           (struct event){
               .due_us = due_us, .type = EVENT_UP, .from = a, .to = b, .connection = connection});
}

static void disconnect_after(struct fake_network *network, int32_t a, int32_t b, uint64_t delay_us)
{
    uint64_t connection = network->connections[a][b];
    uint64_t due_us = now_us(network) + delay_us;

    if (connection == 0) {
        connection = network->connections[b][a];
    }
    insert(network,
           (struct event){
               .due_us = due_us, .type = EVENT_DOWN, .from = b, .to = a, .connection = connection});
    insert(network,
           (struct event){
               .due_us = due_us, .type = EVENT_DOWN, .from = a, .to = b, .connection = connection});
}

void fake_network_reset(struct fake_network *network, int32_t a, int32_t b)
{
    disconnect_after(network, a, b, 1);
}

void fake_network_cut(struct fake_network *network, int32_t from, int32_t to)
{
    network->directions[from][to].is_cut = true;
    disconnect_after(network, from, to, STALL_MIN_US + random_below(network->random, STALL_MIN_US));
}

void fake_network_heal(struct fake_network *network, int32_t from, int32_t to)
{
    if (network->directions[from][to].is_cut) {
        network->directions[from][to].is_cut = false;
        disconnect_after(network, from, to, 1);
        connect_pair(network, from, to);
    }
}

void fake_network_heal_all(struct fake_network *network)
{
    for (int32_t a = 0; a < FAKE_NODES_MAX; a++) {
        for (int32_t b = 0; b < FAKE_NODES_MAX; b++) {
            fake_network_heal(network, a, b);
        }
    }
}

/* ---- what a node sees ---- */

static struct fake_links *fake(const struct links *links)
{
    return CONTAINER_OF(links, struct fake_links, links);
}

static enum error fake_send(struct links *links, int32_t peer, enum link_channel channel,
                            const struct buffer_slice *slices, int slice_count)
{
    struct fake_links *self = fake(links);
    struct fake_network *network = self->network;
    struct direction *direction = &network->directions[links->self][peer];
    uint64_t spread = network->delay_max_us - network->delay_min_us + 1;
    struct event event = {.type = EVENT_FRAME, .from = links->self, .to = peer, .channel = channel};
    size_t length = 0;
    char *cursor;

    for (int i = 0; i < slice_count; i++) {
        length += slices[i].length;
    }
    event.frame = buffer_new(length);
    cursor = event.frame->bytes;
    for (int i = 0; i < slice_count; i++) {
        struct buffer_slice slice = slices[i];

        if (slice.length > 0) {
            memcpy(cursor, slice.bytes, slice.length);
            cursor += slice.length;
        }
        buffer_slice_unref(&slice);
    }
    if (!self->is_up[peer] || length > LINK_FRAME_BYTES_MAX || slice_count > LINK_SLICES_MAX) {
        buffer_unref(event.frame);
        return self->is_up[peer] ? ERROR_LIMIT : ERROR_CLOSED;
    }
    event.connection = network->connections[links->self][peer];
    event.due_us = now_us(network) + network->delay_min_us + random_below(network->random, spread);
    if (event.due_us < direction->last_due_us) {
        event.due_us = direction->last_due_us;
    }
    direction->last_due_us = event.due_us;
    direction->queued_bytes += length;
    network->sent[links->self]++;
    insert(network, event);
    return ERROR_NONE;
}

static bool fake_is_up(const struct links *links, int32_t peer)
{
    return peer < FAKE_NODES_MAX && fake(links)->is_up[peer];
}

static size_t fake_queued_bytes(const struct links *links, int32_t peer)
{
    return fake(links)->network->directions[links->self][peer].queued_bytes;
}

static void fake_set_receiver(struct links *links, enum link_channel channel,
                              const struct link_receiver *receiver)
{
    fake(links)->receivers[channel] = *receiver;
}

static void fake_set_peer(struct links *links, int32_t peer, const char *host, uint16_t port)
{
    (void)links;
    (void)peer;
    (void)host;
    (void)port;
}

static void fake_reset(struct links *links, int32_t peer)
{
    fake_network_reset(fake(links)->network, links->self, peer);
}

static int32_t fake_seed_node(const struct links *links, const char *host, uint16_t port)
{
    (void)links;
    (void)host;
    (void)port;
    return -1;
}

static const struct links_operations operations = {
    .send = fake_send,
    .is_up = fake_is_up,
    .queued_bytes = fake_queued_bytes,
    .set_receiver = fake_set_receiver,
    .set_peer = fake_set_peer,
    .reset = fake_reset,
    .seed_node = fake_seed_node,
};

/* ---- life ---- */

struct fake_network *fake_network_new(const struct clock *clock, struct random *random)
{
    struct fake_network *network = check_alloc_zero(sizeof *network);

    network->clock = clock;
    network->random = random;
    network->delay_min_us = 100;
    network->delay_max_us = 2000;
    list_init(&network->events);
    return network;
}

void fake_network_free(struct fake_network *network)
{
    list_for_each_safe(link, &network->events) {
        free_event(list_entry(link, struct event, link));
    }
    for (int i = 0; i < FAKE_NODES_MAX; i++) {
        free(network->nodes[i]);
    }
    free(network);
}

void fake_network_set_delay(struct fake_network *network, uint64_t min_us, uint64_t max_us)
{
    network->delay_min_us = min_us;
    network->delay_max_us = max_us;
}

struct links *fake_network_join(struct fake_network *network, int32_t node)
{
    struct fake_links *links = check_alloc_zero(sizeof *links);

    CHECK(node >= 0);
    CHECK(node < FAKE_NODES_MAX);
    CHECK(network->nodes[node] == NULL);
    links->links = (struct links){.operations = &operations, .self = node};
    links->network = network;
    network->nodes[node] = links;
    network->paused_until_us[node] = 0;
    for (int32_t other = 0; other < FAKE_NODES_MAX; other++) {
        connect_pair(network, node, other);
    }
    return &links->links;
}

void fake_network_leave(struct fake_network *network, int32_t node)
{
    for (int32_t other = 0; other < FAKE_NODES_MAX; other++) {
        disconnect_after(network, node, other, 1 + random_below(network->random, 1000));
    }
    free(network->nodes[node]);
    network->nodes[node] = NULL;
    for (int32_t other = 0; other < FAKE_NODES_MAX; other++) {
        network->connections[node][other] = 0; /* this side forgot; the other will hear */
    }
}

void fake_network_pause(struct fake_network *network, int32_t node, uint64_t until_us)
{
    network->paused_until_us[node] = until_us;
}

void fake_network_stall(struct fake_network *network, int32_t from, int32_t to, uint64_t until_us)
{
    struct direction *direction = &network->directions[from][to];

    direction->last_due_us = until_us > direction->last_due_us ? until_us : direction->last_due_us;
}

uint64_t fake_network_sent(const struct fake_network *network, int32_t node)
{
    return network->sent[node];
}

/* ---- delivery ---- */

/* Put off what is meant for a stopped node; order is kept, because all of it is put off. */
static bool is_put_off(struct fake_network *network, struct event *event)
{
    uint64_t until_us = network->paused_until_us[event->to];
    struct event later = *event;

    if (until_us <= now_us(network)) {
        return false;
    }
    later.due_us = until_us;
    insert(network, later);
    free(event);
    return true;
}

uint64_t fake_network_next_us(const struct fake_network *network)
{
    return list_is_empty(&network->events)
               ? UINT64_MAX
               : list_first(&network->events, struct event, link)->due_us;
}

uint64_t fake_network_hash(const struct fake_network *network)
{
    return network->hash;
}

static void mix_into(struct fake_network *network, const struct event *event)
{
    uint64_t value = network->hash;

    value ^= event->due_us + ((uint64_t)event->type << 48) + ((uint64_t)event->from << 52) +
             ((uint64_t)event->to << 56);
    value *= 0x100000001B3u;
    if (event->frame != NULL) {
        for (size_t i = 0; i < event->frame->size && i < 128; i++) {
            value = (value ^ (uint8_t)event->frame->bytes[i]) * 0x100000001B3u;
        }
    }
    network->hash = value;
}

static void deliver_frame(struct fake_network *network, struct event *event)
{
    struct fake_links *links = network->nodes[event->to];
    const struct link_receiver *receiver;
    struct buffer_slice frame;

    network->directions[event->from][event->to].queued_bytes -= event->frame->size;
    if (links == NULL || network->directions[event->from][event->to].is_cut ||
        event->connection != network->connections[event->to][event->from]) {
        return;
    }
    receiver = &links->receivers[event->channel];
    frame = buffer_slice(event->frame, 0, event->frame->size);
    if (receiver->frame != NULL) {
        receiver->frame(receiver->context, event->from, frame);
    }
    buffer_slice_unref(&frame);
}

static void tell(struct fake_links *links, int32_t peer, bool is_up)
{
    if (links == NULL || links->is_up[peer] == is_up) {
        return;
    }
    links->is_up[peer] = is_up;
    for (int channel = 0; channel < LINK_CHANNEL_COUNT; channel++) {
        const struct link_receiver *receiver = &links->receivers[channel];

        if (receiver->frame != NULL) {
            (is_up ? receiver->up : receiver->down)(receiver->context, peer);
        }
    }
}

static void deliver_state(struct fake_network *network, const struct event *event)
{
    bool is_up = event->type == EVENT_UP;

    if (!is_up && event->connection == network->connections[event->to][event->from]) {
        network->connections[event->to][event->from] = 0;
        tell(network->nodes[event->to], event->from, false);
        if (network->connections[event->from][event->to] == 0) {
            connect_pair(network, event->from, event->to);
        }
    }
    if (is_up && event->connection == network->connections[event->to][event->from]) {
        tell(network->nodes[event->to], event->from, true);
    }
}

void fake_network_run(struct fake_network *network)
{
    while (fake_network_next_us(network) <= now_us(network)) {
        struct event *event = list_first(&network->events, struct event, link);

        list_remove(&event->link);
        if (is_put_off(network, event)) {
            continue;
        }
        mix_into(network, event);
        if (event->type == EVENT_FRAME) {
            deliver_frame(network, event);
        } else {
            deliver_state(network, event);
        }
        free_event(event);
    }
}
