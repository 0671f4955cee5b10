/* config_schema.h - every key of the configuration, as data.
 *
 * A key is one row: name, type, where its value goes, range, default and what it means. The engine
 * that reads a document by these rows is config_decode; docs/reference.md and proxy.yaml.example
 * are tested against them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_SCHEMA_H
#define PROXY_CONFIG_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum config_type {
    CONFIG_BOOL,     /* bool */
    CONFIG_NUMBER,   /* unsigned of any width */
    CONFIG_SIZE,     /* bytes */
    CONFIG_DURATION, /* milliseconds */
    CONFIG_TEXT,     /* struct config_value */
    CONFIG_PATH,     /* struct config_value, joined to the folder of the file */
    CONFIG_CHOICE,   /* one of the words, stored as its number */
    CONFIG_FLAGS,    /* a list of words, stored as the bits of their numbers */
    CONFIG_WORDS,    /* a list of words, stored as struct config_list */
    CONFIG_TEXTS,    /* struct config_list */
    CONFIG_PATHS,    /* struct config_list of joined paths */
    CONFIG_TABLE,    /* a mapping with fixed keys, stored in place */
    CONFIG_ITEMS,    /* a list: array and count */
    CONFIG_NAMED     /* a mapping with free names: array and count */
};

enum config_flag {
    CONFIG_NULLABLE = 1 << 0,    /* null is a value */
    CONFIG_REQUIRED = 1 << 1,    /* must be given (not null, a list not empty) */
    CONFIG_ONE_OR_MANY = 1 << 2, /* CONFIG_ITEMS: a single item need not be in a list */
    CONFIG_LATER = 1 << 3,       /* read by the finish function of the table */
    CONFIG_EMPTY = 1 << 4,       /* CONFIG_TEXT: the empty text is a value */
    CONFIG_NOT_EMPTY = 1 << 5,   /* a list must hold something when it is given */
    CONFIG_MULTILINE = 1 << 6    /* CONFIG_TEXT: line breaks and tabs are allowed */
};

struct config_word {
    const char *text; /* NULL ends the list */
    unsigned value;
    bool is_planned; /* known, but refused: not supported by this version */
};

struct config_cursor; /* a place in the document, see config_decode.h */
struct config_table;
/* Called with the decoded field or item; may add errors. */
typedef void (*config_field_fn)(const struct config_cursor *at, void *field);

struct config_key {
    const char *name;
    enum config_type type;
    unsigned flags;  /* enum config_flag */
    size_t offset;   /* of the field in the table's struct */
    size_t size;     /* of the field; 0: checked but not stored */
    size_t count_at; /* offset of the size_t count: CONFIG_ITEMS, CONFIG_NAMED */
    uint64_t min;
    uint64_t max;                     /* lists: of their length; 0: 100000 */
    const struct config_word *words;  /* choices; for other types words that stand for a value */
    const char *fallback;             /* the default as it would be written; NULL: see doc */
    const struct config_table *table; /* CONFIG_TABLE, CONFIG_ITEMS, CONFIG_NAMED */
    config_field_fn after;            /* each item of lists; NULL: none */
    const char *doc;                  /* one line */
};

struct config_table {
    size_t size; /* of the struct */
    const struct config_key *keys;
    size_t key_count;
    bool is_scalar;          /* an item is a text, not a mapping */
    size_t value_at;         /* is_scalar: offset of its struct config_value */
    size_t name_at;          /* CONFIG_NAMED: offset of the struct config_value of the name */
    config_field_fn prepare; /* after the defaults, before the keys */
    config_field_fn finish;  /* after the keys */
};

extern const struct config_table config_server_table;
extern const struct config_table config_upstream_table;
extern const struct config_table config_authorize_table;
extern const struct config_table config_cors_table;
extern const struct config_word config_preflight_words[];
extern const struct config_table config_trusted_proxies_table;
extern const struct config_table config_schema; /* the whole file: struct config */
extern const struct config_table config_schema_site;
extern const struct config_table config_schema_location;

#define CONFIG_SCHEMA_DEPTH    8
#define CONFIG_TABLE_KEYS_MAX  64
#define CONFIG_SCHEMA_PATH_MAX 128

/* Calls for every key of the schema, parents first; path is such as "sites[].trust.root". */
typedef void (*config_schema_fn)(const char *path, const struct config_key *key, void *context);
void config_schema_walk(config_schema_fn call, void *context);
/* The type in words, such as "duration" or "list of paths". */
const char *config_schema_type(const struct config_key *key);
/* What the key takes: type, range and words, these between `quote`s. */
void config_schema_add_type(struct text *out, const struct config_key *key, const char *quote);

#endif
