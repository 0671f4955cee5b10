/* trace_folder.h - the folder that traces are kept in: numbered on, whole, and not too many.
 *
 * fr000001.xml and fr000001.html belong together. A file has its name only once it is complete.
 * Several processes may write into one folder, as the old and the new generation do after a
 * reload: a number is taken by whoever makes the file of that name first.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_FOLDER_H
#define PROXY_TRACE_TRACE_FOLDER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/str.h"

struct trace_folder { /* start from TRACE_FOLDER_INIT(path, max_files) */
    const char *path; /* borrowed */
    unsigned max_files;
    int fd;        /* -1: not open */
    uint64_t next; /* number to try */
};
#define TRACE_FOLDER_INIT(path_, max_files_) \
    ((struct trace_folder){.path = (path_), .max_files = (max_files_), .fd = -1, .next = 1})

/* Makes the folder if it is missing (0750, owned by the user unless that is (uid_t)-1), finds the
 * last number, and deletes what is too many. 0 or a negative errno. */
MUST_USE int trace_folder_open(struct trace_folder *folder, uid_t uid, gid_t gid);
void trace_folder_close(struct trace_folder *folder);
/* Writes one trace, without a page when html is empty, and deletes the one that is too many. 0, or
 * a negative errno and nothing is left of it; the folder is then closed, and open again when the
 * next is written. */
MUST_USE int trace_folder_write(struct trace_folder *folder, struct str xml, struct str html);

#endif
