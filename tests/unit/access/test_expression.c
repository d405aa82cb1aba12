/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy expressions mean what MapR's mean, refuse what is not one with the place of the fault, and
 * agree with an evaluator that walks the tree that the text was made from.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gyre/access/expression.h"
#include "gyre/access/identity.h"
#include "gyre/base/random.h"

#include "support/test.h"

static struct identity *identity_of(const char *name, const char *group, bool are_groups_known)
{
    struct string groups[] = {string_from(group)};
    struct identity_options options = {.name = string_from(name),
                                       .groups = groups,
                                       .group_count = group == NULL ? 0 : 1,
                                       .are_groups_known = are_groups_known};
    struct identity *identity;

    assert_int_equal(identity_new(&options, &identity), ERROR_NONE);
    return identity;
}

static enum truth ask(const char *text, const struct identity *identity)
{
    struct string roles[] = {STRING("r:auditors"), STRING("g:bound")};
    struct expression_subject subject = {identity, roles, 2};
    struct expression_fault fault;
    struct expression *expression;
    enum truth truth;

    assert_int_equal(expression_parse(string_from(text), &expression, &fault), ERROR_NONE);
    truth = expression_evaluate(expression, &subject);
    expression_free(expression);
    return truth;
}

static void words_mean_what_they_say(void **state)
{
    struct identity *alice = identity_of("alice", "ads", true);

    (void)state;
    assert_int_equal(ask("", alice), TRUTH_NO);
    assert_int_equal(ask(" \"\" ", alice), TRUTH_NO);
    assert_int_equal(ask("p", alice), TRUTH_YES);
    assert_int_equal(ask("u:alice", alice), TRUTH_YES);
    assert_int_equal(ask("u:bob|g:ads", alice), TRUTH_YES);
    assert_int_equal(ask("u:alice & !g:ads", alice), TRUTH_NO);
    assert_int_equal(ask("u:bob | (g:ads & !g:interns)", alice), TRUTH_YES);
    assert_int_equal(ask("!!u:alice", alice), TRUTH_YES);
    assert_int_equal(ask("r:auditors & g:bound", alice), TRUTH_YES);
    assert_int_equal(ask("r:ads | g:auditors", alice), TRUTH_NO);
    assert_int_equal(ask("u:ads | g:alice", alice), TRUTH_NO);
    assert_int_equal(ask("u:\"alice\"", alice), TRUTH_YES);
    identity_unref(alice);
}

static void a_user_is_a_principal_of_type_user(void **state)
{
    struct identity_options options = {
        .type = STRING("Service"), .name = STRING("alice"), .are_groups_known = true};
    struct identity *service;

    (void)state;
    assert_int_equal(identity_new(&options, &service), ERROR_NONE);
    assert_int_equal(ask("u:alice", service), TRUTH_NO);
    identity_unref(service);
}

static void unknown_groups_let_nobody_through(void **state)
{
    struct identity *alice = identity_of("alice", "ads", false);

    (void)state;
    assert_int_equal(ask("g:ads", alice), TRUTH_YES);
    assert_int_equal(ask("g:interns", alice), TRUTH_UNKNOWN);
    assert_int_equal(ask("!g:interns", alice), TRUTH_UNKNOWN);
    assert_int_equal(ask("g:ads & !g:interns", alice), TRUTH_UNKNOWN);
    assert_int_equal(ask("u:bob & !g:interns", alice), TRUTH_NO);
    assert_int_equal(ask("u:alice | g:interns", alice), TRUTH_YES);
    identity_unref(alice);
}

static void expect_fault(const char *text, enum error error, int32_t position)
{
    struct expression_fault fault = {-1, NULL};
    struct expression *expression;

    assert_int_equal(expression_parse(string_from(text), &expression, &fault), error);
    if (fault.position != position) {
        fail_msg("'%s': fault at %d, not %d: %s", text, fault.position, position, fault.text);
    }
}

static void faults_have_a_place(void **state)
{
    (void)state;
    expect_fault("u:a & g:b | g:c", ERROR_MALFORMED, 10);
    expect_fault("u:a | g:b & g:c", ERROR_MALFORMED, 10);
    expect_fault("u:a &", ERROR_MALFORMED, 5);
    expect_fault("& u:a", ERROR_MALFORMED, 0);
    expect_fault("u:a g:b", ERROR_MALFORMED, 4);
    expect_fault("(u:a", ERROR_MALFORMED, 0);
    expect_fault("u:a)", ERROR_MALFORMED, 3);
    expect_fault("()", ERROR_MALFORMED, 1);
    expect_fault("u:", ERROR_MALFORMED, 2);
    expect_fault("x:a", ERROR_MALFORMED, 0);
    expect_fault("p | u:a", ERROR_MALFORMED, 0);
    expect_fault("u:a | p", ERROR_MALFORMED, 6);
    expect_fault("!", ERROR_MALFORMED, 1);
    expect_fault("u:\"a", ERROR_MALFORMED, 2);
    expect_fault("u:\xff", ERROR_MALFORMED, 0);
    expect_fault("u:\"\"", ERROR_MALFORMED, 4);
}

static void limits_are_kept(void **state)
{
    static char text[EXPRESSION_BYTES_MAX + 2];
    struct identity *alice = identity_of("a", NULL, true);

    (void)state;
    memset(text, '(', EXPRESSION_DEPTH_MAX);
    memcpy(text + EXPRESSION_DEPTH_MAX, "u:a", 3);
    memset(text + EXPRESSION_DEPTH_MAX + 3, ')', EXPRESSION_DEPTH_MAX);
    assert_int_equal(ask(text, alice), TRUTH_YES);
    memset(text, '!', EXPRESSION_DEPTH_MAX + 1);
    expect_fault(text, ERROR_LIMIT, EXPRESSION_DEPTH_MAX);
    for (int i = 0; i < EXPRESSION_NODES_MAX / 2 + 1; i++) {
        memcpy(text + 4 * i, "u:a|", 5);
    }
    text[4 * (EXPRESSION_NODES_MAX / 2) - 1] = '\0';
    assert_int_equal(ask(text, alice), TRUTH_YES);
    text[4 * (EXPRESSION_NODES_MAX / 2) - 1] = '|';
    text[4 * (EXPRESSION_NODES_MAX / 2) + 3] = '\0';
    expect_fault(text, ERROR_LIMIT, 4 * (EXPRESSION_NODES_MAX / 2) + 3);
    memset(text, ' ', sizeof text - 1);
    expect_fault(text, ERROR_LIMIT, 0);
    identity_unref(alice);
}

static void printing_has_one_spelling(void **state)
{
    static const char *const pairs[][2] = {
        {"", "\"\""},
        {"p ", "p"},
        {"(u:a|g:b)&!(r:c)", "(u:a | g:b) & !r:c"},
        {"u:a & (g:b & g:c)", "u:a & g:b & g:c"},
        {"!(u:a & g:b)", "!(u:a & g:b)"},
        {"u:\"a b\\\"\\\\\"", "u:\"a b\\\"\\\\\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct expression_fault fault;
        struct expression *expression;
        char text[64];

        assert_int_equal(expression_parse(string_from(pairs[i][0]), &expression, &fault),
                         ERROR_NONE);
        assert_int_equal(expression_print(expression, text, sizeof text), strlen(pairs[i][1]));
        assert_string_equal(text, pairs[i][1]);
        assert_int_equal(expression_print(expression, text, 3), strlen(pairs[i][1]));
        assert_true(strlen(text) <= 2);
        expression_free(expression);
    }
}

/* ---- trees by chance ---- */

enum { TREE_DEPTH = 5, TEXT_BYTES = 4096, TREES = 20000 };

struct writer {
    struct random random;
    char text[TEXT_BYTES];
    size_t length;
    enum truth facts[3]; /* of "u:a", "g:a", "r:a" */
    int nodes;
};

static void write_text(struct writer *writer, const char *text)
{
    size_t length = strlen(text);

    assert_true(writer->length + length < TEXT_BYTES);
    memcpy(writer->text + writer->length, text, length + 1);
    writer->length += length;
}

/* Writes a random tree and gives what it means. */
/* NOLINTNEXTLINE(misc-no-recursion): at most TREE_DEPTH deep. */
static enum truth write_tree(struct writer *writer, int depth)
{
    static const char *const terms[] = {"u:a", "g:a", "r:a"};
    uint64_t choice = depth == 0 ? 0 : random_below(&writer->random, 4);
    enum truth truth;
    bool is_and = random_below(&writer->random, 2) == 0;
    int count = 2 + (int)random_below(&writer->random, 2);

    if (choice == 0) {
        size_t term = (size_t)random_below(&writer->random, 3);
        write_text(writer, terms[term]);
        return writer->facts[term];
    }
    if (choice == 1) {
        write_text(writer, "! ");
        truth = write_tree(writer, depth - 1);
        return truth == TRUTH_YES ? TRUTH_NO : truth == TRUTH_NO ? TRUTH_YES : TRUTH_UNKNOWN;
    }
    truth = is_and ? TRUTH_YES : TRUTH_NO;
    write_text(writer, "(");
    for (int i = 0; i < count; i++) {
        enum truth part;

        write_text(writer, i == 0 ? "" : is_and ? "&" : " |");
        part = write_tree(writer, depth - 1);
        truth = is_and == (part < truth) ? part : truth;
    }
    write_text(writer, ")");
    return truth;
}

static enum truth understand(const char *text, const enum truth *facts, bool *out_is_read)
{
    struct identity *identity =
        identity_of(facts[0] == TRUTH_YES ? "a" : "b", facts[1] == TRUTH_YES ? "a" : "b",
                    facts[1] != TRUTH_UNKNOWN);
    struct string roles[] = {STRING("r:a")};
    struct expression_subject subject = {identity, roles, facts[2] == TRUTH_YES};
    struct expression_fault fault;
    struct expression *expression;
    struct expression *again;
    char printed[TEXT_BYTES];
    enum truth truth = TRUTH_NO;

    *out_is_read = expression_parse(string_from(text), &expression, &fault) == ERROR_NONE;
    if (*out_is_read) {
        truth = expression_evaluate(expression, &subject);
        assert_true(expression_print(expression, printed, sizeof printed) < sizeof printed);
        assert_int_equal(expression_parse(string_from(printed), &again, &fault), ERROR_NONE);
        assert_int_equal(expression_evaluate(again, &subject), truth);
        expression_free(again);
        expression_free(expression);
    }
    identity_unref(identity);
    return truth;
}

static void evaluation_agrees_with_the_tree(void **state)
{
    const uint64_t seed = 20261121;
    struct writer writer;
    int unread = 0;

    (void)state;
    printf("seed %" PRIu64 "\n", seed);
    random_seed(&writer.random, seed);
    for (int i = 0; i < TREES; i++) {
        enum truth expected;
        bool is_read;

        writer.length = 0;
        for (int fact = 0; fact < 3; fact++) {
            writer.facts[fact] = random_below(&writer.random, 2) == 0 ? TRUTH_NO : TRUTH_YES;
        }
        if (random_below(&writer.random, 3) == 0) {
            writer.facts[1] = TRUTH_UNKNOWN;
        }
        expected = write_tree(&writer, TREE_DEPTH);
        if (understand(writer.text, writer.facts, &is_read) != expected && is_read) {
            fail_msg("%s", writer.text);
        }
        unread += is_read ? 0 : 1; /* too many parts */
    }
    assert_true(unread < TREES / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_mean_what_they_say),
        cmocka_unit_test(a_user_is_a_principal_of_type_user),
        cmocka_unit_test(unknown_groups_let_nobody_through),
        cmocka_unit_test(faults_have_a_place),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(printing_has_one_spelling),
        cmocka_unit_test(evaluation_agrees_with_the_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
