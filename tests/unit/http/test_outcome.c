/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "http/http1_parse.h"
#include "http/http1_write.h"
#include "http/outcome.h"
#include "unit/unit.h"

struct outcome_case {
    enum outcome outcome;
    unsigned status;
    unsigned substatus;
    uint32_t win32;
    const char *reason;
};

/* The decimal numbers are those of real log lines where there are any: 403 7 5, 403 16 2148204809,
 * 403 13 2148081683, 401 1 2148086018 (learn.microsoft.com, HTTP status codes in IIS). */
static const struct outcome_case CASES[] = {
    {OUTCOME_OK, 200, 0, 0, NULL},
    {OUTCOME_SSL_REQUIRED, 403, 4, 5, "ssl_required"},
    {OUTCOME_CIPHER_STRENGTH, 403, 5, 5, "cipher_strength"},
    {OUTCOME_CERTIFICATE_REQUIRED, 403, 7, 5, "certificate_required"},
    {OUTCOME_EXPLICIT_DISTRUST, 403, 16, 2148204817, "explicit_distrust"},
    {OUTCOME_SIGNATURE, 403, 16, 2148098052, "signature"},
    {OUTCOME_WEAK_KEY, 403, 16, 2148098052, "weak_key"},
    {OUTCOME_UNTRUSTED_ROOT, 403, 16, 2148204809, "untrusted_root"},
    {OUTCOME_ROOT_STORE_MIXED, 403, 16, 2148204809, "root_store_mixed"},
    {OUTCOME_ISSUER_NOT_LISTED, 403, 16, 2148204809, "issuer_not_listed"},
    {OUTCOME_SEARCH_LIMIT, 403, 16, 2148204809, "search_limit"},
    {OUTCOME_PARTIAL_CHAIN, 403, 16, 2148204809, "partial_chain"},
    {OUTCOME_PARTIAL_CHAIN_CHAINING, 403, 16, 2148204810, "partial_chain"},
    {OUTCOME_EXPIRED, 403, 17, 2148204801, "expired"},
    {OUTCOME_NOT_YET_VALID, 403, 17, 2148204801, "not_yet_valid"},
    {OUTCOME_BASIC_CONSTRAINTS, 403, 16, 2148098073, "basic_constraints"},
    {OUTCOME_WRONG_USAGE, 403, 16, 2148204816, "wrong_usage"},
    {OUTCOME_REVOKED, 403, 13, 2148081680, "revoked"},
    {OUTCOME_REVOCATION_OFFLINE, 403, 13, 2148081683, "revocation_offline"},
    {OUTCOME_INVALID_NAME, 403, 16, 2148204820, "invalid_name"},
    {OUTCOME_INVALID_POLICY, 403, 16, 2148204819, "invalid_policy"},
    {OUTCOME_CRITICAL_EXTENSION, 403, 16, 2148204805, "critical_extension"},
    {OUTCOME_MAPPING_DENIED, 403, 12, 5, "mapping_denied"},
    {OUTCOME_MAPPING_DENIED_401, 401, 1, 5, "mapping_denied"},
    {OUTCOME_MAPPING_MALFORMED, 401, 1, 2148086018, "mapping_malformed"},
    {OUTCOME_LOGON_FAILED, 401, 1, 1326, "logon_failed"},
    {OUTCOME_LOGON_DISABLED, 401, 1, 1331, "logon_failed"},
    {OUTCOME_LOGON_PASSWORD_EXPIRED, 401, 1, 1330, "logon_failed"},
    {OUTCOME_LOGON_TYPE_DENIED, 401, 1, 1385, "logon_failed"},
    {OUTCOME_NO_USER, 401, 2, 5, "no_user"},
    {OUTCOME_NOT_AUTHORIZED, 403, 12, 5, "mapping_denied"},
    {OUTCOME_MISDIRECTED, 421, 0, 0, "misdirected"},
    {OUTCOME_POST_HANDSHAKE_500, 500, 0, 50, "post_handshake_unsupported"},
    {OUTCOME_POST_HANDSHAKE_403, 403, 7, 5, "post_handshake_unsupported"},
    {OUTCOME_READ_AHEAD_EXCEEDED, 413, 0, 0, "read_ahead_exceeded"},
    {OUTCOME_AMBIGUOUS_PATH, 400, 0, 0, "ambiguous_path"},
    {OUTCOME_BAD_FORWARDED, 400, 0, 0, "forwarded_certificate"},
    {OUTCOME_BAD_REQUEST, 400, 0, 0, "bad_request"},
    {OUTCOME_BAD_FRAMING, 400, 0, 0, "ambiguous_framing"},
    {OUTCOME_BAD_TARGET, 400, 0, 0, "invalid_target"},
    {OUTCOME_ENCODED_SLASH, 400, 0, 0, "encoded_slash"},
    {OUTCOME_BAD_HOST, 400, 0, 0, "invalid_host"},
    {OUTCOME_UNKNOWN_HOST, 400, 0, 0, "unknown_host"},
    {OUTCOME_HTTP_ON_HTTPS, 400, 0, 0, "http_on_https"},
    {OUTCOME_METHOD_NOT_ALLOWED, 405, 0, 0, "method_not_allowed"},
    {OUTCOME_REQUEST_TIMEOUT, 408, 0, 0, "request_timeout"},
    {OUTCOME_CONTENT_TOO_LARGE, 413, 0, 0, "content_too_large"},
    {OUTCOME_URI_TOO_LONG, 414, 0, 0, "uri_too_long"},
    {OUTCOME_EXPECTATION_FAILED, 417, 0, 0, "expectation_failed"},
    {OUTCOME_HEADER_TOO_LARGE, 431, 0, 0, "header_too_large"},
    {OUTCOME_NOT_IMPLEMENTED, 501, 0, 0, "not_implemented"},
    {OUTCOME_VERSION_NOT_SUPPORTED, 505, 0, 0, "http_version"},
    {OUTCOME_INTERNAL, 500, 0, 0, "internal_error"},
    {OUTCOME_UPSTREAM_CONNECT, 502, 3, 12029, "upstream_connect"},
    {OUTCOME_UPSTREAM_CLOSED, 502, 3, 12030, "upstream_closed"},
    {OUTCOME_UPSTREAM_INVALID, 502, 3, 12152, "upstream_invalid"},
    {OUTCOME_UNAVAILABLE, 503, 0, 0, "unavailable"},
    {OUTCOME_UPSTREAM_TIMEOUT, 504, 0, 12002, "upstream_timeout"},
};

START_TEST(every_outcome_has_the_numbers_of_iis)
{
    ck_assert_uint_eq(sizeof CASES / sizeof CASES[0], OUTCOME_COUNT);
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info(CASES[i].outcome);
        ck_assert_uint_eq(CASES[i].outcome, i);
        ck_assert_uint_eq(info->status, CASES[i].status);
        ck_assert_msg(info->substatus == CASES[i].substatus, "outcome %zu", i);
        ck_assert_msg(info->win32 == CASES[i].win32, "outcome %zu: %u", i, info->win32);
        ck_assert_pstr_eq(info->reason, CASES[i].reason);
    }
}
END_TEST

START_TEST(every_outcome_has_its_words)
{
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info((enum outcome)i);
        ck_assert_msg(info->title != NULL && info->message != NULL, "outcome %d", i);
        ck_assert_str_ne(http_status_text(info->status), "Unknown");
        size_t len = strlen(info->message);
        ck_assert(strlen(info->title) > 0 && len > 0 && info->message[len - 1] == '.');
        ck_assert_ptr_null(strpbrk(info->title, "<>&\"'"));
    }
    ck_assert_uint_eq(outcome_info(OUTCOME_COUNT)->status, 500);
}
END_TEST

START_TEST(knows_which_refusals_are_the_certificates)
{
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        unsigned substatus = outcome_info((enum outcome)i)->substatus;
        bool wanted = substatus == 16 || substatus == 17 || substatus == 13;
        ck_assert_msg(outcome_is_verdict((enum outcome)i) == wanted, "outcome %d", i);
    }
}
END_TEST

/* interface.md 5: the set is closed, and every answer of the proxy has a word of it. */
START_TEST(every_answer_has_a_reason)
{
    ck_assert_ptr_null(outcome_info(OUTCOME_OK)->reason);
    for (int i = OUTCOME_OK + 1; i < OUTCOME_COUNT; i++) {
        enum outcome outcome = (enum outcome)i;
        const char *reason = outcome_info(outcome)->reason;
        ck_assert_msg(reason != NULL, "outcome %d", i);
        ck_assert_uint_eq(strspn(reason, "abcdefghijklmnopqrstuvwxyz_"), strlen(reason));
        ck_assert(!(outcome_is_refusal(outcome) && outcome_is_protocol(outcome)));
        ck_assert(!outcome_is_verdict(outcome) || outcome_is_refusal(outcome));
    }
    ck_assert(outcome_is_refusal(OUTCOME_READ_AHEAD_EXCEEDED));
    ck_assert(outcome_is_refusal(OUTCOME_AMBIGUOUS_PATH));
    ck_assert(!outcome_is_refusal(OUTCOME_OK));
    ck_assert(!outcome_is_refusal(OUTCOME_UPSTREAM_CONNECT));
    /* What a stranger may not learn: how the proxy and its servers are. */
    ck_assert(!outcome_is_protocol(OUTCOME_INTERNAL));
    ck_assert(!outcome_is_protocol(OUTCOME_UNAVAILABLE));
    ck_assert(!outcome_is_protocol(OUTCOME_BAD_FORWARDED));
}
END_TEST

START_TEST(every_parser_reason_has_words_and_an_outcome)
{
    for (int i = 0; i < HTTP1_REASON_COUNT; i++) {
        enum http1_reason reason = (enum http1_reason)i;
        ck_assert_msg(http1_reason_text(reason) != NULL, "reason %d", i);
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(http1_reason_text(reason), http1_reason_text((enum http1_reason)j));
        ck_assert((http1_reason_outcome(reason) == OUTCOME_OK) == (reason == HTTP1_VALID));
    }
    ck_assert_ptr_nonnull(http1_reason_text(HTTP1_REASON_COUNT));
    ck_assert(http1_reason_outcome(HTTP1_REASON_COUNT) == OUTCOME_BAD_REQUEST);
    ck_assert(http1_reason_outcome(HTTP1_BARE_LF) == OUTCOME_BAD_REQUEST);
    ck_assert(http1_reason_outcome(HTTP1_VERSION_MAJOR) == OUTCOME_VERSION_NOT_SUPPORTED);
    ck_assert(http1_reason_outcome(HTTP1_TOO_MANY_FIELDS) == OUTCOME_HEADER_TOO_LARGE);
    ck_assert(http1_reason_outcome(HTTP1_HEAD_TOO_LONG) == OUTCOME_HEADER_TOO_LARGE);
    ck_assert(http1_reason_outcome(HTTP1_TARGET_TOO_LONG) == OUTCOME_URI_TOO_LONG);
    ck_assert(http1_reason_outcome(HTTP1_LENGTH_AND_ENCODING) == OUTCOME_BAD_FRAMING);
    ck_assert(http1_reason_outcome(HTTP1_HOST_REPEATED) == OUTCOME_BAD_HOST);
    ck_assert(http1_reason_outcome(HTTP1_TARGET) == OUTCOME_BAD_TARGET);
    ck_assert(http1_reason_outcome(HTTP1_TRANSFER_CODING) == OUTCOME_NOT_IMPLEMENTED);
    ck_assert(http1_reason_outcome(HTTP1_EXPECTATION) == OUTCOME_EXPECTATION_FAILED);
    ck_assert(http1_reason_outcome(HTTP1_BODY_TOO_LARGE) == OUTCOME_CONTENT_TOO_LARGE);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("outcome");
    TCase *tcase = tcase_create("outcome");
    tcase_add_test(tcase, every_outcome_has_the_numbers_of_iis);
    tcase_add_test(tcase, every_outcome_has_its_words);
    tcase_add_test(tcase, knows_which_refusals_are_the_certificates);
    tcase_add_test(tcase, every_answer_has_a_reason);
    tcase_add_test(tcase, every_parser_reason_has_words_and_an_outcome);
    suite_add_tcase(suite, tcase);
    return suite;
}
