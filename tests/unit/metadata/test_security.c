/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials, access rules, quotas, tokens, streams and roles: every command does what it says,
 * changes nothing when it is refused or repeated, and survives snapshot and store. */
#include <stdio.h>

#include "catalog_fixture.h"
#include "metadata/catalog_internal.h"
#include "metadata/catalog_rows.h"
#include "metadata/catalog_rows_fill.h"
#include "support/test.h"

static char zeros[64];

/* The look-ups want a catalog; only its state counts. */
struct world {
    struct catalog_fixture fixture;
    struct catalog catalog;
};

static const struct catalog *look(struct world *world)
{
    world->catalog.state.security = world->fixture.state.security;
    return &world->catalog;
}

static void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    catalog_fixture_init(&world->fixture, 0);
}

static void world_release(struct world *world)
{
    catalog_fixture_release(&world->fixture);
}

/* Lists keep their heads inside the state, so they are walked there. */
static int32_t count(const struct world *world, enum catalog_security kind)
{
    int32_t count = 0;

    list_for_each(link, &world->fixture.state.security.objects[kind]) {
        count++;
    }
    assert_int_equal(count, world->fixture.state.security.counts[kind]);
    return count;
}

static struct catalog_set_scram_upsertions credential(const char *user, int8_t mechanism)
{
    int32_t key = mechanism == SCRAM_SHA_256 ? 32 : 64;

    return (struct catalog_set_scram_upsertions){
        .user = string_from(user),
        .mechanism = mechanism,
        .iterations = 4096,
        .salt = {zeros, 16},
        .stored_key = {zeros, key},
        .server_key = {zeros, key},
    };
}

static enum kafka_error upsert(struct world *world, const char *user, int8_t mechanism,
                               int32_t iterations)
{
    struct catalog_set_scram_upsertions upsertion = credential(user, mechanism);
    struct catalog_set_scram message = {.upsertions = {&upsertion, 1}};

    upsertion.iterations = iterations;
    return apply_command(&world->fixture, set_scram, SET_SCRAM, &message);
}

static enum kafka_error drop(struct world *world, const char *user, int8_t mechanism)
{
    struct catalog_set_scram_deletions deletion = {.user = string_from(user),
                                                   .mechanism = mechanism};
    struct catalog_set_scram message = {.deletions = {&deletion, 1}};

    return apply_command(&world->fixture, set_scram, SET_SCRAM, &message);
}

static void a_credential_is_found_by_user_and_mechanism(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    assert_int_equal(upsert(&world, "alice", SCRAM_SHA_256, 4096), KAFKA_ERROR_NONE);
    assert_int_equal(upsert(&world, "alice", SCRAM_SHA_512, 8192), KAFKA_ERROR_NONE);
    const struct scram_credential *found =
        catalog_find_scram(look(&world), STRING("alice"), SCRAM_SHA_512);
    assert_non_null(found);
    assert_int_equal(found->iterations, 8192);
    assert_int_equal(found->salt_length, 16);
    assert_null(catalog_find_scram(look(&world), STRING("alic"), SCRAM_SHA_512));
    assert_int_equal(drop(&world, "alice", SCRAM_SHA_512), KAFKA_ERROR_NONE);
    assert_null(catalog_find_scram(look(&world), STRING("alice"), SCRAM_SHA_512));
    assert_non_null(catalog_find_scram(look(&world), STRING("alice"), SCRAM_SHA_256));
    assert_int_equal(drop(&world, "alice", SCRAM_SHA_512), KAFKA_ERROR_NONE); /* repeated */
    assert_string_equal(world.fixture.heard, "!scram !scram !scram ");
    world_release(&world);
}

static void the_version_of_a_credential_grows_with_every_change(void **state)
{
    struct world world;
    uint64_t last = 0;

    (void)state;
    world_init(&world);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(upsert(&world, "alice", SCRAM_SHA_256, 4096 + i), KAFKA_ERROR_NONE);
        const struct scram_credential *found =
            catalog_find_scram(look(&world), STRING("alice"), SCRAM_SHA_256);
        assert_true(found->version > last);
        last = found->version;
    }
    assert_int_equal(upsert(&world, "alice", SCRAM_SHA_256, 4098), KAFKA_ERROR_NONE); /* repeated */
    assert_int_equal(catalog_find_scram(look(&world), STRING("alice"), SCRAM_SHA_256)->version,
                     last);
    assert_int_equal(drop(&world, "alice", SCRAM_SHA_256), KAFKA_ERROR_NONE);
    assert_int_equal(upsert(&world, "alice", SCRAM_SHA_256, 4098), KAFKA_ERROR_NONE);
    assert_true(catalog_find_scram(look(&world), STRING("alice"), SCRAM_SHA_256)->version > last);
    world_release(&world);
}

static void a_refused_credential_changes_nothing_of_its_command(void **state)
{
    struct world world;
    struct catalog_set_scram_upsertions upsertions[2] = {credential("alice", SCRAM_SHA_256),
                                                         credential("bob", SCRAM_SHA_512)};
    struct catalog_set_scram message = {.upsertions = {upsertions, 2}};

    (void)state;
    world_init(&world);
    upsertions[1].stored_key.length = 32;
    assert_int_equal(apply_command(&world.fixture, set_scram, SET_SCRAM, &message),
                     KAFKA_ERROR_INVALID_REQUEST);
    upsertions[1] = credential("", SCRAM_SHA_512);
    assert_int_equal(apply_command(&world.fixture, set_scram, SET_SCRAM, &message),
                     KAFKA_ERROR_INVALID_REQUEST);
    upsertions[1] = credential("bob", 3);
    assert_int_equal(apply_command(&world.fixture, set_scram, SET_SCRAM, &message),
                     KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(upsert(&world, "bob", SCRAM_SHA_256, 4095), KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(count(&world, CATALOG_SCRAM), 0);
    assert_string_equal(world.fixture.heard, "");
    world_release(&world);
}

/* Whoever is looked for, somebody's credential is read. */
static void in_place_of_nobody_somebody_is_found(void **state)
{
    struct world world;
    char name[16];
    bool is_theirs = true;

    (void)state;
    world_init(&world);
    assert_null(catalog_find_scram_or_other(look(&world), STRING("u1"), SCRAM_SHA_256, &is_theirs));
    assert_false(is_theirs);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "u%d", i);
        struct catalog_set_scram_upsertions one = credential(name, SCRAM_SHA_256);
        struct catalog_set_scram set = {.upsertions = {&one, 1}};
        assert_int_equal(apply_command(&world.fixture, set_scram, SET_SCRAM, &set),
                         KAFKA_ERROR_NONE);
    }
    for (int i = 0; i < 100; i += 3) {
        (void)snprintf(name, sizeof name, "u%d", i);
        struct catalog_set_scram_deletions one = {string_from(name), SCRAM_SHA_256};
        struct catalog_set_scram set = {.deletions = {&one, 1}};
        assert_int_equal(apply_command(&world.fixture, set_scram, SET_SCRAM, &set),
                         KAFKA_ERROR_NONE);
    }
    for (int i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "u%d", i);
        const struct scram_credential *found =
            catalog_find_scram_or_other(look(&world), string_from(name), SCRAM_SHA_256, &is_theirs);
        assert_non_null(found);
        assert_int_equal(is_theirs, i < 100 && i % 3 != 0);
        assert_true(!is_theirs ||
                    found == catalog_find_scram(look(&world), string_from(name), SCRAM_SHA_256));
        assert_non_null(catalog_find_scram_or_other(look(&world), string_from(name), SCRAM_SHA_512,
                                                    &is_theirs));
        assert_false(is_theirs);
    }
    world_release(&world);
}

static void the_first_credentials_come_with_the_region(void **state)
{
    struct world world;
    struct catalog_form_region_credentials first = {
        .user = STRING("admin"),
        .mechanism = SCRAM_SHA_256,
        .iterations = 4096,
        .salt = {zeros, 16},
        .stored_key = {zeros, 32},
        .server_key = {zeros, 32},
    };
    struct catalog_form_region form = {
        .cluster_id = uuid_of(9), .region = STRING("eu"), .credentials = {&first, 1}};

    (void)state;
    world_init(&world);
    assert_int_equal(apply_command(&world.fixture, form_region, FORM_REGION, &form),
                     KAFKA_ERROR_NONE);
    assert_non_null(catalog_find_scram(look(&world), STRING("admin"), SCRAM_SHA_256));
    /* A seed that comes late brings nothing more. */
    first.user = STRING("other");
    assert_int_equal(apply_command(&world.fixture, form_region, FORM_REGION, &form),
                     KAFKA_ERROR_NONE);
    assert_int_equal(count(&world, CATALOG_SCRAM), 1);
    world_release(&world);
}

static struct catalog_set_acls_additions rule(const char *topic, int8_t permission)
{
    return (struct catalog_set_acls_additions){
        .resource = ACL_TOPIC,
        .pattern = ACL_LITERAL,
        .name = string_from(topic),
        .principal = STRING("User:alice"),
        .host = STRING("*"),
        .operation = ACL_READ,
        .permission = permission,
    };
}

static enum kafka_error add_rules(struct world *world, struct catalog_set_acls_additions *rules,
                                  int32_t rule_count)
{
    struct catalog_set_acls message = {.additions = {rules, rule_count}};

    return apply_command(&world->fixture, set_acls, SET_ACLS, &message);
}

static void rules_are_a_set(void **state)
{
    struct world world;
    struct catalog_set_acls_additions rules[] = {
        rule("clicks", ACL_ALLOW), rule("clicks", ACL_DENY), rule("views", ACL_ALLOW)};
    struct catalog_set_acls_removals removal;

    (void)state;
    world_init(&world);
    assert_int_equal(add_rules(&world, rules, 3), KAFKA_ERROR_NONE);
    assert_int_equal(add_rules(&world, rules, 2), KAFKA_ERROR_NONE); /* repeated */
    assert_int_equal(acl_set_count(catalog_acls(look(&world))), 3);
    assert_string_equal(world.fixture.heard, "!acl !acl !acl ");
    memcpy(&removal, &rules[1], sizeof removal);
    struct catalog_set_acls message = {.removals = {&removal, 1}};
    assert_int_equal(apply_command(&world.fixture, set_acls, SET_ACLS, &message), KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&world.fixture, set_acls, SET_ACLS, &message), KAFKA_ERROR_NONE);
    assert_int_equal(acl_set_count(catalog_acls(look(&world))), 2);
    rules[0] = rule("more", ACL_ALLOW);
    rules[1].pattern = ACL_PATTERN_MATCH; /* for filters only */
    assert_int_equal(add_rules(&world, rules, 2), KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(acl_set_count(catalog_acls(look(&world))), 2);
    assert_int_equal(count(&world, CATALOG_ACL), 2);
    world_release(&world);
}

static enum kafka_error set_quota(struct world *world, struct catalog_set_quotas_entries entity,
                                  const char *key, double value)
{
    struct catalog_set_quotas_entries_changes change = {
        .key = string_from(key), .value = value, .is_removal = value < 0};
    struct catalog_set_quotas message = {.entries = {&entity, 1}};

    entity.changes.items = &change;
    entity.changes.count = 1;
    return apply_command(&world->fixture, set_quotas, SET_QUOTAS, &message);
}

static void quotas_of_an_entity_are_merged_and_sorted(void **state)
{
    struct world world;
    struct catalog_set_quotas_entries alice = {.has_user = true, .user = STRING("alice")};
    struct catalog_quota entity = {.user = {true, STRING("alice")}};

    (void)state;
    world_init(&world);
    assert_int_equal(set_quota(&world, alice, "producer_byte_rate", 1024), KAFKA_ERROR_NONE);
    assert_int_equal(set_quota(&world, alice, "consumer_byte_rate", 10.5), KAFKA_ERROR_NONE);
    assert_int_equal(set_quota(&world, alice, "producer_byte_rate", 2048), KAFKA_ERROR_NONE);
    const struct catalog_quota *quota = catalog_find_quota(look(&world), &entity);
    assert_int_equal(quota->value_count, 2);
    assert_true(string_is(quota->values[0].key, "consumer_byte_rate"));
    assert_true(quota->values[0].value > 10.4 && quota->values[0].value < 10.6);
    assert_true(quota->values[1].value > 2047 && quota->values[1].value < 2049);
    assert_int_equal(set_quota(&world, alice, "producer_byte_rate", -1), KAFKA_ERROR_NONE);
    assert_int_equal(set_quota(&world, alice, "nothing", -1), KAFKA_ERROR_NONE);
    assert_int_equal(catalog_find_quota(look(&world), &entity)->value_count, 1);
    assert_int_equal(set_quota(&world, alice, "consumer_byte_rate", -1), KAFKA_ERROR_NONE);
    assert_int_equal(count(&world, CATALOG_QUOTA), 0);
    world_release(&world);
}

static void the_default_of_a_kind_is_not_the_absence_of_it(void **state)
{
    struct world world;
    struct catalog_set_quotas_entries every_user = {.has_user = true};
    struct catalog_set_quotas_entries both = {.has_user = true, .has_client_id = true};
    struct catalog_set_quotas_entries nobody = {0};
    struct catalog_quota entity = {.user = {.is_given = true}};

    (void)state;
    world_init(&world);
    assert_int_equal(set_quota(&world, every_user, "producer_byte_rate", 1), KAFKA_ERROR_NONE);
    assert_int_equal(set_quota(&world, both, "producer_byte_rate", 2), KAFKA_ERROR_NONE);
    assert_int_equal(set_quota(&world, nobody, "producer_byte_rate", 2),
                     KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(count(&world, CATALOG_QUOTA), 2);
    const struct catalog_quota *quota = catalog_find_quota(look(&world), &entity);
    assert_true(quota->user.is_given && !quota->client_id.is_given && !quota->ip.is_given);
    assert_null(quota->user.name.bytes);
    assert_true(quota->values[0].value < 1.5);
    world_release(&world);
}

static enum kafka_error put_token(struct world *world, const char *id, int64_t expires_ms)
{
    struct string renewer = STRING("User:bob");
    struct catalog_set_token message = {
        .id = string_from(id),
        .owner = STRING("User:alice"),
        .requester = STRING("User:alice"),
        .renewers = {&renewer, 1},
        .issued_ms = 1,
        .expires_ms = expires_ms,
        .limit_ms = 1000,
    };

    return apply_command(&world->fixture, set_token, SET_TOKEN, &message);
}

static void a_sweep_spares_a_token_that_was_renewed_first(void **state)
{
    struct world world;
    struct string ids[] = {STRING("one"), STRING("two"), STRING("three")};
    struct catalog_remove_tokens sweep = {.ids = {ids, 3}, .expires_before_ms = 100};
    struct catalog_remove_tokens end = {.ids = {ids, 3}};

    (void)state;
    world_init(&world);
    assert_int_equal(put_token(&world, "one", 50), KAFKA_ERROR_NONE);
    assert_int_equal(put_token(&world, "two", 50), KAFKA_ERROR_NONE);
    assert_int_equal(put_token(&world, "two", 500), KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&world.fixture, remove_tokens, REMOVE_TOKENS, &sweep),
                     KAFKA_ERROR_NONE);
    assert_null(catalog_find_token(look(&world), STRING("one")));
    const struct delegation_token *token = catalog_find_token(look(&world), STRING("two"));
    assert_int_equal(token->expires_ms, 500);
    assert_int_equal(token->renewer_count, 1);
    assert_true(string_is(token->renewers[0], "User:bob"));
    assert_int_equal(apply_command(&world.fixture, remove_tokens, REMOVE_TOKENS, &end),
                     KAFKA_ERROR_NONE);
    assert_int_equal(count(&world, CATALOG_TOKEN), 0);
    world_release(&world);
}

static enum kafka_error put_stream(struct world *world, const char *produce, int64_t seen_version)
{
    struct catalog_set_stream_properties property = {.name = STRING("ttl"),
                                                     .value = STRING("86400")};
    struct catalog_set_stream message = {
        .name = STRING("/ads/clicks"),
        .owner = STRING("User:alice"),
        .produce = string_from(produce),
        .consume = STRING("p"),
        .topics = STRING(""),
        .admin = STRING(""),
        .copy = STRING(""),
        .properties = {&property, 1},
        .seen_version = seen_version,
    };

    return apply_command(&world->fixture, set_stream, SET_STREAM, &message);
}

static void a_stream_changes_only_for_one_who_saw_its_last_version(void **state)
{
    struct world world;
    struct catalog_remove_stream remove = {.name = STRING("/ads/clicks")};

    (void)state;
    world_init(&world);
    assert_int_equal(put_stream(&world, "g:ads", 7), KAFKA_ERROR_INVALID_UPDATE_VERSION);
    assert_int_equal(put_stream(&world, "g:ads", 0), KAFKA_ERROR_NONE);
    uint64_t version = load_be64(world.fixture.result.value);
    assert_int_equal(put_stream(&world, "g:ads", 0), KAFKA_ERROR_NONE); /* repeated */
    assert_int_equal(load_be64(world.fixture.result.value), version);
    assert_int_equal(put_stream(&world, "p", 0), KAFKA_ERROR_INVALID_UPDATE_VERSION);
    const struct catalog_stream *stream = catalog_find_stream(look(&world), STRING("/ads/clicks"));
    assert_int_equal(stream->version, version);
    assert_true(string_is(stream->produce, "g:ads"));
    assert_true(string_is(stream->properties[0].value, "86400"));
    assert_int_equal(put_stream(&world, "p", (int64_t)version), KAFKA_ERROR_NONE);
    assert_int_equal(put_stream(&world, "u:alice", (int64_t)version),
                     KAFKA_ERROR_INVALID_UPDATE_VERSION);
    assert_int_equal(put_stream(&world, "u:alice", -1), KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&world.fixture, remove_stream, REMOVE_STREAM, &remove),
                     KAFKA_ERROR_NONE);
    assert_int_equal(apply_command(&world.fixture, remove_stream, REMOVE_STREAM, &remove),
                     KAFKA_ERROR_RESOURCE_NOT_FOUND);
    assert_null(catalog_find_stream(look(&world), STRING("/ads/clicks")));
    world_release(&world);
}

static enum kafka_error set_role(struct world *world, const char *name, const char *removal,
                                 const char *addition)
{
    struct string removed = string_from(removal);
    struct string added[] = {string_from(addition), string_from(addition)};
    struct catalog_set_role message = {
        .name = string_from(name),
        .removals = {&removed, removal == NULL ? 0 : 1},
        .additions = {added, addition == NULL ? 0 : 2},
    };

    return apply_command(&world->fixture, set_role, SET_ROLE, &message);
}

static void the_roles_of_a_principal_follow_their_members(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    assert_int_equal(set_role(&world, "g:ads", NULL, "User:bob"), KAFKA_ERROR_NONE);
    assert_int_equal(set_role(&world, "g:ads", NULL, "User:alice"), KAFKA_ERROR_NONE);
    assert_int_equal(set_role(&world, "r:ops", NULL, "User:alice"), KAFKA_ERROR_NONE);
    const struct catalog_role *role = catalog_find_role(look(&world), STRING("g:ads"));
    assert_int_equal(role->member_count, 2);
    assert_true(string_is(role->members[0], "User:alice"));
    assert_int_equal(catalog_groups_of(look(&world), STRING("User:alice")).count, 2);
    assert_int_equal(set_role(&world, "g:ads", "User:alice", NULL), KAFKA_ERROR_NONE);
    struct catalog_groups groups = catalog_groups_of(look(&world), STRING("User:alice"));
    assert_int_equal(groups.count, 1);
    assert_true(string_is(groups.names[0], "r:ops"));
    assert_int_equal(set_role(&world, "g:ads", "User:bob", NULL), KAFKA_ERROR_NONE);
    assert_null(catalog_find_role(look(&world), STRING("g:ads")));
    assert_int_equal(catalog_groups_of(look(&world), STRING("User:bob")).count, 0);
    assert_int_equal(set_role(&world, "g:ads", "User:bob", NULL), KAFKA_ERROR_NONE);
    world_release(&world);
}

/* ---- there and back ---- */

static void fill(struct world *world)
{
    struct catalog_set_acls_additions rules[] = {rule("clicks", ACL_ALLOW),
                                                 rule("views", ACL_DENY)};
    struct catalog_set_quotas_entries alice = {.has_user = true, .user = STRING("alice")};

    world_init(world);
    assert_int_equal(upsert(world, "alice", SCRAM_SHA_512, 4096), KAFKA_ERROR_NONE);
    assert_int_equal(add_rules(world, rules, 2), KAFKA_ERROR_NONE);
    assert_int_equal(set_quota(world, alice, "producer_byte_rate", 1024), KAFKA_ERROR_NONE);
    assert_int_equal(put_token(world, "one", 50), KAFKA_ERROR_NONE);
    assert_int_equal(put_stream(world, "g:ads", 0), KAFKA_ERROR_NONE);
    assert_int_equal(set_role(world, "g:ads", NULL, "User:alice"), KAFKA_ERROR_NONE);
}

static void assert_filled(struct world *world)
{
    const struct catalog *catalog = look(world);
    struct catalog_quota entity = {.user = {true, STRING("alice")}};

    assert_int_equal(catalog_find_scram(catalog, STRING("alice"), SCRAM_SHA_512)->version, 1);
    assert_int_equal(acl_set_count(catalog_acls(catalog)), 2);
    assert_int_equal(catalog_find_quota(catalog, &entity)->value_count, 1);
    assert_int_equal(catalog_find_token(catalog, STRING("one"))->limit_ms, 1000);
    assert_true(string_is(catalog_find_stream(catalog, STRING("/ads/clicks"))->produce, "g:ads"));
    assert_int_equal(catalog_groups_of(catalog, STRING("User:alice")).count, 1);
    assert_int_equal(count(world, CATALOG_SCRAM), 1);
    assert_int_equal(count(world, CATALOG_QUOTA), 1);
    assert_int_equal(count(world, CATALOG_TOKEN), 1);
    assert_int_equal(count(world, CATALOG_STREAM), 1);
    assert_int_equal(count(world, CATALOG_ROLE), 1);
}

static struct bytes bytes_of(const struct buffer *buffer)
{
    return (struct bytes){buffer->bytes, (int32_t)buffer->size};
}

static void a_snapshot_brings_everything_back(void **state)
{
    struct world world;
    struct world other;

    (void)state;
    fill(&world);
    struct buffer *snapshot = catalog_rows_snapshot(&world.fixture.state);
    world_init(&other);
    /* These are not in the snapshot, or are other ones there. */
    assert_int_equal(upsert(&other, "gone", SCRAM_SHA_256, 4096), KAFKA_ERROR_NONE);
    assert_int_equal(upsert(&other, "alice", SCRAM_SHA_512, 8192), KAFKA_ERROR_NONE);
    assert_int_equal(set_role(&other, "g:gone", NULL, "User:alice"), KAFKA_ERROR_NONE);
    assert_int_equal(catalog_rows_restore(&other.fixture.state, bytes_of(snapshot), 77),
                     ERROR_NONE);
    assert_filled(&other);
    other.fixture.heard[0] = '\0';
    assert_int_equal(catalog_rows_restore(&other.fixture.state, bytes_of(snapshot), 78),
                     ERROR_NONE);
    assert_string_equal(other.fixture.heard, ""); /* what is equal is not told again */
    buffer_unref(snapshot);
    world_release(&world);
    world_release(&other);
}

static void every_dirty_row_brings_its_thing_back(void **state)
{
    struct world world;
    struct world other;
    struct row_key key;

    (void)state;
    fill(&world);
    struct buffer *snapshot = catalog_rows_snapshot(&world.fixture.state);
    world_release(&world);
    world_init(&world);
    world.fixture.state.keeps_dirty = true;
    assert_int_equal(catalog_rows_restore(&world.fixture.state, bytes_of(snapshot), 77),
                     ERROR_NONE);
    world_init(&other);
    map_for_each(link, &world.fixture.state.dirty) {
        const struct row_key *dirty = CONTAINER_OF(link, struct row_key, by_key);
        struct buffer *row = catalog_rows_encode(&world.fixture.state, dirty);
        assert_non_null(row);
        assert_int_equal(catalog_rows_key(bytes_of(row), &key), ERROR_NONE);
        assert_int_equal(key.length, dirty->length);
        assert_memory_equal(key.bytes, dirty->bytes, (size_t)key.length);
        assert_int_equal(catalog_rows_put(&other.fixture.state, bytes_of(row)), ERROR_NONE);
        buffer_unref(row);
    }
    assert_filled(&other);
    catalog_state_forget_dirty(&world.fixture.state);
    assert_int_equal(drop(&world, "alice", SCRAM_SHA_512), KAFKA_ERROR_NONE);
    assert_null(catalog_find_token(look(&world), STRING("one"))); /* it stood for her */
    assert_int_equal(world.fixture.state.dirty.count, 2);
    map_for_each(gone, &world.fixture.state.dirty) {
        assert_null(
            catalog_rows_encode(&world.fixture.state, CONTAINER_OF(gone, struct row_key, by_key)));
    }
    buffer_unref(snapshot);
    world_release(&world);
    world_release(&other);
}

static void a_damaged_row_is_refused_wherever_it_is_cut(void **state)
{
    struct world world;
    struct world other;

    (void)state;
    fill(&world);
    world_init(&other);
    map_for_each(link, &world.fixture.state.security.by_digest) {
        const struct security_object *object =
            CONTAINER_OF(link, struct security_object, by_digest);
        for (size_t size = 0; size < object->bytes->size; size++) {
            struct bytes cut = {object->bytes->bytes, (int32_t)size};
            assert_int_equal(catalog_rows_put(&other.fixture.state, cut), ERROR_CORRUPT);
        }
    }
    assert_int_equal(other.fixture.state.security.by_digest.count, 0);
    world_release(&world);
    world_release(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_credential_is_found_by_user_and_mechanism),
        cmocka_unit_test(the_version_of_a_credential_grows_with_every_change),
        cmocka_unit_test(a_refused_credential_changes_nothing_of_its_command),
        cmocka_unit_test(in_place_of_nobody_somebody_is_found),
        cmocka_unit_test(the_first_credentials_come_with_the_region),
        cmocka_unit_test(rules_are_a_set),
        cmocka_unit_test(quotas_of_an_entity_are_merged_and_sorted),
        cmocka_unit_test(the_default_of_a_kind_is_not_the_absence_of_it),
        cmocka_unit_test(a_sweep_spares_a_token_that_was_renewed_first),
        cmocka_unit_test(a_stream_changes_only_for_one_who_saw_its_last_version),
        cmocka_unit_test(the_roles_of_a_principal_follow_their_members),
        cmocka_unit_test(a_snapshot_brings_everything_back),
        cmocka_unit_test(every_dirty_row_brings_its_thing_back),
        cmocka_unit_test(a_damaged_row_is_refused_wherever_it_is_cut),
    };
    return cmocka_run_group_tests_name("security", tests, NULL, NULL);
}
