/* SPDX-License-Identifier: Apache-2.0 */
/* Ids read and print as Kafka's do. */
#include "gyre/base/random.h"
#include "gyre/base/uuid.h"

#include "support/test.h"

static void text_and_bytes_are_one_to_one(void **state)
{
    struct random random;
    char text[UUID_TEXT_LENGTH + 1];

    (void)state;
    random_seed(&random, 7);
    for (int i = 0; i < 1000; i++) {
        struct uuid uuid = uuid_random(&random);
        struct uuid back;

        uuid_format(uuid, text);
        assert_true(text[0] != '-');
        assert_int_equal(uuid_parse(string_from(text), &back), ERROR_NONE);
        assert_true(uuid_equal(uuid, back));
    }
}

/* Java: new Uuid(0x0123456789ABCDEFL, 0xFEDCBA9876543210L).toString() */
static void the_text_is_kafkas(void **state)
{
    struct uuid uuid;
    char text[UUID_TEXT_LENGTH + 1];

    (void)state;
    store_be64(uuid.bytes, 0x0123456789ABCDEFu);
    store_be64(uuid.bytes + 8, 0xFEDCBA9876543210u);
    uuid_format(uuid, text);
    assert_string_equal(text, "ASNFZ4mrze_-3LqYdlQyEA");
}

static void bad_text_is_refused(void **state)
{
    struct uuid uuid;

    (void)state;
    assert_int_equal(uuid_parse(STRING("short"), &uuid), ERROR_MALFORMED);
    assert_int_equal(uuid_parse(STRING("ASNFZ4mrze_-3LqYdlQy!A"), &uuid), ERROR_MALFORMED);
    assert_int_equal(uuid_parse(STRING("ASNFZ4mrze_-3LqYdlQyEB"), &uuid), ERROR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_bytes_are_one_to_one),
        cmocka_unit_test(the_text_is_kafkas),
        cmocka_unit_test(bad_text_is_refused),
    };
    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
