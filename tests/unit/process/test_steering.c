/* The kernel is the other half of this contract, so it takes part: loopback sockets.
 *
 * SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/steering.h"
#include "unit/unit.h"

#define SLOTS       4U
#define CONNECTIONS 200

static int sockets[SLOTS];
static struct sockaddr_in address;

static void open_group(void)
{
    int on = 1;
    socklen_t len = sizeof address;
    void *at = &address;
    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    for (unsigned i = 0; i < SLOTS; i++) {
        sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(setsockopt(sockets[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
        ck_assert_int_eq(bind(sockets[i], at, sizeof address), 0);
        ck_assert_int_eq(listen(sockets[i], CONNECTIONS), 0);
        ck_assert_int_eq(getsockname(sockets[i], at, &len), 0);
    }
}

/* Connects many times and counts where the connections arrived. */
static void count_arrivals(int ret_counts[SLOTS])
{
    void *at = &address;
    for (unsigned i = 0; i < SLOTS; i++)
        ret_counts[i] = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(fd, at, sizeof address), 0);
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            int accepted = accept(sockets[slot], NULL, NULL);
            if (accepted < 0)
                continue;
            ret_counts[slot]++;
            (void)close(accepted);
        }
        (void)close(fd);
    }
}

START_TEST(connections_go_to_the_slots_that_live)
{
    static const bool CASES[][SLOTS] = {
        {true, false, true, true},   {false, true, true, true},  {true, true, true, false},
        {false, true, false, false}, {true, false, false, true}, {false, false, false, true},
    };
    open_group();
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int counts[SLOTS];
        ck_assert_int_eq(steering_apply(sockets[0], CASES[i], SLOTS), 0);
        count_arrivals(counts);
        for (unsigned slot = 0; slot < SLOTS; slot++)
            ck_assert_msg((counts[slot] > 0) == CASES[i][slot], "case %zu slot %u: %d", i, slot,
                          counts[slot]);
    }
}
END_TEST

START_TEST(with_all_or_none_alive_every_slot_gets_its_share)
{
    static const bool ONE_DEAD[SLOTS] = {false, true, true, true};
    static const bool ALL[SLOTS] = {true, true, true, true};
    static const bool NONE[SLOTS] = {false};
    const bool *cases[] = {ALL, NONE};
    open_group();
    for (size_t i = 0; i < 2; i++) {
        int counts[SLOTS];
        ck_assert_int_eq(steering_apply(sockets[3], ONE_DEAD, SLOTS), 0);
        ck_assert_int_eq(steering_apply(sockets[3], cases[i], SLOTS), 0);
        ck_assert_int_eq(steering_apply(sockets[3], cases[i], SLOTS), 0); /* nothing to undo */
        count_arrivals(counts);
        for (unsigned slot = 0; slot < SLOTS; slot++)
            ck_assert_int_gt(counts[slot], 0);
    }
}
END_TEST

START_TEST(a_descriptor_that_is_no_socket_is_an_error_and_nothing_more)
{
    static const bool ONE_DEAD[2] = {false, true};
    static const bool ALL[2] = {true, true};
    ck_assert_int_lt(steering_apply(-1, ONE_DEAD, 2), 0);
    ck_assert_int_lt(steering_apply(-1, ALL, 2), 0);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("steering");
    TCase *tcase = tcase_create("steering");
    tcase_add_test(tcase, connections_go_to_the_slots_that_live);
    tcase_add_test(tcase, with_all_or_none_alive_every_slot_gets_its_share);
    tcase_add_test(tcase, a_descriptor_that_is_no_socket_is_an_error_and_nothing_more);
    suite_add_tcase(suite, tcase);
    return suite;
}
