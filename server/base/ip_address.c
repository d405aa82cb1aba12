/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/ip_address.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_of_ip4(const struct in6_addr *address)
{
    return IN6_IS_ADDR_V4MAPPED(address);
}

bool ip_address_normalise(struct string text, struct ip_address_text *out_text)
{
    char given[IP_ADDRESS_TEXT_BYTES];
    struct in_addr ip4;
    struct in6_addr ip6;

    if (text.length < 1 || text.length >= IP_ADDRESS_TEXT_BYTES) {
        return false;
    }
    memcpy(given, text.bytes, (size_t)text.length);
    given[text.length] = '\0';
    if (strlen(given) != (size_t)text.length) {
        return false;
    }
    if (inet_pton(AF_INET, given, &ip4) == 1) {
        return inet_ntop(AF_INET, &ip4, out_text->bytes, sizeof out_text->bytes) != NULL;
    }
    if (inet_pton(AF_INET6, given, &ip6) != 1) {
        return false;
    }
    return is_of_ip4(&ip6)
               ? inet_ntop(AF_INET, &ip6.s6_addr[12], out_text->bytes, sizeof out_text->bytes) !=
                     NULL
               : inet_ntop(AF_INET6, &ip6, out_text->bytes, sizeof out_text->bytes) != NULL;
}

struct string ip_address_usual(struct string text, struct ip_address_text *room)
{
    return ip_address_normalise(text, room) ? string_from(room->bytes) : text;
}

bool ip_address_is_same(struct string a, struct string b)
{
    struct ip_address_text of_a;
    struct ip_address_text of_b;

    return string_equal(a, b) ||
           string_equal(ip_address_usual(a, &of_a), ip_address_usual(b, &of_b));
}
