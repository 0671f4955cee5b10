/* SPDX-License-Identifier: MIT */
#include "process/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* More than one descriptor is malformed, but those that came must be seen to be closed. */
#define MAX_FDS 4

static const unsigned char MAGIC[4] = {'M', 'P', 'C', '1'};

/* magic 0, kind 4, process 5, log 6, zero 7, slot 8, site 12, grace 16, deadline 24; big endian */
static void put_u64(unsigned char *at, uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        at[i] = (unsigned char)(value & 0xff);
        value >>= 8;
    }
}

static uint64_t get_u64(const unsigned char *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

void control_encode(const struct control_message *message, unsigned char ret_bytes[CONTROL_SIZE])
{
    memcpy(ret_bytes, MAGIC, sizeof MAGIC);
    ret_bytes[4] = (unsigned char)message->kind;
    ret_bytes[5] = (unsigned char)message->process;
    ret_bytes[6] = (unsigned char)message->log;
    ret_bytes[7] = 0;
    put_u64(ret_bytes + 8, (uint64_t)message->slot << 32 | message->site);
    put_u64(ret_bytes + 16, message->grace_ms);
    put_u64(ret_bytes + 24, message->deadline_ms);
}

bool control_decode(const unsigned char *bytes, size_t len, struct control_message *ret_message)
{
    if (len != CONTROL_SIZE || memcmp(bytes, MAGIC, sizeof MAGIC) != 0 || bytes[7] != 0)
        return false;
    if (bytes[4] < CONTROL_READY || bytes[4] > CONTROL_PING)
        return false;
    if (bytes[5] < PROCESS_WORKER || bytes[5] > PROCESS_TRACES)
        return false;
    uint64_t slot_and_site = get_u64(bytes + 8);
    struct control_message message = {
        .kind = (enum control_kind)bytes[4],
        .process = (enum process_kind)bytes[5],
        .slot = (uint32_t)(slot_and_site >> 32),
        .site = (uint32_t)(slot_and_site & UINT32_MAX),
        .grace_ms = get_u64(bytes + 16),
        .deadline_ms = get_u64(bytes + 24),
        .fd = -1,
    };
    if (message.kind != CONTROL_CRLS && message.site != 0)
        return false;
    if (message.kind != CONTROL_DRAIN && (message.grace_ms != 0 || message.deadline_ms != 0))
        return false;
    bool has_log = bytes[6] == CONTROL_LOG_ERROR || bytes[6] == CONTROL_LOG_ACCESS;
    if (message.kind == CONTROL_LOG ? !has_log : bytes[6] != CONTROL_LOG_NONE)
        return false;
    message.log = (enum control_log)bytes[6];
    *ret_message = message;
    return true;
}

bool control_is_from_process(enum control_kind kind)
{
    return kind == CONTROL_READY || kind == CONTROL_DRAINING || kind == CONTROL_DRAINED ||
           kind == CONTROL_PONG;
}

static bool carries_fd(enum control_kind kind)
{
    return kind == CONTROL_LOG || kind == CONTROL_CRLS;
}

int control_pair(int ret_fds[2])
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -errno;
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return 0;
}

union control_ancillary { /* aligned for a struct cmsghdr */
    struct cmsghdr header;
    unsigned char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
};

int control_send(int fd, const struct control_message *message)
{
    unsigned char bytes[CONTROL_SIZE];
    control_encode(message, bytes);
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    union control_ancillary ancillary = {0};
    if (message->fd >= 0) {
        header.msg_control = ancillary.bytes;
        header.msg_controllen = CMSG_SPACE(sizeof(int));
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &message->fd, sizeof(int));
    }
    ssize_t sent;
    do {
        sent = sendmsg(fd, &header, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* Collects the descriptors that came along; more than MAX_FDS the kernel closes by itself. */
static size_t take_fds(struct msghdr *header, int ret_fds[MAX_FDS])
{
    size_t count = 0;
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg != NULL;
         cmsg = CMSG_NXTHDR(header, cmsg)) {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here && count < MAX_FDS; i++)
            memcpy(&ret_fds[count++], CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
    }
    return count;
}

int control_receive(int fd, struct control_message *ret_message)
{
    unsigned char bytes[CONTROL_SIZE + 1];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
    union control_ancillary ancillary = {0};
    struct msghdr header = {.msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = ancillary.bytes,
                            .msg_controllen = sizeof ancillary.bytes};
    ssize_t got;
    do {
        got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == ECONNRESET ? 0 : -errno;
    int fds[MAX_FDS];
    size_t count = take_fds(&header, fds);
    /* An empty datagram reads like end of file; both end the conversation. */
    struct control_message message;
    bool is_good = got > 0 && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
                   control_decode(bytes, (size_t)got, &message) &&
                   count == (carries_fd(message.kind) ? 1U : 0U);
    if (is_good) {
        message.fd = count == 1 ? fds[0] : -1;
        *ret_message = message;
        return 1;
    }
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
    return got == 0 && count == 0 ? 0 : -EPROTO;
}
