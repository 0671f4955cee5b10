/* Why an address cannot be bound, in words.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/bind_problem.h"
#include "unit/unit.h"

static char *words(const char *host, unsigned port, int error)
{
    struct addr addr;
    struct text text = {0};
    ck_assert(addr_from_numeric(host, port, &addr));
    bind_problem_add(&text, &addr, error);
    ck_assert_ptr_nonnull(text.ptr);
    ck_assert_ptr_null(strchr(text.ptr, '"'));
    return text_take(&text);
}

static void expect(const char *host, unsigned port, int error, const char *part)
{
    char *text = words(host, port, error);
    ck_assert_msg(strstr(text, part) != NULL, "%s", text);
    free(text);
}

START_TEST(each_cause_has_its_remedy)
{
    expect("127.0.0.1", 79, -EACCES, "CAP_NET_BIND_SERVICE");
    expect("127.0.0.1", 1, -EADDRINUSE, "port 1 is taken by a process that this user may not see");
    expect("192.0.2.1", 80, -EADDRNOTAVAIL, "0.0.0.0 for all");
    expect("2001:db8::1", 80, -EADDRNOTAVAIL, "[::] for all");
    expect("::1", 80, -EAFNOSUPPORT, "does not speak that protocol");
}
END_TEST

START_TEST(the_process_that_listens_is_named_for_both_protocols)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < 2; i++) {
        struct addr addr;
        ck_assert(addr_from_numeric(hosts[i], 0, &addr));
        int fd = socket(addr.storage.ss_family, SOCK_STREAM, 0);
        if (fd < 0 || bind(fd, (const void *)&addr.storage, addr.len) < 0) {
            (void)close(fd); /* a machine without that protocol */
            continue;
        }
        ck_assert_int_eq(listen(fd, 1), 0);
        addr.len = sizeof addr.storage;
        ck_assert_int_eq(getsockname(fd, (void *)&addr.storage, &addr.len), 0);
        char *who = NULL;
        ck_assert_int_gt(asprintf(&who, "process %d (test_bind_probl)", (int)getpid()), 0);
        expect(hosts[i], addr_port(&addr), -EADDRINUSE, who);
        free(who);
        (void)close(fd);
    }
}
END_TEST

START_TEST(high_ports_and_any_port_need_nothing)
{
    struct addr addr;
    ck_assert(addr_from_numeric("127.0.0.1", 65535, &addr));
    ck_assert(!bind_problem_is_privileged(&addr));
    ck_assert(addr_from_numeric("127.0.0.1", 0, &addr));
    ck_assert(!bind_problem_is_privileged(&addr));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("bind_problem");
    TCase *tests = tcase_create("bind_problem");
    tcase_add_test(tests, each_cause_has_its_remedy);
    tcase_add_test(tests, the_process_that_listens_is_named_for_both_protocols);
    tcase_add_test(tests, high_ports_and_any_port_need_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
