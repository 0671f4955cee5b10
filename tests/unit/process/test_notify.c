/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "process/notify.h"
#include "unit/unit.h"

/* Binds a datagram socket; name as sd_notify(3) spells it, "@" for abstract. */
static int receiver(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const void *at = &address;
    ck_assert_int_eq(bind(fd, at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void expect(int fd, const char *start)
{
    char text[128] = {0};
    ck_assert_int_gt(recv(fd, text, sizeof text - 1, 0), 0);
    ck_assert_msg(strncmp(text, start, strlen(start)) == 0, "%s", text);
}

static void check_socket(const char *name)
{
    int fd = receiver(name);
    ck_assert_int_eq(notify_ready(), 0);
    expect(fd, "READY=1");
    ck_assert_int_eq(notify_reloading(), 0);
    expect(fd, "RELOADING=1\nMONOTONIC_USEC=");
    ck_assert_int_eq(notify_stopping(), 0);
    expect(fd, "STOPPING=1");
    (void)close(fd);
}

START_TEST(sends_datagrams_to_a_path_or_an_abstract_socket)
{
    char *path = xasprintf("/tmp/notify-test-%d", (int)getpid());
    (void)unlink(path); /* of a process that had this number before */
    char *abstract = xasprintf("@notify-test-%d", (int)getpid());
    check_socket(abstract);
    check_socket(path);
    (void)unlink(path);
    free(path);
    free(abstract);
}
END_TEST

START_TEST(is_silent_when_nobody_asked)
{
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    ck_assert_int_eq(notify_ready(), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", "", 1), 0);
    ck_assert_int_eq(notify_ready(), 0);
}
END_TEST

START_TEST(reports_addresses_that_cannot_be)
{
    char longest[200];
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", longest, 1), 0);
    ck_assert_int_eq(notify_ready(), -EAFNOSUPPORT);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", "relative", 1), 0);
    ck_assert_int_eq(notify_ready(), -EAFNOSUPPORT);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1), 0);
    ck_assert_int_eq(notify_ready(), -ENOENT);
}
END_TEST

START_TEST(pings_the_watchdog_twice_a_period_and_only_when_meant)
{
    static const struct {
        const char *usec;
        uint64_t ms;
    } CASES[] = {{"30000000", 15000}, {"2000", 1}, {"1999", 0}, {"0", 0}, {"", 0},
                 {"-5", 0},           {"5s", 0}};
    (void)unsetenv("WATCHDOG_PID");
    (void)unsetenv("WATCHDOG_USEC");
    ck_assert_uint_eq(notify_watchdog_ms(), 0);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        (void)setenv("WATCHDOG_USEC", CASES[i].usec, 1);
        ck_assert_uint_eq(notify_watchdog_ms(), CASES[i].ms);
    }
    (void)setenv("WATCHDOG_USEC", "30000000", 1);
    (void)setenv("WATCHDOG_PID", "1", 1);
    ck_assert_uint_eq(notify_watchdog_ms(), 0);
    char *pid = xasprintf("%d", (int)getpid());
    (void)setenv("WATCHDOG_PID", pid, 1);
    ck_assert_uint_eq(notify_watchdog_ms(), 15000);
    free(pid);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("notify");
    TCase *tcase = tcase_create("notify");
    tcase_add_test(tcase, sends_datagrams_to_a_path_or_an_abstract_socket);
    tcase_add_test(tcase, is_silent_when_nobody_asked);
    tcase_add_test(tcase, reports_addresses_that_cannot_be);
    tcase_add_test(tcase, pings_the_watchdog_twice_a_period_and_only_when_meant);
    suite_add_tcase(suite, tcase);
    return suite;
}
