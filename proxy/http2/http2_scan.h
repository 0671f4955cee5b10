/* http2_scan.h - the heads of the frames that go by (RFC 9113 section 4.1).
 *
 * nghttp2 tells of the frames that it acts on; those it ignores have to be counted as well, and
 * some of them are errors. Pure: keeps a head that came in pieces.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP2_HTTP2_SCAN_H
#define PROXY_HTTP2_HTTP2_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define HTTP2_PREFACE_SIZE 24

struct http2_frame_head {
    size_t length;
    unsigned type;
    unsigned flags;
    uint32_t id;
    uint32_t depends_on; /* PRIORITY alone (RFC 7540 section 6.3) */
};

struct http2_scan { /* start from {.skip = HTTP2_PREFACE_SIZE} on the server's side, else from {0}
                     */
    size_t skip;    /* bytes of the preface, or of a payload, still to come */
    unsigned char head[13];
    size_t have; /* of the head */
};

/* Goes on in bytes from *at, to just behind the next frame's head: true; or to the end: false. */
bool http2_scan_next(struct http2_scan *scan, struct str bytes, size_t *at,
                     struct http2_frame_head *ret_head);

#endif
