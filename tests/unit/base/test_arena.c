/* SPDX-License-Identifier: Apache-2.0 */
/* An arena gives zeroed memory up to its limit and gives everything back at once. */
#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"

#include "support/test.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t size = 1; size < 300; size += 7) {
        char *memory = arena_alloc(&arena, size);

        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % sizeof(max_align_t) % 16, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(memory[i], 0);
            memory[i] = 1;
        }
    }
    arena_release(&arena);
}

static void the_limit_is_a_normal_answer(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1000);
    assert_null(arena_alloc(&arena, 1001));
    assert_non_null(arena_alloc(&arena, 500));
    assert_null(arena_alloc(&arena, 501));
    assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
    assert_non_null(arena_alloc(&arena, 100));
    arena_release(&arena);
    assert_non_null(arena_alloc(&arena, 1000));
    arena_release(&arena);
}

static void a_kept_buffer_lives_as_long_as_the_arena(void **state)
{
    struct arena arena;
    struct buffer *buffer = buffer_copy("frame", 5);

    (void)state;
    arena_init(&arena, 0);
    arena_keep_buffer(&arena, buffer_ref(buffer));
    assert_int_equal(atomic_load(&buffer->references), 2);
    arena_release(&arena);
    assert_int_equal(atomic_load(&buffer->references), 1);
    buffer_unref(buffer);
}

static void copies_of_slices_keep_null_and_heed_the_limit(void **state)
{
    static const char text[] = {'a', 'b', 'c'};
    struct arena arena;
    struct string copy;
    struct bytes bytes;

    (void)state;
    arena_init(&arena, 4096);
    assert_true(arena_copy_string(&arena, (struct string){text, 2}, &copy));
    assert_ptr_not_equal(copy.bytes, text);
    assert_string_equal(copy.bytes, "ab");
    assert_int_equal(copy.length, 2);
    assert_true(arena_copy_string(&arena, STRING_NULL, &copy));
    assert_null(copy.bytes);
    assert_true(arena_copy_bytes(&arena, STRING_NULL, &bytes));
    assert_non_null(bytes.bytes);
    assert_int_equal(bytes.length, 0);
    while (arena_alloc(&arena, 1) != NULL) {
    }
    assert_false(arena_copy_string(&arena, (struct string){text, 2}, &copy));
    assert_false(arena_copy_bytes(&arena, (struct string){text, 2}, &bytes));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(the_limit_is_a_normal_answer),
        cmocka_unit_test(copies_of_slices_keep_null_and_heed_the_limit),
        cmocka_unit_test(a_kept_buffer_lives_as_long_as_the_arena),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
