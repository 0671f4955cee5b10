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

/* Columns; the bits of the first ones, ACCESS_BIT(column), are IIS's logExtFileFlags. */
enum access_field {
    ACCESS_DATE,
    ACCESS_TIME,
    ACCESS_CLIENT_IP,
    ACCESS_USER_NAME,
    ACCESS_SITE_NAME,
    ACCESS_COMPUTER_NAME,
    ACCESS_SERVER_IP,
    ACCESS_METHOD,
    ACCESS_URI_STEM,
    ACCESS_URI_QUERY,
    ACCESS_STATUS,
    ACCESS_WIN32_STATUS,
    ACCESS_BYTES_SENT,
    ACCESS_BYTES_RECEIVED,
    ACCESS_TIME_TAKEN,
    ACCESS_SERVER_PORT,
    ACCESS_USER_AGENT,
    ACCESS_COOKIE,
    ACCESS_REFERER,
    ACCESS_VERSION,
    ACCESS_HOST,
    ACCESS_SUBSTATUS,
    /* Our own, behind those of IIS. */
    ACCESS_REQUEST_ID,
    ACCESS_REASON,
    ACCESS_TLS_VERSION,
    ACCESS_TLS_CIPHER,
    ACCESS_TLS_RESUMED,
    ACCESS_CERT_SUBJECT,
    ACCESS_CERT_ISSUER,
    ACCESS_CERT_SERIAL,
    ACCESS_CERT_SHA1,
    ACCESS_CERT_SHA256,
    ACCESS_CERT_NOT_AFTER,
    ACCESS_MAPPING,
    ACCESS_UPSTREAM,
    ACCESS_UPSTREAM_STATUS,
    ACCESS_UPSTREAM_TIME,
};
#define ACCESS_BIT(field) (UINT64_C(1) << (field))
/* Those that say something of the connection's TLS, and of the client's certificate. */
#define ACCESS_TLS_BITS                                               \
    (ACCESS_BIT(ACCESS_TLS_VERSION) | ACCESS_BIT(ACCESS_TLS_CIPHER) | \
     ACCESS_BIT(ACCESS_TLS_RESUMED))
#define ACCESS_CERT_BITS                                                \
    (ACCESS_BIT(ACCESS_CERT_SUBJECT) | ACCESS_BIT(ACCESS_CERT_ISSUER) | \
     ACCESS_BIT(ACCESS_CERT_SERIAL) | ACCESS_BIT(ACCESS_CERT_SHA1) |    \
     ACCESS_BIT(ACCESS_CERT_SHA256) | ACCESS_BIT(ACCESS_CERT_NOT_AFTER))

/* One finished request. Empty slices are logged as "-". */
struct access_record {
    int64_t wall_s;
    int64_t wall_ms; /* of the same moment, for JSON */
    struct str site, computer, server_ip, method, uri_stem, uri_query, user, client_ip;
    struct str user_agent, cookie, referer, host;
    struct str request_id, reason, tls_version, tls_cipher;
    struct str tls_resumed; /* "yes", "no"; empty without TLS */
    struct str cert_subject, cert_issuer, cert_serial, cert_sha1, cert_sha256, cert_not_after;
    struct str mapping, upstream;
    unsigned upstream_status;  /* 0: it sent no answer */
    uint64_t upstream_time_ms; /* when has_upstream */
    bool has_upstream;
    unsigned http_minor;
    bool is_http2;
    unsigned server_port;
    unsigned status, substatus;
    uint32_t win32;
    uint64_t bytes_sent, bytes_received, time_taken_ms;
};

/* Column names (W3C, e.g. "sc-status") or "default" to bits; problems go to the list with marks. */
uint64_t access_log_fields(const struct config_list *fields, struct error_list *errors);
/* The columns that the configuration asks for: without a list the default ones, for JSON all but
 * cookies. Settings that contradict each other are errors. */
uint64_t access_log_configured(const struct config_log *config, struct error_list *errors);
/* The block at the start of a file: #Software, #Version, #Date, #Fields. */
void access_log_header(uint64_t fields, bool crlf, int64_t wall_s, struct text *out);
/* One line with its newline. */
void access_log_line(uint64_t fields, bool crlf, const struct access_record *record,
                     struct text *out);
/* The same, each text cut after max bytes and "..." put there instead. */
void access_log_line_cut(uint64_t fields, bool crlf, const struct access_record *record, size_t max,
                         struct text *out);

/* A worker's writer. fd is borrowed; -1: no log. */
struct access_log;
struct access_log *access_log_new(int fd, uint64_t fields, bool crlf);
void access_log_free(struct access_log *log); /* flushes */
/* W3C lines are written until another format is set. */
void access_log_set_format(struct access_log *log, enum config_access_format format);
/* The columns that are written: what the record need not have is not looked up. */
uint64_t access_log_columns(const struct access_log *log);
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
