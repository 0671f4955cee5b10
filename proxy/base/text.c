/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void reserve(struct text *text, size_t more)
{
    size_t need = text->len + more + 1;
    if (need <= text->capacity)
        return;
    size_t capacity = text->capacity == 0 ? 64 : text->capacity;
    while (capacity < need)
        capacity *= 2;
    text->ptr = xreallocarray(text->ptr, capacity, 1);
    text->capacity = capacity;
}

void text_add(struct text *text, struct str part)
{
    reserve(text, part.len);
    if (part.len > 0)
        memcpy(text->ptr + text->len, part.ptr, part.len);
    text->len += part.len;
    text->ptr[text->len] = '\0';
}

void text_add_cstr(struct text *text, const char *part)
{
    text_add(text, str_of(part));
}

void text_add_char(struct text *text, char c)
{
    text_add(text, str_make(&c, 1));
}

void text_addf(struct text *text, const char *fmt, ...)
{
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len > 0) {
        reserve(text, (size_t)len);
        (void)vsnprintf(text->ptr + text->len, (size_t)len + 1, fmt, again);
        text->len += (size_t)len;
    }
    va_end(again);
}

void text_add_hex(struct text *text, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    reserve(text, len * 2);
    for (size_t i = 0; i < len; i++) {
        text->ptr[text->len++] = digits[bytes[i] >> 4];
        text->ptr[text->len++] = digits[bytes[i] & 15];
    }
    text->ptr[text->len] = '\0';
}

void text_add_quoted(struct text *text, struct str part)
{
    text_add_char(text, '"');
    for (size_t i = 0; i < part.len; i++) {
        unsigned char c = (unsigned char)part.ptr[i];
        if (c == '"' || c == '\\')
            text_addf(text, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            text_addf(text, "\\x%02x", c);
        else
            text_add_char(text, (char)c);
    }
    text_add_char(text, '"');
}

void text_reset(struct text *text)
{
    text->len = 0;
    if (text->ptr != NULL)
        text->ptr[0] = '\0';
}

void text_clear(struct text *text)
{
    free(text->ptr);
    *text = (struct text){0};
}

char *text_take(struct text *text)
{
    reserve(text, 0);
    text->ptr[text->len] = '\0';
    char *taken = text->ptr;
    *text = (struct text){0};
    return taken;
}
