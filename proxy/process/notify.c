/* SPDX-License-Identifier: MIT */
#include "process/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

int notify_send(const char *message)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || path[0] == '\0')
        return 0;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || len >= sizeof address.sun_path)
        return -EAFNOSUPPORT;
    memcpy(address.sun_path, path, len);
    /* sd_notify(3): a leading @ means an abstract socket, whose first byte is zero. */
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    const void *target = &address;
    ssize_t sent = sendto(fd, message, strlen(message), MSG_NOSIGNAL, target, address_len);
    int error = sent < 0 ? -errno : 0;
    (void)close(fd);
    return error;
}

int notify_ready(void)
{
    return notify_send("READY=1");
}

int notify_reloading(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    char message[64];
    (void)snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, usec);
    return notify_send(message);
}

int notify_stopping(void)
{
    return notify_send("STOPPING=1");
}

uint64_t notify_watchdog_ms(void)
{
    uint64_t usec;
    uint64_t pid;
    const char *wanted = getenv("WATCHDOG_PID");
    if (wanted != NULL &&
        (!str_parse_u64(str_of(wanted), INT32_MAX, &pid) || (pid_t)pid != getpid()))
        return 0;
    if (!str_parse_u64(str_of(getenv("WATCHDOG_USEC")), UINT64_MAX, &usec) || usec < 2000)
        return 0;
    return usec / 2000;
}
