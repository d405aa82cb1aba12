/* SPDX-License-Identifier: Apache-2.0 */
/* Commands are read as they were written; cut, longer and newer ones are refused. */
#include <string.h>

#include "gyre/base/buffer.h"

#include "partition/partition_commands.h"
#include "support/test.h"

static void expect_round_trip(const struct partition_command *command)
{
    struct buffer *buffer = partition_command_encode(command);
    struct partition_command copy;
    char longer[64] = {0};

    assert_int_equal(partition_command_decode(buffer->bytes, buffer->size, &copy), ERROR_NONE);
    assert_int_equal(copy.type, command->type);
    assert_int_equal(copy.offset, command->offset);
    assert_int_equal(copy.epoch_base, command->epoch_base);
    assert_int_equal(copy.now_ms, command->now_ms);
    assert_int_equal(copy.expiration_ms, command->expiration_ms);
    for (size_t size = 0; size < buffer->size; size++) {
        assert_int_equal(partition_command_decode(buffer->bytes, size, &copy), ERROR_MALFORMED);
    }
    memcpy(longer, buffer->bytes, buffer->size);
    assert_int_equal(partition_command_decode(longer, buffer->size + 1, &copy), ERROR_MALFORMED);
    longer[3] = 2; /* version */
    assert_int_equal(partition_command_decode(longer, buffer->size, &copy), ERROR_VERSION);
    longer[0] = 99; /* type */
    assert_int_equal(partition_command_decode(longer, buffer->size, &copy), ERROR_VERSION);
    buffer_unref(buffer);
}

static void every_command_is_read_as_it_was_written(void **unused)
{
    const struct partition_command commands[] = {
        {.type = COMMAND_LOG_START, .offset = INT64_C(0x123456789abcdef)},
        {.type = COMMAND_EPOCH_BASE, .epoch_base = 65536},
        {.type = COMMAND_PRODUCER_EXPIRY, .now_ms = 1700000000000, .expiration_ms = 86400000},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        expect_round_trip(&commands[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests_name("partition_commands", tests, NULL, NULL);
}
