/* SPDX-License-Identifier: MIT */
#include "http2/http2_scan.h"

#define HEAD_SIZE       9
#define DEPENDENCY_SIZE 4
#define PRIORITY_TYPE   2
#define PRIORITY_LENGTH 5

static uint32_t read_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The first bit is reserved in both (RFC 9113 section 4.1). */
static uint32_t read_id(const unsigned char *at)
{
    return read_u32(at) & INT32_MAX;
}

static size_t length_of(const unsigned char *head)
{
    return read_u32(head) >> 8;
}

/* What has to be known of a frame, as far as its first nine bytes say. */
static size_t wanted(const struct http2_scan *scan)
{
    bool is_priority = scan->have >= HEAD_SIZE && scan->head[3] == PRIORITY_TYPE &&
                       length_of(scan->head) == PRIORITY_LENGTH;
    return is_priority ? HEAD_SIZE + DEPENDENCY_SIZE : HEAD_SIZE;
}

bool http2_scan_next(struct http2_scan *scan, struct str bytes, size_t *at,
                     struct http2_frame_head *ret_head)
{
    size_t left = bytes.len - *at;
    size_t skipped = scan->skip < left ? scan->skip : left;
    scan->skip -= skipped;
    *at += skipped;
    while (scan->have < wanted(scan)) {
        if (*at == bytes.len)
            return false;
        scan->head[scan->have++] = (unsigned char)bytes.ptr[(*at)++];
    }
    *ret_head = (struct http2_frame_head){
        .length = length_of(scan->head),
        .type = scan->head[3],
        .flags = scan->head[4],
        .id = read_id(scan->head + 5),
        .depends_on = scan->have > HEAD_SIZE ? read_id(scan->head + HEAD_SIZE) : 0,
    };
    scan->skip = ret_head->length - (scan->have - HEAD_SIZE);
    scan->have = 0;
    return true;
}
