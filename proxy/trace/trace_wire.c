/* SPDX-License-Identifier: MIT */
#include "trace/trace_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"

/* Room for some thirty traces: as much memory as they take may be in use while a disk hangs. */
#define QUEUE_BYTES (16 << 10)

struct wire { /* both ends are the same program */
    char magic[8];
    uint64_t xml_len;
    uint64_t html_len;
};
static const char MAGIC[8] = {'m', 'p', 't', 'r', 'a', 'c', 'e', '1'};

/* More than one descriptor is malformed, but those that came must be seen to be closed. */
#define MAX_FDS 4
union ancillary {
    struct cmsghdr header; /* aligns it */
    char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
};

int trace_wire_pair(int ret_fds[2])
{
    int fds[2];
    int room = QUEUE_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    if (fcntl(fds[1], F_SETFL, O_NONBLOCK) < 0 ||
        setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room) < 0) {
        int error = -errno;
        (void)close(fds[0]);
        (void)close(fds[1]);
        return error;
    }
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return 0;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.ptr, bytes.len);
        if (written <= 0)
            return false;
        bytes = str_skip(bytes, (size_t)written);
    }
    return true;
}

static int send_file(int fd, const struct wire *wire, int file)
{
    union ancillary ancillary = {0};
    struct wire copy = *wire;
    struct iovec part = {.iov_base = &copy, .iov_len = sizeof copy};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = ancillary.bytes,
                             .msg_controllen = CMSG_SPACE(sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &file, sizeof file);
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int trace_wire_send(int fd, struct str xml, struct str html)
{
    struct wire wire = {.xml_len = xml.len, .html_len = html.len};
    memcpy(wire.magic, MAGIC, sizeof MAGIC);
    if (xml.len > TRACE_WIRE_MAX || html.len > TRACE_WIRE_MAX - xml.len)
        return -EFBIG;
    int file = memfd_create("trace", MFD_CLOEXEC);
    if (file < 0)
        return -errno;
    int error = -EIO;
    if (write_all(file, xml) && write_all(file, html))
        error = send_file(fd, &wire, file);
    (void)close(file);
    return error;
}

/* The only descriptor of the message, or -1; others are closed. */
static int take_fd(struct msghdr *message)
{
    int fds[MAX_FDS];
    size_t count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here && count < MAX_FDS; i++)
            memcpy(&fds[count++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    }
    if (count == 1)
        return fds[0];
    while (count > 0)
        (void)close(fds[--count]);
    return -1;
}

static bool read_all(int fd, char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t got = pread(fd, bytes + at, len - at, (off_t)at);
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

static bool is_good(const struct wire *wire, int file)
{
    struct stat status;
    return memcmp(wire->magic, MAGIC, sizeof MAGIC) == 0 && wire->xml_len <= TRACE_WIRE_MAX &&
           wire->html_len <= TRACE_WIRE_MAX - wire->xml_len && fstat(file, &status) == 0 &&
           S_ISREG(status.st_mode) && (uint64_t)status.st_size == wire->xml_len + wire->html_len;
}

int trace_wire_receive(int fd, struct trace_documents *ret_documents)
{
    union ancillary ancillary = {0};
    struct wire wire = {0};
    struct iovec part = {.iov_base = &wire, .iov_len = sizeof wire};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = ancillary.bytes,
                             .msg_controllen = sizeof ancillary.bytes};
    ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (got < 0)
        return -errno;
    int file = take_fd(&message);
    if (got == 0 && file < 0)
        return 0;
    bool is_whole = got == (ssize_t)sizeof wire && file >= 0 &&
                    (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && is_good(&wire, file);
    char *bytes = is_whole ? xmalloc((size_t)(wire.xml_len + wire.html_len) + 1) : NULL;
    if (is_whole && read_all(file, bytes, (size_t)(wire.xml_len + wire.html_len))) {
        *ret_documents = (struct trace_documents){
            .bytes = bytes, .xml_len = (size_t)wire.xml_len, .html_len = (size_t)wire.html_len};
        (void)close(file);
        return 1;
    }
    free(bytes);
    if (file >= 0)
        (void)close(file);
    return -EPROTO;
}
