/* SPDX-License-Identifier: MIT */
#include "process/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define SOCKETS_MAX    UINT64_C(65536)
#define DESCRIPTOR_MAX (2 * SOCKETS_MAX)

static bool read_number(const char *text, uint64_t most, uint64_t *ret_value)
{
    return text != NULL && str_parse_u64(str_of(text), most, ret_value);
}

/* How many sockets are meant for this process. */
static unsigned read_count(void)
{
    uint64_t pid;
    uint64_t count;
    bool is_ours = read_number(getenv("LISTEN_PID"), INT32_MAX, &pid) && (pid_t)pid == getpid() &&
                   read_number(getenv("LISTEN_FDS"), SOCKETS_MAX, &count);
    return is_ours ? (unsigned)count : 0;
}

/* How many of the sockets are the predecessor's own; 0 and no predecessor when nothing is said. */
static unsigned read_predecessor(struct inherited *inherited)
{
    const char *text = getenv(INHERITED_VARIABLE);
    uint64_t values[3];
    if (text == NULL)
        return 0;
    struct str rest = str_of(text);
    for (size_t i = 0; i < 3; i++) {
        struct str part;
        if (!str_split(&rest, ':', &part) || !str_parse_u64(part, DESCRIPTOR_MAX, &values[i]))
            return 0;
    }
    inherited->control_fd = (int)values[0];
    inherited->slots = (unsigned)values[1];
    (void)fcntl(inherited->control_fd, F_SETFD, FD_CLOEXEC);
    return (unsigned)values[2];
}

static bool has_option(int fd, int name, int wanted)
{
    int value = 0;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 && value == wanted;
}

/* A listening TCP socket, ready for use: the flags that we set on our own. */
static bool adopt(int fd, struct addr *ret_addr)
{
    struct addr addr = {.len = sizeof addr.storage};
    struct sockaddr *local = (void *)&addr.storage;
    if (!has_option(fd, SO_TYPE, SOCK_STREAM) || !has_option(fd, SO_ACCEPTCONN, 1) ||
        getsockname(fd, local, &addr.len) < 0 ||
        (addr.storage.ss_family != AF_INET && addr.storage.ss_family != AF_INET6))
        return false;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return false;
    *ret_addr = addr;
    return true;
}

void inherited_read(struct inherited *ret_inherited)
{
    struct inherited inherited = {.control_fd = -1};
    unsigned count = read_count();
    unsigned own = count > 0 ? read_predecessor(&inherited) : 0;
    inherited.sockets = xcalloc(count, sizeof *inherited.sockets);
    for (unsigned i = 0; i < count; i++) {
        struct inherited_socket *socket = &inherited.sockets[inherited.count];
        int fd = INHERITED_FIRST_FD + (int)i;
        if (adopt(fd, &socket->addr)) {
            socket->fd = fd;
            socket->is_lent = i >= own;
            inherited.count++;
            continue;
        }
        log_warn("master.socket", "fd=%d reason=\"not a listening TCP socket: closed\"", fd);
        (void)close(fd);
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    (void)unsetenv(INHERITED_VARIABLE);
    *ret_inherited = inherited;
}

/* The same address: all of its sockets. Any port: those of the next port, and a predecessor's only,
 * since a service manager's sockets have the port that somebody chose. */
static bool fits(const struct inherited_socket *socket, const struct addr *wish,
                 const struct addr *chosen)
{
    if (socket->fd < 0)
        return false;
    if (chosen != NULL)
        return addr_equal(&socket->addr, chosen);
    if (addr_port(wish) != 0)
        return addr_equal(&socket->addr, wish);
    return !socket->is_lent && addr_equal_host(&socket->addr, wish);
}

unsigned inherited_claim(struct inherited *inherited, struct addr *addr, unsigned room,
                         int *ret_fds, bool *ret_is_lent)
{
    unsigned taken = 0;
    struct addr chosen;
    for (size_t i = 0; i < inherited->count && taken < room; i++) {
        struct inherited_socket *socket = &inherited->sockets[i];
        if (!fits(socket, addr, taken == 0 ? NULL : &chosen))
            continue;
        chosen = socket->addr;
        *ret_is_lent = socket->is_lent;
        ret_fds[taken++] = socket->fd;
        socket->fd = -1;
    }
    if (taken > 0)
        *addr = chosen;
    return taken;
}

void inherited_warn_unclaimed(const struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++) {
        char addr[ADDR_TEXT_SIZE];
        if (inherited->sockets[i].fd >= 0 && inherited->sockets[i].is_lent)
            log_warn("master.socket",
                     "address=%s reason=\"this socket was passed, and no binding has its address\"",
                     addr_format(&inherited->sockets[i].addr, addr));
    }
}

void inherited_drop_own(struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++) {
        struct inherited_socket *socket = &inherited->sockets[i];
        if (socket->fd < 0 || socket->is_lent)
            continue;
        (void)shutdown(socket->fd, SHUT_RDWR); /* the predecessor has copies */
        (void)close(socket->fd);
        socket->fd = -1;
    }
}

void inherited_clear(struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++) {
        if (inherited->sockets[i].fd >= 0)
            (void)close(inherited->sockets[i].fd);
    }
    free(inherited->sockets);
    if (inherited->control_fd >= 0)
        (void)close(inherited->control_fd);
    *inherited = (struct inherited){.control_fd = -1};
}
