/* SPDX-License-Identifier: MIT */
#include "cli/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "advice/advice.h"
#include "config/config_load.h"
#include "config/config_yaml.h"
#include "engine/snapshot_load.h"

const char *load_default_file(const char *command)
{
    static const char *const places[] = {"proxy.yaml", "/etc/mtls-proxy/proxy.yaml"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], F_OK) == 0)
            return places[i];
    }
    char *folder = getcwd(NULL, 0);
    (void)fprintf(
        stderr,
        "mtls-proxy %s: no configuration: there is neither %s/%s nor %s; name one with -c "
        "FILE, or make one with `mtls-proxy init DIR`\n",
        command, folder == NULL ? "." : folder, places[0], places[1]);
    free(folder);
    return NULL;
}

/* Until the end, or one byte more than a configuration may have: that is refused when it is read.
 */
static int copy_all(int from, int to)
{
    char piece[16384];
    size_t total = 0;
    while (total <= CONFIG_FILE_MAX) {
        ssize_t got = read(from, piece, sizeof piece);
        if (got == 0)
            return 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || write(to, piece, (size_t)got) != got)
            return -errno;
        total += (size_t)got;
    }
    return 0;
}

int load_keep_stdin(void)
{
    int fd = memfd_create("configuration", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    /* After an upgrade it is what our predecessor kept, and has read to its end. */
    (void)lseek(STDIN_FILENO, 0, SEEK_SET);
    int error = copy_all(STDIN_FILENO, fd);
    if (error == 0 && dup2(fd, STDIN_FILENO) < 0)
        error = -errno;
    (void)close(fd);
    return error;
}

void load_print(struct error_list *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        char *line = error_format(&errors->entries[i]);
        (void)fprintf(stderr, "%s\n", line);
        free(line);
    }
    errors_clear(errors);
}

static struct snapshot *judge_with(struct config *config, load_change_fn change, void *arg,
                                   struct error_list *errors)
{
    if (config == NULL)
        return NULL;
    if (change != NULL)
        change(config, arg);
    return snapshot_new_to_judge(config, errors);
}

struct snapshot *load_to_judge(const char *file, load_change_fn change, void *arg)
{
    struct error_list errors = {0};
    struct config *config = config_load(file, &errors);
    struct snapshot *snapshot = judge_with(config, change, arg, &errors);
    load_print(&errors);
    return snapshot;
}

struct snapshot *load_text_to_judge(struct str yaml, load_change_fn change, void *arg)
{
    struct error_list errors = {0};
    struct config *config = config_parse("command line", yaml.ptr, yaml.len, &errors);
    struct snapshot *snapshot = judge_with(config, change, arg, &errors);
    for (size_t i = 0; i < errors.count; i++)
        (void)fprintf(stderr, "mtls-proxy: %s: %s\n",
                      errors.entries[i].kind == ERROR_KIND_WARNING ? "warning" : "error",
                      errors.entries[i].text);
    errors_clear(&errors);
    return snapshot;
}

struct snapshot *load_snapshot(const char *file)
{
    struct error_list errors = {0};
    struct config *config = config_load(file, &errors);
    struct snapshot *snapshot = config == NULL ? NULL : advice_snapshot_new(config, NULL, &errors);
    load_print(&errors);
    return snapshot;
}
