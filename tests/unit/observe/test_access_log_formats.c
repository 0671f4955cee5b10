/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "observe/access_log_private.h"
#include "unit/unit.h"

#define NEW_YEAR INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define ALL      (ACCESS_BIT(ACCESS_UPSTREAM_TIME) * 2 - 1)

static struct access_record sample(void)
{
    return (struct access_record){
        .wall_s = NEW_YEAR,
        .wall_ms = NEW_YEAR * 1000 + 42,
        .site = STR("orders"),
        .server_ip = STR("10.0.0.5"),
        .method = STR("GET"),
        .uri_stem = STR("/a"),
        .uri_query = STR("q=1"),
        .user = STR("CONTOSO\\alice b"),
        .client_ip = STR("10.0.0.9"),
        .user_agent = STR("curl \"8\""),
        .server_port = 443,
        .status = 403,
        .substatus = 16,
        .win32 = 2148204809,
        .http_minor = 1,
        .bytes_sent = 1234,
        .time_taken_ms = 7,
        .request_id = STR("00000000000000aa"),
        .reason = STR("untrusted_root"),
    };
}

START_TEST(what_is_not_there_is_null_or_a_dash)
{
    const uint64_t fields = ACCESS_BIT(ACCESS_UPSTREAM) | ACCESS_BIT(ACCESS_UPSTREAM_STATUS) |
                            ACCESS_BIT(ACCESS_UPSTREAM_TIME) | ACCESS_BIT(ACCESS_TLS_RESUMED) |
                            ACCESS_BIT(ACCESS_CERT_SUBJECT);
    struct access_record record = sample();
    struct text out = {0};
    access_log_line_json(fields, false, &record, SIZE_MAX, &out);
    ck_assert_str_eq(out.ptr, "{\"tls_resumed\":null,\"client_subject\":null,\"upstream\":null,"
                              "\"upstream_status\":null,\"upstream_time_ms\":null}\n");
    text_reset(&out);
    access_log_line(fields, false, &record, &out);
    ck_assert_str_eq(out.ptr, "- - - - -\n");
    record.tls_resumed = STR("no");
    record.cert_subject = STR("CN=Alice Smith,O=\xC3\x84");
    record.upstream = STR("http://127.0.0.1:8080");
    record.has_upstream = true;
    record.upstream_status = 204;
    text_reset(&out);
    access_log_line_json(fields, false, &record, SIZE_MAX, &out);
    ck_assert_str_eq(out.ptr,
                     "{\"tls_resumed\":false,\"client_subject\":\"CN=Alice Smith,O=\xC3\x84\","
                     "\"upstream\":\"http://127.0.0.1:8080\",\"upstream_status\":204,"
                     "\"upstream_time_ms\":0}\n");
    text_reset(&out);
    access_log_line(fields, false, &record, &out);
    ck_assert_str_eq(out.ptr, "no CN=Alice+Smith,O=\xC3\x84 http://127.0.0.1:8080 204 0\n");
    text_clear(&out);
}
END_TEST

START_TEST(json_has_every_chosen_key_in_one_line)
{
    struct access_record record = sample();
    struct text out = {0};
    access_log_line_json(ALL, false, &record, SIZE_MAX, &out);
    ck_assert_ptr_eq(strchr(out.ptr, '\n'), out.ptr + out.len - 1);
    json_t *root = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(root);
    ck_assert_uint_eq(json_object_size(root), 36);
    ck_assert_str_eq(json_string_value(json_object_get(root, "time")), "2026-01-01T00:00:00.042Z");
    ck_assert_str_eq(json_string_value(json_object_get(root, "user")), "CONTOSO\\alice b");
    ck_assert_str_eq(json_string_value(json_object_get(root, "user_agent")), "curl \"8\"");
    ck_assert_str_eq(json_string_value(json_object_get(root, "id")), "00000000000000aa");
    ck_assert_int_eq(json_integer_value(json_object_get(root, "win32_status")), 2148204809);
    ck_assert(json_is_null(json_object_get(root, "cookie")));
    json_decref(root);
    text_reset(&out);
    access_log_line_json(ACCESS_BIT(ACCESS_STATUS) | ACCESS_BIT(ACCESS_REASON), true, &record,
                         SIZE_MAX, &out);
    ck_assert_str_eq(out.ptr, "{\"status\":403,\"reason\":\"untrusted_root\"}\r\n");
    text_clear(&out);
}
END_TEST

START_TEST(nobody_adds_a_key_or_a_line_to_json)
{
    struct access_record record = sample();
    struct text out = {0};
    record.user_agent = STR("x\",\"status\":200,\"a\":\"\n{\xff\xc3");
    access_log_line_json(ACCESS_BIT(ACCESS_USER_AGENT) | ACCESS_BIT(ACCESS_STATUS), false, &record,
                         SIZE_MAX, &out);
    json_t *root = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_uint_eq(json_object_size(root), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(root, "status")), 403);
    ck_assert_ptr_eq(strchr(out.ptr, '\n'), out.ptr + out.len - 1);
    json_decref(root);
    text_clear(&out);
}
END_TEST

START_TEST(combined_is_the_line_that_apache_writes)
{
    struct access_record record = sample();
    struct text out = {0};
    access_log_line_combined(false, &record, SIZE_MAX, &out);
    ck_assert_str_eq(out.ptr, "10.0.0.9 - CONTOSO\\\\alice\\x20b [01/Jan/2026:00:00:00 +0000] "
                              "\"GET /a?q=1 HTTP/1.1\" 403 1234 \"-\" \"curl \\\"8\\\"\"\n");
    text_reset(&out);
    record = (struct access_record){.wall_s = NEW_YEAR, .status = 400, .user_agent = STR("\n\x80")};
    access_log_line_combined(true, &record, SIZE_MAX, &out);
    ck_assert_str_eq(out.ptr,
                     "- - - [01/Jan/2026:00:00:00 +0000] \"-\" 400 0 \"-\" \"\\x0a\\x80\"\r\n");
    text_clear(&out);
}
END_TEST

/* A line to a pipe that others write to must go out in one piece. */
START_TEST(a_line_to_a_pipe_fits_one_write_whatever_is_escaped)
{
    static const enum config_access_format FORMATS[] = {ACCESS_FORMAT_JSON, ACCESS_FORMAT_COMBINED};
    static char hostile[20000];
    memset(hostile, 1, sizeof hostile);
    struct str text = str_make(hostile, sizeof hostile);
    struct access_record record = sample();
    record.site = record.computer = record.method = record.uri_stem = record.uri_query = text;
    record.user = record.user_agent = record.cookie = record.referer = record.host = text;
    for (size_t i = 0; i < 2; i++) {
        int fds[2];
        static char bytes[65536];
        ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
        struct access_log *log = access_log_new(fds[1], ALL, false);
        access_log_set_format(log, FORMATS[i]);
        access_log_write(log, &record);
        access_log_flush(log);
        ssize_t got = read(fds[0], bytes, sizeof bytes);
        ck_assert_int_gt(got, 0);
        ck_assert_int_le(got, PIPE_BUF);
        ck_assert_int_eq(bytes[got - 1], '\n');
        if (FORMATS[i] == ACCESS_FORMAT_JSON) {
            json_t *root = json_loadb(bytes, (size_t)got, 0, NULL);
            ck_assert_ptr_nonnull(root);
            json_decref(root);
        }
        access_log_free(log);
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
}
END_TEST

static uint64_t configured(enum config_access_format format, bool daily, char *path,
                           const char *column, size_t wanted_errors)
{
    char name[64] = "";
    struct error_list errors = {0};
    struct config_value item = {.text = name};
    struct config_log config = {
        .access_path = {.text = path}, .access_format = format, .access_daily = daily};
    if (column != NULL) {
        (void)snprintf(name, sizeof name, "%s", column);
        config.access_fields = (struct config_list){.items = &item, .count = 1, .is_set = true};
    }
    uint64_t fields = access_log_configured(&config, &errors);
    ck_assert_uint_eq(errors.errors, wanted_errors);
    errors_clear(&errors);
    return fields;
}

START_TEST(columns_follow_the_format)
{
    char file[] = "u_ex.log";
    char standard[] = "stdout";
    ck_assert_uint_eq(configured(ACCESS_FORMAT_JSON, false, file, NULL, 0),
                      ALL & ~ACCESS_BIT(ACCESS_COOKIE));
    ck_assert_uint_eq(configured(ACCESS_FORMAT_JSON, false, file, "cs(Cookie)", 0),
                      ACCESS_BIT(ACCESS_COOKIE));
    ck_assert_uint_eq(configured(ACCESS_FORMAT_W3C, true, file, "x-request-id", 0),
                      ACCESS_BIT(ACCESS_REQUEST_ID));
    ck_assert_uint_eq(configured(ACCESS_FORMAT_W3C, true, NULL, "x-reason", 0),
                      ACCESS_BIT(ACCESS_REASON));
    (void)configured(ACCESS_FORMAT_COMBINED, false, file, NULL, 0);
    (void)configured(ACCESS_FORMAT_COMBINED, false, file, "date", 1);
    (void)configured(ACCESS_FORMAT_W3C, true, standard, NULL, 1);
}
END_TEST

START_TEST(our_own_columns_come_behind_those_of_iis)
{
    struct access_record record = sample();
    struct text out = {0};
    access_log_header(ACCESS_BIT(ACCESS_TIME_TAKEN) | ACCESS_BIT(ACCESS_REQUEST_ID) |
                          ACCESS_BIT(ACCESS_REASON),
                      false, 0, &out);
    ck_assert_ptr_nonnull(strstr(out.ptr, "#Fields: time-taken x-request-id x-reason\n"));
    text_reset(&out);
    access_log_line(ACCESS_BIT(ACCESS_TIME_TAKEN) | ACCESS_BIT(ACCESS_REQUEST_ID) |
                        ACCESS_BIT(ACCESS_REASON) | ACCESS_BIT(ACCESS_TLS_VERSION),
                    false, &record, &out);
    ck_assert_str_eq(out.ptr, "7 00000000000000aa untrusted_root -\n");
    text_clear(&out);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("access_log_formats");
    TCase *tcase = tcase_create("access_log_formats");
    tcase_add_test(tcase, what_is_not_there_is_null_or_a_dash);
    tcase_add_test(tcase, json_has_every_chosen_key_in_one_line);
    tcase_add_test(tcase, nobody_adds_a_key_or_a_line_to_json);
    tcase_add_test(tcase, combined_is_the_line_that_apache_writes);
    tcase_add_test(tcase, a_line_to_a_pipe_fits_one_write_whatever_is_escaped);
    tcase_add_test(tcase, columns_follow_the_format);
    tcase_add_test(tcase, our_own_columns_come_behind_those_of_iis);
    suite_add_tcase(suite, tcase);
    return suite;
}
