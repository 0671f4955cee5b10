/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "process/inherited.h"
#include "unit/unit.h"

static struct addr loopback(unsigned port)
{
    struct addr addr = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (void *)&addr.storage;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return addr;
}

static void put(int fd, int at)
{
    assert(fd >= 0);
    if (fd != at) {
        assert(dup2(fd, at) == at);
        (void)close(fd);
    }
}

/* A listening socket at a descriptor; its port. */
static unsigned put_listening(int at)
{
    struct addr addr = loopback(0);
    struct sockaddr *local = (void *)&addr.storage;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert(bind(fd, local, addr.len) == 0);
    assert(listen(fd, 5) == 0);
    assert(getsockname(fd, local, &addr.len) == 0);
    put(fd, at);
    return addr_port(&addr);
}

static void say(const char *count, const char *predecessor)
{
    char pid[32];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    (void)setenv("LISTEN_PID", pid, 1);
    (void)setenv("LISTEN_FDS", count, 1);
    (void)unsetenv(INHERITED_VARIABLE);
    if (predecessor != NULL)
        (void)setenv(INHERITED_VARIABLE, predecessor, 1);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}

static void sockets_of_a_service_manager_are_lent(int _i)
{
    (void)_i;
    struct inherited inherited;
    unsigned port = put_listening(3);
    say("1", NULL);
    inherited_read(&inherited);
    assert(inherited.count == 1);
    assert(inherited.sockets[0].is_lent);
    assert(addr_port(&inherited.sockets[0].addr) == port);
    assert(inherited.control_fd == -1);
    assert(inherited.slots == 0);
    /* Ours alone from here on: no child is told, and no call waits. */
    assert(getenv("LISTEN_FDS") == NULL);
    assert(getenv("LISTEN_PID") == NULL);
    assert((fcntl(3, F_GETFD) & FD_CLOEXEC) != 0);
    assert((fcntl(3, F_GETFL) & O_NONBLOCK) != 0);

    struct addr addr = loopback(port);
    int fds[4];
    bool is_lent = false;
    assert(inherited_claim(&inherited, &addr, 4, fds, &is_lent) == 1);
    assert(is_lent);
    assert(fds[0] == 3);
    assert(inherited_claim(&inherited, &addr, 4, fds, &is_lent) == 0);
    inherited_clear(&inherited);
    assert(is_open(3)); /* claimed: another's to close */
}

static void those_of_a_predecessor_come_with_its_word(int _i)
{
    (void)_i;
    struct inherited inherited;
    unsigned first = put_listening(3);
    put(fcntl(3, F_DUPFD, 20), 4);
    unsigned lent = put_listening(5);
    put(open("/dev/null", O_RDWR), 6);
    say("3", "6:2:2");
    inherited_read(&inherited);
    assert(inherited.count == 3);
    assert(inherited.control_fd == 6);
    assert(inherited.slots == 2);
    assert(getenv(INHERITED_VARIABLE) == NULL);
    assert((fcntl(6, F_GETFD) & FD_CLOEXEC) != 0);
    struct addr any = loopback(0);
    int fds[4];
    bool is_lent = true;
    assert(inherited_claim(&inherited, &any, 4, fds, &is_lent) == 2);
    assert(!is_lent);
    assert(addr_port(&any) == first);
    struct addr wish = loopback(lent);
    assert(inherited_claim(&inherited, &wish, 4, fds, &is_lent) == 1);
    assert(is_lent);
    inherited_clear(&inherited);
    assert(!is_open(6));
}

static void what_is_no_listening_socket_is_closed(int _i)
{
    (void)_i;
    struct inherited inherited;
    put(open("/dev/null", O_WRONLY), 50);
    log_configure(50, LOG_LEVEL_WARN, false, false);
    put(open("/dev/null", O_RDWR), 30);
    put(socket(AF_INET, SOCK_STREAM, 0), 31);
    put(socket(AF_INET, SOCK_DGRAM, 0), 32);
    for (int i = 0; i < 3; i++)
        put(fcntl(30 + i, F_DUPFD, 40), 3 + i);
    unsigned port = put_listening(6);
    say("4", NULL);
    inherited_read(&inherited);
    assert(inherited.count == 1);
    assert(addr_port(&inherited.sockets[0].addr) == port);
    for (int fd = 3; fd < 6; fd++)
        assert(!is_open(fd));
    inherited_clear(&inherited);
    assert(!is_open(6));
}

static const struct {
    const char *count;
    const char *pid; /* NULL: ours */
} nothing[] = {{"1", "1"},   {"1", ""},    {"1", "x"}, {"0", NULL},
               {"-1", NULL}, {"1x", NULL}, {"", NULL}};

static void what_is_meant_for_somebody_else_is_left_alone(int _i)
{
    (void)_i;
    struct inherited inherited;
    (void)put_listening(3);
    say(nothing[_i].count, "9:2:1");
    if (nothing[_i].pid != NULL)
        (void)setenv("LISTEN_PID", nothing[_i].pid, 1);
    inherited_read(&inherited);
    assert(inherited.count == 0);
    assert(inherited.control_fd == -1);
    assert(is_open(3));
    assert(getenv("LISTEN_FDS") == NULL);
    inherited_clear(&inherited);
}

static const struct {
    void (*run)(int i);
    int i;
} cases[] = {
    {sockets_of_a_service_manager_are_lent, 0},
    {those_of_a_predecessor_come_with_its_word, 0},
    {what_is_no_listening_socket_is_closed, 0},
    {what_is_meant_for_somebody_else_is_left_alone, 0},
    {what_is_meant_for_somebody_else_is_left_alone, 1},
    {what_is_meant_for_somebody_else_is_left_alone, 2},
    {what_is_meant_for_somebody_else_is_left_alone, 3},
    {what_is_meant_for_somebody_else_is_left_alone, 4},
    {what_is_meant_for_somebody_else_is_left_alone, 5},
    {what_is_meant_for_somebody_else_is_left_alone, 6},
};

/* In a process of its own, and with assert(): the descriptors in question are those by which
 * Check's own child speaks. */
START_TEST(inherits_what_is_meant_for_it)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        cases[_i].run(cases[_i].i);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("inherited");
    TCase *tcase = tcase_create("inherited");
    tcase_add_loop_test(tcase, inherits_what_is_meant_for_it, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}
