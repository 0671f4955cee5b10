/* tls_hooks.h - does libssl truly call what this program defines in libcrypto's place?
 *
 * Two levers rest on symbols of libcrypto that this program defines itself (tls_intern.h,
 * tls_derive.h). Whether libssl calls these depends on how it was built and linked, so it is not
 * asked of the linker but tried: in one TLS 1.3 handshake with a client certificate, in memory.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_HOOKS_H
#define PROXY_TLS_TLS_HOOKS_H

#include <stdbool.h>

/* For the log, when one of them is not in effect. */
#define TLS_HOOKS_BOUND_ELSEWHERE \
    "libssl does not call what this program defines for libcrypto; all works, at a higher cost"

struct tls_hooks {
    bool intern; /* a known certificate was taken instead of being decoded */
    bool derive; /* both traffic secrets were noted, and are the right ones */
};

/* The result for this process and those it forks later. The first call makes the handshake, about a
 * millisecond, and must not come while a table of tls_intern_use() is in use. Cannot fail: what
 * could not be tried is not in effect. */
struct tls_hooks tls_hooks_test(void);

#endif
