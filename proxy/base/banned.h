/* banned.h - calls that must not appear; force-included into every file.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_BANNED_H
#define PROXY_BASE_BANNED_H

/* The declarations come first, so that poisoning does not break the system's own headers. */
#include <alloca.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Some are macros under _FORTIFY_SOURCE, and a macro cannot be poisoned. */
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strtok

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gmtime localtime
#pragma GCC poison inet_ntoa inet_addr atoi atol atoll strtol strtoul asctime ctime
#undef alloca
#pragma GCC poison alloca

#endif
