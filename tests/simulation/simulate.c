/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate --seeds FROM..TO [--jobs N] | --seed N [--verbose]
 *
 * Each seed runs in a process of its own, so that a CHECK that fails is a failed seed. The last
 * lines name all seeds that failed, and then say "N passed, N failed"; the exit code is 1 if any
 * failed.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gyre/base/mutation.h"
#include "gyre/observe/log.h"

#include "simulation/sim.h"

enum { SEED_SECONDS_MAX = 60 };

struct arguments {
    unsigned long long from, to;
    bool is_verbose;
    bool has_minima;
    bool stops_at_failure;
    bool repeats;
};

struct result {
    bool has_passed;
    uint64_t hash;
    struct sim_totals totals;
    char failure[256];
};

struct tally {
    struct sim_totals totals;
    unsigned long long passed, failed;
    unsigned long long *failed_seeds; /* owned */
};

static const struct argp_option options[] = {
    {"seeds", 's', "FROM..TO", 0, "Seeds to run", 0},
    {"seed", 'n', "N", 0, "One seed, in this process", 0},
    {"verbose", 'v', NULL, 0, "Tell what happens", 0},
    {"minima", 'm', NULL, 0, "Fail if the faults together reached too little", 0},
    {"stop", 'x', NULL, 0, "Stop at the first seed that fails", 0},
    {"repeat", 'r', NULL, 0, "Run each seed twice: the hashes must be equal", 0},
    {"mutation", 'M', "N", 0, "Plant bug N (builds with -DGYRE_MUTATION=-1)", 0},
    {0},
};

static error_t plant(struct argp_state *state, const char *value)
{
#if GYRE_MUTATION < 0
    mutation_number = (int)strtol(value, NULL, 10);
#else
    argp_error(state, "bug %s cannot be planted: build with -DGYRE_MUTATION=-1", value);
#endif
    (void)state;
    return 0;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    char *end = value;

    switch (key) {
    case 's':
        arguments->from = strtoull(value, &end, 10);
        if (strncmp(end, "..", 2) != 0) {
            argp_error(state, "seeds are given as FROM..TO");
        }
        arguments->to = strtoull(end + 2, NULL, 10);
        return 0;
    case 'n':
        arguments->from = strtoull(value, NULL, 10);
        arguments->to = arguments->from;
        return 0;
    case 'v': arguments->is_verbose = true; return 0;
    case 'm': arguments->has_minima = true; return 0;
    case 'x': arguments->stops_at_failure = true; return 0;
    case 'r': arguments->repeats = true; return 0;
    case 'M': return plant(state, value);
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void run_here(uint64_t seed, bool is_verbose, struct result *result)
{
    memset(result, 0, sizeof *result);
    result->has_passed = sim_run(seed, is_verbose, &result->totals, &result->hash, result->failure);
}

static void run_apart(uint64_t seed, struct result *result)
{
    int ends[2];
    int status = 0;
    ssize_t bytes;
    pid_t child;

    CHECK(pipe(ends) == 0);
    (void)fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)alarm(SEED_SECONDS_MAX); /* of real time: a region that goes round in circles */
        run_here(seed, false, result);
        bytes = write(ends[1], result, sizeof *result);
        _exit(bytes == (ssize_t)sizeof *result ? 0 : 1);
    }
    (void)close(ends[1]);
    memset(result, 0, sizeof *result);
    bytes = read(ends[0], result, sizeof *result);
    (void)close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child);
    if (bytes != (ssize_t)sizeof *result) {
        memset(result, 0, sizeof *result);
        (void)snprintf(result->failure, sizeof result->failure, "the process ended by signal %d",
                       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
}

/* The same seed must give the same history. */
static void run_again(uint64_t seed, struct result *result)
{
    struct result second;

    run_apart(seed, &second);
    if (result->has_passed && second.hash != result->hash) {
        result->has_passed = false;
        (void)snprintf(result->failure, sizeof result->failure,
                       "the second run gave another hash, %016llx",
                       (unsigned long long)second.hash);
    }
}

static void add(struct sim_totals *sum, const struct sim_totals *totals)
{
    uint64_t *into = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)totals;

    _Static_assert(sizeof *sum % sizeof(uint64_t) == 0, "totals are counters only");
    for (size_t i = 0; i < sizeof *sum / sizeof(uint64_t); i++) {
        into[i] += from[i];
    }
}

static void print_totals(const struct sim_totals *sum)
{
    (void)printf("acked %llu, read %llu, faults %llu: crashes %llu, cuts %llu, pauses %llu, full "
                 "disks %llu, damages %llu\n",
                 (unsigned long long)sum->acked, (unsigned long long)sum->read,
                 (unsigned long long)sum->faults, (unsigned long long)sum->crashes,
                 (unsigned long long)sum->cuts, (unsigned long long)sum->pauses,
                 (unsigned long long)sum->fulls, (unsigned long long)sum->damages);
    (void)printf("elections %llu, truncations %llu, snapshots %llu, installs %llu, torn "
                 "recoveries %llu, membership changes %llu, transfers %llu\n",
                 (unsigned long long)sum->elections, (unsigned long long)sum->truncations,
                 (unsigned long long)sum->snapshots, (unsigned long long)sum->installs,
                 (unsigned long long)sum->torn_recoveries, (unsigned long long)sum->changes,
                 (unsigned long long)sum->transfers);
}

/* What a run of so many seeds must at least have met, or it proves little. */
static bool reaches_minima(const struct sim_totals *sum, unsigned long long seeds)
{
    bool reaches = sum->acked >= 1000 * seeds && sum->faults >= 5 * seeds &&
                   sum->elections >= 8 * seeds && sum->truncations >= seeds &&
                   sum->installs >= 2 * seeds && sum->torn_recoveries >= 4 * seeds &&
                   sum->changes >= 2 * seeds;

    if (!reaches) {
        (void)printf("the faults reached too little\n");
    }
    return reaches;
}

static void count(struct tally *tally, unsigned long long seed, const struct result *result)
{
    add(&tally->totals, &result->totals);
    if (result->has_passed) {
        tally->passed++;
        return;
    }
    tally->failed_seeds = check_realloc(tally->failed_seeds,
                                        (size_t)(tally->failed + 1) * sizeof *tally->failed_seeds);
    tally->failed_seeds[tally->failed++] = seed;
}

static void print_failed(const struct tally *tally)
{
    if (tally->failed == 0) {
        return;
    }
    (void)printf("failed seeds:");
    for (unsigned long long i = 0; i < tally->failed; i++) {
        (void)printf(" %llu", tally->failed_seeds[i]);
    }
    (void)printf("\n");
}

static void run_one(const struct arguments *arguments, unsigned long long seed, struct tally *tally)
{
    struct result result;

    if (arguments->from == arguments->to) {
        run_here(seed, arguments->is_verbose, &result);
    } else {
        run_apart(seed, &result);
    }
    if (arguments->repeats) {
        run_again(seed, &result);
    }
    count(tally, seed, &result);
    if (!result.has_passed || (seed - arguments->from) % 50 == 0 ||
        arguments->from == arguments->to) {
        (void)printf("seed %llu hash %016llx %s %s\n", seed, (unsigned long long)result.hash,
                     result.has_passed ? "passed" : "FAILED", result.failure);
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options, parse, NULL, "Simulate regions from seeds.",
                                     NULL,    NULL,  NULL};
    struct arguments arguments = {.from = 1, .to = 10};
    struct tally tally = {0};
    /* Damage and full disks are what is simulated: their lines are of no use. */
    const struct log_settings silent = {
        .level = LOG_LEVEL_ERROR, .path = "/dev/null", .node_id = -1};

    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (log_start(&silent) != ERROR_NONE) {
        return 2;
    }
    if (arguments.is_verbose) {
        (void)setvbuf(stdout, NULL, _IONBF, 0);
    }
    for (unsigned long long seed = arguments.from; seed <= arguments.to; seed++) {
        run_one(&arguments, seed, &tally);
        if (tally.failed > 0 && arguments.stops_at_failure) {
            break;
        }
    }
    print_totals(&tally.totals);
    print_failed(&tally);
    free(tally.failed_seeds);
    if (arguments.has_minima && tally.failed == 0 &&
        !reaches_minima(&tally.totals, arguments.to - arguments.from + 1)) {
        tally.failed++;
    }
    (void)printf("%llu passed, %llu failed\n", tally.passed, tally.failed);
    return tally.failed == 0 ? 0 : 1;
}
