/* RFC 3629; Unicode 15, categories Cc, Cf, Zl, Zp and Cs.
 *
 * SPDX-License-Identifier: MIT */
#include "base/unicode.h"
#include "unit/unit.h"

START_TEST(knows_what_acts_instead_of_being_seen)
{
    static const struct {
        uint32_t first, last;
        bool is_visible;
    } CASES[] = {
        {0x00, 0x1f, false},
        {0x20, 0x7e, true},
        {0x7f, 0x9f, false},
        {0xa1, 0xac, true},
        {0xae, 0x34e, true},
        {0x61b, 0x61b, true},
        {0x61c, 0x61c, false},
        {0x2010, 0x2027, true},
        {0x200b, 0x200f, false},
        {0x2028, 0x202e, false},
        {0x202f, 0x205f, true},
        {0x2060, 0x206f, false},
        {0x2066, 0x2069, false},
        {0x20ac, 0x20ac, true},
        {0x4e00, 0x9fff, true},
        {0xd800, 0xdfff, false},
        {0xfeff, 0xfeff, false},
        {0xfffd, 0xfffd, true},
        {0x1f600, 0x1f64f, true},
        {0xe0000, 0xe007f, false},
        {0xe0100, 0xe01ef, false},
        {0x110000, 0x110000, false},
        {UINT32_MAX, UINT32_MAX, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        for (uint32_t point = CASES[i].first;; point++) {
            ck_assert_msg(unicode_is_visible(point) == CASES[i].is_visible, "U+%04X", point);
            if (point == CASES[i].last)
                break;
        }
    }
}
END_TEST

START_TEST(shows_any_bytes_on_one_line)
{
    static const struct {
        struct str in;
        const char *shown;
        bool is_clean;
    } CASES[] = {
        {STR_INIT("a b\\\"~"), "a b\\\"~", true},
        {STR_INIT("\xc3\xbc\xe2\x82\xac\xf0\x9f\x99\x82"), "\xc3\xbc\xe2\x82\xac\xf0\x9f\x99\x82",
         true},
        {STR_INIT("\n\t\x1b\0\x7f"), "\\x0a\\x09\\x1b\\x00\\x7f", false},
        {STR_INIT("\xc2\x9b\x9b"), "\\xc2\\x9b\\x9b", false},
        {STR_INIT("\xe2\x80\xae\xe2\x80\xa8"), "\\xe2\\x80\\xae\\xe2\\x80\\xa8", false},
        {STR_INIT("\xf3\xa0\x81\x81"), "\\xf3\\xa0\\x81\\x81", false}, /* a tag */
        {STR_INIT("\xc0\xaf\xed\xa0\x80"), "\\xc0\\xaf\\xed\\xa0\\x80", false},
        {STR_INIT("x\xe2\x82"), "x\\xe2\\x82", false},
        {STR_INIT(""), "", true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct text out = {0};
        text_add_cstr(&out, "");
        unicode_add_shown(&out, CASES[i].in);
        ck_assert_str_eq(out.ptr, CASES[i].shown);
        ck_assert_msg(unicode_is_clean(CASES[i].in) == CASES[i].is_clean, "case %zu", i);
        text_clear(&out);
    }
}
END_TEST

START_TEST(whatever_is_shown_is_clean)
{
    for (unsigned pair = 0; pair < 65536; pair++) {
        char bytes[] = {(char)(pair >> 8), (char)pair, 'x'};
        struct text out = {0};
        unicode_add_shown(&out, str_make(bytes, sizeof bytes));
        ck_assert_msg(unicode_is_clean(text_str(&out)), "%04x", pair);
        text_clear(&out);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("unicode");
    TCase *tcase = tcase_create("unicode");
    tcase_add_test(tcase, knows_what_acts_instead_of_being_seen);
    tcase_add_test(tcase, shows_any_bytes_on_one_line);
    tcase_add_test(tcase, whatever_is_shown_is_clean);
    suite_add_tcase(suite, tcase);
    return suite;
}
