/* SPDX-License-Identifier: MIT */
#include "process/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/config_place.h"
#include "observe/access_log_daily.h"
#include "process/bind_problem.h"
#include "process/path_problem.h"
#include "process/privileges.h"

/* ---- files ---- */

static void report(const char *what, const char *path, int error, struct mark mark,
                   struct error_list *errors)
{
    struct text text = {0};
    if (error == 0)
        return;
    path_problem_add(&text, path, error);
    errors_add(errors, mark, "%s \"%s\": %s", what, path, text.ptr);
    text_clear(&text);
}

static void check_log(const struct config_value *value, bool is_daily, struct error_list *errors)
{
    struct text path = {0};
    if (value->text == NULL || strcmp(value->text, "stdout") == 0 ||
        strcmp(value->text, "stderr") == 0)
        return;
    if (is_daily)
        access_log_daily_path(value->text, access_log_day(clock_wall_s()), &path);
    else
        text_add_cstr(&path, value->text);
    report("cannot open the log", path.ptr, path_problem_append(path.ptr), value->mark, errors);
    text_clear(&path);
}

static void check_pid_file(const struct config_value *value, struct error_list *errors)
{
    if (value->text != NULL)
        report("cannot write the file", value->text, path_problem_replace(value->text), value->mark,
               errors);
}

/* ---- ports ---- */

static void check_ports(const struct snapshot *snapshot, struct error_list *errors)
{
    for (size_t i = 0; i < snapshot->binding_count; i++) {
        const struct snapshot_binding *binding = &snapshot->bindings[i];
        struct text text = {0};
        if (!bind_problem_is_privileged(&binding->addr))
            continue;
        bind_problem_add(&text, &binding->addr, -EACCES);
        errors_add(errors, binding->mark, "cannot bind %s: %s; %s", binding->url,
                   strerrordesc_np(EACCES), text.ptr);
        text_clear(&text);
    }
}

/* ---- what the workers reach ---- */

static bool is_member(const struct privileges *who, gid_t group)
{
    bool is_member = who->gid == group;
    for (size_t i = 0; i < who->group_count; i++)
        is_member |= who->groups[i] == group;
    return is_member;
}

/* By the mode bits; an access control list may say otherwise, hence only a warning. */
static bool may(const struct privileges *who, const struct stat *status, mode_t bit)
{
    if (who->uid == 0)
        return true;
    if (status->st_uid == who->uid)
        return (status->st_mode & bit << 6) != 0;
    if (is_member(who, status->st_gid))
        return (status->st_mode & bit << 3) != 0;
    return (status->st_mode & bit) != 0;
}

/* unix(7): write permission on the socket, search permission on all folders above. What does not
 * exist yet may come with the right ones. */
static bool may_connect(const struct privileges *who, const char *path)
{
    struct stat status;
    bool is_allowed = stat(path, &status) != 0 || may(who, &status, 2);
    char *folder = xstrdup(path);
    char *slash = strrchr(folder, '/');
    while (slash != NULL && slash != folder) {
        *slash = '\0';
        is_allowed &= stat(folder, &status) != 0 || may(who, &status, 1);
        slash = strrchr(folder, '/');
    }
    free(folder);
    return is_allowed;
}

static void check_socket(const struct privileges *who, const struct config_server *server,
                         struct error_list *errors)
{
    if (!server->is_unix)
        return;
    if (who->is_dropping && !may_connect(who, server->host))
        errors_warn(errors, server->url.mark,
                    "the user %s, as whom the workers run, may not connect to \"%s\": its requests "
                    "get 502; let that user search its folders and write to it",
                    who->name, server->host);
    else if (!who->is_dropping && access(server->host, F_OK) == 0 &&
             faccessat(AT_FDCWD, server->host, W_OK, AT_EACCESS) < 0)
        errors_warn(errors, server->url.mark,
                    "this user may not connect to \"%s\" (%s): its requests get 502; let it write "
                    "to the socket",
                    server->host, strerrordesc_np(errno));
}

/* Traces that cannot be written keep nobody from serving, hence only a warning. */
static void check_traces(const struct privileges *who, const struct config_value *directory,
                         struct error_list *errors)
{
    struct stat status;
    const char *path = directory->text;
    if (path == NULL)
        return;
    if (stat(path, &status) != 0) {
        int error = path_problem_replace(path); /* whether it can be made */
        struct text text = {0};
        if (error < 0) {
            path_problem_add(&text, path, error);
            errors_warn(errors, directory->mark, "no trace can be written to \"%s\": %s", path,
                        text.ptr);
        }
        text_clear(&text);
        return;
    }
    bool is_writable = who->is_dropping ? may(who, &status, 2) && may(who, &status, 1)
                                        : faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
    if (!S_ISDIR(status.st_mode))
        errors_warn(errors, directory->mark, "no trace can be written: \"%s\" is no folder", path);
    else if (!is_writable)
        errors_warn(
            errors, directory->mark,
            "no trace can be written: %s%s may not make files in \"%s\"; give it that folder",
            who->is_dropping ? "the user " : "this user", who->is_dropping ? who->name : "", path);
}

static void check_user(const struct config *config, struct privileges *ret_privileges,
                       struct error_list *errors)
{
    bool is_root = geteuid() == 0;
    struct error_list unknown = {0};
    if (is_root || config->user.text == NULL) {
        (void)!privileges_lookup(&config->user, is_root, ret_privileges, errors);
        return;
    }
    /* Only root changes the user; whoever starts it as root later learns it now. */
    struct privileges ignored = {0};
    if (!privileges_lookup(&config->user, true, &ignored, &unknown))
        errors_warn(errors, config->user.mark,
                    "user: there is no user \"%s\": started as root it would fail; create the "
                    "user or name another",
                    config->user.text);
    privileges_clear(&ignored);
    errors_clear(&unknown);
}

void preflight_check(const struct snapshot *snapshot, struct error_list *errors)
{
    const struct config *config = snapshot->config;
    struct privileges privileges = {0};
    size_t first = errors->count;
    check_user(config, &privileges, errors);
    check_log(&config->log.error_path, false, errors);
    check_log(&config->log.access_path, config->log.access_daily, errors);
    check_pid_file(&config->pid_file, errors);
    check_traces(&privileges, &config->tracing.directory, errors);
    check_ports(snapshot, errors);
    for (size_t i = 0; i < config->upstream_count; i++) {
        for (size_t j = 0; j < config->upstreams[i].server_count; j++)
            check_socket(&privileges, &config->upstreams[i].servers[j], errors);
    }
    privileges_clear(&privileges);
    config_place_errors(config, errors, first);
}
