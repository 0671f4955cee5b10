/* SPDX-License-Identifier: MIT */
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "process/privileges.h"
#include "unit/unit.h"

static char NOBODY[] = "nobody";
static char ROOT[] = "root";
static char MISSING[] = "no-such-user-here";

START_TEST(gives_nothing_up_when_not_started_as_root)
{
    struct privileges privileges;
    struct error_list errors = {0};
    struct config_value user = {.text = MISSING};
    ck_assert(privileges_lookup(&user, false, &privileges, &errors));
    ck_assert(!privileges.is_dropping && errors.count == 0);
    privileges_clear(&privileges);
}
END_TEST

START_TEST(finds_a_named_user_with_its_groups)
{
    struct privileges privileges;
    struct error_list errors = {0};
    struct config_value user = {.text = NOBODY};
    ck_assert(privileges_lookup(&user, true, &privileges, &errors));
    const struct passwd *entry = getpwnam(NOBODY);
    ck_assert(privileges.is_dropping);
    ck_assert_uint_eq(privileges.uid, entry->pw_uid);
    ck_assert_uint_eq(privileges.gid, entry->pw_gid);
    ck_assert_uint_ge(privileges.group_count, 1);
    ck_assert_uint_eq(privileges.groups[0], entry->pw_gid);
    privileges_clear(&privileges);
}
END_TEST

START_TEST(a_named_user_that_is_missing_is_an_error_at_its_place)
{
    struct privileges privileges = {.uid = 4711};
    struct error_list errors = {0};
    struct config_value user = {.text = MISSING, .mark = {"proxy.yaml", 3, 7}};
    ck_assert(!privileges_lookup(&user, true, &privileges, &errors));
    ck_assert_uint_eq(errors.errors, 1);
    ck_assert_uint_eq(errors.entries[0].line, 3);
    ck_assert_ptr_nonnull(strstr(errors.entries[0].text, MISSING));
    ck_assert_uint_eq(privileges.uid, 4711);
    errors_clear(&errors);
}
END_TEST

START_TEST(without_a_name_some_unprivileged_user_is_found)
{
    struct privileges privileges;
    struct error_list errors = {0};
    struct config_value user = {0};
    log_configure(STDERR_FILENO, LOG_LEVEL_ERROR, false, false);
    ck_assert(privileges_lookup(&user, true, &privileges, &errors));
    ck_assert(privileges.is_dropping && privileges.uid != 0);
    privileges_clear(&privileges);
}
END_TEST

START_TEST(root_by_name_is_a_decision_with_a_warning)
{
    struct privileges privileges;
    struct error_list errors = {0};
    struct config_value user = {.text = ROOT};
    ck_assert(privileges_lookup(&user, true, &privileges, &errors));
    ck_assert(!privileges.is_dropping);
    ck_assert(errors.count == 1 && errors.errors == 0);
    errors_clear(&errors);
    privileges_clear(&privileges);
}
END_TEST

/* may_bound: the bounding set could be dropped. */
static bool capabilities_left(bool may_bound)
{
    char line[128];
    bool is_any = false;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        bool is_set = strncmp(line, "CapInh", 6) == 0 || strncmp(line, "CapPrm", 6) == 0 ||
                      strncmp(line, "CapEff", 6) == 0 || strncmp(line, "CapAmb", 6) == 0 ||
                      (may_bound && strncmp(line, "CapBnd", 6) == 0);
        is_any = is_any || (is_set && strstr(line, "0000000000000000") == NULL);
    }
    if (status != NULL)
        (void)fclose(status);
    return status == NULL || is_any;
}

static bool has_setpcap(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capget, &header, sets) == 0 &&
           (sets[0].effective & (1U << CAP_SETPCAP)) != 0;
}

/* The child's exit status names the first thing that is not as it must be. */
static int become_nobody(void)
{
    struct privileges privileges;
    struct error_list errors = {0};
    struct config_value user = {.text = NOBODY};
    struct rlimit before;
    struct rlimit after;
    bool may_bound = has_setpcap();
    (void)getrlimit(RLIMIT_CORE, &before);
    if (!privileges_lookup(&user, true, &privileges, &errors) || privileges_drop(&privileges) != 0)
        return 1;
    uid_t real;
    uid_t effective;
    uid_t saved;
    if (getresuid(&real, &effective, &saved) != 0 || real != privileges.uid ||
        effective != privileges.uid || saved != privileges.uid)
        return 2;
    if (getgid() != privileges.gid || getegid() != privileges.gid)
        return 3;
    gid_t groups[64];
    int count = getgroups(64, groups);
    for (int i = 0; i < count; i++) {
        if (groups[i] == 0)
            return 4;
    }
    if (setuid(0) == 0 || setgid(0) == 0)
        return 5;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 6;
    if (getrlimit(RLIMIT_CORE, &after) != 0 || after.rlim_cur != before.rlim_cur)
        return 7;
    privileges_clear(&privileges);
    return capabilities_left(may_bound) ? 8 : 0;
}

START_TEST(gives_root_up_for_good)
{
    if (geteuid() != 0)
        return; /* only root has something to give up */
    pid_t pid = fork();
    if (pid == 0)
        _exit(become_nobody());
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(raises_the_limit_of_open_files_to_the_hard_one)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t hard = limit.rlim_max;
    limit.rlim_cur = 64;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(privileges_raise_nofile(), hard);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(limit.rlim_cur, hard);
}
END_TEST

START_TEST(counts_both_sides_of_each_connection)
{
    ck_assert_uint_eq(privileges_needed_nofile(10, 1, 0), 20 + 64);
    ck_assert_uint_eq(privileges_needed_nofile(10, 3, 2), 8 + 2 + 64);
    ck_assert_uint_eq(privileges_needed_nofile(0, 4, 0), 64);
    ck_assert_uint_eq(privileges_needed_nofile(UINT64_MAX, 1, 1), UINT64_MAX);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("privileges");
    TCase *tcase = tcase_create("privileges");
    tcase_add_test(tcase, gives_nothing_up_when_not_started_as_root);
    tcase_add_test(tcase, finds_a_named_user_with_its_groups);
    tcase_add_test(tcase, a_named_user_that_is_missing_is_an_error_at_its_place);
    tcase_add_test(tcase, without_a_name_some_unprivileged_user_is_found);
    tcase_add_test(tcase, root_by_name_is_a_decision_with_a_warning);
    tcase_add_test(tcase, gives_root_up_for_good);
    tcase_add_test(tcase, raises_the_limit_of_open_files_to_the_hard_one);
    tcase_add_test(tcase, counts_both_sides_of_each_connection);
    suite_add_tcase(suite, tcase);
    return suite;
}
