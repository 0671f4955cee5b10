/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_probe_http2.h"

#include <stdlib.h>

#include "base/mem.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "http2/http2_client.h"
#include "upstreams/upstream.h"

struct probe_http2 {
    struct http2_client *client;
    unsigned status;
    const char *problem;
};

static void on_interim(void *owner, struct http2_stream *stream,
                       const struct http_response *response)
{
    (void)owner;
    (void)stream;
    (void)response;
}

static void on_response(void *owner, struct http2_stream *stream,
                        const struct http_response *response)
{
    struct probe_http2 *http2 = owner;
    (void)stream;
    http2->status = response->status;
}

static size_t on_body(void *owner, struct http2_stream *stream, struct str data)
{
    (void)owner;
    (void)stream;
    return data.len;
}

static void on_end(void *owner, struct http2_stream *stream, const struct http_fields *trailers)
{
    (void)owner;
    (void)stream;
    (void)trailers;
}

static void on_closed(void *owner, struct http2_stream *stream, uint32_t error, const char *detail)
{
    struct probe_http2 *http2 = owner;
    (void)stream;
    (void)error;
    http2->problem = detail;
}

static void on_writable(void *owner, struct http2_stream *stream)
{
    (void)owner;
    (void)stream;
}

static void on_room(void *owner)
{
    (void)owner;
}

static const struct http2_client_ops PROBE_OPS = {
    .interim = on_interim,
    .response = on_response,
    .body = on_body,
    .end = on_end,
    .closed = on_closed,
    .writable = on_writable,
    .room = on_room,
};

struct probe_http2 *probe_http2_new(const struct upstream_server *server, struct str path,
                                    struct arena *arena)
{
    struct engine *engine = server->group->engine;
    const struct config_limits *config = &engine->snapshot->config->limits;
    const struct http2_client_limits limits = {
        .header_bytes = config->header_bytes,
        .header_count = config->header_count,
        .streams = 1,
        .stream_window = HTTP2_CLIENT_STREAM_WINDOW,
        .connection_window = HTTP2_CLIENT_STREAM_WINDOW,
    };
    struct http_fields fields = {0};
    http_fields_add(&fields, arena, STR("User-Agent"), STR("mtls-proxy"));
    const struct http2_request request = {
        .method = STR("GET"),
        .method_id = HTTP_GET,
        .scheme = server->config->config->is_https ? STR("https") : STR("http"),
        .authority = str_of(server->config->host),
        .path = path,
        .fields = &fields,
        .arena = arena,
    };
    struct probe_http2 *http2 = xcalloc(1, sizeof *http2);
    http2->client = http2_client_new(&PROBE_OPS, http2, &limits, &engine->buffers);
    (void)http2_client_request(http2->client, &request, NULL);
    return http2;
}

void probe_http2_free(struct probe_http2 *http2)
{
    if (http2 == NULL)
        return;
    http2_client_free(http2->client);
    free(http2);
}

void probe_http2_feed(struct probe_http2 *http2, struct str bytes)
{
    http2_client_feed(http2->client, bytes);
}

struct buf *probe_http2_pull(struct probe_http2 *http2)
{
    return http2_client_pull(http2->client);
}

unsigned probe_http2_status(const struct probe_http2 *http2)
{
    return http2->status;
}

const char *probe_http2_problem(const struct probe_http2 *http2)
{
    return http2->problem;
}
