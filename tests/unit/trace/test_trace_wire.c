/* Documents between processes: never waiting, and nothing believed.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "trace/trace_wire.h"
#include "unit/unit.h"

static int fds[2];

static void setup(void)
{
    ck_assert_int_eq(trace_wire_pair(fds), 0);
}

static void teardown(void)
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            ck_assert_int_eq(close(fds[i]), 0);
    }
}

START_TEST(both_documents_arrive)
{
    struct trace_documents got;
    ck_assert_int_eq(trace_wire_send(fds[1], STR("<a/>"), STR("<p>hello")), 0);
    ck_assert_int_eq(trace_wire_send(fds[1], STR("<b/>"), (struct str){NULL, 0}), 0);
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), 1);
    ck_assert_uint_eq(got.xml_len, 4);
    ck_assert_uint_eq(got.html_len, 8);
    ck_assert_int_eq(memcmp(got.bytes, "<a/><p>hello", 12), 0);
    free(got.bytes);
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), 1);
    ck_assert_uint_eq(got.html_len, 0);
    free(got.bytes);
    ck_assert_int_eq(close(fds[1]), 0);
    fds[1] = -1;
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), 0);
}
END_TEST

START_TEST(who_sends_never_waits)
{
    int sent = 0;
    int error;
    while ((error = trace_wire_send(fds[1], STR("<a/>"), STR(""))) == 0 && sent < 100000)
        sent++;
    ck_assert_int_eq(error, -EAGAIN);
    ck_assert_int_ge(sent, 4);
    ck_assert_int_le(sent, 200);
    struct trace_documents got;
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), 1);
    free(got.bytes);
}
END_TEST

START_TEST(what_is_too_long_is_not_sent)
{
    char *bytes = xcalloc(1, TRACE_WIRE_MAX);
    ck_assert_int_eq(trace_wire_send(fds[1], str_make(bytes, TRACE_WIRE_MAX), STR("x")), -EFBIG);
    ck_assert_int_eq(trace_wire_send(fds[1], str_make(bytes, TRACE_WIRE_MAX - 1), STR("x")), 0);
    struct trace_documents got;
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), 1);
    ck_assert_uint_eq(got.xml_len + got.html_len, TRACE_WIRE_MAX);
    free(got.bytes);
    free(bytes);
}
END_TEST

/* As a worker that was taken over would. */
static void send_raw(const void *bytes, size_t len, const int *files, size_t count)
{
    char ancillary[CMSG_SPACE(8 * sizeof(int))] = {0};
    char copy[64];
    memcpy(copy, bytes, len);
    struct iovec part = {.iov_base = copy, .iov_len = len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = ancillary;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), files, count * sizeof(int));
    }
    ck_assert_int_ge(sendmsg(fds[1], &message, 0), 0);
}

START_TEST(nothing_malformed_is_taken)
{
    struct {
        char magic[8];
        uint64_t xml_len;
        uint64_t html_len;
    } wire = {{'m', 'p', 't', 'r', 'a', 'c', 'e', '1'}, 3, 0};
    struct trace_documents got;
    int file = memfd_create("test", 0);
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    int two[2] = {file, file};
    ck_assert_int_eq(write(file, "abc", 3), 3);

    send_raw(&wire, sizeof wire, NULL, 0); /* no file */
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), -EPROTO);
    send_raw(&wire, sizeof wire, two, 2);
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), -EPROTO);
    send_raw(&wire, sizeof wire - 1, &file, 1);
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), -EPROTO);
    send_raw(&wire, sizeof wire, &zero, 1); /* no regular file */
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), -EPROTO);
    wire.html_len = UINT64_MAX - 2;
    send_raw(&wire, sizeof wire, &file, 1);
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), -EPROTO);
    wire.html_len = 1; /* more than there is */
    send_raw(&wire, sizeof wire, &file, 1);
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), -EPROTO);
    wire.html_len = 0;
    wire.magic[7] = '2';
    send_raw(&wire, sizeof wire, &file, 1);
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), -EPROTO);
    wire.magic[7] = '1';
    send_raw(&wire, sizeof wire, &file, 1);
    ck_assert_int_eq(trace_wire_receive(fds[0], &got), 1);
    ck_assert_int_eq(memcmp(got.bytes, "abc", 3), 0);
    free(got.bytes);
    ck_assert_int_eq(close(file), 0);
    ck_assert_int_eq(close(zero), 0);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("trace_wire");
    TCase *tcase = tcase_create("wire");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, both_documents_arrive);
    tcase_add_test(tcase, who_sends_never_waits);
    tcase_add_test(tcase, what_is_too_long_is_not_sent);
    tcase_add_test(tcase, nothing_malformed_is_taken);
    suite_add_tcase(suite, tcase);
    return suite;
}
