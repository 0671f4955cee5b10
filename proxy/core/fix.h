/* fix.h - what would turn a refusal into a success: for the log line and for explain.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_FIX_H
#define PROXY_CORE_FIX_H

#include "auth/verdict.h"
#include "base/text.h"
#include "config/config.h"
#include "http/outcome.h"

/* One sentence, without a full stop. verdict: the one that refused, or NULL. */
void fix_sentence(const struct config_site *site, enum outcome outcome,
                  const struct verdict *verdict, struct text *out);

#endif
