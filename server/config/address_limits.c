/* SPDX-License-Identifier: Apache-2.0 */
/* max.connections.per.ip.overrides: "10.0.0.7:5, ::1:20". */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gyre/base/ip_address.h"
#include "gyre/config/config.h"

#include "config/option_value.h"

/* So that texts can be compared. */
static bool normalise(struct string text, char address[CONFIG_ADDRESS_BYTES_MAX])
{
    struct ip_address_text usual;

    if (!ip_address_normalise(text, &usual)) {
        return false;
    }
    memcpy(address, usual.bytes, sizeof usual.bytes);
    return true;
}

/* The number stands behind the last colon, as in Kafka. */
static bool parse(struct string element, char address[CONFIG_ADDRESS_BYTES_MAX], int *out_limit)
{
    const char *colon = memrchr(element.bytes, ':', (size_t)element.length);
    int64_t limit = 0;

    if (colon == NULL) {
        return false;
    }
    struct string host = {element.bytes, (int32_t)(colon - element.bytes)};
    struct string number = {colon + 1, element.length - host.length - 1};
    if (host.length == 0 || !normalise(string_trim(host), address) ||
        option_value_parse_long(string_trim(number), &limit) != ERROR_NONE || limit < 0 ||
        limit > INT32_MAX) {
        return false;
    }
    *out_limit = (int)limit;
    return true;
}

bool config_next_address_limit(struct string *rest, char address[CONFIG_ADDRESS_BYTES_MAX],
                               int *out_limit)
{
    struct string element;

    return string_next_element(rest, ',', &element) && parse(element, address, out_limit);
}

enum error config_check_address_limits(struct string text, char *reason, size_t size)
{
    char address[CONFIG_ADDRESS_BYTES_MAX];
    struct string rest = text;
    struct string element;
    int limit;

    while (string_next_element(&rest, ',', &element)) {
        if (!parse(element, address, &limit)) {
            (void)snprintf(reason, size,
                           "must be addresses with numbers, 10.0.0.7:5,::1:20; not %.*s",
                           element.length < 100 ? (int)element.length : 100, element.bytes);
            return ERROR_INVALID;
        }
    }
    return ERROR_NONE;
}
