/* tls_derive.h - the traffic secrets of a TLS 1.3 handshake, at the moment libssl derives them.
 *
 * libssl has one public way to tell them, the callback for key logs, and prints each of five in
 * hexadecimal for it, which costs 4 % of a resumption. But it derives all of them by calling
 * libcrypto's EVP_KDF_derive(), a symbol that this program defines itself: the call goes on to
 * libcrypto as it is, and within a handshake step of a watched connection the result is noted if
 * the label is that of one of the two secrets (RFC 8446 section 7.1). Nothing is changed. If the
 * linker bound the symbol elsewhere (tls_hooks.h), no secret is ever noted, and OpenSSL keeps every
 * connection.
 *
 * The hook is the process's, because the symbol is: one handshake step at a time, in one thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_DERIVE_H
#define PROXY_TLS_TLS_DERIVE_H

#include <stdbool.h>

struct tls_connection;

/* Around a handshake step of this connection. */
void tls_derive_begin(struct tls_connection *connection);
void tls_derive_end(void);

#endif
