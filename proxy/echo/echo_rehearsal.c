/* SPDX-License-Identifier: MIT */
#include "echo/echo_rehearsal.h"

#include "config/config_scalar.h"
#include "echo/echo_websocket.h"
#include "exchange/exchange.h"
#include "http/http1_write.h"

#define MOST_BYTES (UINT64_C(1) << 40)
#define MOST_COUNT UINT64_C(1000000)
#define MOST_MS    UINT64_C(3600000)

struct rehearsal { /* in the exchange's arena */
    struct exchange *x;
    const struct place *place;
    struct event timer;
    uint64_t left; /* bytes, or pieces; UINT64_MAX: no end */
    uint64_t every_ms;
    uint64_t number; /* of the next piece */
};

struct place {
    const char *name;
    const char *usage;
    uint64_t fallback; /* of the first argument */
    uint64_t every_ms; /* of the second; 0: there is none */
    bool (*parse)(struct str text, uint64_t *ret_value);
    void (*begin)(struct rehearsal *rehearsal);
    void (*due)(struct rehearsal *rehearsal);
};

static void wait_ms(struct rehearsal *rehearsal, uint64_t ms)
{
    const struct timeval in = {.tv_sec = (time_t)(ms / 1000),
                               .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    (void)event_add(&rehearsal->timer, &in);
}

static void end_response(struct exchange *x)
{
    struct rehearsal *rehearsal = x->upstream;
    (void)event_del(&rehearsal->timer);
    exchange_response_end(x);
    exchange_detach_upstream(x);
}

static bool begin_response(struct exchange *x, unsigned status, enum http_body_kind kind,
                           uint64_t length, struct str type)
{
    bool has_body = x->request.method_id != HTTP_HEAD && status != 204 && status != 304;
    struct http_response response = {
        .status = status,
        .reason = str_of(http_status_text(status)),
        .minor = 1,
        .body = {.kind = has_body ? kind : HTTP_BODY_NONE, .length = length},
        .keep_alive = true,
    };
    http_fields_add(&response.fields, &x->arena, STR("Content-Type"), type);
    http_fields_add(&response.fields, &x->arena, STR("Cache-Control"), STR("no-store"));
    exchange_response_head(x, &response);
    if (!has_body)
        end_response(x);
    return has_body;
}

static void answer_text(struct exchange *x, unsigned status, struct str text)
{
    if (!begin_response(x, status, HTTP_BODY_LENGTH, text.len, STR("text/plain; charset=utf-8")))
        return;
    (void)exchange_response_body(x, text); /* the first of its connection's output: it fits */
    end_response(x);
}

/* ---- what the places do ------------------------------------------------------------------- */

static bool parse_status(struct str text, uint64_t *ret_value)
{
    return config_scalar_number(text, ret_value) && *ret_value >= 200 && *ret_value <= 599;
}

static void begin_status(struct rehearsal *rehearsal)
{
    struct exchange *x = rehearsal->x;
    unsigned status = (unsigned)rehearsal->left;
    answer_text(x, status, arena_printf(&x->arena, "%u %s\n", status, http_status_text(status)));
}

static bool parse_ms(struct str text, uint64_t *ret_value)
{
    return config_scalar_duration(text, ret_value) && *ret_value <= MOST_MS;
}

static void begin_delay(struct rehearsal *rehearsal)
{
    wait_ms(rehearsal, rehearsal->left);
}

static void due_delay(struct rehearsal *rehearsal)
{
    struct exchange *x = rehearsal->x;
    answer_text(x, 200,
                arena_printf(&x->arena, "waited %llu ms\n", (unsigned long long)rehearsal->left));
    x->client_ops->run(x);
}

static bool parse_bytes(struct str text, uint64_t *ret_value)
{
    return config_scalar_size(text, ret_value) && *ret_value <= MOST_BYTES;
}

static void send_bytes(struct exchange *x)
{
    static const char LINE[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";
    struct rehearsal *rehearsal = x->upstream;
    char piece[16 * 1024];
    size_t len = 1;
    size_t taken = 1;
    while (rehearsal->left > 0 && taken == len) {
        len = rehearsal->left < sizeof piece ? (size_t)rehearsal->left : sizeof piece;
        for (size_t at = 0; at < len; at++)
            piece[at] = LINE[(rehearsal->number + at) % (sizeof LINE - 1)];
        taken = exchange_response_body(x, str_make(piece, len));
        rehearsal->left -= taken;
        rehearsal->number += taken;
    }
    if (rehearsal->left == 0)
        end_response(x);
}

static void begin_bytes(struct rehearsal *rehearsal)
{
    struct exchange *x = rehearsal->x;
    if (begin_response(x, 200, HTTP_BODY_LENGTH, rehearsal->left, STR("application/octet-stream")))
        send_bytes(x);
}

static bool parse_count(struct str text, uint64_t *ret_value)
{
    return config_scalar_number(text, ret_value) && *ret_value >= 1 && *ret_value <= MOST_COUNT;
}

static void begin_drip(struct rehearsal *rehearsal)
{
    if (begin_response(rehearsal->x, 200, HTTP_BODY_LENGTH, rehearsal->left, STR("text/plain")))
        wait_ms(rehearsal, 0);
}

static void begin_sse(struct rehearsal *rehearsal)
{
    if (begin_response(rehearsal->x, 200, HTTP_BODY_CHUNKED, 0, STR("text/event-stream")))
        wait_ms(rehearsal, 0);
}

/* One piece; a client that does not take it gets the same one later. */
static void due_piece(struct rehearsal *rehearsal)
{
    struct exchange *x = rehearsal->x;
    struct str piece = STR(".");
    if (rehearsal->place->begin == begin_sse)
        piece = arena_printf(&x->arena, "id: %llu\ndata: event %llu\n\n",
                             (unsigned long long)rehearsal->number,
                             (unsigned long long)rehearsal->number);
    if (!x->client_ops->has_output(x)) {
        (void)exchange_response_body(x, piece);
        rehearsal->number++;
        rehearsal->left -= rehearsal->left != UINT64_MAX;
    }
    if (rehearsal->left == 0)
        end_response(x);
    else
        wait_ms(rehearsal, rehearsal->every_ms);
    x->client_ops->run(x);
}

/* From the loop, so that nobody is still at work with the connection. */
static void begin_soon(struct rehearsal *rehearsal)
{
    wait_ms(rehearsal, 0);
}

static void due_close(struct rehearsal *rehearsal)
{
    rehearsal->x->client_ops->drop(rehearsal->x, CLIENT_DROP_CLOSE);
}

static void due_reset(struct rehearsal *rehearsal)
{
    rehearsal->x->client_ops->drop(rehearsal->x, CLIENT_DROP_RESET);
}

static void due_garbage(struct rehearsal *rehearsal)
{
    rehearsal->x->client_ops->drop(rehearsal->x, CLIENT_DROP_GARBAGE);
}

static void begin_websocket(struct rehearsal *rehearsal)
{
    struct exchange *x = rehearsal->x;
    if (x->upgrade_key.len == 0)
        answer_text(x, 426, STR("this place speaks WebSocket (RFC 6455)\n"));
    else
        echo_websocket_begin(x);
}

static const struct place PLACES[] = {
    {"/status", "/status/200 to /status/599", 0, 0, parse_status, begin_status, NULL},
    {"/delay", "/delay/DURATION, at most 1h", 0, 0, parse_ms, begin_delay, due_delay},
    {"/bytes", "/bytes/SIZE, at most 1024g", 0, 0, parse_bytes, begin_bytes, NULL},
    {"/drip", "/drip[/BYTES[/DURATION]]", 10, 1000, parse_count, begin_drip, due_piece},
    {"/sse", "/sse[/EVENTS[/DURATION]]", UINT64_MAX, 1000, parse_count, begin_sse, due_piece},
    {"/close", "/close", 0, 0, NULL, begin_soon, due_close},
    {"/reset", "/reset", 0, 0, NULL, begin_soon, due_reset},
    {"/garbage", "/garbage", 0, 0, NULL, begin_soon, due_garbage},
    {"/websocket", "/websocket", 0, 0, NULL, begin_websocket, NULL},
};

/* ---- which one ---------------------------------------------------------------------------- */

static void timer_due(evutil_socket_t fd, short what, void *arg)
{
    struct rehearsal *rehearsal = arg;
    (void)fd;
    (void)what;
    rehearsal->place->due(rehearsal);
}

static void op_resume(struct exchange *x)
{
    const struct rehearsal *rehearsal = x->upstream;
    if (rehearsal->place->begin == begin_bytes)
        send_bytes(x);
    x->client_ops->run(x);
}

static void op_cancel(struct exchange *x)
{
    struct rehearsal *rehearsal = x->upstream;
    (void)event_del(&rehearsal->timer);
}

static const struct upstream_ops REHEARSAL_OPS = {
    .send_body = upstream_takes_none,
    .end_body = upstream_does_nothing,
    .flush = upstream_does_nothing,
    .resume = op_resume,
    .cancel = op_cancel,
};

/* The next part of "/a/b/c". */
static struct str next_part(struct str *path)
{
    struct str rest = str_skip(*path, 1);
    size_t len = str_find(rest, '/');
    if (len > rest.len)
        len = rest.len;
    *path = str_skip(rest, len);
    return str_make(rest.ptr, len);
}

static bool read_arguments(struct rehearsal *rehearsal, struct str rest)
{
    const struct place *place = rehearsal->place;
    rehearsal->left = place->fallback;
    rehearsal->every_ms = place->every_ms;
    if (rest.len == 0)
        return place->parse == NULL || place->fallback > 0;
    if (place->parse == NULL || !place->parse(next_part(&rest), &rehearsal->left))
        return false;
    if (rest.len > 0 && place->every_ms > 0 && !parse_ms(next_part(&rest), &rehearsal->every_ms))
        return false;
    return rest.len == 0;
}

bool echo_rehearsal_begin(struct exchange *x)
{
    struct str target = x->upstream_target;
    size_t query = str_find(target, '?');
    struct str path = str_make(target.ptr, query < target.len ? query : target.len);
    struct str rest = path;
    struct str first = str_make(path.ptr, path.len == 0 ? 0 : next_part(&rest).len + 1);
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
        if (!str_equal(first, str_of(PLACES[i].name)))
            continue;
        struct rehearsal *rehearsal = arena_calloc(&x->arena, 1, sizeof *rehearsal);
        rehearsal->x = x;
        rehearsal->place = &PLACES[i];
        (void)event_assign(&rehearsal->timer, x->engine->base, -1, 0, timer_due, rehearsal);
        x->upstream = rehearsal;
        x->upstream_ops = &REHEARSAL_OPS;
        if (read_arguments(rehearsal, rest))
            PLACES[i].begin(rehearsal);
        else
            answer_text(x, 400, arena_printf(&x->arena, "expected %s\n", PLACES[i].usage));
        return true;
    }
    return false;
}
