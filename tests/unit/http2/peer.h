/* peer.h - a peer made of bytes, and an owner that writes down what it is told.
 *
 * The client's frames are put together by hand, its fields as literals without indexing, so that
 * nothing corrects what a test wants to be wrong. What the server sends is taken apart into a text,
 * one line a frame; what its owner is told is another.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_HTTP2_PEER_H
#define TESTS_UNIT_HTTP2_PEER_H

#include <nghttp2/nghttp2.h>

#include "base/text.h"
#include "http2/http2_client.h"
#include "http2/http2_server.h"

enum { /* RFC 9113 section 6 */
       DATA = 0,
       HEADERS = 1,
       PRIORITY = 2,
       RST_STREAM = 3,
       SETTINGS = 4,
       PUSH_PROMISE = 5,
       PING = 6,
       GOAWAY = 7,
       WINDOW_UPDATE = 8,
       CONTINUATION = 9,
       PRIORITY_UPDATE = 16,
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };

#define PEER_STREAMS 256

struct peer {
    struct buf_pool pool;
    struct http2_server_limits limits;
    struct http2_server *server; /* of the two, one */
    struct http2_client *client;
    nghttp2_hd_inflater *inflater;
    struct text told;   /* to the owner: "request 1 GET /", "body 1 abc", "end 1", ... */
    struct text output; /* bytes not yet taken apart */
    struct text frames; /* "HEADERS 1 end :status=200", "DATA 1 end 3", "RST_STREAM 1 CANCEL" */
    struct text block;  /* of HEADERS that CONTINUATION follows */
    struct text body;   /* of all DATA */
    size_t takes;       /* of request body at each call */
    struct http2_stream *streams[PEER_STREAMS]; /* by half the id; NULL: closed */
    struct arena arenas[PEER_STREAMS];
    bool has_arena[PEER_STREAMS];
    struct http_request request; /* the last */
    struct http2_stream *last;
    size_t begun; /* requests of the client */
    bool answers; /* each request at once, with 200 and no body */
};

/* limits.header_count 16, header_bytes 1024, target_bytes 128, streams 8. Then settings are
 * exchanged; frames and told are empty. */
void peer_begin(struct peer *peer);
/* Without that: what is in peer->limits; no preface was sent. */
void peer_begin_raw(struct peer *peer, const struct http2_server_limits *limits);
/* The other way round: the peer is a server of eight streams, its settings are exchanged. */
void peer_begin_client(struct peer *peer);
/* Begins a request of the client, with or without a body. */
struct http2_stream *peer_request(struct peer *peer, const char *method, bool has_body);
void peer_end(struct peer *peer);
extern const struct http2_server_limits PEER_LIMITS;
extern const struct str PEER_PREFACE;

/* Frames, fed at once. Nothing is pulled. */
void peer_frame(struct peer *peer, unsigned type, unsigned flags, uint32_t id, struct str payload);
void peer_data(struct peer *peer, uint32_t id, const char *text, unsigned flags);
/* "name|value\n" for each field. */
void peer_headers(struct peer *peer, uint32_t id, const char *lines, unsigned flags);
void peer_u32(struct peer *peer, unsigned type, uint32_t id, uint32_t value);
/* A field as a literal without indexing, shorter than 127 bytes each. */
void peer_literal(struct text *block, struct str name, struct str value);
void peer_block(struct text *block, const char *lines);
/* GET / of a.example, complete. */
void peer_get(struct peer *peer, uint32_t id);
#define PEER_GET  ":method|GET\n:scheme|https\n:path|/\n:authority|a.example\n"
#define PEER_POST ":method|POST\n:scheme|https\n:path|/\n:authority|a.example\n"

/* Pulls everything and takes it apart. */
void peer_pull(struct peer *peer);
/* Pulls and compares what was sent since the last look, or what the owner was told. */
void peer_expect_frames(struct peer *peer, const char *expected);
void peer_expect_told(struct peer *peer, const char *expected);
/* The connection is over, for that reason and with that code. */
void peer_expect_end(struct peer *peer, enum http2_error error, const char *problem);

/* "200", no fields. */
struct http_response peer_response(unsigned status, enum http_body_kind body);

#endif
