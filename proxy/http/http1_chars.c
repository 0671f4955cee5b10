/* SPDX-License-Identifier: MIT */
#include "http/http1_chars.h"

#include <stdint.h>
#include <string.h>

/* Sums of enum http1_char_class; test_http1_chars.c derives every entry from the grammar. */
/* clang-format off */
const unsigned char http1_char_classes[256] = {
    /* 00 */  0,  0,  0,  0,  0,  0,  0,  0,  0, 10,  0,  0,  0,  0,  0,  0,
    /* 10 */  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    /* 20 */ 10, 31,  6, 15, 31, 15, 31, 31, 30, 30, 31, 31, 30, 31, 31, 14,
    /* 30 */ 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 14, 30, 14, 30, 14, 14,
    /* 40 */ 14, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    /* 50 */ 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 14,  6, 14, 15, 31,
    /* 60 */ 15, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    /* 70 */ 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 14, 15, 14, 31,  0,
    /* 80 */ 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    /* 90 */ 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    /* a0 */ 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    /* b0 */ 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    /* c0 */ 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    /* d0 */ 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    /* e0 */ 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    /* f0 */ 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
};
/* clang-format on */

size_t http1_span(struct str s, enum http1_char_class wanted)
{
    size_t i = 0;
    for (; s.len - i >= 4; i += 4) {
        if ((http1_char_classes[(unsigned char)s.ptr[i]] &
             http1_char_classes[(unsigned char)s.ptr[i + 1]] &
             http1_char_classes[(unsigned char)s.ptr[i + 2]] &
             http1_char_classes[(unsigned char)s.ptr[i + 3]] & (unsigned)wanted) == 0)
            break;
    }
    while (i < s.len && http1_char_is(s.ptr[i], wanted))
        i++;
    return i;
}

bool http1_is_all(struct str s, enum http1_char_class wanted)
{
    return s.len > 0 && http1_span(s, wanted) == s.len;
}

#define EVERY_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Not zero when one of the eight bytes is below 0x20 or equal to 0x7f. Subtracting from each byte
 * sets its top bit on a borrow; a borrow into a neighbour happens only when there is a real hit. */
static uint64_t control_bits(uint64_t word)
{
    uint64_t not_del = word ^ EVERY_BYTE(0x7f);
    uint64_t below = (word - EVERY_BYTE(0x20)) & ~word;
    uint64_t del = (not_del - EVERY_BYTE(1)) & ~not_del;
    return (below | del) & EVERY_BYTE(0x80);
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* The first byte in memory lowest. */
static uint64_t load_word(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Offset of the first control character in eight bytes; 8: none. */
static size_t control_in_8(const char *bytes)
{
    uint64_t bits = control_bits(load_word(bytes));
    /* Borrows go up only: the lowest hit is a real one. */
    return bits == 0 ? 8 : (unsigned)__builtin_ctzll(bits) / 8;
}

/* What the compiler has vector instructions for, whatever the machine. */
typedef unsigned char bytes16 __attribute__((vector_size(16)));

static bool has_control_in_16(const char *bytes)
{
    bytes16 block;
    uint64_t halves[2];
    memcpy(&block, bytes, sizeof block);
    bytes16 hits = (bytes16)((block < 0x20) | (block == 0x7f));
    memcpy(halves, &hits, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

size_t http1_find_control(struct str s)
{
    size_t i = 0;
    while (s.len - i >= 16 && !has_control_in_16(s.ptr + i))
        i += 16;
    for (; s.len - i >= 8; i += 8) {
        size_t at = control_in_8(s.ptr + i);
        if (at < 8)
            return i + at;
    }
    if (i < s.len && s.len >= 8) /* the last bytes, together with some that are known to be none */
        return s.len - 8 + control_in_8(s.ptr + s.len - 8);
    while (i < s.len && !is_control(s.ptr[i]))
        i++;
    return i;
}

/* Each block adds at most one to each of the sixteen sums, which are bytes. */
#define BLOCKS_MAX 255

static size_t count_ends_in_blocks(const char *bytes, size_t blocks)
{
    bytes16 sums = {0};
    size_t sum = 0;
    for (size_t i = 0; i < blocks; i++) {
        bytes16 block;
        memcpy(&block, bytes + i * sizeof block, sizeof block);
        /* A comparison that holds gives 255, which is minus one. */
        sums -= (bytes16)((block == '\r') | (block == '\n') | (block == 0));
    }
    for (size_t i = 0; i < sizeof sums; i++)
        sum += sums[i];
    return sum;
}

size_t http1_count_ends(struct str s)
{
    size_t count = 0;
    while (s.len >= sizeof(bytes16)) {
        size_t blocks = s.len / sizeof(bytes16);
        blocks = blocks < BLOCKS_MAX ? blocks : BLOCKS_MAX;
        count += count_ends_in_blocks(s.ptr, blocks);
        s = str_skip(s, blocks * sizeof(bytes16));
    }
    for (size_t i = 0; i < s.len; i++)
        count += s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0';
    return count;
}

static bool letters_spell(struct str name, struct str lower_word)
{
    size_t matched = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (!ascii_is_alpha(name.ptr[i]))
            continue;
        if (matched == lower_word.len || ascii_lower(name.ptr[i]) != lower_word.ptr[matched])
            return false;
        matched++;
    }
    return matched == lower_word.len;
}

bool http1_is_framing_alias(struct str name)
{
    if (name.len < sizeof "contentlength" - 1)
        return false;
    if (letters_spell(name, STR("contentlength")))
        return !str_equal_icase(name, STR("content-length"));
    if (letters_spell(name, STR("transferencoding")))
        return !str_equal_icase(name, STR("transfer-encoding"));
    return false;
}
