/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/spool.h"
#include "unit/unit.h"

static struct spool spool;
static char block[SPOOL_BLOCK + 10];
static char read_back[sizeof block];

static void setup(void)
{
    int fd = spool_open("/tmp");
    ck_assert_int_ge(fd, 0);
    spool_init(&spool, fd);
}

static void teardown(void)
{
    int fd = spool.fd;
    spool_clear(&spool);
    ck_assert_int_eq(close(fd), 0);
}

static off_t file_size(void)
{
    struct stat status;
    ck_assert_int_eq(fstat(spool.fd, &status), 0);
    return status.st_size;
}

static void check_is(const struct spool_piece *piece, char filling)
{
    uint64_t at = 0;
    long len;
    while ((len = spool_read(&spool, piece, at, read_back, sizeof read_back)) > 0) {
        for (long i = 0; i < len; i++)
            ck_assert_int_eq(read_back[i], filling);
        at += (uint64_t)len;
    }
    ck_assert_int_eq(len, 0);
    ck_assert_uint_eq(at, piece->len);
}

START_TEST(pieces_lie_beside_each_other)
{
    struct spool_piece one = {0};
    struct spool_piece two = {0};
    for (int i = 0; i < 5; i++) {
        memset(block, 'a', sizeof block);
        ck_assert_int_eq(spool_append(&spool, &one, block, sizeof block), 0);
        memset(block, 'b', sizeof block);
        ck_assert_int_eq(spool_append(&spool, &two, block, 7), 0);
    }
    ck_assert_uint_eq(one.len, 5 * sizeof block);
    check_is(&one, 'a');
    check_is(&two, 'b');
    spool_release(&spool, &one);
    ck_assert_uint_eq(one.len, 0);
    check_is(&two, 'b');
    /* What was given back is used again. */
    uint32_t blocks = spool.blocks;
    memset(block, 'c', sizeof block);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(spool_append(&spool, &one, block, sizeof block), 0);
    ck_assert_uint_eq(spool.blocks, blocks);
    check_is(&one, 'c');
    spool_release(&spool, &one);
    spool_release(&spool, &two);
    ck_assert_int_eq(file_size(), 0);
    spool_release(&spool, &two);
}
END_TEST

START_TEST(a_block_is_filled_to_its_end)
{
    struct spool_piece piece = {0};
    memset(block, 'x', sizeof block);
    ck_assert_int_eq(spool_append(&spool, &piece, block, SPOOL_BLOCK - 1), 0);
    ck_assert_uint_eq(piece.count, 1);
    ck_assert_int_eq(spool_append(&spool, &piece, block, 1), 0);
    ck_assert_uint_eq(piece.count, 1);
    ck_assert_int_eq(spool_append(&spool, &piece, block, 1), 0);
    ck_assert_uint_eq(piece.count, 2);
    ck_assert_int_eq(spool_append(&spool, &piece, block, 0), 0);
    check_is(&piece, 'x');
    spool_release(&spool, &piece);
}
END_TEST

START_TEST(failures_are_told)
{
    struct spool_piece piece = {0};
    struct spool none;
    ck_assert_int_eq(spool_open("/nowhere"), -ENOENT);
    ck_assert_int_eq(spool_open("/dev/null"), -ENOTDIR);
    spool_init(&none, -1);
    ck_assert_int_eq(spool_append(&none, &piece, "x", 1), -ENOSPC);
    spool_release(&none, &piece);
    spool_clear(&none);
    ck_assert_int_eq(spool_append(&spool, &piece, "x", 1), 0);
    ck_assert_int_eq(ftruncate(spool.fd, 0), 0); /* somebody else's doing */
    ck_assert_int_eq(spool_read(&spool, &piece, 0, read_back, 1), -EIO);
    spool_release(&spool, &piece);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("spool");
    TCase *tcase = tcase_create("spool");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, pieces_lie_beside_each_other);
    tcase_add_test(tcase, a_block_is_filled_to_its_end);
    tcase_add_test(tcase, failures_are_told);
    suite_add_tcase(suite, tcase);
    return suite;
}
