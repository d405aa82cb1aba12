/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/scram_shapes.h"

#include <string.h>

static bool is_digit_or_small(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z');
}

static struct scram_shape shape_of(const struct scram_credential *credential)
{
    struct scram_shape shape = {credential->iterations, credential->salt_length, true};

    for (int32_t i = 0; i < credential->salt_length; i++) {
        shape.is_text = shape.is_text && is_digit_or_small(credential->salt[i]);
    }
    return shape;
}

static int compare(enum scram_mechanism mechanism, struct scram_shape shape,
                   enum scram_mechanism other_mechanism, struct scram_shape other)
{
    if (mechanism != other_mechanism) {
        return mechanism < other_mechanism ? -1 : 1;
    }
    if (shape.iterations != other.iterations) {
        return shape.iterations < other.iterations ? -1 : 1;
    }
    if (shape.salt_length != other.salt_length) {
        return shape.salt_length < other.salt_length ? -1 : 1;
    }
    return (int)shape.is_text - (int)other.is_text;
}

/* Where it is, or should be. */
static int find(const struct scram_shapes *shapes, const struct scram_credential *credential,
                bool *out_is_there)
{
    struct scram_shape shape = shape_of(credential);
    int order = 1;
    int at = 0;

    while (at < shapes->count) {
        order = compare(shapes->rows[at].mechanism, shapes->rows[at].shape, credential->mechanism,
                        shape);
        if (order >= 0) {
            break;
        }
        at++;
    }
    *out_is_there = at < shapes->count && order == 0;
    return at;
}

void scram_shapes_add(struct scram_shapes *shapes, const struct scram_credential *credential)
{
    bool is_there;
    int at = find(shapes, credential, &is_there);

    if (is_there) {
        shapes->rows[at].count++;
        return;
    }
    if (shapes->count == SCRAM_SHAPES_MAX) {
        return;
    }
    memmove(&shapes->rows[at + 1], &shapes->rows[at],
            (size_t)(shapes->count - at) * sizeof shapes->rows[0]);
    shapes->rows[at].mechanism = credential->mechanism;
    shapes->rows[at].shape = shape_of(credential);
    shapes->rows[at].count = 1;
    shapes->count++;
}

void scram_shapes_remove(struct scram_shapes *shapes, const struct scram_credential *credential)
{
    bool is_there;
    int at = find(shapes, credential, &is_there);

    if (!is_there || --shapes->rows[at].count > 0) {
        return;
    }
    shapes->count--;
    memmove(&shapes->rows[at], &shapes->rows[at + 1],
            (size_t)(shapes->count - at) * sizeof shapes->rows[0]);
}

/* The part of `whole` that the number is of 2^64: one credential more moves few numbers. */
static uint64_t part_of(uint64_t number, uint64_t whole)
{
    return (number >> 32) * whole >> 32;
}

struct scram_shape scram_shapes_choose(const struct scram_shapes *shapes,
                                       enum scram_mechanism mechanism, uint64_t number)
{
    struct scram_shape chosen = {0};
    uint64_t whole = 0;
    uint64_t passed = 0;

    for (int i = 0; i < shapes->count; i++) {
        whole += shapes->rows[i].mechanism == mechanism ? shapes->rows[i].count : 0;
    }
    number = part_of(number, whole);
    for (int i = 0; i < shapes->count; i++) {
        if (shapes->rows[i].mechanism == mechanism && number >= passed) {
            chosen = shapes->rows[i].shape;
            passed += shapes->rows[i].count;
        }
    }
    return chosen;
}
