/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "unit/unit.h"

static int pipe_fds[2];
static char seen[4096];

static void setup(void)
{
    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    clock_freeze(1767225600000);
}

static void teardown(void)
{
    log_configure(STDERR_FILENO, LOG_LEVEL_NOTICE, false, false);
    clock_freeze(-1);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

static const char *read_all(void)
{
    ssize_t len = read(pipe_fds[0], seen, sizeof seen - 1);
    seen[len > 0 ? len : 0] = '\0';
    return seen;
}

START_TEST(writes_one_line_an_event)
{
    log_configure(pipe_fds[1], LOG_LEVEL_NOTICE, false, false);
    log_notice("area.event", "key=%d other=\"%s\"", 42, "x");
    ck_assert_str_eq(read_all(), "2026-01-01T00:00:00.000Z notice area.event key=42 other=\"x\"\n");
    log_error("area.event", "%s", "");
    ck_assert_str_eq(read_all(), "2026-01-01T00:00:00.000Z error area.event\n");
}
END_TEST

/* sd-daemon(3): the priority in angle brackets, the time left to the journal */
START_TEST(writes_priorities_for_the_journal)
{
    log_configure(pipe_fds[1], LOG_LEVEL_DEBUG, true, false);
    log_error("a.b", "c");
    log_warn("a.b", "c");
    log_notice("a.b", "c");
    log_info("a.b", "c");
    log_debug("a.b", "c");
    ck_assert_str_eq(read_all(), "<3>error a.b c\n<4>warn a.b c\n<5>notice a.b c\n"
                                 "<6>info a.b c\n<7>debug a.b c\n");
}
END_TEST

START_TEST(says_nothing_below_its_level)
{
    log_configure(pipe_fds[1], LOG_LEVEL_WARN, false, false);
    ck_assert(log_wants(LOG_LEVEL_ERROR) && log_wants(LOG_LEVEL_WARN));
    ck_assert(!log_wants(LOG_LEVEL_NOTICE) && !log_wants(LOG_LEVEL_DEBUG));
    log_notice("a.b", "c");
    log_debug("a.b", "c");
    ck_assert_str_eq(read_all(), "");
}
END_TEST

START_TEST(drops_lines_rather_than_wait_for_a_full_pipe)
{
    log_configure(pipe_fds[1], LOG_LEVEL_NOTICE, false, false);
    for (int i = 0; i < 2000; i++)
        log_notice("a.b", "%0100d", i);
    ck_assert_str_ne(read_all(), "");
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, writes_one_line_an_event);
    tcase_add_test(tcase, writes_priorities_for_the_journal);
    tcase_add_test(tcase, says_nothing_below_its_level);
    tcase_add_test(tcase, drops_lines_rather_than_wait_for_a_full_pipe);
    suite_add_tcase(suite, tcase);
    return suite;
}
