/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/config/throttled_replicas.h"

#include <string.h>

#include "config/option_value.h"

static bool parse_replica(struct string element, int64_t *out_partition, int64_t *out_node)
{
    const char *colon = memchr(element.bytes, ':', (size_t)element.length);
    int32_t before;

    if (colon == NULL) {
        return false;
    }
    before = (int32_t)(colon - element.bytes);
    return option_value_parse_long((struct string){element.bytes, before}, out_partition) ==
               ERROR_NONE &&
           option_value_parse_long((struct string){colon + 1, element.length - before - 1},
                                   out_node) == ERROR_NONE;
}

struct throttled_replicas throttled_replicas_find(struct string list, int32_t partition,
                                                  int32_t node_id)
{
    struct throttled_replicas found = {false, false};
    struct string element;
    int64_t its_partition;
    int64_t its_node;

    if (list.bytes == NULL) {
        return found;
    }
    while (string_next_element(&list, ',', &element)) {
        if (string_is(element, "*")) {
            return (struct throttled_replicas){true, true};
        }
        if (parse_replica(element, &its_partition, &its_node) && its_partition == partition) {
            found.names_node |= its_node == node_id;
            found.names_others |= its_node != node_id;
        }
    }
    return found;
}

bool throttled_replicas_is_valid(struct string list)
{
    struct string element;
    int64_t partition;
    int64_t node;

    if (string_is(string_trim(list), "*")) {
        return true;
    }
    while (string_next_element(&list, ',', &element)) {
        if (!parse_replica(element, &partition, &node)) {
            return false;
        }
    }
    return true;
}
