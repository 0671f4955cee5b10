/* forwarded_cert.h - a client's certificate in a header of a trusted proxy.
 *
 * Read strictly: what is not exactly of the configured form, comes twice, or contradicts itself is
 * an error of the proxy in front, never "no certificate". Nothing here judges the certificate.
 * Sources: RFC 9440, RFC 8941 section 4.2.7; the documentation of ARR, Envoy and AWS.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_FORWARDED_CERT_H
#define PROXY_ACCESS_FORWARDED_CERT_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/cert_table.h"
#include "base/attr.h"
#include "config/config.h"
#include "http/message.h"

struct forwarded_cert {  /* start from {0} */
    struct cert **certs; /* heap; leaf first; owned references; NULL: none was forwarded */
    size_t count;
};

/* False with *ret_reason set when a header is malformed. max_bytes: of all certificates together.
 */
MUST_USE bool forwarded_cert_read(enum config_forwarded_cert form, const struct http_fields *fields,
                                  struct cert_table *table, size_t max_bytes,
                                  struct forwarded_cert *ret_cert, const char **ret_reason);

#endif
