/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_protocols.h"

#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/base/check.h"
#include "gyre/wire/reader.h"

#include "coordinator/group.h"
#include "coordinator/group_coordinator.h"
#include "coordinator/group_member.h"
#include "coordinator/owned_string.h"
#include "wire_messages/consumer_protocol.h"
#include "wire_messages/join_group.h"

enum { SUBSCRIPTION_ARENA_BYTES = 8 * 1024 * 1024 };

/* How many members support a protocol, and in a vote: how many prefer it. */
struct protocol_support {
    struct map_link by_name;
    struct string name; /* owned */
    int32_t members;
    int32_t votes;
};

static struct protocol_support *find_support(const struct group *group, struct string name)
{
    map_for_each_match(link, &group->protocol_supports, string_hash(name)) {
        struct protocol_support *support = CONTAINER_OF(link, struct protocol_support, by_name);

        if (string_equal(support->name, name)) {
            return support;
        }
    }
    return NULL;
}

static void add_support(struct group *group, struct string name)
{
    struct protocol_support *support = find_support(group, name);

    if (support == NULL) {
        support = check_alloc_zero(sizeof *support);
        support->name = owned_string_copy(name);
        map_insert(&group->protocol_supports, &support->by_name, string_hash(name));
    }
    support->members++;
}

static void drop_support(struct group *group, struct string name)
{
    struct protocol_support *support = find_support(group, name);

    CHECK(support != NULL);
    support->members--;
    if (support->members == 0) {
        map_remove(&group->protocol_supports, &support->by_name);
        owned_string_release(&support->name);
        free(support);
    }
}

static const struct group_protocol *find_protocol(const struct group_member *member,
                                                  struct string name)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        if (string_equal(member->protocols[i].name, name)) {
            return &member->protocols[i];
        }
    }
    return NULL;
}

static struct string text_of(struct bytes bytes)
{
    return (struct string){.bytes = bytes.bytes, .length = bytes.length < 0 ? 0 : bytes.length};
}

void group_protocols_clear(struct group_member *member)
{
    struct group *group = member->group;

    for (int32_t i = 0; i < member->protocol_count; i++) {
        struct group_protocol *protocol = &member->protocols[i];

        group->bytes -= (size_t)protocol->name.length + (size_t)protocol->metadata.length;
        drop_support(group, protocol->name);
        owned_string_release(&protocol->name);
        owned_string_release(&protocol->metadata);
    }
    free(member->protocols);
    member->protocols = NULL;
    member->protocol_count = 0;
}

void group_protocols_set(struct group_member *member,
                         const struct join_group_request_protocols_array *protocols)
{
    struct group *group = member->group;

    group_protocols_clear(member);
    CHECK(protocols->count <= GROUP_MEMBER_PROTOCOLS_MAX);
    member->protocols = check_alloc_zero((size_t)protocols->count * sizeof *member->protocols + 1);
    for (int32_t i = 0; i < protocols->count; i++) {
        const struct join_group_request_protocols *from = &protocols->items[i];
        struct group_protocol *to = &member->protocols[member->protocol_count];

        if (find_protocol(member, from->name) == NULL) {
            to->name = owned_string_copy(from->name);
            to->metadata = owned_string_copy(text_of(from->metadata));
            member->protocol_count++;
            add_support(group, to->name);
            group->bytes += (size_t)to->name.length + (size_t)to->metadata.length;
        }
    }
}

bool group_protocols_match(const struct group_member *member,
                           const struct join_group_request_protocols_array *protocols)
{
    if (member->protocol_count != protocols->count) {
        return false;
    }
    for (int32_t i = 0; i < protocols->count; i++) {
        if (!string_equal(member->protocols[i].name, protocols->items[i].name) ||
            !string_equal(member->protocols[i].metadata, text_of(protocols->items[i].metadata))) {
            return false;
        }
    }
    return true;
}

bool group_protocols_accept(const struct group *group, const struct join_group_request *in)
{
    if (in->protocol_type.length == 0 || in->protocols.count <= 0 ||
        in->protocols.count > GROUP_MEMBER_PROTOCOLS_MAX) {
        return false;
    }
    if (group->state == GROUP_EMPTY) {
        return true;
    }
    if (!string_equal(group->protocol_type, in->protocol_type)) {
        return false;
    }
    for (int32_t i = 0; i < in->protocols.count; i++) {
        const struct protocol_support *support = find_support(group, in->protocols.items[i].name);

        if ((support == NULL ? 0 : support->members) == group->member_count) {
            return true;
        }
    }
    return false;
}

static void cast_vote(const struct group *group, const struct group_member *member)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        struct protocol_support *support = find_support(group, member->protocols[i].name);

        if (support->members == group->member_count) {
            support->votes++;
            return;
        }
    }
}

struct string group_protocols_vote(const struct group *group)
{
    const struct protocol_support *winner = NULL;
    const struct group_member *first;

    if (list_is_empty(&group->members)) {
        return STRING_NULL;
    }
    map_for_each(link, &group->protocol_supports) {
        CONTAINER_OF(link, struct protocol_support, by_name)->votes = 0;
    }
    list_for_each(link, &group->members) {
        cast_vote(group, list_entry(link, struct group_member, link));
    }
    /* A winner is supported by all, so the first member names it as well. */
    first = list_first(&group->members, struct group_member, link);
    for (int32_t i = 0; i < first->protocol_count; i++) {
        const struct protocol_support *support = find_support(group, first->protocols[i].name);

        if (support->votes > (winner == NULL ? 0 : winner->votes)) {
            winner = support;
        }
    }
    return winner == NULL ? STRING_NULL : winner->name;
}

struct string group_protocols_metadata(const struct group_member *member, struct string protocol)
{
    const struct group_protocol *found = find_protocol(member, protocol);

    return found == NULL || found->metadata.bytes == NULL ? STRING("") : found->metadata;
}

enum subscription { SUBSCRIBED, NOT_SUBSCRIBED, NOT_UNDERSTOOD };

/* Newer versions only add fields at the end, so that version 0 is enough to find the topics. */
static enum subscription look_for(const struct group_member *member, struct string topic)
{
    struct string metadata = group_protocols_metadata(member, member->group->protocol);
    struct consumer_protocol_subscription subscription;
    enum subscription found = NOT_SUBSCRIBED;
    struct reader reader;
    struct arena arena;

    arena_init(&arena, SUBSCRIPTION_ARENA_BYTES);
    reader_init(&reader, (char *)(uintptr_t)metadata.bytes, (size_t)metadata.length);
    (void)reader_i16(&reader);
    if (reader.failed ||
        consumer_protocol_subscription_decode(0, &reader, &arena, &subscription) != ERROR_NONE) {
        found = NOT_UNDERSTOOD;
    }
    for (int32_t i = 0; found == NOT_SUBSCRIBED && i < subscription.topics.count; i++) {
        if (string_equal(subscription.topics.items[i], topic)) {
            found = SUBSCRIBED;
        }
    }
    arena_release(&arena);
    return found;
}

bool group_protocols_subscribe(const struct group *group, struct string topic)
{
    if (!group_uses_consumer_protocol(group) || group->member_count == 0) {
        return false;
    }
    if (group->protocol.bytes == NULL) {
        return true;
    }
    list_for_each(link, &group->members) {
        if (look_for(list_entry(link, struct group_member, link), topic) != NOT_SUBSCRIBED) {
            return true;
        }
    }
    return false;
}

size_t group_protocols_bytes(const struct join_group_request_protocols_array *protocols)
{
    size_t bytes = 0;

    for (int32_t i = 0; i < protocols->count; i++) {
        bytes += (size_t)protocols->items[i].name.length +
                 (size_t)text_of(protocols->items[i].metadata).length;
    }
    return bytes;
}

size_t group_protocols_bytes_of(const struct group_member *member)
{
    size_t bytes = 0;

    for (int32_t i = 0; i < member->protocol_count; i++) {
        bytes +=
            (size_t)member->protocols[i].name.length + (size_t)member->protocols[i].metadata.length;
    }
    return bytes;
}
