/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/control.h"
#include "unit/unit.h"

static const struct control_message SAMPLES[] = {
    {.kind = CONTROL_READY, .process = PROCESS_WORKER, .slot = 0, .fd = -1},
    {.kind = CONTROL_DRAINING, .process = PROCESS_WORKER, .slot = UINT32_MAX, .fd = -1},
    {.kind = CONTROL_DRAINED, .process = PROCESS_ADMIN, .slot = 7, .fd = -1},
    {.kind = CONTROL_ACCEPT, .process = PROCESS_WORKER, .slot = 1, .fd = -1},
    {.kind = CONTROL_DRAIN,
     .process = PROCESS_WORKER,
     .slot = 3,
     .grace_ms = 5000,
     .deadline_ms = UINT64_MAX,
     .fd = -1},
    {.kind = CONTROL_STOP, .process = PROCESS_WORKER, .slot = 2, .fd = -1},
    {.kind = CONTROL_LOG, .process = PROCESS_WORKER, .log = CONTROL_LOG_ACCESS, .fd = -1},
    {.kind = CONTROL_CRLS, .process = PROCESS_WORKER, .slot = 5, .site = UINT32_MAX, .fd = -1},
    {.kind = CONTROL_PING, .process = PROCESS_WORKER, .slot = 6, .fd = -1},
    {.kind = CONTROL_PONG, .process = PROCESS_WORKER, .slot = 6, .fd = -1},
};
#define SAMPLE_COUNT (sizeof SAMPLES / sizeof SAMPLES[0])

START_TEST(decodes_what_it_encodes)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        unsigned char bytes[CONTROL_SIZE];
        unsigned char again[CONTROL_SIZE];
        struct control_message message;
        control_encode(&SAMPLES[i], bytes);
        ck_assert(control_decode(bytes, sizeof bytes, &message));
        ck_assert_int_eq(message.kind, SAMPLES[i].kind);
        ck_assert_int_eq(message.process, SAMPLES[i].process);
        ck_assert_uint_eq(message.slot, SAMPLES[i].slot);
        ck_assert(message.grace_ms == SAMPLES[i].grace_ms);
        ck_assert(message.deadline_ms == SAMPLES[i].deadline_ms);
        ck_assert_int_eq(message.log, SAMPLES[i].log);
        ck_assert_uint_eq(message.site, SAMPLES[i].site);
        ck_assert_int_eq(message.fd, -1);
        control_encode(&message, again);
        ck_assert_mem_eq(bytes, again, sizeof bytes);
    }
}
END_TEST

/* Every value of every byte: what decodes must be what would have been encoded. */
START_TEST(accepts_no_second_spelling_of_a_message)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        for (size_t at = 0; at < CONTROL_SIZE; at++) {
            for (unsigned value = 0; value < 256; value++) {
                unsigned char bytes[CONTROL_SIZE];
                unsigned char again[CONTROL_SIZE];
                struct control_message message;
                control_encode(&SAMPLES[i], bytes);
                bytes[at] = (unsigned char)value;
                if (!control_decode(bytes, sizeof bytes, &message))
                    continue;
                control_encode(&message, again);
                ck_assert_mem_eq(bytes, again, sizeof bytes);
            }
        }
    }
}
END_TEST

START_TEST(rejects_messages_that_are_not_exactly_right)
{
    static const struct {
        size_t at;
        unsigned char value;
        size_t sample;
    } CASES[] = {
        {0, 'X', 0},               /* not ours */
        {3, '2', 0},               /* another version */
        {4, 0, 0},                 /* no kind */
        {4, CONTROL_PING + 1, 0},  /* unknown kind */
        {4, 255, 0},               /* unknown kind */
        {5, 0, 0},                 /* no process kind */
        {5, 4, 0},                 /* unknown process kind */
        {6, CONTROL_LOG_ERROR, 0}, /* a log where none belongs */
        {6, CONTROL_LOG_NONE, 6},  /* no log where one belongs */
        {6, 3, 6},                 /* unknown log */
        {7, 1, 0},                 /* reserved */
        {12, 1, 0},                /* a site where none belongs */
        {15, 1, 4},                /* a site where none belongs */
        {6, CONTROL_LOG_ERROR, 7}, /* CRLs are no log */
        {16, 1, 0},                /* a grace where none belongs */
        {31, 1, 5},                /* a deadline where none belongs */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        unsigned char bytes[CONTROL_SIZE];
        struct control_message message = {.slot = 4711};
        control_encode(&SAMPLES[CASES[i].sample], bytes);
        bytes[CASES[i].at] = CASES[i].value;
        ck_assert_msg(!control_decode(bytes, sizeof bytes, &message), "case %zu", i);
        ck_assert_uint_eq(message.slot, 4711);
    }
}
END_TEST

START_TEST(rejects_every_other_length)
{
    unsigned char bytes[CONTROL_SIZE + 1] = {0};
    struct control_message message;
    control_encode(&SAMPLES[0], bytes);
    for (size_t len = 0; len < CONTROL_SIZE; len++)
        ck_assert(!control_decode(bytes, len, &message));
    ck_assert(!control_decode(bytes, CONTROL_SIZE + 1, &message));
    ck_assert(control_decode(bytes, CONTROL_SIZE, &message));
}
END_TEST

START_TEST(a_process_may_say_only_what_is_its_to_say)
{
    ck_assert(control_is_from_process(CONTROL_READY));
    ck_assert(control_is_from_process(CONTROL_DRAINING));
    ck_assert(control_is_from_process(CONTROL_DRAINED));
    ck_assert(!control_is_from_process(CONTROL_ACCEPT));
    ck_assert(!control_is_from_process(CONTROL_DRAIN));
    ck_assert(!control_is_from_process(CONTROL_STOP));
    ck_assert(!control_is_from_process(CONTROL_LOG));
}
END_TEST

START_TEST(carries_messages_in_order_and_then_the_end)
{
    int fds[2];
    struct control_message message;
    ck_assert_int_eq(control_pair(fds), 0);
    ck_assert_int_eq(control_receive(fds[1], &message), -EAGAIN);
    ck_assert_int_eq(control_send(fds[0], &SAMPLES[0]), 0);
    ck_assert_int_eq(control_send(fds[0], &SAMPLES[4]), 0);
    (void)close(fds[0]);
    ck_assert_int_eq(control_receive(fds[1], &message), 1);
    ck_assert_int_eq(message.kind, CONTROL_READY);
    ck_assert_int_eq(control_receive(fds[1], &message), 1);
    ck_assert_int_eq(message.kind, CONTROL_DRAIN);
    ck_assert(message.deadline_ms == UINT64_MAX);
    ck_assert_int_eq(control_receive(fds[1], &message), 0);
    ck_assert_int_eq(control_send(fds[1], &SAMPLES[0]), -EPIPE);
    (void)close(fds[1]);
}
END_TEST

START_TEST(passes_a_descriptor_that_is_closed_on_exec)
{
    int fds[2];
    int pipe_fds[2];
    struct control_message message;
    ck_assert_int_eq(control_pair(fds), 0);
    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct control_message log = SAMPLES[6];
    log.fd = pipe_fds[1];
    ck_assert_int_eq(control_send(fds[0], &log), 0);
    ck_assert_int_eq(control_receive(fds[1], &message), 1);
    ck_assert_int_ge(message.fd, 0);
    ck_assert_int_ne(message.fd, pipe_fds[1]);
    ck_assert_int_eq(fcntl(message.fd, F_GETFD), FD_CLOEXEC);
    char byte = 'x';
    ck_assert_int_eq(write(message.fd, &byte, 1), 1);
    byte = 0;
    ck_assert_int_eq(read(pipe_fds[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
}
END_TEST

/* Sends raw bytes with `count` copies of stderr along. */
static void send_raw(int fd, const void *bytes, size_t len, size_t count)
{
    union {
        struct cmsghdr header;
        unsigned char bytes[CMSG_SPACE(sizeof(int) * 8)];
    } ancillary = {0};
    char copy[CONTROL_SIZE * 2];
    memcpy(copy, bytes, len);
    struct iovec iov = {.iov_base = copy, .iov_len = len};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    if (count > 0) {
        header.msg_control = ancillary.bytes;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *cmsg = &ancillary.header;
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
        for (size_t i = 0; i < count; i++) {
            int sent = STDERR_FILENO;
            memcpy(CMSG_DATA(cmsg) + i * sizeof sent, &sent, sizeof sent);
        }
    }
    ck_assert_int_eq(sendmsg(fd, &header, 0), (ssize_t)len);
}

static int lowest_free_fd(void)
{
    int fd = dup(STDERR_FILENO);
    (void)close(fd);
    return fd;
}

START_TEST(refuses_garbage_and_keeps_none_of_its_descriptors)
{
    static const struct {
        size_t sample;
        size_t len;
        size_t fds;
    } CASES[] = {
        {0, CONTROL_SIZE - 1, 0}, /* short */
        {0, CONTROL_SIZE + 1, 0}, /* long */
        {0, 1, 2},                /* short with descriptors */
        {0, CONTROL_SIZE, 1},     /* a descriptor where none belongs */
        {6, CONTROL_SIZE, 0},     /* none where one belongs */
        {6, CONTROL_SIZE, 2},     /* two */
        {6, CONTROL_SIZE, 8},     /* more than there is room for */
        {6, CONTROL_SIZE + 9, 1}, /* truncated with a descriptor */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int fds[2];
        ck_assert_int_eq(control_pair(fds), 0);
        int before = lowest_free_fd();
        unsigned char bytes[CONTROL_SIZE * 2] = {0};
        control_encode(&SAMPLES[CASES[i].sample], bytes);
        send_raw(fds[0], bytes, CASES[i].len, CASES[i].fds);
        struct control_message message = {.slot = 4711};
        ck_assert_msg(control_receive(fds[1], &message) == -EPROTO, "case %zu", i);
        ck_assert_uint_eq(message.slot, 4711);
        ck_assert_msg(lowest_free_fd() == before, "case %zu leaks", i);
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
}
END_TEST

START_TEST(does_not_wait_for_a_reader_that_sleeps)
{
    int fds[2];
    ck_assert_int_eq(control_pair(fds), 0);
    int error = 0;
    for (int i = 0; i < 1000000 && error == 0; i++)
        error = control_send(fds[0], &SAMPLES[0]);
    ck_assert_int_eq(error, -EAGAIN);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("control");
    TCase *tcase = tcase_create("control");
    tcase_add_test(tcase, decodes_what_it_encodes);
    tcase_add_test(tcase, accepts_no_second_spelling_of_a_message);
    tcase_add_test(tcase, rejects_messages_that_are_not_exactly_right);
    tcase_add_test(tcase, rejects_every_other_length);
    tcase_add_test(tcase, a_process_may_say_only_what_is_its_to_say);
    tcase_add_test(tcase, carries_messages_in_order_and_then_the_end);
    tcase_add_test(tcase, passes_a_descriptor_that_is_closed_on_exec);
    tcase_add_test(tcase, refuses_garbage_and_keeps_none_of_its_descriptors);
    tcase_add_test(tcase, does_not_wait_for_a_reader_that_sleeps);
    suite_add_tcase(suite, tcase);
    return suite;
}
