/* logs.h - the log files of one generation: opened by the master, handed to the workers.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_LOGS_H
#define PROXY_PROCESS_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/errors.h"
#include "base/log.h"
#include "config/config.h"

struct logs { /* start from LOGS_INIT */
    int error_fd;
    int access_fd;               /* -1: no access log */
    const struct config *config; /* borrowed: paths and format */
    uint64_t access_fields;
    int64_t access_day; /* of the file that is open; log.access.daily */
    bool is_journal;    /* the error log is stderr and stderr is the journal */
};

#define LOGS_INIT ((struct logs){.error_fd = -1, .access_fd = -1})

/* Opens both. False with errors in the list, and nothing is open. Files are made 0640 and appended
 * to; stdout and stderr are given a descriptor that never blocks, where that is possible without
 * changing the one others use. */
MUST_USE bool logs_open(const struct config *config, uint64_t access_fields, struct logs *ret_logs,
                        struct error_list *errors);
void logs_close(struct logs *logs);
/* This process logs there from now on. */
void logs_use(const struct logs *logs);
/* Writes the header block of the access log: at the master's start and when the fields change. */
void logs_write_header(const struct logs *logs);
/* True when a reader of the access log needs a new header block between the two. */
bool logs_differ(const struct logs *before, const struct logs *after);
/* Opens the files anew, after a rotation; a file that is new gets its header. What cannot be opened
 * stays as it is, with an error in the list. */
void logs_reopen(struct logs *logs, struct error_list *errors);
/* With log.access.daily and on a new day, UTC: goes on in that day's file; true when the descriptor
 * is another one now. */
bool logs_rotate(struct logs *logs, struct error_list *errors);

#endif
