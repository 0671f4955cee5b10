/* load_conn.c - the connections of the load generator, on epoll, edge-triggered.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/mem.h"
#include "base/str.h"
#include "bench/load.h"

#define OPENING_MAX  32 /* handshakes at once while connections are opened */
#define STALL_NS     (20 * LOAD_NS)
#define UPLOAD_CHUNK 65536

enum conn_state {
    CONN_CLOSED,
    CONN_IDLE,
    CONN_HANDSHAKE,
    CONN_SEND_HEAD,
    CONN_SEND_BODY,
    CONN_RECEIVE_HEAD,
    CONN_RECEIVE_BODY,
};

enum progress { GO_ON, WAIT, FINISHED, FAILED };

struct load_conn {
    struct load *load;
    SSL *ssl;
    SSL_SESSION *session; /* the newest ticket */
    int fd;
    enum conn_state state;
    uint64_t start_ns;
    uint64_t left; /* of the body */
    uint64_t body_len;
    size_t sent;
    size_t in_len;
    char in[16384];
};

uint64_t load_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * LOAD_NS + (uint64_t)now.tv_nsec;
}

void load_complain(struct load *load, const char *what)
{
    load->errors++;
    if (load->errors <= 3) {
        (void)fprintf(stderr, "load: %s\n", what);
        ERR_print_errors_fp(stderr);
    }
    ERR_clear_error();
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct load_conn *conn = SSL_get_app_data(ssl);
    SSL_SESSION_free(conn->session);
    conn->session = session;
    return 1;
}

static void conn_close(struct load_conn *conn)
{
    if (conn->ssl != NULL) {
        /* Without it OpenSSL takes the session for a broken one and does not resume it. */
        (void)SSL_shutdown(conn->ssl);
        SSL_free(conn->ssl);
        close(conn->fd);
        ERR_clear_error();
    }
    conn->ssl = NULL;
    conn->state = CONN_CLOSED;
}

static bool conn_present(struct load *load, SSL *ssl)
{
    if (load->is_fresh && load->identity_next == load->identity_count) {
        load_complain(load, "out of client certificates");
        return false;
    }
    const struct load_identity *who = &load->identities[load->identity_next % load->identity_count];
    load->identity_next++;
    return SSL_use_certificate(ssl, who->cert) == 1 && SSL_use_PrivateKey(ssl, who->key) == 1;
}

static bool conn_open(struct load_conn *conn)
{
    struct load *load = conn->load;
    int yes = 1;
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (conn->fd < 0)
        return false;
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(conn->fd, (struct sockaddr *)&load->server, sizeof load->server) < 0 &&
        errno != EINPROGRESS) {
        close(conn->fd);
        return false;
    }
    conn->ssl = SSL_new(load->ctx);
    SSL_set_app_data(conn->ssl, conn);
    SSL_set_fd(conn->ssl, conn->fd);
    SSL_set_tlsext_host_name(conn->ssl, load->server_name);
    SSL_set_connect_state(conn->ssl);
    if (load->mode == LOAD_RESUME && conn->session != NULL)
        SSL_set_session(conn->ssl, conn->session);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = conn};
    return conn_present(load, conn->ssl) &&
           epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) == 0;
}

static enum progress tls_wait(struct load_conn *conn, const char *what)
{
    int error = SSL_get_error(conn->ssl, 0);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return WAIT;
    load_complain(conn->load, what);
    return FAILED;
}

static enum progress do_handshake(struct load_conn *conn)
{
    ERR_clear_error();
    int result = SSL_do_handshake(conn->ssl);
    if (result != 1) {
        int error = SSL_get_error(conn->ssl, result);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
            return WAIT;
        load_complain(conn->load, "handshake failed");
        return FAILED;
    }
    if (conn->load->is_measuring && SSL_session_reused(conn->ssl))
        conn->load->resumed++;
    conn->state = CONN_SEND_HEAD;
    return GO_ON;
}

static enum progress do_send_head(struct load_conn *conn)
{
    const struct load *load = conn->load;
    size_t written = 0;
    ERR_clear_error();
    if (!SSL_write_ex(conn->ssl, load->head, load->head_len, &written))
        return tls_wait(conn, "cannot send the request");
    conn->in_len = 0;
    conn->left = load->body_bytes;
    conn->state = load->mode == LOAD_UPLOAD ? CONN_SEND_BODY : CONN_RECEIVE_HEAD;
    return GO_ON;
}

static enum progress do_send_body(struct load_conn *conn)
{
    static const char zeros[UPLOAD_CHUNK];
    ERR_clear_error();
    while (conn->left > 0) {
        size_t part = conn->left < sizeof zeros ? (size_t)conn->left : sizeof zeros;
        size_t written = 0;
        if (!SSL_write_ex(conn->ssl, zeros, part, &written))
            return tls_wait(conn, "cannot send the body");
        conn->left -= written;
    }
    conn->state = CONN_RECEIVE_HEAD;
    return GO_ON;
}

/* Content-Length of a 200; false when the answer is anything else. */
static bool head_parse(struct str head, uint64_t *ret_length)
{
    struct str line;
    if (!str_starts_with(head, STR("HTTP/1.1 200 ")))
        return false;
    while (str_split(&head, '\n', &line)) {
        if (str_starts_with_icase(line, STR("content-length:")) && line.len > 16)
            return str_parse_u64(str_trim(str_make(line.ptr + 15, line.len - 16)), UINT64_MAX,
                                 ret_length);
    }
    return false;
}

static uint64_t expected_length(const struct load *load)
{
    if (load->mode == LOAD_DOWNLOAD)
        return load->body_bytes;
    if (load->mode != LOAD_UPLOAD)
        return LOAD_SMALL_BYTES;
    return (uint64_t)snprintf(NULL, 0, "%ju", (uintmax_t)load->body_bytes);
}

static enum progress do_receive_head(struct load_conn *conn)
{
    size_t got = 0;
    ERR_clear_error();
    if (!SSL_read_ex(conn->ssl, conn->in + conn->in_len, sizeof conn->in - conn->in_len, &got))
        return tls_wait(conn, "cannot read the answer");
    conn->in_len += got;
    const char *end = memmem(conn->in, conn->in_len, "\r\n\r\n", 4);
    if (end == NULL && conn->in_len < sizeof conn->in)
        return GO_ON;
    if (end == NULL)
        return FAILED;
    size_t head_len = (size_t)(end - conn->in) + 4;
    if (!head_parse(str_make(conn->in, head_len), &conn->body_len) ||
        conn->body_len != expected_length(conn->load) || conn->in_len - head_len > conn->body_len) {
        load_complain(conn->load, "not the answer expected:");
        if (conn->load->errors <= 3)
            (void)fprintf(stderr, "%.*s\n", (int)head_len, conn->in);
        return FAILED;
    }
    conn->left = conn->body_len - (conn->in_len - head_len);
    conn->in_len -= head_len;
    memmove(conn->in, conn->in + head_len, conn->in_len);
    conn->state = CONN_RECEIVE_BODY;
    return GO_ON;
}

/* The origin answers an upload with the number of bytes it read. */
static bool upload_is_complete(const struct load_conn *conn)
{
    uint64_t received = 0;
    return str_parse_u64(str_make(conn->in, (size_t)conn->body_len), UINT64_MAX, &received) &&
           received == conn->load->body_bytes;
}

static enum progress do_receive_body(struct load_conn *conn)
{
    struct load *load = conn->load;
    ERR_clear_error();
    while (conn->left > 0) {
        size_t got = 0;
        size_t at = load->mode == LOAD_UPLOAD ? conn->in_len : 0;
        size_t room = sizeof conn->in - at;
        if (!SSL_read_ex(conn->ssl, conn->in + at, conn->left < room ? (size_t)conn->left : room,
                         &got))
            return tls_wait(conn, "cannot read the body");
        conn->left -= got;
        conn->in_len += got;
    }
    if (load->mode == LOAD_UPLOAD && !upload_is_complete(conn)) {
        load_complain(load, "the origin did not get the whole body");
        return FAILED;
    }
    return FINISHED;
}

static enum progress conn_step(struct load_conn *conn)
{
    switch (conn->state) {
    case CONN_HANDSHAKE:
        return do_handshake(conn);
    case CONN_SEND_HEAD:
        return do_send_head(conn);
    case CONN_SEND_BODY:
        return do_send_body(conn);
    case CONN_RECEIVE_HEAD:
        return do_receive_head(conn);
    case CONN_RECEIVE_BODY:
        return do_receive_body(conn);
    case CONN_CLOSED:
    case CONN_IDLE:
        break;
    }
    return WAIT;
}

static void count_operation(struct load_conn *conn)
{
    struct load *load = conn->load;
    if (!load->is_measuring)
        return;
    if (load->latency_count == load->latency_room) {
        load->latency_room = load->latency_room * 2 + 1024;
        load->latencies_us =
            xreallocarray(load->latencies_us, load->latency_room, sizeof *load->latencies_us);
    }
    load->latencies_us[load->latency_count++] = (uint32_t)((load_now_ns() - conn->start_ns) / 1000);
    load->operations++;
    load->bytes += load->body_bytes;
}

static bool may_start(const struct load *load)
{
    return load->is_measuring && load->started < load->wanted && load->errors < 100 &&
           load_now_ns() < load->deadline_ns;
}

static bool conn_start(struct load_conn *conn)
{
    struct load *load = conn->load;
    conn->start_ns = load_now_ns();
    load->started++;
    if (conn->state == CONN_IDLE) {
        conn->state = CONN_SEND_HEAD;
        return true;
    }
    conn->state = CONN_HANDSHAKE;
    if (conn_open(conn))
        return true;
    load_complain(load, "cannot connect");
    conn_close(conn);
    return false;
}

/* From the start or end of an operation to where the network has to be waited for. */
static void conn_advance(struct load_conn *conn, bool is_new)
{
    struct load *load = conn->load;
    if (is_new) {
        if (!conn_start(conn))
            return;
        load->active++;
    }
    if (conn->state == CONN_CLOSED || conn->state == CONN_IDLE)
        return;
    for (;;) {
        enum progress progress = conn_step(conn);
        if (progress == GO_ON)
            continue;
        if (progress == WAIT)
            return;
        if (progress == FINISHED)
            count_operation(conn);
        bool is_kept =
            progress == FINISHED && load->mode != LOAD_HANDSHAKE && load->mode != LOAD_RESUME;
        if (is_kept)
            conn->state = CONN_IDLE;
        else
            conn_close(conn);
        if (!may_start(load) || !conn_start(conn)) {
            load->active--;
            return;
        }
    }
}

static void wait_for_events(struct load *load)
{
    struct epoll_event events[64];
    int count = epoll_wait(load->epoll, events, 64, 200);
    for (int i = 0; i < count; i++)
        conn_advance(events[i].data.ptr, false);
}

bool load_open(struct load *load)
{
    SSL_CTX_set_session_cache_mode(load->ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(load->ctx, keep_session);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->conns = xcalloc(load->conn_count, sizeof *load->conns);
    size_t next = 0;
    uint64_t stalled_at = load_now_ns() + STALL_NS * 6;
    while ((next < load->conn_count || load->active > 0) && load_now_ns() < stalled_at) {
        while (next < load->conn_count && load->active < OPENING_MAX && load->errors == 0) {
            load->conns[next].load = load;
            conn_advance(&load->conns[next++], true);
        }
        if (load->errors > 0)
            return false;
        wait_for_events(load);
    }
    load->started = 0;
    return load->active == 0;
}

void load_run(struct load *load)
{
    load->is_measuring = true;
    for (size_t i = 0; i < load->conn_count && may_start(load); i++)
        conn_advance(&load->conns[i], true);
    while (load->active > 0) {
        wait_for_events(load);
        if (load_now_ns() > load->deadline_ns + STALL_NS) {
            load_complain(load, "operations never ended");
            load->errors += load->active - 1;
            return;
        }
    }
}

size_t load_count_open(const struct load *load)
{
    size_t count = 0;
    for (size_t i = 0; i < load->conn_count; i++) {
        char byte = 0;
        struct load_conn *conn = &load->conns[i];
        if (conn->ssl != NULL && SSL_peek(conn->ssl, &byte, 1) <= 0 &&
            SSL_get_error(conn->ssl, -1) == SSL_ERROR_WANT_READ)
            count++;
        ERR_clear_error();
    }
    return count;
}

void load_close(struct load *load)
{
    for (size_t i = 0; i < load->conn_count; i++) {
        conn_close(&load->conns[i]);
        SSL_SESSION_free(load->conns[i].session);
    }
    free(load->conns);
    close(load->epoll);
}
