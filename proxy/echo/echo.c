/* SPDX-License-Identifier: MIT */
#include "echo/echo.h"

#include <stdlib.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "echo/echo_rehearsal.h"
#include "exchange/exchange.h"

struct echo { /* in the exchange's arena, but for the digest */
    EVP_MD_CTX *digest;
    uint64_t body_bytes;
    struct str page;
    size_t page_sent;
};

static void release(struct echo *echo)
{
    EVP_MD_CTX_free(echo->digest);
    echo->digest = NULL;
}

/* JSON holds Unicode; a byte that is not part of any is shown as Latin-1. */
static json_t *json_text(struct exchange *x, struct str text)
{
    if (text.len == 0)
        return json_string("");
    json_t *value = json_stringn(text.ptr, text.len);
    if (value != NULL)
        return value;
    char *utf8 = arena_alloc(&x->arena, text.len * 2 + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x80)
            utf8[len++] = (char)(0xC0 | c >> 6);
        utf8[len++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3F) : c);
    }
    return json_stringn(utf8, len);
}

static struct str sha256_hex(struct exchange *x, struct echo *echo)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    (void)EVP_DigestFinal_ex(echo->digest, digest, &len);
    struct text hex = {0};
    text_add_hex(&hex, digest, len);
    struct str copy = arena_copy(&x->arena, text_str(&hex));
    text_clear(&hex);
    return copy;
}

static const char *version(const struct exchange *x)
{
    /* The version an upstream would get: ours. As a backend of its own: the peer's. */
    return x->engine->snapshot->is_backend && x->request.minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

static struct str json_page(struct exchange *x, struct echo *echo, struct str sha256)
{
    json_t *headers = json_array();
    for (size_t i = 0; i < x->upstream_fields.count; i++) {
        const struct http_field *field = &x->upstream_fields.items[i];
        json_t *pair = json_array();
        (void)json_array_append_new(pair, json_text(x, field->name));
        (void)json_array_append_new(pair, json_text(x, field->value));
        (void)json_array_append_new(headers, pair);
    }
    json_t *root = json_object();
    (void)json_object_set_new(root, "method", json_text(x, x->request.method));
    (void)json_object_set_new(root, "target", json_text(x, x->upstream_target));
    (void)json_object_set_new(root, "version", json_string(version(x)));
    (void)json_object_set_new(root, "headers", headers);
    (void)json_object_set_new(root, "body_bytes", json_integer((json_int_t)echo->body_bytes));
    (void)json_object_set_new(root, "body_sha256", json_text(x, sha256));
    char *dumped = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    struct str page = arena_printf(&x->arena, "%s\n", dumped == NULL ? "{}" : dumped);
    free(dumped);
    json_decref(root);
    return page;
}

static struct str text_page(struct exchange *x, struct echo *echo, struct str sha256)
{
    struct text out = {0};
    text_addf(&out, "%.*s %.*s %s\n", STR_ARG(x->request.method), STR_ARG(x->upstream_target),
              version(x));
    for (size_t i = 0; i < x->upstream_fields.count; i++) {
        const struct http_field *field = &x->upstream_fields.items[i];
        text_addf(&out, "%.*s: %.*s\n", STR_ARG(field->name), STR_ARG(field->value));
    }
    text_addf(&out, "\nbody: %llu bytes, sha256 %.*s\n", (unsigned long long)echo->body_bytes,
              STR_ARG(sha256));
    struct str page = arena_copy(&x->arena, text_str(&out));
    text_clear(&out);
    return page;
}

/* Offers the rest of the page; what the client cannot take waits for op_resume(). */
static void send_page(struct exchange *x)
{
    struct echo *echo = x->upstream;
    echo->page_sent += exchange_response_body(x, str_skip(echo->page, echo->page_sent));
    if (echo->page_sent < echo->page.len && x->response.body.kind != HTTP_BODY_NONE)
        return;
    release(echo);
    exchange_response_end(x);
    exchange_detach_upstream(x);
}

static void answer(struct exchange *x)
{
    struct echo *echo = x->upstream;
    if (x->engine->snapshot->is_backend && echo_rehearsal_begin(x)) {
        release(echo);
        return;
    }
    struct str sha256 = sha256_hex(x, echo);
    const struct http_field *accept = http_fields_find(&x->request.fields, STR("Accept"));
    bool wants_json = accept != NULL && http_fields_list_contains(&x->request.fields, STR("Accept"),
                                                                  STR("application/json"));
    echo->page = wants_json ? json_page(x, echo, sha256) : text_page(x, echo, sha256);
    bool has_body = x->request.method_id != HTTP_HEAD;
    struct http_response response = {
        .status = 200,
        .reason = STR("OK"),
        .minor = 1,
        .body = {.kind = has_body ? HTTP_BODY_LENGTH : HTTP_BODY_NONE, .length = echo->page.len},
        .keep_alive = true,
    };
    http_fields_add(&response.fields, &x->arena, STR("Content-Type"),
                    wants_json ? STR("application/json") : STR("text/plain; charset=utf-8"));
    http_fields_add(&response.fields, &x->arena, STR("Cache-Control"), STR("no-store"));
    if (!has_body)
        http_fields_add(&response.fields, &x->arena, STR("Content-Length"),
                        arena_decimal(&x->arena, echo->page.len));
    exchange_response_head(x, &response);
    send_page(x);
}

static size_t op_send_body(struct exchange *x, struct str data)
{
    struct echo *echo = x->upstream;
    (void)EVP_DigestUpdate(echo->digest, data.ptr, data.len);
    echo->body_bytes += data.len;
    return data.len;
}

static void op_end_body(struct exchange *x)
{
    answer(x);
}

static void op_flush(struct exchange *x)
{
    (void)x;
}

static void op_resume(struct exchange *x)
{
    send_page(x);
    x->client_ops->run(x);
}

static void op_cancel(struct exchange *x)
{
    release(x->upstream);
}

static const struct upstream_ops ECHO_OPS = {
    .send_body = op_send_body,
    .end_body = op_end_body,
    .flush = op_flush,
    .resume = op_resume,
    .cancel = op_cancel,
};

void echo_start(struct exchange *x)
{
    /* A page would say that the tunnel is open. */
    if (x->request.protocol.len > 0) {
        exchange_refuse(x, OUTCOME_NOT_IMPLEMENTED);
        return;
    }
    struct echo *echo = arena_calloc(&x->arena, 1, sizeof *echo);
    echo->digest = EVP_MD_CTX_new();
    (void)EVP_DigestInit_ex(echo->digest, EVP_sha256(), NULL);
    x->upstream = echo;
    x->upstream_ops = &ECHO_OPS;
    if (x->request_has_body)
        exchange_upstream_ready(x);
    else
        answer(x);
}
