/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/link_hello.h"

#include <string.h>

enum {
    VERSION = 1,
    AT_VERSION = 8,
    AT_NODE = 12,
    AT_INCARNATION = 16,
    AT_CLUSTER = 24,
    HELLO_BYTES = 40,
};

static const char magic[8] = {'G', 'Y', 'R', 'E', 'L', 'I', 'N', 'K'};

struct buffer_slice link_hello_encode(const struct link_hello *hello)
{
    struct buffer *buffer = buffer_new(HELLO_BYTES);
    uint32_t version = VERSION;

    memcpy(buffer->bytes, magic, sizeof magic);
    memcpy(buffer->bytes + AT_VERSION, &version, sizeof version);
    memcpy(buffer->bytes + AT_NODE, &hello->node_id, sizeof hello->node_id);
    memcpy(buffer->bytes + AT_INCARNATION, &hello->incarnation, sizeof hello->incarnation);
    memcpy(buffer->bytes + AT_CLUSTER, hello->cluster_id.bytes, sizeof hello->cluster_id.bytes);
    return (struct buffer_slice){buffer, buffer->bytes, HELLO_BYTES};
}

enum error link_hello_decode(struct buffer_slice bytes, struct link_hello *out_hello)
{
    struct link_hello hello;
    uint32_t version;

    if (bytes.length < AT_NODE || memcmp(bytes.bytes, magic, sizeof magic) != 0) {
        return ERROR_MALFORMED;
    }
    memcpy(&version, bytes.bytes + AT_VERSION, sizeof version);
    if (version != VERSION) {
        return ERROR_VERSION;
    }
    if (bytes.length != HELLO_BYTES) {
        return ERROR_MALFORMED;
    }
    memcpy(&hello.node_id, bytes.bytes + AT_NODE, sizeof hello.node_id);
    memcpy(&hello.incarnation, bytes.bytes + AT_INCARNATION, sizeof hello.incarnation);
    memcpy(hello.cluster_id.bytes, bytes.bytes + AT_CLUSTER, sizeof hello.cluster_id.bytes);
    if (hello.node_id < 0) {
        return ERROR_MALFORMED;
    }
    *out_hello = hello;
    return ERROR_NONE;
}
