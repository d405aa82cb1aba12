/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_peer.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADS_BYTES = 32 * 1024,
    FRAME_BYTES = 4 * 1024 * 1024, /* then the next frame begins */
    COPY_BYTES = 512,              /* shorter payloads cost less copied than as a vector */
};

struct consensus_peer *consensus_peer_find(const struct consensus *consensus, int32_t node)
{
    for (int i = 0; i < consensus->peer_count; i++) {
        if (consensus->peers[i]->node == node) {
            return consensus->peers[i];
        }
    }
    return NULL;
}

struct consensus_peer *consensus_peer_get(struct consensus *consensus, int32_t node)
{
    struct consensus_peer *peer = consensus_peer_find(consensus, node);

    if (peer != NULL) {
        return peer;
    }
    peer = check_alloc_zero(sizeof *peer);
    peer->consensus = consensus;
    peer->node = node;
    peer->is_up = links_is_up(consensus->links, node);
    consensus->peers =
        check_realloc(consensus->peers, (size_t)(consensus->peer_count + 1) * sizeof(void *));
    consensus->peers[consensus->peer_count++] = peer;
    return peer;
}

static void drop_frame(struct consensus_peer *peer)
{
    for (int i = 0; i < peer->slice_count; i++) {
        buffer_slice_unref(&peer->slices[i]);
    }
    peer->slice_count = 0;
    peer->frame_bytes = 0;
}

void consensus_peer_free(struct consensus_peer *peer)
{
    drop_frame(peer);
    buffer_unref(peer->heads);
    free(peer);
}

void consensus_peer_flush(struct consensus_peer *peer)
{
    if (peer->slice_count == 0) {
        return;
    }
    /* A link that is down loses the frame; the engine repeats what matters. */
    if (links_send(peer->consensus->links, peer->node, LINK_RAFT, peer->slices,
                   peer->slice_count) != ERROR_NONE) {
        peer->consensus->stats.lost_frames++;
    }
    peer->slice_count = 0;
    peer->frame_bytes = 0;
}

static void add_slice(struct consensus_peer *peer, struct buffer_slice slice)
{
    peer->slices[peer->slice_count++] = slice;
    peer->frame_bytes += slice.length;
}

static void add_bytes(struct consensus_peer *peer, const void *bytes, size_t length)
{
    struct buffer_slice *last =
        peer->slice_count == 0 ? NULL : &peer->slices[peer->slice_count - 1];

    if (peer->heads == NULL || peer->heads_used + length > peer->heads->size) {
        buffer_unref(peer->heads);
        peer->heads = buffer_new(HEADS_BYTES);
        peer->heads_used = 0;
        last = NULL;
    }
    memcpy(peer->heads->bytes + peer->heads_used, bytes, length);
    if (last != NULL && last->buffer == peer->heads &&
        last->bytes + last->length == peer->heads->bytes + peer->heads_used) {
        last->length += length;
        peer->frame_bytes += length;
    } else {
        add_slice(peer, buffer_slice(peer->heads, peer->heads_used, length));
    }
    peer->heads_used += length;
}

static void add_payload(struct consensus_peer *peer, struct buffer_slice payload)
{
    if (payload.length == 0) {
        return;
    }
    if (payload.length <= COPY_BYTES) {
        add_bytes(peer, payload.bytes, payload.length);
    } else {
        add_slice(peer, buffer_slice_ref(payload));
    }
}

void consensus_peer_send(struct consensus_peer *peer, const struct consensus_message *message)
{
    char fixed[MESSAGE_FIXED_BYTES_MAX];
    size_t total = consensus_message_bytes(message);
    /* At worst the heads need two slices, and each payload one and another for bytes behind it. */
    int slices_needed = 4 + 2 * message->entry_count;

    if (!peer->is_up) {
        return;
    }
    if (slices_needed > LINK_SLICES_MAX - peer->slice_count ||
        (peer->frame_bytes > 0 && peer->frame_bytes + total > FRAME_BYTES)) {
        consensus_peer_flush(peer);
    }
    add_bytes(peer, fixed, consensus_message_encode(message, total, fixed));
    for (int i = 0; i < message->entry_count; i++) {
        char head[MESSAGE_ENTRY_BYTES];

        consensus_message_encode_entry(&message->entries[i], head);
        add_bytes(peer, head, sizeof head);
    }
    for (int i = 0; i < message->entry_count; i++) {
        add_payload(peer, message->entries[i].payload);
    }
    peer->consensus->stats.messages_sent++;
    loop_defer_last(peer->consensus->loop, &peer->consensus->flush);
}
