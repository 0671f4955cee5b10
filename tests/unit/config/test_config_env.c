/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_load.h"
#include "unit/unit.h"

#define BEFORE "sites:\n  - bindings: [\"http://127.0.0.1:0\"]\n    upstream: echo\n"

static struct config *parse(const char *value, struct error_list *errors)
{
    struct text yaml = {0};
    text_addf(&yaml, BEFORE "    name: %s\n", value);
    struct config *config = config_parse("proxy.yaml", yaml.ptr, yaml.len, errors);
    text_clear(&yaml);
    return config;
}

static void use_environment(void)
{
    (void)setenv("TEST_NAME", "north", 1);
    (void)setenv("TEST_YAML", "a: [b, \"c\"] # d", 1);
    (void)setenv("TEST_EMPTY", "", 1);
    (void)setenv("TEST_NUMBER", "7", 1);
    (void)unsetenv("TEST_NONE");
}

static const struct {
    const char *given;
    const char *wanted;
} good[] = {
    {"${TEST_NAME}", "north"},
    {"'x${TEST_NAME}y${TEST_NAME}z'", "xnorthynorthz"},
    {"\"${TEST_NAME}\"", "north"},
    {"${TEST_NONE:-south}", "south"},
    {"${TEST_EMPTY:-south}", "south"},
    {"${TEST_NAME:-south}", "north"},
    {"a${TEST_EMPTY}b", "ab"},
    {"a${TEST_NONE:-}b", "ab"},
    {"${TEST_YAML}", "a: [b, \"c\"] # d"}, /* text, never YAML */
    {"$${TEST_NAME}", "${TEST_NAME}"},
    {"$$${TEST_NAME}", "$${TEST_NAME}"},
    {"${lower}", "${lower}"},
    {"${TEST_NAME", "${TEST_NAME"},
    {"'${TEST_NAME:-'", "${TEST_NAME:-"},
    {"'${}'", "${}"},
    {"${1TEST}", "${1TEST}"},
    {"${TEST-NAME}", "${TEST-NAME}"},
    {"cost$", "cost$"},
    {"'$ {TEST_NAME}'", "$ {TEST_NAME}"},
};

START_TEST(references_become_what_they_name)
{
    struct error_list errors = {0};
    use_environment();
    struct config *config = parse(good[_i].given, &errors);
    ck_assert_uint_eq(errors.errors, 0);
    ck_assert_str_eq(config->sites[0].name, good[_i].wanted);
    config_free(config);
    errors_clear(&errors);
}
END_TEST

static const struct {
    const char *given;
    unsigned line;
    unsigned column;
    const char *says;
} bad[] = {
    {"${TEST_NONE}", 4, 11, "the environment has no TEST_NONE; ${TEST_NONE:-text}"},
    {"x\nworkers: ${TEST_NAME}", 5, 10, "workers: expected a number from 1 to 1024 or auto"},
    {"x\nworkers: '${TEST_NUMBER}'", 5, 10, "in quotes, which is a text"},
    {"x\npid_file: \"${TEST_LINES}\"", 5, 11, "pid_file"},
    {"x\n${TEST_NAME}: 1", 5, 1, "unknown key"},
};

START_TEST(what_cannot_be_is_told_with_its_place)
{
    struct error_list errors = {0};
    use_environment();
    (void)setenv("TEST_LINES", "a\nb", 1);
    ck_assert_ptr_null(parse(bad[_i].given, &errors));
    ck_assert_uint_ge(errors.count, 1);
    ck_assert_uint_eq(errors.entries[0].line, bad[_i].line);
    ck_assert_uint_eq(errors.entries[0].column, bad[_i].column);
    ck_assert_msg(strstr(errors.entries[0].text, bad[_i].says) != NULL, "%s",
                  errors.entries[0].text);
    errors_clear(&errors);
}
END_TEST

START_TEST(a_plain_reference_may_be_a_number_or_nothing)
{
    struct error_list errors = {0};
    use_environment();
    struct config *config = parse("x\nworkers: ${TEST_NUMBER}\nuser: ${TEST_EMPTY}", &errors);
    ck_assert_uint_eq(errors.errors, 0);
    ck_assert_uint_eq(config->workers, 7);
    ck_assert_ptr_null(config->user.text);
    config_free(config);
    errors_clear(&errors);
}
END_TEST

START_TEST(a_small_file_cannot_become_a_huge_one)
{
    enum { VALUE = 100000, TIMES = 200 };
    struct error_list errors = {0};
    struct text yaml = {0};
    char *value = calloc(1, VALUE + 1);
    memset(value, 'x', VALUE);
    (void)setenv("TEST_LONG", value, 1);
    free(value);
    text_add_cstr(&yaml, BEFORE "    hosts:\n");
    for (size_t i = 0; i < TIMES; i++)
        text_addf(&yaml, "      - ${TEST_LONG}\n");
    ck_assert_ptr_null(config_parse("proxy.yaml", yaml.ptr, yaml.len, &errors));
    bool is_told = false;
    for (size_t i = 0; i < errors.count; i++)
        is_told |= strstr(errors.entries[i].text, "more than 16 MiB") != NULL;
    ck_assert(is_told);
    (void)unsetenv("TEST_LONG");
    text_clear(&yaml);
    errors_clear(&errors);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("config_env");
    TCase *tcase = tcase_create("config_env");
    tcase_add_loop_test(tcase, references_become_what_they_name, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tcase, what_cannot_be_is_told_with_its_place, 0,
                        sizeof bad / sizeof bad[0]);
    tcase_add_test(tcase, a_plain_reference_may_be_a_number_or_nothing);
    tcase_add_test(tcase, a_small_file_cannot_become_a_huge_one);
    suite_add_tcase(suite, tcase);
    return suite;
}
