/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "observe/access_log.h"
#include "unit/unit.h"

#define NEW_YEAR 1767225600 /* 2026-01-01T00:00:00Z */

static uint64_t default_fields(void)
{
    struct error_list errors = {0};
    struct config_list absent = {0};
    uint64_t fields = access_log_fields(&absent, &errors);
    ck_assert_uint_eq(errors.count, 0);
    return fields;
}

static struct access_record record_of(unsigned status, unsigned substatus, uint32_t win32)
{
    return (struct access_record){
        .wall_s = NEW_YEAR,
        .server_ip = STR("10.0.0.5"),
        .method = STR("GET"),
        .uri_stem = STR("/secure"),
        .client_ip = STR("10.0.0.9"),
        .user_agent = STR("curl/8.5.0"),
        .server_port = 443,
        .status = status,
        .substatus = substatus,
        .win32 = win32,
        .http_minor = 1,
        .time_taken_ms = 1,
    };
}

static void assert_line(uint64_t fields, const struct access_record *record, const char *expected)
{
    struct text line = {0};
    access_log_line(fields, false, record, &line);
    ck_assert_str_eq(line.ptr, expected);
    text_clear(&line);
}

/* iis-semantics.md 2.7 */
START_TEST(writes_the_lines_that_iis_writes)
{
    static const struct {
        int64_t second;
        unsigned status, substatus;
        uint32_t win32;
        uint64_t taken;
        const char *user, *agent, *expected;
    } cases[] = {
        {0, 403, 7, 5, 1, "", "curl/8.5.0",
         "2026-01-01 00:00:00 10.0.0.5 GET /secure - 443 - 10.0.0.9 curl/8.5.0 - 403 7 5 1\n"},
        {1, 403, 16, 2148204809, 2, "", "curl/8.5.0",
         "2026-01-01 00:00:01 10.0.0.5 GET /secure - 443 - 10.0.0.9 curl/8.5.0 - 403 16 2148204809 "
         "2\n"},
        {2, 403, 17, 2148204801, 2, "", "curl/8.5.0",
         "2026-01-01 00:00:02 10.0.0.5 GET /secure - 443 - 10.0.0.9 curl/8.5.0 - 403 17 2148204801 "
         "2\n"},
        {3, 403, 13, 2148081683, 15002, "", "curl/8.5.0",
         "2026-01-01 00:00:03 10.0.0.5 GET /secure - 443 - 10.0.0.9 curl/8.5.0 - 403 13 2148081683 "
         "15002\n"},
        {4, 200, 0, 0, 12, "CONTOSO\\alice", "Mozilla/5.0 (X11; Linux)",
         "2026-01-01 00:00:04 10.0.0.5 GET /secure - 443 CONTOSO\\alice 10.0.0.9 "
         "Mozilla/5.0+(X11;+Linux) - 200 0 0 12\n"},
        {5, 401, 2, 5, 1, "", "curl/8.5.0",
         "2026-01-01 00:00:05 10.0.0.5 GET /secure - 443 - 10.0.0.9 curl/8.5.0 - 401 2 5 1\n"},
        {6, 500, 0, 50, 1, "", "curl/8.5.0",
         "2026-01-01 00:00:06 10.0.0.5 GET /secure - 443 - 10.0.0.9 curl/8.5.0 - 500 0 50 1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct access_record record =
            record_of(cases[i].status, cases[i].substatus, cases[i].win32);
        record.wall_s += cases[i].second;
        record.time_taken_ms = cases[i].taken;
        record.user = str_of(cases[i].user);
        record.user_agent = str_of(cases[i].agent);
        assert_line(default_fields(), &record, cases[i].expected);
    }
}
END_TEST

/* iis-semantics.md 2.6: the order of columns is fixed, whatever the configuration says. */
START_TEST(keeps_the_columns_in_the_order_of_iis)
{
    struct access_record record = record_of(200, 0, 0);
    record.site = STR("orders");
    record.computer = STR("web1");
    record.uri_query = STR("a=b");
    record.cookie = STR("x=y; z");
    record.referer = STR("https://r/");
    record.host = STR("h:8443");
    record.bytes_sent = UINT64_MAX;
    record.bytes_received = 7;
    record.http_minor = 0;
    assert_line(ACCESS_BIT(ACCESS_HOST) * 4 - 1, &record,
                "2026-01-01 00:00:00 orders web1 10.0.0.5 GET /secure a=b 443 - 10.0.0.9 HTTP/1.0 "
                "curl/8.5.0 x=y;+z https://r/ h:8443 200 0 0 18446744073709551615 7 1\n");
    struct config_value items[] = {{.text = (char[]){"sc-status"}}, {.text = (char[]){"date"}}};
    struct config_list list = {.items = items, .count = 2, .is_set = true};
    struct error_list errors = {0};
    assert_line(access_log_fields(&list, &errors), &record, "2026-01-01 200\n");
}
END_TEST

/* iis-semantics.md 2.6: nothing a client sends may begin a column, a line or a directive. */
START_TEST(turns_blanks_and_control_bytes_into_plus)
{
    struct access_record record = record_of(200, 0, 0);
    char every[33];
    for (int i = 0; i <= 0x20; i++)
        every[i] = (char)i;
    record.uri_stem = str_make(every, sizeof every);
    assert_line(ACCESS_BIT(ACCESS_URI_STEM), &record, "+++++++++++++++++++++++++++++++++\n");
    record.uri_stem = STR("/a\r\n#Fields: x\x7f\"\xc3\xa9\xff");
    assert_line(ACCESS_BIT(ACCESS_URI_STEM), &record, "/a++#Fields:+x+\"\xc3\xa9%FF\n");
}
END_TEST

START_TEST(ends_lines_as_configured)
{
    struct access_record record = record_of(200, 0, 0);
    struct text text = {0};
    access_log_line(ACCESS_BIT(ACCESS_STATUS), true, &record, &text);
    ck_assert_str_eq(text.ptr, "200\r\n");
    text_reset(&text);
    access_log_header(default_fields(), true, NEW_YEAR, &text);
    ck_assert_str_eq(text.ptr, "#Software: mtls-proxy " MTLS_PROXY_VERSION "\r\n"
                               "#Version: 1.0\r\n"
                               "#Date: 2026-01-01 00:00:00\r\n"
                               "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port "
                               "cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus "
                               "sc-win32-status time-taken\r\n");
    text_clear(&text);
}
END_TEST

START_TEST(names_the_column_that_was_probably_meant)
{
    static const struct {
        const char *name, *expected;
    } cases[] = {
        {"user-agent", "did you mean 'cs(User-Agent)'?"},
        {"sc_status", "did you mean 'sc-status'?"},
        {"cs-cookie", "did you mean 'cs(Cookie)'?"},
        {"colour", "known are default date time"},
        {"", "known are default date time"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%s", cases[i].name);
        struct config_value item = {.text = name, .mark = {"proxy.yaml", 7, 9}};
        struct config_list list = {.items = &item, .count = 1, .is_set = true};
        struct error_list errors = {0};
        (void)access_log_fields(&list, &errors);
        ck_assert_uint_eq(errors.errors, 1);
        ck_assert_ptr_nonnull(strstr(errors.entries[0].text, cases[i].expected));
        ck_assert_uint_eq(errors.entries[0].line, 7);
        errors_clear(&errors);
    }
    struct config_list empty = {.is_set = true};
    struct error_list errors = {0};
    (void)access_log_fields(&empty, &errors);
    ck_assert_uint_eq(errors.errors, 1);
    errors_clear(&errors);
}
END_TEST

static void open_pipe(int ret_fds[2])
{
    ck_assert_int_eq(pipe2(ret_fds, O_CLOEXEC | O_NONBLOCK), 0);
}

static size_t read_all(int fd, char *bytes, size_t size)
{
    size_t len = 0;
    ssize_t got;
    while (len < size && (got = read(fd, bytes + len, size - len)) > 0)
        len += (size_t)got;
    return len;
}

START_TEST(buffers_until_flushed)
{
    int fds[2];
    char bytes[256];
    open_pipe(fds);
    struct access_log *log = access_log_new(fds[1], ACCESS_BIT(ACCESS_STATUS), false);
    struct access_record record = record_of(200, 0, 0);
    access_log_write(log, &record);
    ck_assert_uint_eq(read_all(fds[0], bytes, sizeof bytes), 0);
    access_log_flush(log);
    ck_assert_uint_eq(read_all(fds[0], bytes, sizeof bytes), 4);
    access_log_write(log, &record);
    access_log_free(log);
    ck_assert_uint_eq(read_all(fds[0], bytes, sizeof bytes), 4);
    ck_assert_mem_eq(bytes, "200\n", 4);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

/* interface.md 7: to a pipe whole lines only; a full pipe drops and counts. */
START_TEST(drops_whole_lines_when_the_pipe_is_full_and_counts_them)
{
    enum { LINES = 20000 };
    int fds[2];
    open_pipe(fds);
    struct access_log *log =
        access_log_new(fds[1], ACCESS_BIT(ACCESS_URI_STEM) | ACCESS_BIT(ACCESS_STATUS), false);
    struct access_record record = record_of(200, 0, 0);
    for (int i = 0; i < LINES; i++)
        access_log_write(log, &record);
    access_log_flush(log);
    ck_assert_uint_gt(access_log_dropped(log), 0);
    static char bytes[1 << 20];
    size_t len = read_all(fds[0], bytes, sizeof bytes);
    access_log_write(log, &record);
    access_log_free(log);
    len += read_all(fds[0], bytes + len, sizeof bytes - len);
    size_t lines = len / 12;
    ck_assert_uint_eq(len % 12, 0);
    for (size_t i = 0; i < lines; i++)
        ck_assert_mem_eq(bytes + 12 * i, "/secure 200\n", 12);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

START_TEST(accounts_for_every_line_written_or_dropped)
{
    enum { LINES = 20000 };
    int fds[2];
    open_pipe(fds);
    struct access_log *log = access_log_new(fds[1], ACCESS_BIT(ACCESS_STATUS), false);
    struct access_record record = record_of(200, 0, 0);
    for (int i = 0; i < LINES * 3; i++)
        access_log_write(log, &record);
    access_log_flush(log);
    static char bytes[1 << 20];
    size_t len = read_all(fds[0], bytes, sizeof bytes);
    ck_assert_uint_eq(len / 4 + access_log_dropped(log), LINES * 3);
    access_log_free(log);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

START_TEST(cuts_long_texts_so_that_a_line_fits_one_write_to_a_pipe)
{
    int fds[2];
    open_pipe(fds);
    static char huge[60000];
    memset(huge, 'a', sizeof huge);
    struct str text = str_make(huge, sizeof huge);
    struct access_record record = record_of(403, 16, UINT32_MAX);
    record.site = record.computer = record.method = record.uri_stem = record.uri_query = text;
    record.user = record.user_agent = record.cookie = record.referer = record.host = text;
    record.server_ip = record.client_ip = text;
    record.bytes_sent = record.bytes_received = record.time_taken_ms = UINT64_MAX;
    struct access_log *log = access_log_new(fds[1], ACCESS_BIT(ACCESS_HOST) * 4 - 1, false);
    access_log_write(log, &record);
    access_log_free(log);
    char bytes[8192];
    size_t len = read_all(fds[0], bytes, sizeof bytes);
    ck_assert_uint_le(len, 4096);
    ck_assert(memchr(bytes, '\n', len) == bytes + len - 1);
    ck_assert_ptr_nonnull(memmem(bytes, len, "aaa... ", 7));
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

START_TEST(writes_long_lines_whole_to_a_file)
{
    char path[] = "/tmp/access-log-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)unlink(path);
    static char huge[60000];
    memset(huge, 'a', sizeof huge);
    struct access_record record = record_of(200, 0, 0);
    record.user_agent = str_make(huge, sizeof huge);
    struct access_log *log = access_log_new(fd, ACCESS_BIT(ACCESS_USER_AGENT), false);
    access_log_write(log, &record);
    access_log_write(log, &record);
    access_log_write(log, &record);
    access_log_free(log);
    ck_assert_int_eq((int)lseek(fd, 0, SEEK_END), 3 * 60001);
    (void)close(fd);
}
END_TEST

START_TEST(goes_on_in_a_reopened_file)
{
    int old_fds[2];
    int new_fds[2];
    char bytes[64];
    open_pipe(old_fds);
    open_pipe(new_fds);
    struct access_log *log = access_log_new(old_fds[1], ACCESS_BIT(ACCESS_STATUS), false);
    struct access_record record = record_of(200, 0, 0);
    access_log_write(log, &record);
    access_log_set_fd(log, new_fds[1]);
    record.status = 403;
    access_log_write(log, &record);
    access_log_set_fd(log, -1);
    access_log_write(log, &record);
    access_log_free(log);
    ck_assert_uint_eq(read_all(old_fds[0], bytes, sizeof bytes), 4);
    ck_assert_mem_eq(bytes, "200\n", 4);
    ck_assert_uint_eq(read_all(new_fds[0], bytes, sizeof bytes), 4);
    ck_assert_mem_eq(bytes, "403\n", 4);
    for (int i = 0; i < 2; i++) {
        (void)close(old_fds[i]);
        (void)close(new_fds[i]);
    }
}
END_TEST

/* A socket takes part of a line: its end must come before the next line. */
START_TEST(never_tears_a_line_that_was_partly_written)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    int size = 4096;
    ck_assert_int_eq(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    struct access_log *log = access_log_new(fds[1], ACCESS_BIT(ACCESS_USER_AGENT), false);
    static char agent[1000];
    memset(agent, 'a', sizeof agent);
    struct access_record record = record_of(200, 0, 0);
    record.user_agent = str_make(agent, sizeof agent);
    static char bytes[1 << 20];
    size_t len = 0;
    size_t written = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 7; i++, written++)
            access_log_write(log, &record);
        access_log_flush(log);
        ssize_t got = read(fds[0], bytes + len, (size_t)(997 + round));
        len += got > 0 ? (size_t)got : 0;
    }
    for (int i = 0; i < 100; i++) {
        len += read_all(fds[0], bytes + len, sizeof bytes - len);
        access_log_flush(log);
    }
    ck_assert_uint_eq(len % 1001, 0);
    for (size_t i = 0; i < len / 1001; i++)
        ck_assert_int_eq(bytes[i * 1001 + 1000], '\n');
    ck_assert_uint_eq(len / 1001 + access_log_dropped(log), written);
    access_log_free(log);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("access_log");
    TCase *tcase = tcase_create("access_log");
    tcase_add_test(tcase, writes_the_lines_that_iis_writes);
    tcase_add_test(tcase, keeps_the_columns_in_the_order_of_iis);
    tcase_add_test(tcase, turns_blanks_and_control_bytes_into_plus);
    tcase_add_test(tcase, ends_lines_as_configured);
    tcase_add_test(tcase, names_the_column_that_was_probably_meant);
    tcase_add_test(tcase, buffers_until_flushed);
    tcase_add_test(tcase, drops_whole_lines_when_the_pipe_is_full_and_counts_them);
    tcase_add_test(tcase, accounts_for_every_line_written_or_dropped);
    tcase_add_test(tcase, cuts_long_texts_so_that_a_line_fits_one_write_to_a_pipe);
    tcase_add_test(tcase, writes_long_lines_whole_to_a_file);
    tcase_add_test(tcase, goes_on_in_a_reopened_file);
    tcase_add_test(tcase, never_tears_a_line_that_was_partly_written);
    suite_add_tcase(suite, tcase);
    return suite;
}
