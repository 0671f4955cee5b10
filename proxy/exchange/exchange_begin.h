/* exchange_begin.h - a request from its head to the decision: place, access, redirects, rewriting.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXCHANGE_EXCHANGE_BEGIN_H
#define PROXY_EXCHANGE_EXCHANGE_BEGIN_H

#include "base/arena.h"
#include "core/exchange_state.h"
#include "http/message.h"
#include "http/outcome.h"

/* Who asks: the client side of an exchange that is to begin. */
struct client_end {
    const struct client_ops *ops;
    void *client; /* that side's own state */
    struct connection *connection;
    struct engine *engine;
};

/* A request head was read, whose slices lie in *arena, which the exchange takes over: routes,
 * judges and either forwards or refuses it. Calls back into the client's ops, also before it
 * returns. ret_exchange is set before anything is called. */
void exchange_begin(struct client_end end, struct arena *arena, const struct http_request *request,
                    struct exchange **ret_exchange);
/* A head that cannot be read: answers it. partial: what could be made out, for the log; or NULL. */
void exchange_begin_refused(struct client_end end, struct arena *arena,
                            const struct http_request *partial, enum outcome outcome,
                            const char *detail, struct exchange **ret_exchange);

/* The certificate that was awaited is there, or known not to come: decides, and goes on. */
void exchange_authorize(struct exchange *x);

#endif
