/* From the place of a problem back to the path of its key.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "config/config_load.h"
#include "config/config_place.h"
#include "unit/unit.h"

static const char FILE_TEXT[] = "limits: &l { connections: 10 }\n"
                                "sites:\n"
                                "  - name: a\n"
                                "    bindings: [\"http://127.0.0.1:1\",\n"
                                "               \"http://127.0.0.1:2\"]\n"
                                "    upstream: echo\n";

static char *text_for(unsigned line, unsigned column, const char *text)
{
    struct error_list errors = {0};
    struct config *config = config_parse("x.yaml", FILE_TEXT, sizeof FILE_TEXT - 1, &errors);
    ck_assert_ptr_nonnull(config);
    errors_warn(&errors, (struct mark){config->file, line, column}, "%s", text);
    config_place_errors(config, &errors, 0);
    char *named = strdup(errors.entries[0].text);
    errors_clear(&errors);
    config_free(config);
    return named;
}

START_TEST(the_path_of_the_key_is_put_before_the_text)
{
    static const struct {
        unsigned line;
        unsigned column;
        const char *text;
        const char *expected;
    } cases[] = {
        {4, 16, "bad", "sites[0].bindings[0]: bad"},
        {5, 16, "bad", "sites[0].bindings[1]: bad"},
        {4, 5, "bad", "sites[0].bindings: bad"},
        {3, 5, "bad", "sites[0]: bad"},
        {6, 15, "bad", "sites[0].upstream: bad"},
        {1, 27, "bad", "limits.connections: bad"},
        {6, 15, "sites[0].upstream: bad", "sites[0].upstream: bad"},
        {6, 14, "no such place", "no such place"},
        {0, 0, "no place", "no place"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = text_for(cases[i].line, cases[i].column, cases[i].text);
        ck_assert_str_eq(text, cases[i].expected);
        free(text);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("config_place");
    TCase *tests = tcase_create("place");
    tcase_add_test(tests, the_path_of_the_key_is_put_before_the_text);
    suite_add_tcase(suite, tests);
    return suite;
}
