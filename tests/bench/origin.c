/* origin.c - a plain HTTP/1.1 origin that costs next to nothing.
 *
 * GET / answers a small body, GET /bytes/N a body of N octets, POST the number of octets received;
 * POST /slow reads its body no faster than SLOW_BYTES a millisecond.
 * A request without the header X-Client-Subject gets 400: a proxy that tells the origin nothing
 * about the client would do less work than the others. Not for hostile peers.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <utlist.h>

#include "base/mem.h"
#include "base/str.h"
#include "bench/load.h"

#define CHUNK      262144
#define SLOW_BYTES 65536 /* a millisecond */
#define SLOW_TICKS 4     /* milliseconds that may be made up for when the core was busy */

struct conn {
    int fd;
    uint64_t to_drain;
    uint64_t to_send; /* of the body */
    uint64_t received;
    bool is_slow;
    uint64_t allowance; /* of a slow one until the next tick */
    struct conn *prev;  /* of slow ones */
    struct conn *next;
    size_t in_len;
    size_t out_len;
    size_t out_sent;
    char in[32768];
    char out[512];
};

static char chunk[CHUNK];
static struct conn *slow_ones;
static int ticker;

static void set_ticker(bool runs)
{
    const struct timespec millisecond = {.tv_nsec = runs ? 1000000 : 0};
    const struct itimerspec interval = {millisecond, millisecond};
    (void)timerfd_settime(ticker, 0, &interval, NULL);
}

static void slow_begin(struct conn *conn)
{
    conn->is_slow = true;
    conn->allowance = SLOW_BYTES;
    if (slow_ones == NULL)
        set_ticker(true);
    DL_APPEND(slow_ones, conn);
}

static void slow_end(struct conn *conn)
{
    if (!conn->is_slow)
        return;
    conn->is_slow = false;
    DL_DELETE(slow_ones, conn);
    if (slow_ones == NULL)
        set_ticker(false);
}

/* The numbers are known to be digits, by whoever wrote the request. */
static uint64_t number_after(const char *text, size_t len)
{
    uint64_t value = 0;
    size_t digits = 0;
    while (digits < len && ascii_is_digit(text[digits]))
        digits++;
    return str_parse_u64(str_make(text, digits), UINT64_C(1) << 40, &value) ? value : 0;
}

static void put_head(struct conn *conn, const char *status, uint64_t body)
{
    conn->out_sent = 0;
    conn->out_len = (size_t)snprintf(conn->out, sizeof conn->out,
                                     "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
                                     "Content-Length: %ju\r\n\r\n",
                                     status, (uintmax_t)body);
}

static void answer_upload(struct conn *conn)
{
    char body[24];
    int len = snprintf(body, sizeof body, "%ju", (uintmax_t)conn->received);
    slow_end(conn);
    put_head(conn, "200 OK", (uint64_t)len);
    memcpy(conn->out + conn->out_len, body, (size_t)len);
    conn->out_len += (size_t)len;
}

static void answer(struct conn *conn, const char *head)
{
    static const char get_bytes[] = "GET /bytes/";
    static const char post_slow[] = "POST /slow ";
    const char *length = strcasestr(head, "\r\ncontent-length:");
    conn->received = 0;
    if (strcasestr(head, "\r\nx-client-subject: ") == NULL) {
        put_head(conn, "400 Bad Request", 0);
    } else if (strncmp(head, get_bytes, sizeof get_bytes - 1) == 0) {
        conn->to_send = number_after(head + sizeof get_bytes - 1, 20);
        put_head(conn, "200 OK", conn->to_send);
    } else if (strncmp(head, "POST", 4) == 0 && length != NULL) {
        length += 17;
        while (*length == ' ')
            length++;
        conn->to_drain = number_after(length, 20);
        if (conn->to_drain == 0)
            answer_upload(conn);
        else if (strncmp(head, post_slow, sizeof post_slow - 1) == 0)
            slow_begin(conn);
    } else {
        conn->to_send = LOAD_SMALL_BYTES;
        put_head(conn, "200 OK", LOAD_SMALL_BYTES);
    }
}

/* True when something was read or understood. */
static bool take_input(struct conn *conn)
{
    if (conn->to_drain > 0) {
        size_t part = conn->to_drain < CHUNK ? (size_t)conn->to_drain : CHUNK;
        if (conn->is_slow && conn->allowance < part)
            part = (size_t)conn->allowance;
        if (part == 0) {
            errno = EAGAIN; /* the next tick goes on */
            return false;
        }
        ssize_t got = recv(conn->fd, chunk, part, 0);
        if (got <= 0)
            return false;
        conn->to_drain -= (size_t)got;
        conn->allowance -= conn->is_slow ? (uint64_t)got : 0;
        conn->received += (size_t)got;
        if (conn->to_drain == 0)
            answer_upload(conn);
        return true;
    }
    ssize_t got = recv(conn->fd, conn->in + conn->in_len, sizeof conn->in - 1 - conn->in_len, 0);
    if (got <= 0)
        return false;
    conn->in_len += (size_t)got;
    conn->in[conn->in_len] = '\0';
    char *end = strstr(conn->in, "\r\n\r\n");
    if (end == NULL)
        return true;
    *end = '\0';
    size_t head_len = (size_t)(end - conn->in) + 4;
    answer(conn, conn->in);
    size_t rest = conn->in_len - head_len;
    if (rest > conn->to_drain)
        return false;
    conn->received = rest;
    conn->to_drain -= rest;
    conn->in_len = 0;
    if (rest > 0 && conn->to_drain == 0)
        answer_upload(conn);
    return true;
}

/* True when all is out. */
static bool put_output(struct conn *conn)
{
    while (conn->out_sent < conn->out_len || conn->to_send > 0) {
        struct iovec parts[2] = {
            {conn->out + conn->out_sent, conn->out_len - conn->out_sent},
            {chunk, conn->to_send < CHUNK ? (size_t)conn->to_send : CHUNK},
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        size_t head = parts[0].iov_len < (size_t)sent ? parts[0].iov_len : (size_t)sent;
        conn->out_sent += head;
        conn->to_send -= (size_t)sent - head;
    }
    return true;
}

/* Until the socket has to be waited for; closes the connection at its end. */
static void serve(struct conn *conn)
{
    errno = 0;
    while (put_output(conn) && take_input(conn))
        errno = 0;
    if (errno == EAGAIN)
        return;
    slow_end(conn);
    close(conn->fd);
    free(conn);
}

static void tick(void)
{
    struct conn *conn;
    struct conn *next;
    uint64_t count = 0;
    if (read(ticker, &count, sizeof count) != sizeof count)
        return;
    count = count < SLOW_TICKS ? count : SLOW_TICKS;
    DL_FOREACH_SAFE (slow_ones, conn, next) {
        conn->allowance = count * SLOW_BYTES;
        serve(conn);
    }
}

static void accept_all(int listener, int epoll)
{
    int yes = 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
        struct conn *conn = xcalloc(1, sizeof *conn);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = conn};
        conn->fd = fd;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on_any_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, 1024) < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        perror("origin");
        exit(1);
    }
    printf("%u\n", (unsigned)ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    memset(chunk, 'x', sizeof chunk);
    int listener = listen_on_any_port();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    ticker = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    event.data.ptr = &ticker;
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, ticker, &event);
    for (;;) {
        struct epoll_event events[64];
        bool ticks = false;
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener, epoll);
            else if (events[i].data.ptr != &ticker)
                serve(events[i].data.ptr);
            else
                ticks = true;
        }
        /* Last: it may close a connection that an event of this round is about. */
        if (ticks)
            tick();
    }
}
