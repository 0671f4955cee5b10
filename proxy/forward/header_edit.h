/* header_edit.h - fields the administrator sets, adds and removes.
 *
 * Names that frame a message, belong to one hop or say who the client is were refused when the
 * configuration was loaded.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_FORWARD_HEADER_EDIT_H
#define PROXY_FORWARD_HEADER_EDIT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/errors.h"
#include "config/config.h"
#include "forward/identity_headers.h"
#include "http/message.h"

struct snapshot;

/* Names of identity headers, and Authorization beside forward.authorization: basic, are errors. */
void header_edit_check(const struct snapshot *snapshot, struct error_list *errors);

/* Towards the backend. Names are the same under any spelling that a backend might fold together; a
 * template whose fields are all empty leaves no field. */
void header_edit_request(const struct config_header_edit *edit, const struct identity_facts *facts,
                         struct arena *arena, struct http_fields *fields);

/* Towards the client. In the proxy's own pages nothing is removed or replaced. */
void header_edit_response(const struct config_header_edit *edit, bool is_own_page, bool is_tls,
                          struct arena *arena, struct http_fields *fields);

#endif
