/* rewrite.h - the path the backend sees, and its redirects back.
 *
 * Works on canonical paths (http/uri.h) alone. What would come out ambiguous is refused, so that
 * what the locations judged is what the backend serves.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_FORWARD_REWRITE_H
#define PROXY_FORWARD_REWRITE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/str.h"
#include "config/config.h"

struct rewritten {
    struct str path;  /* in the arena, or the one that was given */
    bool is_stripped; /* strip_prefix was there and was taken off */
};

/* False when the result would start with two slashes, also escaped ones: "/api//x" without "/api"
 * could be taken for a host. The asterisk form stays what it is. */
MUST_USE bool rewrite_path(const struct config_rewrite *config, bool is_case_sensitive,
                           struct str path, struct arena *arena, struct rewritten *ret_rewritten);

struct rewrite_hosts {
    struct str client;   /* the host the client asked for, with its port */
    struct str upstream; /* the Host that was sent to the backend */
};

/* The value of a Location field (RFC 9110 section 10.2.2) as the client can follow it: of a path,
 * or of a URL of one of the two hosts, add_prefix is taken off and strip_prefix put back, when it
 * was taken off and is not there yet; a URL of the backend's own host becomes a path. Anything else
 * stays. */
struct str rewrite_location(const struct config_rewrite *config, bool is_stripped,
                            const struct rewrite_hosts *hosts, struct str location,
                            struct arena *arena);

#endif
