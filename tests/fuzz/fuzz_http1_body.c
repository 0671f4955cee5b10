/* Bodies. The first byte chooses the framing and a limit, the second a length. However the bytes
 * arrive the result is the same, and a decoded body with its trailers, written in chunks, decodes
 * to itself.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "http/http1_body.h"
#include "http/http1_write.h"

struct outcome_of_body {
    enum http1_body_result result;
    enum http1_reason reason;
    size_t consumed;
    bool is_finished; /* if the peer closed now */
    struct text payload;
    struct str trailers; /* as the last chunk is written with them; in the arena */
};

#define TRAILERS_MAX 8

/* Feeds the bytes in pieces of at most step. */
static void decode(struct str bytes, size_t step, struct http_body_framing framing, uint64_t limit,
                   struct arena *arena, struct outcome_of_body *ret_outcome)
{
    struct http1_body body;
    struct outcome_of_body outcome = {.result = HTTP1_BODY_MORE};
    http1_body_init(&body, framing, limit);
    http1_body_keep_trailers(&body, arena, TRAILERS_MAX);
    do {
        size_t rest = bytes.len - outcome.consumed;
        struct str input = str_make(bytes.ptr + outcome.consumed, rest < step ? rest : step);
        size_t before = input.len;
        struct str piece;
        while ((outcome.result = http1_body_next(&body, &input, &piece)) == HTTP1_BODY_DATA) {
            FUZZ_CHECK(piece.len > 0);
            text_add(&outcome.payload, piece);
        }
        FUZZ_CHECK(outcome.result != HTTP1_BODY_MORE || input.len == 0);
        outcome.consumed += before - input.len;
    } while (outcome.result == HTTP1_BODY_MORE && outcome.consumed < bytes.len);
    FUZZ_CHECK(body.total == outcome.payload.len);
    FUZZ_CHECK(limit == 0 || body.total <= limit);
    outcome.reason = body.reason;
    FUZZ_CHECK((outcome.result == HTTP1_BODY_BAD) == (body.reason != HTTP1_VALID));
    FUZZ_CHECK(body.trailers.count <= TRAILERS_MAX);
    outcome.trailers = http1_write_last_chunk(arena, &body.trailers);
    outcome.is_finished = http1_body_finish(&body);
    *ret_outcome = outcome;
}

static void check_same(const struct outcome_of_body *a, const struct outcome_of_body *b)
{
    FUZZ_CHECK(a->result == b->result && a->reason == b->reason);
    FUZZ_CHECK(a->consumed == b->consumed && a->is_finished == b->is_finished);
    FUZZ_CHECK(str_equal(text_str(&a->payload), text_str(&b->payload)));
    FUZZ_CHECK(str_equal(a->trailers, b->trailers));
}

static void check_chunked_again(struct str payload, struct str trailers, size_t chunk_size,
                                struct arena *arena)
{
    struct text text = {0};
    for (struct str rest = payload; rest.len > 0;) {
        char line[HTTP1_CHUNK_OVERHEAD];
        struct str chunk = str_make(rest.ptr, rest.len < chunk_size ? rest.len : chunk_size);
        size_t len = http1_write_chunk_size(chunk.len, line);
        text_add(&text, str_make(line, len));
        text_add(&text, chunk);
        text_add(&text, HTTP1_CHUNK_END);
        rest = str_skip(rest, chunk.len);
    }
    text_add(&text, trailers);
    struct outcome_of_body again;
    struct http_body_framing framing = {.kind = HTTP_BODY_CHUNKED};
    decode(text_str(&text), text.len, framing, 0, arena, &again);
    FUZZ_CHECK(again.result == HTTP1_BODY_END && again.consumed == text.len);
    FUZZ_CHECK(str_equal(text_str(&again.payload), payload));
    FUZZ_CHECK(str_equal(again.trailers, trailers));
    text_clear(&again.payload);
    text_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 2)
        return 0;
    struct http_body_framing framing = {.kind = (enum http_body_kind)(bytes[0] & 3),
                                        .length = bytes[1]};
    uint64_t limit = bytes[0] >> 2;
    struct str input = str_make((const char *)bytes + 2, size - 2);
    struct outcome_of_body whole;
    struct outcome_of_body pieces;
    struct buf_pool pool;
    struct arena arena;
    buf_pool_init(&pool, 0);
    arena_init(&arena, &pool);
    decode(input, input.len, framing, limit, &arena, &whole);
    for (size_t step = 1; step <= 7; step += 3) {
        decode(input, step, framing, limit, &arena, &pieces);
        check_same(&whole, &pieces);
        text_clear(&pieces.payload);
    }
    if (whole.result == HTTP1_BODY_END)
        check_chunked_again(text_str(&whole.payload), whole.trailers, (size_t)bytes[1] + 1, &arena);
    text_clear(&whole.payload);
    arena_clear(&arena);
    buf_pool_clear(&pool);
    return 0;
}
