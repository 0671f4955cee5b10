/* SPDX-License-Identifier: MIT */
#include "config/config_expect.h"

#include <string.h>

#include "base/text.h"
#include "config/config_scalar.h"
#include "config/config_text.h"

static void add_words(struct text *out, const struct config_key *key)
{
    bool is_first = true;
    for (const struct config_word *word = key->words; word != NULL && word->text != NULL; word++) {
        if (word->is_planned)
            continue;
        text_addf(out, "%s%s", is_first ? "" : ", ", word->text);
        is_first = false;
    }
}

static void add_range(struct text *out, const struct config_key *key, const char *what,
                      void (*add)(struct text *, uint64_t))
{
    text_addf(out, "%s from ", what);
    add(out, key->min);
    text_add_cstr(out, " to ");
    add(out, key->max);
}

static void add_number(struct text *out, uint64_t value)
{
    text_addf(out, "%llu", (unsigned long long)value);
}

/* What the key wants, for "expected ...". */
static void add_expected(struct text *out, const struct config_key *key)
{
    switch (key->type) {
    case CONFIG_BOOL:
        text_add_cstr(out, "true or false");
        break;
    case CONFIG_NUMBER:
        add_range(out, key, "a number", add_number);
        break;
    case CONFIG_SIZE:
        add_range(out, key, "a size", config_scalar_add_size);
        break;
    case CONFIG_DURATION:
        add_range(out, key, "a duration", config_scalar_add_duration);
        text_add_cstr(out, " with a unit (ms s m h d)");
        break;
    case CONFIG_TEXT:
        text_add_cstr(out, "a text");
        break;
    case CONFIG_PATH:
        text_add_cstr(out, "a path");
        break;
    case CONFIG_CHOICE:
        text_add_cstr(out, "one of ");
        add_words(out, key);
        break;
    case CONFIG_FLAGS:
    case CONFIG_WORDS:
        text_add_cstr(out, "a list of ");
        add_words(out, key);
        break;
    case CONFIG_TEXTS:
    case CONFIG_PATHS:
    case CONFIG_ITEMS:
        text_add_cstr(out, key->type == CONFIG_PATHS ? "a list of paths" : "a list");
        text_add_cstr(out, " such as [a, b]");
        break;
    case CONFIG_TABLE:
    case CONFIG_NAMED:
        text_add_cstr(out, "a mapping (`key: value` lines)");
        break;
    }
    bool has_words = key->type < CONFIG_CHOICE || key->type > CONFIG_WORDS;
    if (has_words && key->words != NULL) {
        text_add_cstr(out, " or ");
        add_words(out, key);
    }
    if ((key->flags & CONFIG_NULLABLE) != 0)
        text_add_cstr(out, " or null");
}

void config_expect_report(const struct config_cursor *at, const struct config_key *key)
{
    struct text text = {0};
    text_add_cstr(&text, "expected ");
    add_expected(&text, key);
    text_add_cstr(&text, ", found ");
    if (at->node->type == YAML_SEQUENCE_NODE)
        text_add_cstr(&text, "a list");
    else if (at->node->type == YAML_MAPPING_NODE)
        text_add_cstr(&text, "a mapping");
    else if (config_cursor_is_null(at))
        text_add_cstr(&text, "nothing");
    else
        config_text_add_quoted(&text, config_cursor_text(at));
    bool is_quoted = at->node->type == YAML_SCALAR_NODE && !config_cursor_is_plain(at);
    if (is_quoted && (key->type == CONFIG_BOOL || key->type == CONFIG_NUMBER))
        text_add_cstr(&text, " in quotes, which is a text");
    config_decode_error(at, "%s", text.ptr);
    text_clear(&text);
}

/* Numbers that are words are compared as numbers: 0x800b0109 is 0x800B0109. */
static bool word_matches(const struct config_word *word, struct str text)
{
    if (str_equal(text, str_of(word->text)))
        return true;
    uint64_t wanted = 0;
    uint64_t given = 0;
    return str_starts_with(str_of(word->text), STR("0x")) &&
           config_scalar_number(str_of(word->text), &wanted) &&
           config_scalar_number(text, &given) && wanted == given;
}

const struct config_word *config_word_find(const struct config_key *key, struct str text)
{
    for (const struct config_word *word = key->words; word != NULL && word->text != NULL; word++) {
        if (word_matches(word, text))
            return word;
    }
    return NULL;
}

static size_t take_digits(struct str text, char *out, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len && count < room; i++) {
        if (ascii_is_digit(text.ptr[i]))
            out[count++] = text.ptr[i];
    }
    return count;
}

/* "TLSv1.2", "tls12" and "1_2" for the word "1.2"; NULL: none of the words is such a number. */
static const char *same_digits(const struct config_key *key, struct str text)
{
    char given[16];
    char wanted[16];
    size_t len = take_digits(text, given, sizeof given);
    for (const struct config_word *word = key->words; word->text != NULL; word++) {
        bool is_version = strspn(word->text, "0123456789.") == strlen(word->text);
        if (is_version && strchr(word->text, '.') != NULL && !word->is_planned && len > 0 &&
            take_digits(str_of(word->text), wanted, sizeof wanted) == len &&
            memcmp(given, wanted, len) == 0)
            return word->text;
    }
    return NULL;
}

static void report_word(const struct config_cursor *at, const struct config_key *key)
{
    struct text found = {0};
    struct text words = {0};
    struct config_near near = {0};
    config_text_add_quoted(&found, config_cursor_text(at));
    add_words(&words, key);
    for (const struct config_word *word = key->words; word->text != NULL; word++) {
        if (!word->is_planned)
            config_near_offer(&near, config_cursor_text(at), word->text);
    }
    if (near.text == NULL)
        near.text = same_digits(key, config_cursor_text(at));
    if (near.text != NULL)
        config_decode_error(at, "expected one of %s, found %s; did you mean `%s`?", words.ptr,
                            found.ptr, near.text);
    else
        config_decode_error(at, "expected one of %s, found %s", words.ptr, found.ptr);
    text_clear(&found);
    text_clear(&words);
}

const struct config_word *config_word_decode(const struct config_cursor *at,
                                             const struct config_key *key)
{
    if (at->node->type != YAML_SCALAR_NODE || config_cursor_is_null(at)) {
        config_expect_report(at, key);
        return NULL;
    }
    const struct config_word *word = config_word_find(key, config_cursor_text(at));
    if (word == NULL) {
        report_word(at, key);
        return NULL;
    }
    if (word->is_planned) {
        config_decode_error(at, "\"%s\" is not supported by this version", word->text);
        return NULL;
    }
    return word;
}
