/* access_log.h - W3C extended log lines (iis-semantics.md 2.6, 2.7), JSON and combined ones.
 *
 * The master opens the file and writes the header block; a worker appends whole lines from a
 * buffer of its own with one write on O_APPEND, at the flush interval and at drain.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_OBSERVE_ACCESS_LOG_H
#define PROXY_OBSERVE_ACCESS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/errors.h"
#include "base/str.h"
#include "base/text.h"
#include "config/config.h"

/* Columns in IIS's fixed order; the bits are IIS's logExtFileFlags. */
enum access_field {
    ACCESS_DATE = 1,
    ACCESS_TIME = 2,
    ACCESS_CLIENT_IP = 4,
    ACCESS_USER_NAME = 8,
    ACCESS_SITE_NAME = 16,
    ACCESS_COMPUTER_NAME = 32,
    ACCESS_SERVER_IP = 64,
    ACCESS_METHOD = 128,
    ACCESS_URI_STEM = 256,
    ACCESS_URI_QUERY = 512,
    ACCESS_STATUS = 1024,
    ACCESS_WIN32_STATUS = 2048,
    ACCESS_BYTES_SENT = 4096,
    ACCESS_BYTES_RECEIVED = 8192,
    ACCESS_TIME_TAKEN = 16384,
    ACCESS_SERVER_PORT = 32768,
    ACCESS_USER_AGENT = 65536,
    ACCESS_COOKIE = 131072,
    ACCESS_REFERER = 262144,
    ACCESS_VERSION = 524288,
    ACCESS_HOST = 1048576,
    ACCESS_SUBSTATUS = 2097152,
    /* Our own, behind those of IIS. */
    ACCESS_REQUEST_ID = 4194304,
    ACCESS_REASON = 8388608,
    ACCESS_TLS_VERSION = 16777216,
};

/* One finished request. Empty slices are logged as "-". */
struct access_record {
    int64_t wall_s;
    int64_t wall_ms; /* of the same moment, for JSON */
    struct str site, computer, server_ip, method, uri_stem, uri_query, user, client_ip;
    struct str user_agent, cookie, referer, host;
    struct str request_id, reason, tls_version;
    unsigned http_minor;
    bool is_http2;
    unsigned server_port;
    unsigned status, substatus;
    uint32_t win32;
    uint64_t bytes_sent, bytes_received, time_taken_ms;
};

/* Column names (W3C, e.g. "sc-status") or "default" to bits; problems go to the list with marks. */
unsigned access_log_fields(const struct config_list *fields, struct error_list *errors);
/* The columns that the configuration asks for: without a list the default ones, for JSON all but
 * cookies. Settings that contradict each other are errors. */
unsigned access_log_configured(const struct config_log *config, struct error_list *errors);
/* The block at the start of a file: #Software, #Version, #Date, #Fields. */
void access_log_header(unsigned fields, bool crlf, int64_t wall_s, struct text *out);
/* One line with its newline. */
void access_log_line(unsigned fields, bool crlf, const struct access_record *record,
                     struct text *out);
/* The same, each text cut after max bytes and "..." put there instead. */
void access_log_line_cut(unsigned fields, bool crlf, const struct access_record *record, size_t max,
                         struct text *out);

/* A worker's writer. fd is borrowed; -1: no log. */
struct access_log;
struct access_log *access_log_new(int fd, unsigned fields, bool crlf);
void access_log_free(struct access_log *log); /* flushes */
/* W3C lines are written until another format is set. */
void access_log_set_format(struct access_log *log, enum config_access_format format);
/* False: access_log_write() would do nothing. */
bool access_log_is_on(const struct access_log *log);
/* Buffers the line; writes the buffer out when 64 KiB are full. To a pipe, terminal or socket,
 * whose other writers are the other workers, lines leave in pieces of PIPE_BUF, which do not mix; a
 * longer line is shortened by cutting its texts. */
void access_log_write(struct access_log *log, const struct access_record *record);
/* Writes what is buffered, whole lines only; on a full pipe or disk the lines are dropped and
 * counted. The end of a line whose start was written is kept for the next time. */
void access_log_flush(struct access_log *log);
/* Flushes to the old descriptor, then goes on with the new one. */
void access_log_set_fd(struct access_log *log, int fd);
uint64_t access_log_dropped(const struct access_log *log);

#endif
