/* The rows of what a path answers and rewrites by itself: error pages, redirects, headers.
 *
 * SPDX-License-Identifier: MIT */
#include "config/config_header.h"
#include "config/config_pages.h"
#include "config/config_rows.h"

/* A row is a paragraph; the formatter would make it one line or ten. */
/* clang-format off */

/* --- error pages ------------------------------------------------------------------------------ */

static const struct config_word error_mode_words[] = {
    {"detailed_local_only", ERRORS_DETAILED_LOCAL_ONLY, false}, {"custom", ERRORS_CUSTOM, false},
    {"detailed", ERRORS_DETAILED, false}, {0}};

static const struct config_table error_page_table = {
    .size = sizeof(struct config_error_page), .is_scalar = true,
    .value_at = offsetof(struct config_error_page, file),
    .name_at = offsetof(struct config_error_page, status)};

static const struct config_key errors_rows[] = {
    {.name = "mode", .type = CONFIG_CHOICE, ROW(config_errors, mode), .words = error_mode_words,
     .fallback = "detailed_local_only",
     .doc = "`errorMode`: who sees why: this machine only, nobody, or everyone"},
    {.name = "pages", .type = CONFIG_NAMED, ROW(config_errors, pages),
     COUNT(config_errors, page_count), .max = 256, .table = &error_page_table,
     .after = config_error_page_after, .fallback = "{}",
     .doc = "own pages: status or status.substatus to a file of at most 64k"},
};
const struct config_table config_errors_table = {TABLE(config_errors, errors_rows)};

/* --- redirect and rewrite --------------------------------------------------------------------- */

const struct config_word config_redirect_words[] = {{"https", 0, false}, {0}};
/* RFC 9110 section 15.4 */
const struct config_word config_redirect_status_words[] = {
    {"301", 301, false}, {"302", 302, false}, {"303", 303, false}, {"307", 307, false},
    {"308", 308, false}, {0}};

static const struct config_word redirects_words[] = {{"map", false, false}, {"keep", true, false},
                                                     {0}};

static const struct config_key rewrite_rows[] = {
    {.name = "strip_prefix", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE,
     ROW(config_rewrite, strip_prefix), .fallback = "null", .after = config_prefix_after,
     .doc = "whole segments taken off the start of the path: /api turns /api/x into /x"},
    {.name = "add_prefix", .type = CONFIG_TEXT, .flags = CONFIG_NULLABLE,
     ROW(config_rewrite, add_prefix), .fallback = "null", .after = config_prefix_after,
     .doc = "then put before it: /v2 turns /x into /v2/x"},
    {.name = "redirects", .type = CONFIG_CHOICE, ROW(config_rewrite, redirects_keep),
     .words = redirects_words, .fallback = "map",
     .doc = "URLs of the backend's own address, and prefixes, in `Location`, `Content-Location` and "
            "`Refresh`: map (to what the client can ask for) or keep; "
            "`reverseRewriteHostInResponseHeaders`"},
};
const struct config_table config_rewrite_table = {TABLE(config_rewrite, rewrite_rows)};

/* --- headers ---------------------------------------------------------------------------------- */

static const struct config_table header_table = {
    .size = sizeof(struct config_header), .is_scalar = true,
    .value_at = offsetof(struct config_header, template),
    .name_at = offsetof(struct config_header, name)};

#define EDIT_ROWS(check, values)                                                                   \
    {.name = "set", .type = CONFIG_NAMED, ROW(config_header_edit, set),                            \
     COUNT(config_header_edit, set_count), .max = 64, .table = &header_table, .after = (check),    \
     .fallback = "{}", .doc = "fields in place of any of that name: name to " values},             \
    {.name = "add", .type = CONFIG_NAMED, ROW(config_header_edit, add),                            \
     COUNT(config_header_edit, add_count), .max = 64, .table = &header_table, .after = (check),    \
     .fallback = "{}", .doc = "fields beside any of that name: name to " values},                  \
    {.name = "remove", .type = CONFIG_TEXTS, ROW(config_header_edit, remove), .max = 64,           \
     .after = config_header_name_check, .fallback = "[]", .doc = "names of fields to drop"}

static const struct config_key request_headers_rows[] = {
    EDIT_ROWS(config_request_header_check, "template, as for `forward.headers`"),
};
const struct config_table config_request_headers_table = {
    TABLE(config_header_edit, request_headers_rows)};

static const struct config_key response_headers_rows[] = {
    EDIT_ROWS(config_response_header_check, "text"),
};
const struct config_table config_response_headers_table = {
    TABLE(config_header_edit, response_headers_rows)};
