/* path_lookalike.h - characters that some servers take for ASCII ones; private to http/.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_PATH_LOOKALIKE_H
#define PROXY_HTTP_PATH_LOOKALIKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Each writes to out, which has room for path.len bytes, and returns the length. */

/* Characters of ASCII that were written with two, three or four bytes become one byte. */
size_t path_lookalike_overlong(struct str path, char *out);
/* Characters that a compatibility mapping or a best fit turns into ASCII are turned into it
 * (letters into small ones), those that some file systems ignore are dropped. */
size_t path_lookalike_plain(struct str path, char *out);
/* UTF-8 of a code point up to U+FFFF, at most three bytes; returns how many. */
size_t path_lookalike_put_utf8(uint32_t code, char *out);

#endif
