/* SPDX-License-Identifier: MIT */
#include "tls/tls_bio.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/str.h"

/* ---- sending ------------------------------------------------------------------------------ */

static ssize_t send_some(int fd, const char *bytes, size_t len)
{
    ssize_t sent;
    do {
        sent = send(fd, bytes, len, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

void tls_bio_drop(struct tls_bio *bio)
{
    buf_release(bio->pool, bio->out);
    bio->out = NULL;
}

/* Returns -EAGAIN, or another negative errno after which nothing is sent any more. */
static int sending_failed(struct tls_bio *bio, int error_number)
{
    if (error_number != EAGAIN) {
        bio->error = error_number;
        tls_bio_drop(bio);
    }
    return -error_number;
}

int tls_bio_flush(struct tls_bio *bio)
{
    while (tls_bio_held(bio) > 0) {
        ssize_t sent = send_some(bio->fd, bio->out->bytes + bio->out->start, buf_len(bio->out));
        if (sent < 0)
            return sending_failed(bio, errno);
        bio->out->start += (size_t)sent;
    }
    tls_bio_drop(bio);
    return -bio->error;
}

/* Room for len bytes behind what is held, after sending if need be. 0 or a negative errno; -ENOBUFS
 * when nothing is held and the bytes had better go to the socket. */
static int make_room(struct tls_bio *bio, size_t len)
{
    if (bio->out != NULL && len > buf_room(bio->out)) {
        int result = tls_bio_flush(bio);
        if (result < 0 && result != -EAGAIN)
            return result;
        if (bio->out != NULL)
            buf_compact(bio->out);
    }
    if (bio->out != NULL)
        return buf_room(bio->out) > 0 ? 0 : -EAGAIN;
    if (bio->holds && bio->pool != NULL)
        bio->out = buf_acquire_bulk(bio->pool);
    return bio->out != NULL ? 0 : -ENOBUFS;
}

/* Always 0; the SSL looks at the flags, its owner at errno. */
static int failed(BIO *b, int error_number, int retry)
{
    if (error_number == EAGAIN)
        BIO_set_flags(b, retry | BIO_FLAGS_SHOULD_RETRY);
    errno = error_number;
    return 0;
}

/* How much of it was taken, or a negative errno. What is taken is the BIO's to send, so an answer
 * less than len says how much had room. */
static ssize_t write_some(struct tls_bio *bio, const char *bytes, size_t len)
{
    int room = make_room(bio, len);
    if (room == -ENOBUFS) {
        ssize_t sent = send_some(bio->fd, bytes, len);
        return sent < 0 ? sending_failed(bio, errno) : sent;
    }
    if (room < 0)
        return room;
    struct buf *out = bio->out;
    size_t taken = len < buf_room(out) ? len : buf_room(out);
    memcpy(out->bytes + out->end, bytes, taken);
    out->end += taken;
    int sent = bio->holds ? 0 : tls_bio_flush(bio);
    return sent < 0 && sent != -EAGAIN ? sent : (ssize_t)taken;
}

static int on_write(BIO *b, const char *bytes, size_t len, size_t *ret_len)
{
    struct tls_bio *bio = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    ssize_t taken = bio->error != 0 ? -bio->error : write_some(bio, bytes, len);
    if (taken == -EAGAIN) {
        bio->owes = true;
        return failed(b, EAGAIN, BIO_FLAGS_WRITE);
    }
    *ret_len = taken < 0 ? len : (size_t)taken;
    bio->owes = *ret_len < len;
    return 1;
}

/* ---- receiving ---------------------------------------------------------------------------- */

static size_t take(struct tls_bio *bio, char *bytes, size_t size)
{
    struct buf *in = bio->in;
    size_t len = buf_len(in) < size ? buf_len(in) : size;
    memcpy(bytes, in->bytes + in->start, len);
    in->start += len;
    if (buf_len(in) == 0) {
        buf_release(bio->pool, in);
        bio->in = NULL;
    }
    return len;
}

/* What was asked for goes where it belongs, what is behind it into a buffer. */
static ssize_t receive(struct tls_bio *bio, char *bytes, size_t size)
{
    struct buf *ahead = bio->reads_ahead && bio->pool != NULL ? buf_acquire_bulk(bio->pool) : NULL;
    struct iovec parts[2] = {{bytes, size}, {NULL, 0}};
    if (ahead != NULL)
        parts[1] = (struct iovec){ahead->bytes, ahead->size};
    ssize_t len;
    do {
        len = ahead != NULL ? readv(bio->fd, parts, 2) : recv(bio->fd, bytes, size, 0);
    } while (len < 0 && errno == EINTR);
    if (len <= 0 || (size_t)len <= size || ahead == NULL) {
        buf_release(bio->pool, ahead);
        return len;
    }
    ahead->end = (size_t)len - size;
    bio->in = ahead;
    return (ssize_t)size;
}

/* True when what was read is not for the SSL. */
static bool keep_clear(struct tls_bio *bio, const char *bytes, size_t len)
{
    bio->expects_clear = false;
    if (!ascii_is_alpha(bytes[0]))
        return false;
    bio->clear = buf_acquire(bio->pool);
    memcpy(bio->clear->bytes, bytes, len);
    bio->clear->end = len;
    return true;
}

static int on_read(BIO *b, char *bytes, size_t size, size_t *ret_len)
{
    struct tls_bio *bio = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (bio->in != NULL) {
        *ret_len = take(bio, bytes, size);
        return 1;
    }
    if (bio->clear != NULL)
        return failed(b, EPROTO, 0);
    bool is_first = bio->expects_clear && bio->pool != NULL;
    ssize_t len = receive(bio, bytes, is_first && size > BUF_SIZE ? BUF_SIZE : size);
    if (len < 0)
        return failed(b, errno, BIO_FLAGS_READ);
    if (is_first && len > 0 && keep_clear(bio, bytes, (size_t)len))
        return failed(b, EPROTO, 0);
    BIO_set_flags(b, len == 0 ? BIO_FLAGS_IN_EOF : 0);
    *ret_len = (size_t)len;
    return len > 0;
}

/* ---- the method --------------------------------------------------------------------------- */

/* A flush while records are collected is the holder's business: it follows, at the latest at the
 * end of the call. */
static long flush(BIO *b, struct tls_bio *bio)
{
    int result = bio->holds ? 0 : tls_bio_flush(bio);
    BIO_clear_retry_flags(b);
    return result == -EAGAIN ? failed(b, EAGAIN, BIO_FLAGS_WRITE) : 1;
}

static long on_ctrl(BIO *b, int command, long number, void *arg)
{
    struct tls_bio *bio = BIO_get_data(b);
    (void)number;
    (void)arg;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return flush(b, bio);
    case BIO_CTRL_PENDING:
        return (long)tls_bio_pending(bio);
    case BIO_CTRL_WPENDING:
        return (long)tls_bio_held(bio);
    case BIO_CTRL_EOF:
        return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
    default:
        return 0;
    }
}

static int on_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

BIO_METHOD *tls_bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket that collects");
    if (method == NULL || BIO_meth_set_write_ex(method, on_write) != 1 ||
        BIO_meth_set_read_ex(method, on_read) != 1 || BIO_meth_set_ctrl(method, on_ctrl) != 1 ||
        BIO_meth_set_create(method, on_create) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

BIO *tls_bio_new(const BIO_METHOD *method, struct tls_bio *bio)
{
    BIO *b = method == NULL ? NULL : BIO_new(method);
    if (b != NULL)
        BIO_set_data(b, bio);
    return b;
}

void tls_bio_clear(struct tls_bio *bio)
{
    tls_bio_drop(bio);
    buf_release(bio->pool, bio->in);
    buf_release(bio->pool, bio->clear);
    bio->in = NULL;
    bio->clear = NULL;
}
