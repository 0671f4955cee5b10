/* SPDX-License-Identifier: MIT */
#include "clients/clear_text.h"

#include "clients/client.h"
#include "explain/refusal_log.h"
#include "tls/tls_transport.h"

#define METHOD_MAX 32

bool clear_text_is_request(struct str bytes)
{
    for (size_t i = 0; i < bytes.len && i <= METHOD_MAX; i++) {
        char c = bytes.ptr[i];
        if (c == ' ')
            return i > 0;
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '_')
            return false;
    }
    return bytes.len <= METHOD_MAX;
}

static bool is_whole_head(struct str bytes)
{
    for (size_t i = 0; i + 3 < bytes.len; i++) {
        if (bytes.ptr[i] == '\r' && bytes.ptr[i + 1] == '\n' && bytes.ptr[i + 2] == '\r' &&
            bytes.ptr[i + 3] == '\n')
            return true;
    }
    return false;
}

bool clear_text_goes_on(struct client *client)
{
    struct str bytes = stream_partial_head(&client->stream);
    bool has_ended = client->saw_eof && !is_whole_head(bytes);
    if (clear_text_is_request(bytes) && !has_ended)
        return true;
    refusal_log_handshake(client->engine->refusals, &client->connection, NULL,
                          TLS_FAILURE_BAD_RECORD, "clear text instead of TLS");
    client_close(client);
    return false;
}

bool clear_text_begin(struct client *client, transport_cb callback)
{
    struct stream *stream = &client->stream;
    struct buf *bytes = tls_transport_take_clear(&stream->transport);
    if (bytes == NULL)
        return false;
    int fd = transport_release(&stream->transport);
    transport_init_plain(&stream->transport, client->engine->base, fd, callback, client);
    stream->in = bytes;
    stream->bytes_read += buf_len(bytes);
    client->connection.is_plain_on_https = true;
    client_set_state(client, CLIENT_IDLE);
    return true;
}
