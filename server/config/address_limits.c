/* SPDX-License-Identifier: Apache-2.0 */
/* max.connections.per.ip.overrides: "10.0.0.7:5, ::1:20". */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gyre/config/config.h"

#include "config/option_value.h"

/* As inet_ntop() writes it, so that texts can be compared. */
static bool normalise(struct string text, char address[CONFIG_ADDRESS_BYTES_MAX])
{
    char given[CONFIG_ADDRESS_BYTES_MAX];
    unsigned char bytes[sizeof(struct in6_addr)];
    int family = memchr(text.bytes, ':', (size_t)text.length) == NULL ? AF_INET : AF_INET6;

    if (text.length >= CONFIG_ADDRESS_BYTES_MAX) {
        return false;
    }
    memcpy(given, text.bytes, (size_t)text.length);
    given[text.length] = '\0';
    return inet_pton(family, given, bytes) == 1 &&
           inet_ntop(family, bytes, address, CONFIG_ADDRESS_BYTES_MAX) != NULL;
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
