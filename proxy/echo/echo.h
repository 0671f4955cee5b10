/* echo.h - the embedded backend: one more kind of upstream, which shows what it was given.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ECHO_ECHO_H
#define PROXY_ECHO_ECHO_H

struct exchange;

/* Takes the exchange; answers once its body is complete. */
void echo_start(struct exchange *x);

#endif
