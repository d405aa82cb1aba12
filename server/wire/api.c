/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/api.h"

#include "wire_messages/api_keys.h"
#include "wire_messages/tables.h"

const struct api_description *api_next(int16_t key)
{
    for (int32_t next = key < 0 ? 0 : key; next <= API_KEY_MAX; next++) {
        if (api_table[next].name != NULL) {
            return &api_table[next];
        }
    }
    return NULL;
}

const struct api_description *api_find(int16_t key)
{
    const struct api_description *api = api_next(key);

    return api != NULL && api->key == key ? api : NULL;
}

bool api_accepts(const struct api_description *api, int16_t version)
{
    return version >= api->accepted_min && version <= api->accepted_max;
}

int16_t api_request_header_version(const struct api_description *api, int16_t version)
{
    return version >= api->flexible_min ? 2 : 1;
}

int16_t api_response_header_version(const struct api_description *api, int16_t version)
{
    return version >= api->flexible_min && api->key != API_API_VERSIONS ? 1 : 0;
}
