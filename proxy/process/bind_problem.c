/* SPDX-License-Identifier: MIT */
#include "process/bind_problem.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

#define PORT_START 1024 /* where the system does not say otherwise */
#define LISTENING  "0A" /* TCP_LISTEN in /proc/net/tcp */

/* ---- ports that need a capability ---- */

static unsigned unprivileged_start(void)
{
    char text[32];
    uint64_t start = PORT_START;
    int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0)
        (void)!str_parse_u64(str_make(text, (size_t)len), UINT16_MAX + 1, &start);
    if (fd >= 0)
        (void)close(fd);
    return (unsigned)start;
}

static bool may_bind_any_port(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capget, &header, data) < 0)
        return geteuid() == 0;
    return (data[CAP_TO_INDEX(CAP_NET_BIND_SERVICE)].effective &
            CAP_TO_MASK(CAP_NET_BIND_SERVICE)) != 0;
}

bool bind_problem_is_privileged(const struct addr *addr)
{
    unsigned port = addr_port(addr);
    return port > 0 && port < unprivileged_start() && !may_bind_any_port();
}

/* ---- who has the port ---- */

#define COLUMNS 10

/* proc(5): sl, local, remote, state, queues, timer, retransmits, uid, timeout, inode */
static bool read_line(struct str line, unsigned port, uint64_t *ret_inode)
{
    struct str column[COLUMNS];
    char wanted[8];
    size_t count = 0;
    (void)snprintf(wanted, sizeof wanted, ":%04X", port);
    while (count < COLUMNS && str_split(&line, ' ', &column[count]))
        count += column[count].len > 0;
    return count == COLUMNS && str_ends_with_icase(column[1], str_of(wanted)) &&
           str_equal_icase(column[3], STR(LISTENING)) &&
           str_parse_u64(column[9], UINT64_MAX, ret_inode);
}

/* The inode of the socket that listens there; 0: none is found. */
static uint64_t find_inode(const char *table, unsigned port)
{
    uint64_t found = 0;
    char line[512];
    FILE *file = fopen(table, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL &&
           !read_line(str_of(line), port, &found))
        ;
    if (file != NULL)
        (void)fclose(file);
    return found;
}

static bool holds(const char *process, const char *socket)
{
    char name[300];
    bool is_found = false;
    (void)snprintf(name, sizeof name, "/proc/%s/fd", process);
    DIR *folder = opendir(name);
    const struct dirent *entry;
    while (folder != NULL && !is_found && (entry = readdir(folder)) != NULL) {
        char target[64];
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        is_found = len > 0 && str_equal(str_make(target, (size_t)len), str_of(socket));
    }
    if (folder != NULL)
        (void)closedir(folder);
    return is_found;
}

static void add_process(struct text *out, const char *process)
{
    char name[300];
    char words[64] = "";
    (void)snprintf(name, sizeof name, "/proc/%s/comm", process);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, words, sizeof words - 1);
    if (fd >= 0)
        (void)close(fd);
    while (len > 0 && words[len - 1] == '\n')
        len--;
    text_addf(out, "process %s", process);
    if (len <= 0)
        return;
    text_add_cstr(out, " (");
    for (ssize_t i = 0; i < len; i++) /* whoever started it chose the name */
        text_add_char(out, isalnum((unsigned char)words[i]) || strchr("-_.:/", words[i]) != NULL
                               ? words[i]
                               : '?');
    text_add_char(out, ')');
}

static bool add_owner(struct text *out, uint64_t inode)
{
    char socket[64];
    bool is_found = false;
    (void)snprintf(socket, sizeof socket, "socket:[%" PRIu64 "]", inode);
    DIR *folder = inode == 0 ? NULL : opendir("/proc");
    const struct dirent *entry;
    while (folder != NULL && !is_found && (entry = readdir(folder)) != NULL) {
        is_found = isdigit((unsigned char)entry->d_name[0]) && holds(entry->d_name, socket);
        if (is_found)
            add_process(out, entry->d_name);
    }
    if (folder != NULL)
        (void)closedir(folder);
    return is_found;
}

/* ---- in words ---- */

void bind_problem_add(struct text *out, const struct addr *addr, int error)
{
    unsigned port = addr_port(addr);
    bool is_v6 = addr->storage.ss_family == AF_INET6;
    if (error == -EACCES) {
        text_addf(out,
                  "ports below %u need the capability CAP_NET_BIND_SERVICE: start as root, give it "
                  "to the service (AmbientCapabilities=CAP_NET_BIND_SERVICE) or to the program "
                  "(setcap cap_net_bind_service=+ep), or use a higher port",
                  unprivileged_start());
    } else if (error == -EADDRINUSE) {
        text_addf(out, "port %u is taken by ", port);
        uint64_t inode = find_inode(is_v6 ? "/proc/net/tcp6" : "/proc/net/tcp", port);
        if (inode == 0)
            inode = find_inode(is_v6 ? "/proc/net/tcp" : "/proc/net/tcp6", port);
        if (!add_owner(out, inode))
            text_add_cstr(out, "a process that this user may not see");
        text_add_cstr(out, "; stop it or use another port");
    } else if (error == -EADDRNOTAVAIL) {
        text_addf(out,
                  "no interface of this machine has the address (ip address lists them); use one "
                  "of theirs, or %s for all",
                  is_v6 ? "[::]" : "0.0.0.0");
    } else if (error == -EAFNOSUPPORT) {
        text_add_cstr(out, "this machine does not speak that protocol; use an address of another");
    }
}
