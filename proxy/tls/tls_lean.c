/* A TLS 1.3 connection after its handover: application data, alerts and key updates, by RFC 8446
 * sections 4.6.3, 5 and 6. Records are received into a pooled buffer and opened into the owner's
 * memory; what is sent is sealed into another, from where several records leave at once.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "base/mem.h"
#include "tls/tls_private.h"

/* In a row, before the peer is taken for one that wants to keep us busy: records without content,
 * and warnings. Both as OpenSSL has them. */
enum { EMPTY_MAX = 32, WARNINGS_MAX = 4 };
/* RFC 8446 section 5.5: a peer that was asked for a KeyUpdate and goes on under the old key is cut
 * off well before AES-GCM is worn out: 2^24 records, when it is asked at 2^22. */
enum { PATIENCE = 4 };
/* As many as a bulk buffer holds, twice: tiny ones must not hold up everybody else. */
#define RECORDS_PER_READ (2 * BUF_BULK_SIZE / TLS_FRAGMENT_MAX)

/* RFC 8446 sections 4 and 4.6.3: the type, a length of 1, the request */
enum { MESSAGE_KEY_UPDATE = 24, MESSAGE_HEADER = 4, KEY_UPDATE_REQUEST = 4 };
/* Room for a key update in front of any record. */
#define UPDATE_RECORD_SIZE (TLS_KEY_UPDATE_SIZE + TLS_RECORD_OVERHEAD)

/* ---- output ------------------------------------------------------------------------------- */

/* The caller has seen to the room. */
static bool append(struct tls_connection *connection, enum tls_content type, const void *bytes,
                   size_t len)
{
    struct buf *out = connection->bio.out;
    if (!tls_keys_seal(&connection->lean->out, type, bytes, len,
                       (unsigned char *)out->bytes + out->end)) {
        return false;
    }
    out->end += len + TLS_RECORD_OVERHEAD;
    return true;
}

/* Room for len bytes of content, or as much as there is: how many, 0 when the socket has to take
 * something first. */
static size_t make_room(struct tls_bio *bio, size_t len, bool is_bulk)
{
    const size_t overhead = TLS_RECORD_OVERHEAD + UPDATE_RECORD_SIZE;
    size_t wanted = (len < TLS_FRAGMENT_MAX ? len : TLS_FRAGMENT_MAX) + overhead;
    if (bio->out != NULL && buf_room(bio->out) < wanted) {
        (void)tls_bio_flush(bio); /* an error comes back with the next flush */
        if (bio->out != NULL)
            buf_compact(bio->out);
    }
    if (bio->out == NULL) {
        bio->out = is_bulk || wanted > BUF_SIZE ? buf_acquire_bulk(bio->pool) : NULL;
        if (bio->out == NULL)
            bio->out = buf_acquire(bio->pool);
    }
    size_t room = buf_room(bio->out);
    /* Rather later than a record of a few bytes. */
    bool is_worth_it = room >= wanted || (room > overhead && room >= bio->out->size / 2);
    return is_worth_it ? (room < wanted ? room : wanted) - overhead : 0;
}

/* RFC 8446 section 4.6.3: everything after it is under the next key. It is sent when the peer asked
 * for one, and by this side before a key has seen too much (section 5.5). */
static bool update_if_due(struct tls_connection *connection)
{
    struct tls_lean *lean = connection->lean;
    bool asks = lean->in.sequence >= lean->update_after && !lean->awaits_update;
    if (!asks && !lean->owes_update && lean->out.sequence < lean->update_after)
        return true;
    const unsigned char message[TLS_KEY_UPDATE_SIZE] = {MESSAGE_KEY_UPDATE, 0, 0, 1, asks};
    if (!append(connection, TLS_HANDSHAKE, message, sizeof message) ||
        !tls_keys_update(&lean->out)) {
        return false;
    }
    lean->owes_update = false;
    lean->awaits_update = lean->awaits_update || asks;
    return true;
}

static enum transport_result lean_write(struct transport *transport, const char *bytes, size_t len,
                                        bool has_more, size_t *ret_len)
{
    struct tls_connection *connection = transport->tls_connection;
    size_t taken = 0;
    size_t n;
    if (connection->is_broken)
        return TRANSPORT_ERROR;
    while (taken < len && (n = make_room(&connection->bio, len - taken, has_more)) > 0) {
        if (!update_if_due(connection) ||
            !append(connection, TLS_APPLICATION_DATA, bytes + taken, n)) {
            return tls_transport_broken(transport, NULL);
        }
        taken += n;
    }
    if ((!has_more || taken == 0) && tls_transport_flush(transport) == TRANSPORT_ERROR)
        return TRANSPORT_ERROR;
    *ret_len = taken;
    return taken > 0 ? TRANSPORT_OK : TRANSPORT_AGAIN;
}

/* False when it has to wait until the socket has taken something. */
static bool send_alert(struct tls_connection *connection, unsigned char level, enum tls_alert alert)
{
    const unsigned char message[2] = {level, (unsigned char)alert};
    if (connection->lean->said_goodbye)
        return true;
    if (make_room(&connection->bio, sizeof message, false) < sizeof message)
        return false;
    if (append(connection, TLS_ALERT, message, sizeof message))
        (void)tls_bio_flush(&connection->bio);
    return true;
}

static enum transport_result lean_shutdown(struct transport *transport)
{
    struct tls_connection *connection = transport->tls_connection;
    if (!connection->is_broken && !connection->lean->said_goodbye) {
        /* section 6.1 */
        connection->lean->said_goodbye =
            send_alert(connection, SSL3_AL_WARNING, TLS_ALERT_CLOSE_NOTIFY);
    }
    if (tls_transport_held(transport) > 0 && tls_transport_flush(transport) == TRANSPORT_AGAIN)
        return TRANSPORT_AGAIN;
    return shutdown(transport->fd, SHUT_WR) == 0 ? TRANSPORT_OK : TRANSPORT_ERROR;
}

/* ---- the end ------------------------------------------------------------------------------ */

/* RFC 8446 section 6.2: no resumption after a fatal alert, from whichever side. */
static enum transport_result end_fatally(struct transport *transport, const char *prefix, int alert)
{
    struct tls_connection *connection = transport->tls_connection;
    char reason[80];
    if (connection->lean->has_session)
        tls_store_remove(connection->listener->store, connection->lean->session_id);
    (void)snprintf(reason, sizeof reason, "%s%s", prefix, SSL_alert_desc_string_long(alert));
    return tls_transport_broken(transport, reason);
}

static enum transport_result fail(struct transport *transport, enum tls_alert alert)
{
    (void)send_alert(transport->tls_connection, SSL3_AL_FATAL, alert);
    return end_fatally(transport, "", alert);
}

/* ---- input -------------------------------------------------------------------------------- */

static void release_input(struct tls_bio *bio)
{
    if (bio->in != NULL && bio->in->size != BUF_SIZE && bio->in->size != BUF_BULK_SIZE) {
        free(bio->in);
    } else {
        buf_release(bio->pool, bio->in);
    }
    bio->in = NULL;
}

/* For a record that does not fit a small buffer: lent, or if none is left to lend, its own. */
static void enlarge_input(struct tls_bio *bio)
{
    struct buf *larger = buf_acquire_bulk(bio->pool);
    if (larger == NULL) {
        larger = xmalloc(sizeof *larger + TLS_RECORD_MAX);
        *larger = (struct buf){.size = TLS_RECORD_MAX};
    }
    larger->end = buf_len(bio->in);
    memcpy(larger->bytes, bio->in->bytes + bio->in->start, larger->end);
    release_input(bio);
    bio->in = larger;
}

static const unsigned char *input_of(const struct tls_bio *bio)
{
    return (const unsigned char *)bio->in->bytes + bio->in->start;
}

/* How long the record in front is, as far as that is known. One that must be refused is as long as
 * its header. */
static size_t record_size(const struct tls_bio *bio)
{
    size_t len = 0;
    if (buf_len(bio->in) >= TLS_RECORD_HEADER)
        (void)(tls_record_length(input_of(bio), &len) == TLS_ALERT_NONE);
    return TLS_RECORD_HEADER + len;
}

static bool has_record(const struct tls_bio *bio)
{
    return bio->in != NULL && buf_len(bio->in) >= TLS_RECORD_HEADER &&
           buf_len(bio->in) >= record_size(bio);
}

static void make_input_room(struct tls_bio *bio, size_t size)
{
    if (bio->in == NULL) {
        bio->in = size > BUF_SIZE ? buf_acquire_bulk(bio->pool) : NULL;
        if (bio->in == NULL)
            bio->in = buf_acquire(bio->pool);
    }
    size_t wanted = record_size(bio);
    if (wanted > bio->in->size) {
        enlarge_input(bio);
    } else if (bio->in->size - bio->in->start < wanted || buf_room(bio->in) < bio->in->size / 2) {
        buf_compact(bio->in);
    }
}

static enum transport_result receive(struct transport *transport, size_t size)
{
    struct tls_connection *connection = transport->tls_connection;
    make_input_room(&connection->bio, size);
    struct buf *in = connection->bio.in;
    ssize_t len;
    do {
        len = recv(transport->fd, in->bytes + in->end, buf_room(in), 0);
    } while (len < 0 && errno == EINTR);
    if (len > 0) {
        in->end += (size_t)len;
        return TRANSPORT_OK;
    }
    if (len == 0)
        return tls_transport_ended(transport);
    if (errno == EAGAIN)
        return TRANSPORT_AGAIN;
    transport->error_number = errno;
    return tls_transport_broken(transport, strerrordesc_np(errno));
}

/* RFC 8446 section 6; what is no alert gets the answer of OpenSSL. */
static enum transport_result take_alert(struct transport *transport, const unsigned char *message,
                                        size_t len)
{
    struct tls_connection *connection = transport->tls_connection;
    if (len != 2)
        return fail(transport, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (message[1] == TLS_ALERT_CLOSE_NOTIFY) { /* 6.1: what follows is to be ignored */
        if (connection->lean->message_len > 0)
            return tls_transport_broken(transport, "closed within a message");
        connection->has_goodbye = true;
        return tls_transport_ended(transport);
    }
    if (message[1] == TLS_ALERT_USER_CANCELED) { /* 6.1: a close_notify follows */
        bool is_too_much = connection->lean->warnings++ >= WARNINGS_MAX;
        return is_too_much ? fail(transport, TLS_ALERT_UNEXPECTED_MESSAGE) : TRANSPORT_OK;
    }
    return end_fatally(transport, "the peer sent an alert: ", message[1]);
}

/* RFC 8446 section 4.6.3. has_more: its record goes on, though what follows has another key
 * (section 5.1). */
static enum transport_result take_key_update(struct transport *transport, bool has_more)
{
    struct tls_lean *lean = ((struct tls_connection *)transport->tls_connection)->lean;
    bool is_empty = lean->message_len == MESSAGE_HEADER;
    unsigned char request = lean->message[KEY_UPDATE_REQUEST];
    lean->message_len = 0;
    if (has_more)
        return fail(transport, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (is_empty || request > 1)
        return fail(transport, is_empty ? TLS_ALERT_DECODE_ERROR : TLS_ALERT_ILLEGAL_PARAMETER);
    if (!tls_keys_update(&lean->in))
        return fail(transport, TLS_ALERT_INTERNAL_ERROR);
    lean->owes_update = lean->owes_update || request == 1;
    lean->awaits_update = false;
    return TRANSPORT_OK;
}

/* A message may be spread over records (RFC 8446 section 5.1). There is one kind that may come. */
static enum transport_result take_handshake(struct transport *transport, const unsigned char *bytes,
                                            size_t len)
{
    struct tls_lean *lean = ((struct tls_connection *)transport->tls_connection)->lean;
    size_t taken = 0;
    while (taken < len && lean->message_len < MESSAGE_HEADER) {
        lean->message[lean->message_len++] = bytes[taken++];
    }
    if (lean->message_len < MESSAGE_HEADER)
        return len == 0 ? fail(transport, TLS_ALERT_UNEXPECTED_MESSAGE) : TRANSPORT_OK;
    const unsigned char *message = lean->message;
    if (message[0] != MESSAGE_KEY_UPDATE)
        return fail(transport, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (message[1] != 0 || message[2] != 0 || message[3] > 1)
        return fail(transport, TLS_ALERT_ILLEGAL_PARAMETER);
    if (message[3] == 1) {
        if (taken == len)
            return len == 0 ? fail(transport, TLS_ALERT_UNEXPECTED_MESSAGE) : TRANSPORT_OK;
        lean->message[lean->message_len++] = bytes[taken++];
    }
    return take_key_update(transport, taken < len);
}

static size_t take_plain(struct tls_connection *connection, char *bytes, size_t size)
{
    struct tls_lean *lean = connection->lean;
    size_t len = lean->plain_len < size ? lean->plain_len : size;
    memcpy(bytes, connection->bio.in->bytes + lean->plain_start, len);
    lean->plain_start += len;
    lean->plain_len -= len;
    return len;
}

/* RFC 8446 section 5.1: nothing else between the records of a message; OpenSSL lets alerts pass
 * once its header is there. And nothing without end that brings nothing. */
static bool may_come(struct tls_lean *lean, uint8_t type, size_t len)
{
    bool is_alert_behind_header = type == TLS_ALERT && lean->message_len >= MESSAGE_HEADER;
    lean->empty = len > 0 ? 0 : lean->empty + 1;
    if (type != TLS_ALERT && len > 0)
        lean->warnings = 0;
    return lean->empty <= EMPTY_MAX &&
           (lean->message_len == 0 || type == TLS_HANDSHAKE || is_alert_behind_header);
}

/* What was opened at `plain`, which is bytes or lies in the input. */
static enum transport_result take_content(struct transport *transport, uint8_t type,
                                          unsigned char *plain, size_t plain_len, char *bytes,
                                          size_t size, size_t *ret_len)
{
    struct tls_connection *connection = transport->tls_connection;
    struct tls_lean *lean = connection->lean;
    if (!may_come(lean, type, plain_len))
        return fail(transport, TLS_ALERT_UNEXPECTED_MESSAGE);
    switch (type) {
    case TLS_APPLICATION_DATA:
        if (plain == (unsigned char *)bytes) {
            *ret_len = plain_len;
        } else {
            lean->plain_start = (size_t)(plain - (unsigned char *)connection->bio.in->bytes);
            lean->plain_len = plain_len;
            *ret_len = take_plain(connection, bytes, size);
        }
        return TRANSPORT_OK;
    case TLS_ALERT:
        return take_alert(transport, plain, plain_len);
    case TLS_HANDSHAKE:
        return take_handshake(transport, plain, plain_len);
    default:
        return fail(transport, TLS_ALERT_UNEXPECTED_MESSAGE); /* section 5 */
    }
}

/* The peer has been asked for a new key, and sends on and on under this one. */
static bool is_worn_out(const struct tls_lean *lean)
{
    return lean->awaits_update && lean->in.sequence >= PATIENCE * lean->update_after;
}

/* Takes the whole record in front: to bytes if it fits there, with its type and padding. */
static enum transport_result take_record(struct transport *transport, char *bytes, size_t size,
                                         size_t *ret_len)
{
    struct tls_connection *connection = transport->tls_connection;
    struct buf *in = connection->bio.in;
    unsigned char *header = (unsigned char *)in->bytes + in->start;
    unsigned char *body = header + TLS_RECORD_HEADER;
    size_t len = 0;
    size_t plain_len = 0;
    uint8_t type = 0;
    enum tls_alert alert = tls_record_length(header, &len);
    if (alert != TLS_ALERT_NONE)
        return fail(transport, alert);
    if (is_worn_out(connection->lean))
        return fail(transport, TLS_ALERT_UNEXPECTED_MESSAGE);
    unsigned char *plain = len - TLS_RECORD_TAG <= size ? (unsigned char *)bytes : body;
    alert = tls_keys_open(&connection->lean->in, header, body, len, plain, &type, &plain_len);
    if (alert != TLS_ALERT_NONE)
        return fail(transport, alert);
    in->start += TLS_RECORD_HEADER + len;
    return take_content(transport, type, plain, plain_len, bytes, size, ret_len);
}

static bool has_bytes(const struct tls_connection *connection)
{
    return connection->lean->plain_len > 0 || has_record(&connection->bio);
}

/* What is there already, otherwise what the socket has: one call to it for each of the owner's. */
static enum transport_result read_some(struct transport *transport, char *bytes, size_t size,
                                       size_t *ret_total)
{
    struct tls_connection *connection = transport->tls_connection;
    enum transport_result result = has_bytes(connection) ? TRANSPORT_OK : receive(transport, size);
    for (size_t i = 0; i < RECORDS_PER_READ && result == TRANSPORT_OK; i++) {
        size_t len = 0;
        if (*ret_total == size || !has_bytes(connection))
            break;
        if (connection->lean->plain_len > 0) {
            len = take_plain(connection, bytes + *ret_total, size - *ret_total);
        } else {
            result = take_record(transport, bytes + *ret_total, size - *ret_total, &len);
        }
        *ret_total += len;
    }
    return result;
}

/* A peer that only sends has to be asked for a new key as well. False when libcrypto failed:
 * nothing may be sent any more. */
static bool ask_for_update(struct tls_connection *connection)
{
    struct tls_lean *lean = connection->lean;
    if (lean->in.sequence < lean->update_after || lean->awaits_update || lean->said_goodbye ||
        make_room(&connection->bio, 1, false) == 0) {
        return true;
    }
    if (!update_if_due(connection))
        return false;
    (void)tls_bio_flush(&connection->bio);
    return true;
}

static enum transport_result lean_read(struct transport *transport, char *bytes, size_t size,
                                       size_t *ret_len)
{
    struct tls_connection *connection = transport->tls_connection;
    size_t total = 0;
    enum transport_result result = connection->untold;
    connection->untold = TRANSPORT_OK;
    if (result != TRANSPORT_OK)
        return result;
    if (connection->is_broken)
        return TRANSPORT_ERROR;
    result = connection->has_goodbye ? TRANSPORT_EOF : read_some(transport, bytes, size, &total);
    if (connection->bio.in != NULL && buf_len(connection->bio.in) == 0 &&
        connection->lean->plain_len == 0) {
        release_input(&connection->bio);
    }
    if (!connection->is_broken && !ask_for_update(connection))
        result = tls_transport_broken(transport, NULL);
    if (total == 0)
        return result == TRANSPORT_OK ? TRANSPORT_AGAIN : result;
    if (result == TRANSPORT_EOF || result == TRANSPORT_ERROR)
        connection->untold = result;
    *ret_len = total;
    return TRANSPORT_OK;
}

static bool lean_has_pending(const struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->untold != TRANSPORT_OK ||
           (!connection->is_broken && !connection->has_goodbye && has_bytes(connection));
}

/* ---- the table ---------------------------------------------------------------------------- */

static enum transport_result lean_handshake(struct transport *transport)
{
    const struct tls_connection *connection = transport->tls_connection;
    return connection->is_broken ? TRANSPORT_ERROR : TRANSPORT_OK;
}

void tls_lean_free(struct tls_connection *connection)
{
    if (connection->lean == NULL)
        return;
    tls_keys_clear(&connection->lean->in);
    tls_keys_clear(&connection->lean->out);
    release_input(&connection->bio);
    free(connection->lean);
    connection->lean = NULL;
}

const struct transport_ops TLS_LEAN_OPS = {
    .handshake = lean_handshake,
    .read = lean_read,
    .write = lean_write,
    .flush = tls_transport_flush,
    .held = tls_transport_held,
    .has_pending = lean_has_pending,
    .shutdown = lean_shutdown,
    .clear = tls_transport_clear,
};
