/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/identity.h"

#include <stdlib.h>
#include <string.h>

/* One block of memory: the struct, the list of groups, then all text. */

static size_t text_bytes(const struct identity_options *options, size_t type_length)
{
    size_t bytes = type_length + 1 + (size_t)options->name.length;

    for (int32_t i = 0; i < options->group_count; i++) {
        bytes += (size_t)options->groups[i].length;
    }
    return bytes + (size_t)options->token_id.length;
}

static struct string copy_text(char **to, struct string text)
{
    struct string copy = {*to, text.length};

    if (text.length > 0) {
        memcpy(*to, text.bytes, (size_t)text.length);
    }
    *to += text.length;
    return copy;
}

static bool is_valid(const struct identity_options *options)
{
    if (options->name.length <= 0 || options->name.length > IDENTITY_PRINCIPAL_BYTES_MAX ||
        options->group_count < 0 || options->group_count > IDENTITY_GROUPS_MAX) {
        return false;
    }
    for (int32_t i = 0; i < options->group_count; i++) {
        if (options->groups[i].length > IDENTITY_PRINCIPAL_BYTES_MAX) {
            return false;
        }
    }
    return options->token_id.length <= IDENTITY_PRINCIPAL_BYTES_MAX;
}

static void fill_principal(struct identity *identity, char **text, struct string type,
                           struct string name)
{
    char *start = *text;

    (void)copy_text(text, type);
    (void)copy_text(text, STRING(":"));
    identity->name = copy_text(text, name);
    identity->principal = (struct string){start, (int32_t)(*text - start)};
}

enum error identity_new(const struct identity_options *options, struct identity **out_identity)
{
    static uint64_t next_serial = 1;
    struct string type = options->type.bytes == NULL ? STRING("User") : options->type;
    size_t groups_bytes = (size_t)options->group_count * sizeof(struct string);
    struct identity *identity;
    char *text;

    if (!is_valid(options) || type.length > IDENTITY_PRINCIPAL_BYTES_MAX) {
        return ERROR_INVALID;
    }
    identity = check_alloc_zero(sizeof *identity + groups_bytes +
                                text_bytes(options, (size_t)type.length));
    identity->references = 1;
    identity->mechanism = options->mechanism;
    identity->groups = (struct string *)(identity + 1);
    identity->group_count = options->group_count;
    identity->are_groups_known = options->are_groups_known;
    identity->credential_version = options->credential_version;
    identity->expires_ms = options->expires_ms;
    identity->serial = next_serial++;
    text = (char *)(identity->groups + options->group_count);
    fill_principal(identity, &text, type, options->name);
    for (int32_t i = 0; i < options->group_count; i++) {
        identity->groups[i] = copy_text(&text, options->groups[i]);
    }
    if (options->token_id.bytes != NULL) {
        identity->is_token = true;
        identity->token_id = copy_text(&text, options->token_id);
    }
    *out_identity = identity;
    return ERROR_NONE;
}

struct identity *identity_anonymous(void)
{
    struct identity_options options = {
        .name = STRING("ANONYMOUS"), .mechanism = "PLAINTEXT", .are_groups_known = true};
    struct identity *identity = NULL;
    enum error error = identity_new(&options, &identity);

    CHECK(error == ERROR_NONE);
    return identity;
}

struct identity *identity_ref(struct identity *identity)
{
    identity->references++;
    return identity;
}

void identity_unref(struct identity *identity)
{
    if (identity != NULL && --identity->references == 0) {
        free(identity);
    }
}

bool identity_has_group(const struct identity *identity, struct string group)
{
    for (int32_t i = 0; i < identity->group_count; i++) {
        if (string_equal(identity->groups[i], group)) {
            return true;
        }
    }
    return false;
}
