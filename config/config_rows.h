/* config_rows.h - how rows of the schema are written; for config_schema*.c alone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_ROWS_H
#define PROXY_CONFIG_CONFIG_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/config_schema.h"
#include "config/config_site.h"

#define ROW(owner, member) \
    .offset = offsetof(struct owner, member), .size = sizeof(((struct owner *)0)->member)
#define COUNT(owner, member) .count_at = offsetof(struct owner, member)
#define TABLE(owner, rows)   .size = sizeof(struct owner), .keys = rows, .key_count = COUNT_OF(rows)
#define COUNT_OF(array)      (sizeof(array) / sizeof(array)[0])

/* Milliseconds and bytes. */
enum { MS = 1, SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define TIB ((uint64_t)1 << 40)

/* Failed request tracing, in config_trace.c. */
extern const struct config_table config_trace_rules_table;
extern const struct config_table config_tracing_table;

/* Keys of a path, in config_schema_pages.c. */
extern const struct config_table config_errors_table;
extern const struct config_table config_rewrite_table;
extern const struct config_table config_request_headers_table;
extern const struct config_table config_response_headers_table;
extern const struct config_word config_redirect_words[];
extern const struct config_word config_redirect_status_words[];

#endif
