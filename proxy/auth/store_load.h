/* store_load.h - the files of a store: a list of files and folders, read in a fixed order.
 *
 * Private to auth/. A folder stands for its files with one of the given endings, hidden ones left
 * out, in the order of their octets; symbolic links are followed, sub-folders are not entered.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_STORE_LOAD_H
#define PROXY_AUTH_STORE_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/errors.h"
#include "config/config.h"

/* Takes one file's bytes; the number of objects found, or -1 when they cannot be decoded. */
typedef int (*store_file_fn)(void *context, const char *path, const char *bytes, size_t len);

struct store_reader {
    const char *const *endings; /* NULL-terminated, with the dot */
    const char *what;           /* "certificate" or "CRL", for messages */
    store_file_fn take_file;
    const char *(*why)(void *context); /* why take_file() could not; NULL, or it returns NULL: it
                                          does not know */
    void *context;
    bool names_passed_over; /* warn of the files of a folder that do not count */
};

/* Every file of the list. A missing path, an empty or undecodable file and a listed file with
 * nothing in it are errors with the mark of the list's item. */
void store_load(const struct config_list *list, const struct store_reader *reader,
                struct error_list *errors);
/* A digest over what can be seen of the same files without reading them: path, device and inode,
 * size, times of change, or why they cannot be seen. */
void store_stamp(const struct config_list *list, const char *const *endings,
                 unsigned char ret_stamp[32]);
/* Whether a file of this name in a folder is one of its files. */
bool store_takes_name(const char *name, const char *const *endings);
/* Whether a file at this path is an item of the list or lies in a folder that is one, however the
 * two are written. The file need not exist. */
bool store_names(const struct config_list *list, const char *path);
/* How many lines begin a block of PEM. With fewer blocks to be read the text has been cut off. */
size_t store_count_blocks(const char *bytes, size_t len);

#endif
