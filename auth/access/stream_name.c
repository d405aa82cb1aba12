/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/stream_name.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Words with single `separator`s between them. */
static bool is_chain(struct string name, char separator)
{
    bool wants_word = true;

    for (int32_t i = 0; i < name.length; i++) {
        if (name.bytes[i] == separator && !wants_word) {
            wants_word = true;
        } else if (is_word(name.bytes[i])) {
            wants_word = false;
        } else {
            return false;
        }
    }
    return !wants_word;
}

static struct string part(struct string name, int32_t begin, int32_t end)
{
    return (struct string){name.bytes + begin, end - begin};
}

/* `name` with each `from` a `to`. */
static char *respell(char *at, struct string name, char from, char to)
{
    for (int32_t i = 0; i < name.length; i++) {
        *at++ = name.bytes[i] == from ? to : name.bytes[i];
    }
    return at;
}

struct string stream_name_path(struct string name, struct stream_name_text *text)
{
    bool is_path = name.length > 0 && name.bytes[0] == '/';
    struct string words = is_path ? part(name, 1, name.length) : name;

    if (words.length >= STREAM_NAME_BYTES_MAX || !is_chain(words, is_path ? '/' : '.')) {
        return STRING_NULL;
    }
    text->bytes[0] = '/';
    (void)respell(text->bytes + 1, words, '.', '/');
    return (struct string){text->bytes, words.length + 1};
}

struct string stream_name_legal(struct string topic, struct stream_name_text *text)
{
    const char *colon = topic.length <= 1 ? NULL : memchr(topic.bytes, ':', (size_t)topic.length);
    struct string stream;
    struct string own;
    char *at = text->bytes;

    if (colon == NULL || topic.bytes[0] != '/' || topic.length > STREAM_TOPIC_BYTES_MAX) {
        return topic;
    }
    stream = part(topic, 1, (int32_t)(colon - topic.bytes));
    own = part(topic, (int32_t)(colon - topic.bytes) + 1, topic.length);
    if (!is_chain(stream, '/') || !is_chain(own, '.')) {
        return topic;
    }
    at = respell(at, stream, '/', '.');
    *at++ = '.';
    *at++ = '.';
    at = respell(at, own, '.', '.');
    return (struct string){text->bytes, (int32_t)(at - text->bytes)};
}

struct string stream_name_legal_prefix(struct string prefix, struct stream_name_text *text)
{
    char *at = text->bytes;

    if (prefix.length < 2 || prefix.bytes[0] != '/' || prefix.length > STREAM_TOPIC_BYTES_MAX) {
        return prefix;
    }
    for (int32_t i = 1; i < prefix.length; i++) {
        char c = prefix.bytes[i];
        bool is_colon = c == ':' && memchr(prefix.bytes, ':', (size_t)i) == NULL;

        if (!is_word(c) && c != '.' && c != '/' && !is_colon) {
            return prefix;
        }
        *at++ = c == '/' || is_colon ? '.' : c;
        if (is_colon) {
            *at++ = '.';
        }
    }
    return (struct string){text->bytes, (int32_t)(at - text->bytes)};
}

static const char *find_double_dot(struct string name)
{
    return name.length < 2 ? NULL : memmem(name.bytes, (size_t)name.length, "..", 2);
}

struct string stream_name_of_topic(struct string legal_topic)
{
    const char *dots = find_double_dot(legal_topic);

    return dots == NULL ? STRING_NULL : part(legal_topic, 0, (int32_t)(dots - legal_topic.bytes));
}

bool stream_name_is_topic(struct string legal_topic)
{
    struct string stream = stream_name_of_topic(legal_topic);

    return stream.bytes != NULL && stream.length < STREAM_NAME_BYTES_MAX && is_chain(stream, '.') &&
           is_chain(part(legal_topic, stream.length + 2, legal_topic.length), '.');
}
