/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs with ten thousand access control entries: once remembered, and worked out
 * anew. Prints one line a figure, nanoseconds, and exits 1 above the targets (200 and 5000).
 */
#include <stdio.h>
#include <time.h>

#include "gyre/access/authorizer.h"
#include "gyre/access/identity.h"

enum { ENTRIES = 10000, QUESTIONS = 1000, ROUNDS = 200 };

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Half of them literal, half of them prefixes of thirty lengths; some for each of 200 people. */
static void fill(struct acl_set *acls)
{
    for (int i = 0; i < ENTRIES; i++) {
        char name[64];
        char principal[32];
        struct acl acl = {.resource = ACL_TOPIC,
                          .host = STRING("*"),
                          .operation = ACL_READ,
                          .permission = i % 10 == 0 ? ACL_DENY : ACL_ALLOW};

        (void)snprintf(name, sizeof name, "team-%d.%.*s", i % 500, i / 500 + 10,
                       "orders.of.the.european.region.and.more");
        (void)snprintf(principal, sizeof principal, "User:person-%d", i % 200);
        acl.pattern = i % 2 == 0 ? ACL_LITERAL : ACL_PREFIXED;
        acl.name = string_from(name);
        acl.principal = string_from(principal);
        if (acl_set_add(acls, &acl) != ERROR_NONE) {
            fprintf(stderr, "an entry was refused\n");
        }
    }
}

static double measure(struct authorizer *authorizer, const struct access_question *questions,
                      bool is_remembered)
{
    struct access_decision decision;
    double begin = now_ns();
    int allowed = 0;

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < QUESTIONS; i++) {
            if (is_remembered) {
                allowed += authorizer_allows(authorizer, &questions[i]);
            } else {
                authorizer_decide(authorizer, &questions[i], &decision);
                allowed += decision.is_allowed;
            }
        }
    }
    if (allowed < 0) {
        return -1;
    }
    return (now_ns() - begin) / ROUNDS / QUESTIONS;
}

int main(void)
{
    static char names[QUESTIONS][64];
    static struct access_question questions[QUESTIONS];
    struct identity_options person = {.name = STRING("person-7"), .mechanism = "PLAIN"};
    struct authorizer_options options = {.super_users = STRING("User:admin"),
                                         .acls = acl_set_new()};
    struct authorizer *authorizer = authorizer_new(&options);
    struct identity *identity;
    double cached;
    double uncached;

    fill((struct acl_set *)(uintptr_t)options.acls);
    if (identity_new(&person, &identity) != ERROR_NONE) {
        return 1;
    }
    for (int i = 0; i < QUESTIONS; i++) {
        (void)snprintf(names[i], sizeof names[i], "team-%d.orders.of.the.european.region.%d",
                       i % 500, i);
        questions[i] = (struct access_question){.identity = identity,
                                                .host = STRING("10.1.2.3"),
                                                .operation = ACL_READ,
                                                .resource = ACL_TOPIC,
                                                .name = string_from(names[i])};
    }
    uncached = measure(authorizer, questions, false);
    (void)measure(authorizer, questions, true);
    cached = measure(authorizer, questions, true);
    printf("access_cached_ns %.0f\naccess_uncached_ns %.0f\n", cached, uncached);
    identity_unref(identity);
    authorizer_free(authorizer);
    acl_set_free((struct acl_set *)(uintptr_t)options.acls);
    return cached < 200 && uncached < 5000 ? 0 : 1;
}
