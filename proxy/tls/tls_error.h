/* tls_error.h - OpenSSL's error queue as one line; the only user of SSL_get_error's details.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_ERROR_H
#define PROXY_TLS_TLS_ERROR_H

#include "base/text.h"

/* Drains the queue; appends "reason (library)" of the most telling entry, or "unknown". Returns
 * that entry, or 0. */
unsigned long tls_error_take(struct text *out);

#endif
