/* SPDX-License-Identifier: Apache-2.0 */
/* The lineage answers where an epoch ended, as Kafka's LeaderEpochFileCache does. */
#include "gyre/base/buffer.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/writer.h"

#include "partition/leader_epochs.h"
#include "support/test.h"

static void expect_end(const struct leader_epochs *epochs, int32_t asked, int32_t epoch,
                       int64_t end_offset)
{
    struct leader_epoch_row end;

    leader_epochs_end_of(epochs, asked, 1000, &end);
    assert_int_equal(end.epoch, epoch);
    assert_int_equal(end.start_offset, end_offset);
}

static void fill(struct leader_epochs *epochs)
{
    leader_epochs_init(epochs);
    leader_epochs_assign(epochs, 1, 0);
    leader_epochs_assign(epochs, 2, 100); /* writes nothing */
    leader_epochs_assign(epochs, 5, 100);
    leader_epochs_assign(epochs, 5, 150);
    leader_epochs_assign(epochs, 4, 160); /* cannot be: ignored */
    leader_epochs_assign(epochs, 9, 300);
}

static void the_end_of_an_epoch_is_the_start_of_the_next(void **unused)
{
    struct leader_epochs epochs;

    (void)unused;
    fill(&epochs);
    assert_int_equal(epochs.count, 3);
    expect_end(&epochs, 0, 0, 0);
    expect_end(&epochs, 1, 1, 100);
    expect_end(&epochs, 2, 1, 100);
    expect_end(&epochs, 5, 5, 300);
    expect_end(&epochs, 8, 5, 300);
    expect_end(&epochs, 9, 9, 1000);
    expect_end(&epochs, 10, -1, -1);
    expect_end(&epochs, -1, -1, -1);
    leader_epochs_release(&epochs);
    expect_end(&epochs, 0, -1, -1);
}

static void an_offset_knows_its_epoch_until_it_is_trimmed(void **unused)
{
    struct leader_epochs epochs;

    (void)unused;
    fill(&epochs);
    assert_int_equal(leader_epochs_at(&epochs, 99), 1);
    assert_int_equal(leader_epochs_at(&epochs, 100), 5);
    assert_int_equal(leader_epochs_at(&epochs, 5000), 9);
    leader_epochs_trim(&epochs, 150);
    assert_int_equal(epochs.count, 2);
    assert_int_equal(leader_epochs_at(&epochs, 149), -1);
    assert_int_equal(leader_epochs_at(&epochs, 150), 5);
    expect_end(&epochs, 1, 1, 150);
    leader_epochs_trim(&epochs, 900);
    assert_int_equal(epochs.count, 1);
    assert_int_equal(leader_epochs_at(&epochs, 900), 9);
    leader_epochs_release(&epochs);
}

static void rows_survive_a_snapshot_and_nonsense_does_not(void **unused)
{
    struct leader_epochs epochs;
    struct leader_epochs copy;
    char bytes[64];
    struct writer writer;
    struct reader reader;

    (void)unused;
    fill(&epochs);
    writer_init(&writer, bytes, sizeof bytes);
    leader_epochs_encode(&epochs, &writer);
    leader_epochs_init(&copy);
    reader_init(&reader, bytes, writer.used);
    assert_int_equal(leader_epochs_decode(&copy, &reader), ERROR_NONE);
    assert_int_equal(copy.count, 3);
    expect_end(&copy, 5, 5, 300);
    leader_epochs_release(&copy);
    for (size_t size = 0; size < writer.used; size++) {
        reader_init(&reader, bytes, size);
        assert_int_equal(leader_epochs_decode(&copy, &reader), ERROR_MALFORMED);
        leader_epochs_release(&copy);
    }
    bytes[3] = 127; /* more rows than bytes */
    reader_init(&reader, bytes, writer.used);
    assert_int_equal(leader_epochs_decode(&copy, &reader), ERROR_MALFORMED);
    leader_epochs_release(&copy);
    leader_epochs_release(&epochs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_an_epoch_is_the_start_of_the_next),
        cmocka_unit_test(an_offset_knows_its_epoch_until_it_is_trimmed),
        cmocka_unit_test(rows_survive_a_snapshot_and_nonsense_does_not),
    };
    return cmocka_run_group_tests_name("leader_epochs", tests, NULL, NULL);
}
