/* uri_path.h - the canonical form of a path; private to http/.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_HTTP_URI_PATH_H
#define PROXY_HTTP_URI_PATH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/str.h"

/* raw starts with '/'. *ret_path is raw itself when nothing had to change, else in the arena. False
 * when the path is one of those uri.h calls invalid. */
MUST_USE bool uri_canonical_path(struct str raw, bool keep_encoded_slash, struct arena *arena,
                                 struct str *ret_path);

#endif
