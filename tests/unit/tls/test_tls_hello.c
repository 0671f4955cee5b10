/* SPDX-License-Identifier: MIT */
#include "tls/tls_private.h"
#include "unit/unit.h"

/* A server_name extension with one host_name of the given bytes. */
static size_t make_extension(const char *name, size_t len, unsigned char *out)
{
    const size_t parts[] = {len + 3, len};
    out[0] = (unsigned char)(parts[0] >> 8);
    out[1] = (unsigned char)parts[0];
    out[2] = 0;
    out[3] = (unsigned char)(parts[1] >> 8);
    out[4] = (unsigned char)parts[1];
    memcpy(out + 5, name, len);
    return len + 5;
}

START_TEST(normalises_a_host_name)
{
    static const struct {
        const char *sent;
        const char *name;
    } CASES[] = {
        {"a", "a"},
        {"www.Example.TEST", "www.example.test"},
        {"www.example.test.", "www.example.test"},
        {"under_score.example.test", "under_score.example.test"},
        {"192.0.2.1", "192.0.2.1"}, /* RFC 6066 section 3 forbids it, clients send it */
        {"*.example.test", "*.example.test"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        unsigned char bytes[512];
        char name[TLS_NAME_SIZE];
        int alert = -1;
        size_t len = make_extension(CASES[i].sent, strlen(CASES[i].sent), bytes);
        ck_assert(tls_hello_parse_name(bytes, len, name, &alert));
        ck_assert_str_eq(name, CASES[i].name);
    }
}
END_TEST

START_TEST(refuses_names_with_bytes_no_name_has)
{
    static const struct {
        const char *sent;
        size_t len;
    } CASES[] = {{"", 0},      {".", 1},        {"a b", 3},    {"a\0b", 3},
                 {"a\x7f", 2}, {"\xc3\xa4", 2}, {"a\r\nb", 4}, {"a\tb", 3}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        unsigned char bytes[512];
        char name[TLS_NAME_SIZE] = "kept";
        int alert = -1;
        size_t len = make_extension(CASES[i].sent, CASES[i].len, bytes);
        ck_assert_msg(!tls_hello_parse_name(bytes, len, name, &alert), "case %zu", i);
        ck_assert_int_eq(alert, SSL_AD_ILLEGAL_PARAMETER);
        ck_assert_str_eq(name, "kept");
    }
}
END_TEST

START_TEST(takes_a_name_of_255_bytes_and_no_longer)
{
    char sent[256];
    unsigned char bytes[512];
    char name[TLS_NAME_SIZE];
    int alert = -1;
    memset(sent, 'a', sizeof sent);
    ck_assert(tls_hello_parse_name(bytes, make_extension(sent, 255, bytes), name, &alert));
    ck_assert_uint_eq(strlen(name), 255);
    ck_assert(!tls_hello_parse_name(bytes, make_extension(sent, 256, bytes), name, &alert));
}
END_TEST

START_TEST(refuses_a_malformed_list)
{
    /* RFC 6066 section 3: lengths that add up, one host_name, nothing else */
    static const struct {
        const char *bytes;
        size_t len;
    } CASES[] = {
        {"", 0},
        {"\x00", 1},
        {"\x00\x00", 2},
        {"\x00\x04\x00\x00\x01", 5}, /* shorter than it says */
        {"\x00\x04\x00\x00\x01"
         "ab",
         7}, /* a byte behind the list */
        {"\x00\x05\x00\x00\x01"
         "ab",
         7}, /* a byte behind the name */
        {"\x00\x05\x00\x00\x03"
         "ab",
         7}, /* a name beyond the list */
        {"\x00\x04\x01\x00\x01"
         "a",
         6}, /* an unknown type */
        {"\x00\x08\x00\x00\x01"
         "a\x00\x00\x01"
         "b",
         10}, /* two names */
        {"\x00\x08\x01\x00\x01"
         "a\x00\x00\x01"
         "b",
         10},
        {"\x00\x01\x00", 3},
        {"\x00\x02\x00\x00", 4},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        unsigned char bytes[16];
        char name[TLS_NAME_SIZE] = "kept";
        int alert = -1;
        memcpy(bytes, CASES[i].bytes, CASES[i].len);
        ck_assert_msg(!tls_hello_parse_name(bytes, CASES[i].len, name, &alert), "case %zu", i);
        ck_assert_int_eq(alert, SSL_AD_DECODE_ERROR);
        ck_assert_str_eq(name, "kept");
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_hello");
    TCase *tcase = tcase_create("tls_hello");
    tcase_add_test(tcase, normalises_a_host_name);
    tcase_add_test(tcase, refuses_names_with_bytes_no_name_has);
    tcase_add_test(tcase, takes_a_name_of_255_bytes_and_no_longer);
    tcase_add_test(tcase, refuses_a_malformed_list);
    suite_add_tcase(suite, tcase);
    return suite;
}
