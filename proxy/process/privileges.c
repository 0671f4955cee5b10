/* SPDX-License-Identifier: MIT */
#include "process/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#define DEFAULT_USER  "mtls-proxy"
#define FALLBACK_USER "nobody"

/* LeakSanitizer reads the process it checks through ptrace, which needs it to be dumpable. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_DUMPABLE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_DUMPABLE 1
#endif
#endif
#ifndef IS_DUMPABLE
#define IS_DUMPABLE 0
#endif

static void take_groups(struct privileges *privileges)
{
    int count = 0;
    (void)getgrouplist(privileges->name, privileges->gid, NULL, &count);
    size_t room = count > 0 ? (size_t)count : 1;
    privileges->groups = xcalloc(room, sizeof *privileges->groups);
    count = (int)room;
    if (getgrouplist(privileges->name, privileges->gid, privileges->groups, &count) < 0 ||
        count < 1) {
        privileges->groups[0] = privileges->gid;
        count = 1;
    }
    privileges->group_count = (size_t)count;
}

/* 1 found, 0 no such user, else a negative errno. */
static int find_user(const char *name, struct privileges *ret_privileges)
{
    struct passwd entry;
    struct passwd *found = NULL;
    size_t size = 1024;
    char *memory = NULL;
    int error;
    do {
        size *= 2;
        memory = xreallocarray(memory, size, 1);
        error = getpwnam_r(name, &entry, memory, size, &found);
    } while (error == ERANGE && size < (1U << 20));
    if (found != NULL) {
        *ret_privileges = (struct privileges){.is_dropping = found->pw_uid != 0,
                                              .uid = found->pw_uid,
                                              .gid = found->pw_gid,
                                              .name = xstrdup(name)};
        take_groups(ret_privileges);
    }
    free(memory);
    if (found != NULL)
        return 1;
    /* getpwnam_r(3): several errno values mean nothing but "no such user". */
    return error == EIO || error == ENOMEM || error == ERANGE ? -error : 0;
}

bool privileges_lookup(const struct config_value *user, bool is_root,
                       struct privileges *ret_privileges, struct error_list *errors)
{
    struct privileges found = {0};
    if (!is_root) {
        *ret_privileges = found;
        return true;
    }
    if (user->text != NULL) {
        int status = find_user(user->text, &found);
        if (status <= 0) {
            errors_add(errors, user->mark, "user: there is no user \"%s\"%s%s", user->text,
                       status < 0 ? ": " : "", status < 0 ? strerrordesc_np(-status) : "");
            return false;
        }
        if (found.uid == 0)
            errors_warn(errors, user->mark, "user: the workers keep the privileges of root");
        *ret_privileges = found;
        return true;
    }
    if (find_user(DEFAULT_USER, &found) <= 0) {
        if (find_user(FALLBACK_USER, &found) <= 0) {
            errors_add(errors, user->mark, "user: neither \"%s\" nor \"%s\" exists; name one",
                       DEFAULT_USER, FALLBACK_USER);
            return false;
        }
        found.is_fallback = true;
    }
    *ret_privileges = found;
    return true;
}

void privileges_clear(struct privileges *privileges)
{
    free(privileges->groups);
    free(privileges->name);
    *privileges = (struct privileges){0};
}

static int become(const struct privileges *privileges)
{
    if (setgroups(privileges->group_count, privileges->groups) < 0 ||
        setresgid(privileges->gid, privileges->gid, privileges->gid) < 0 ||
        setresuid(privileges->uid, privileges->uid, privileges->uid) < 0)
        return -errno;
    /* A way back would make the rest of this file decoration. */
    if (setuid(0) == 0 || geteuid() != privileges->uid || getegid() != privileges->gid)
        return -EPERM;
    return 0;
}

/* A master that is not root may have been given CAP_NET_BIND_SERVICE; a worker binds nothing. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -errno;
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* What no program that is started later can have, whatever its file says. Only who has CAP_SETPCAP
 * may give it up; without that, PR_SET_NO_NEW_PRIVS alone has to do. */
static int drop_bounding_set(void)
{
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
         capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return errno == EPERM ? 0 : -errno;
    }
    return 0;
}

int privileges_drop(const struct privileges *privileges)
{
    if (privileges->is_dropping || geteuid() != 0) {
        int error = drop_bounding_set(); /* while we may */
        if (error < 0)
            return error;
    }
    if (privileges->is_dropping) {
        int error = become(privileges);
        if (error < 0)
            return error;
    }
    if (geteuid() != 0) {
        int error = drop_capabilities();
        if (error < 0)
            return error;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    /* The keys are in this memory: no other process of the same user may attach to it. */
    if (prctl(PR_SET_DUMPABLE, IS_DUMPABLE, 0, 0, 0) < 0)
        return -errno;
    return 0;
}

uint64_t privileges_raise_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : soft;
}

uint64_t privileges_needed_nofile(uint64_t connections, unsigned workers, size_t bindings)
{
    /* A client and an upstream side each; logs, control, epoll and idle upstreams besides. */
    const uint64_t others = 64;
    uint64_t share = connections / workers + (connections % workers != 0);
    return share > (UINT64_MAX - others - bindings) / 2 ? UINT64_MAX
                                                        : 2 * share + bindings + others;
}
