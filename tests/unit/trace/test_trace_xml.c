/* Whatever a text holds, the document is well-formed and has that text in it.
 *
 * SPDX-License-Identifier: MIT */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "explain/error_page_text.h"
#include "trace/trace_xml.h"
#include "unit/trace/report_fixture.h"
#include "unit/unit.h"

static xmlDoc *parse(struct str text, struct text *xml)
{
    struct trace_report report = fixture_report(text);
    text_reset(xml);
    trace_xml_add(&report, xml);
    return xmlReadMemory(xml->ptr, (int)xml->len, NULL, NULL,
                         XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

START_TEST(every_text_comes_back_as_it_was_or_replaced)
{
    static const struct {
        struct str text;
        const char *seen; /* in the attribute `verb` */
    } CASES[] = {
        {STR_INIT("plain"), "plain"},
        {STR_INIT(""), ""},
        {STR_INIT("<&>\"'"), "<&>\"'"},
        {STR_INIT("]]>"), "]]>"},
        {STR_INIT("<script>alert(1)</script>"), "<script>alert(1)</script>"},
        {STR_INIT("-->"), "-->"},
        {STR_INIT("a\tb\nc\rd"), "a\tb\nc\rd"},
        {STR_INIT("a\0b"), "a\xef\xbf\xbd"
                           "b"},
        {STR_INIT("\x01\x1f\x7f"), "\xef\xbf\xbd\xef\xbf\xbd\x7f"},
        {STR_INIT("\xff\xfe"), "\xef\xbf\xbd\xef\xbf\xbd"},
        {STR_INIT("\xef\xbf\xbe\xef\xbf\xbf"), "\xef\xbf\xbd\xef\xbf\xbd"}, /* U+FFFE, U+FFFF */
        {STR_INIT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {STR_INIT("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {STR_INIT("\xf0\x9f\x98\x80 \xc3\xa9"), "\xf0\x9f\x98\x80 \xc3\xa9"},
        {STR_INIT("&#0;&lt;"), "&#0;&lt;"},
    };
    struct text xml = {0};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        xmlDoc *doc = parse(CASES[i].text, &xml);
        ck_assert_msg(doc != NULL, "case %zu:\n%s", i, xml.ptr);
        xmlChar *seen = xmlGetProp(xmlDocGetRootElement(doc), BAD_CAST "verb");
        ck_assert_msg(strcmp((const char *)seen, CASES[i].seen) == 0, "case %zu: %s", i,
                      (const char *)seen);
        xmlFree(seen);
        xmlFreeDoc(doc);
    }
    text_clear(&xml);
}
END_TEST

START_TEST(random_bytes_make_a_document)
{
    struct text xml = {0};
    uint64_t state = 0x9e3779b97f4a7c15;
    for (int round = 0; round < 1500; round++) {
        char bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            bytes[i] = (char)(round % 2 == 0 ? (int)(state >> 56)
                                             : "<>&]\"'\xef\xbf\xbe\0\n-"[state >> 60 & 7]);
        }
        xmlDoc *doc = parse(str_make(bytes, (size_t)round % sizeof bytes), &xml);
        ck_assert_msg(doc != NULL, "round %d", round);
        xmlFreeDoc(doc);
    }
    text_clear(&xml);
}
END_TEST

START_TEST(every_code_of_an_outcome_has_words)
{
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info((enum outcome)i);
        ck_assert_msg(trace_xml_code_words(error_page_hresult(info->win32)) != NULL, "%s: 0x%x",
                      info->reason, info->win32);
    }
    ck_assert_ptr_null(trace_xml_code_words(0xffffffff));
}
END_TEST

static void after(void)
{
    xmlCleanupParser();
}

Suite *unit_suite(void)
{
    Suite *suite = suite_create("trace_xml");
    TCase *tcase = tcase_create("xml");
    tcase_add_checked_fixture(tcase, NULL, after);
    tcase_add_test(tcase, every_text_comes_back_as_it_was_or_replaced);
    tcase_add_test(tcase, random_bytes_make_a_document);
    tcase_add_test(tcase, every_code_of_an_outcome_has_words);
    suite_add_tcase(suite, tcase);
    return suite;
}
