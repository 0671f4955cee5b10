/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "unit/unit.h"

static struct buf_pool pool;
static struct arena arena;

static void setup(void)
{
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
}

static void teardown(void)
{
    arena_clear(&arena);
    ck_assert_uint_eq(pool.lent, 0);
    buf_pool_clear(&pool);
}

START_TEST(pieces_are_aligned_and_do_not_overlap)
{
    enum { COUNT = 400 };
    unsigned char *pieces[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = arena_alloc(&arena, i);
        ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < i; j++)
            ck_assert_uint_eq(pieces[i][j], i & 0xff);
    }
}
END_TEST

START_TEST(a_piece_beyond_a_quarter_block_has_memory_of_its_own)
{
    memset(arena_alloc(&arena, BUF_SIZE / 4), 'a', BUF_SIZE / 4);
    ck_assert_uint_eq(pool.lent, 1);
    ck_assert_ptr_null(arena.large);
    memset(arena_alloc(&arena, BUF_SIZE / 4 + 1), 'b', BUF_SIZE / 4 + 1);
    memset(arena_alloc(&arena, BUF_SIZE * 3), 'c', BUF_SIZE * 3);
    ck_assert_uint_eq(pool.lent, 1);
    ck_assert_ptr_nonnull(arena.large);
}
END_TEST

START_TEST(uses_a_block_to_its_last_byte)
{
    for (size_t i = 0; i < 3; i++)
        memset(arena_alloc(&arena, BUF_SIZE / 4), 'a', BUF_SIZE / 4);
    size_t room = buf_room(arena.blocks);
    memset(arena_alloc(&arena, room), 'b', room);
    ck_assert_uint_eq(pool.lent, 1);
    ck_assert_uint_eq(buf_room(arena.blocks), 0);
    (void)arena_alloc(&arena, 1);
    ck_assert_uint_eq(pool.lent, 2);
}
END_TEST

START_TEST(may_be_used_again_after_clearing)
{
    (void)arena_alloc(&arena, 10);
    (void)arena_alloc(&arena, BUF_SIZE);
    arena_clear(&arena);
    ck_assert_uint_eq(pool.lent, 0);
    ck_assert(str_equal(arena_copy(&arena, STR("again")), STR("again")));
}
END_TEST

START_TEST(zeroes_what_calloc_gives)
{
    memset(arena_alloc(&arena, 4096), 'x', 4096);
    arena_clear(&arena);
    const unsigned char *bytes = arena_calloc(&arena, 512, 8);
    for (size_t i = 0; i < 4096; i++)
        ck_assert_uint_eq(bytes[i], 0);
    ck_assert_ptr_nonnull(arena_calloc(&arena, 0, 8));
    ck_assert_ptr_nonnull(arena_calloc(&arena, 8, 0));
}
END_TEST

START_TEST(aborts_when_count_times_size_overflows)
{
    (void)arena_calloc(&arena, SIZE_MAX / 2, 3);
}
END_TEST

START_TEST(copies_have_a_nul_behind_them)
{
    struct str copy = arena_copy(&arena, str_make("a\0b", 3));
    ck_assert_uint_eq(copy.len, 3);
    ck_assert(memcmp(copy.ptr, "a\0b", 4) == 0);
    copy = arena_copy(&arena, str_make(NULL, 0));
    ck_assert_uint_eq(copy.len, 0);
    ck_assert_int_eq(copy.ptr[0], '\0');
}
END_TEST

START_TEST(prints_texts_of_any_length)
{
    struct str text = arena_printf(&arena, "%s-%d", "a", 42);
    ck_assert(str_equal(text, STR("a-42")));
    text = arena_printf(&arena, "%*d", (int)BUF_SIZE * 2, 7);
    ck_assert_uint_eq(text.len, BUF_SIZE * 2);
    ck_assert_int_eq(text.ptr[text.len - 1], '7');
    ck_assert_int_eq(text.ptr[text.len], '\0');
}
END_TEST

START_TEST(joins_parts_and_writes_numbers)
{
    const struct str parts[] = {STR("a"), {NULL, 0}, STR(", "), STR("bc")};
    struct str joined = arena_join(&arena, parts, sizeof parts / sizeof *parts);
    ck_assert_uint_eq(joined.len, 5);
    ck_assert_str_eq(joined.ptr, "a, bc");
    ck_assert_str_eq(arena_join(&arena, parts, 0).ptr, "");
    ck_assert_str_eq(arena_decimal(&arena, 0).ptr, "0");
    ck_assert_str_eq(arena_decimal(&arena, UINT64_MAX).ptr, "18446744073709551615");
    ck_assert_uint_eq(arena_decimal(&arena, 1234).len, 4);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, pieces_are_aligned_and_do_not_overlap);
    tcase_add_test(tcase, a_piece_beyond_a_quarter_block_has_memory_of_its_own);
    tcase_add_test(tcase, uses_a_block_to_its_last_byte);
    tcase_add_test(tcase, may_be_used_again_after_clearing);
    tcase_add_test(tcase, zeroes_what_calloc_gives);
    tcase_add_test_raise_signal(tcase, aborts_when_count_times_size_overflows, SIGABRT);
    tcase_add_test(tcase, copies_have_a_nul_behind_them);
    tcase_add_test(tcase, prints_texts_of_any_length);
    tcase_add_test(tcase, joins_parts_and_writes_numbers);
    suite_add_tcase(suite, tcase);
    return suite;
}
