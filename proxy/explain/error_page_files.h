/* error_page_files.h - the administrator's own error pages, in memory.
 *
 * Read once, by the master, while a configuration is loaded; workers open no files.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_ERROR_PAGE_FILES_H
#define PROXY_EXPLAIN_ERROR_PAGE_FILES_H

#include "base/errors.h"
#include "base/str.h"
#include "config/config.h"

/* A page has to fit into memory once for every client that is slow to take it. */
#define ERROR_PAGE_FILE_MAX ((size_t)65536)
/* Replaced by the id under which the log has the request. */
#define ERROR_PAGE_ID "{request_id}"

struct error_page_file {
    struct str bytes;
    const char *media_type; /* by the name's ending; static */
};

struct error_page_files;
/* Reads every file that a site or a location names; what cannot be read, is empty or too long is an
 * error at its place. */
struct error_page_files *error_page_files_new(const struct config *config,
                                              struct error_list *errors);
void error_page_files_free(struct error_page_files *files); /* NULL is allowed */
/* The page for the status: the one with this substatus, else the one for any, else NULL. */
const struct error_page_file *error_page_files_find(const struct error_page_files *files,
                                                    const struct config_errors *errors,
                                                    unsigned status, unsigned substatus);

#endif
