/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile bytes into a pipeline, cut anywhere, while requests end in any order, the client takes
 * its answers or does not, and time passes. The input is a program of steps:
 *
 *     0-3 L H  feed the next L + 256 H bytes, in pieces of 1, 7, 100 or all
 *     4 I      answer the I-th parked request        5  take answers from now on, or stop
 *     6        one turn of the loop                  7  100 ms pass
 *
 * All of it must be whole frames in answer, no memory may be left, no limit passed.
 */
#include <stdlib.h>

#include "gyre/observe/log.h"

#include "support/pipeline_fixture.h"

enum { SILENT_BYTES_MAX = 4096 + 4096 };

struct program {
    const uint8_t *at;
    const uint8_t *end;
};

static uint8_t next(struct program *program)
{
    return program->at < program->end ? *program->at++ : 0;
}

static void feed(struct pipeline_fixture *fixture, struct program *program, int step)
{
    static const size_t pieces[] = {1, 7, 100, SIZE_MAX};
    size_t wanted = next(program);
    size_t left;

    wanted += (size_t)next(program) << 8;
    left = (size_t)(program->end - program->at);
    wanted = wanted < left ? wanted : left;
    program->at += pipeline_fixture_feed(fixture, (const char *)program->at, wanted, pieces[step]);
}

static void answer(struct pipeline_fixture *fixture, struct program *program)
{
    uint8_t index = next(program);

    if (index < fixture->parked_count && fixture->parked[index] != NULL) {
        pipeline_fixture_answer(fixture, index);
    }
}

static void toggle_taking(struct pipeline_fixture *fixture)
{
    fixture->is_taking = !fixture->is_taking;
    if (fixture->is_taking) {
        pipeline_sent(&fixture->pipeline, fixture->pipeline.output_bytes);
    }
}

static void run_step(struct pipeline_fixture *fixture, struct program *program)
{
    int step = next(program) % 8;

    if (step < 4) {
        feed(fixture, program, step);
    } else if (step == 4) {
        answer(fixture, program);
    } else if (step == 5) {
        toggle_taking(fixture);
    } else {
        fixture->now_us += step == 7 ? 100000 : 0;
        (void)loop_turn(&fixture->loop);
    }
    CHECK(fixture->pipeline.request_count <= fixture->shared.requests_max);
    CHECK(fixture->pipeline.output_bytes <= SILENT_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char answers[1 << 20];
    struct program program = {.at = data, .end = data + size};
    struct pipeline_fixture *fixture = check_alloc(sizeof *fixture);

    log_set_level(LOG_NETWORK, LOG_LEVEL_ERROR);
    log_set_level(LOG_HANDLERS, LOG_LEVEL_ERROR);
    pipeline_fixture_init(fixture);
    while (program.at < program.end && fixture->parked_count < PARKED_MAX - 64) {
        run_step(fixture, &program);
    }
    (void)pipeline_fixture_answers(fixture, answers, sizeof answers);
    pipeline_fixture_release(fixture);
    free(fixture);
    return 0;
}
